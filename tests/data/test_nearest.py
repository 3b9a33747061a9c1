"""The nearest chain: homologues are found behind mutations, gaps and overhangs, and residues land where they pair."""

import csv
from collections import Counter

import numpy as np
import pytest

from af2jax.constants.residues import RESTYPES
from af2jax.data.nearest import nearest, transfer
from af2jax.errors import InputError

RNG = np.random.default_rng(0)
QUERY, *REST = ("".join(RNG.choice(list(RESTYPES), 60)) for _ in range(6))
STRANGERS = {f"stranger {i}": sequence for i, sequence in enumerate(REST)}


def mutated(every: int) -> str:
    """The query with one letter in `every` exchanged for another."""
    other = lambda letter: "A" if letter != "A" else "G"
    return "".join(other(letter) if i % every == 1 else letter for i, letter in enumerate(QUERY))


def test_a_homologue_is_nearer_than_strangers():
    found = nearest(QUERY, {**STRANGERS, "homologue": mutated(3)})
    assert found.id == "homologue" and found.identity == pytest.approx(2 / 3)
    np.testing.assert_array_equal(found.pairs, np.stack([np.arange(60)] * 2, axis=1))


def test_the_nearer_of_two_homologues():
    homologues = {"far": mutated(2), "near": mutated(6), "farther": mutated(3)}
    assert nearest(QUERY, homologues).id == "near"
    assert nearest(QUERY, {"first": mutated(6), "second": mutated(6)}).id == "first"


def test_gaps_and_overhangs_move_the_pairs():
    """The other lacks 30 to 34, and begins 7 residues before the query."""
    other = "GSHMGSG" + QUERY[:30] + QUERY[35:]
    found = nearest(QUERY, {**STRANGERS, "homologue": other})
    place = np.delete(np.arange(60), slice(30, 35))
    assert found.id == "homologue" and found.identity == 1
    np.testing.assert_array_equal(found.pairs, np.stack([place, np.arange(7, 62)], axis=1))


def test_there_is_always_one():
    found = nearest(QUERY, STRANGERS)
    assert found.id in STRANGERS and found.identity < 0.3
    assert nearest("XXXX", {"only": "XXXX"}).pairs.tolist() == [[i, i] for i in range(4)]
    with pytest.raises(InputError, match="no chain to be the nearest"):
        nearest(QUERY, {})


def test_transfer():
    """Residue 1 has no partner; the partner of 2 was not observed."""
    positions, observed = np.arange(15.0).reshape(5, 3), np.array([True, True, False, True, True])
    found, mask = transfer(np.array([[0, 1], [2, 2], [3, 4]]), 5, positions, observed)
    np.testing.assert_array_equal(mask, [True, False, False, True, False])
    np.testing.assert_array_equal(found, [[3, 4, 5], [0, 0, 0], [0, 0, 0], [12, 13, 14], [0, 0, 0]])
    nothing, mask = transfer(np.zeros((0, 2), int), 5, positions, observed)
    assert not mask.any() and not nothing.any()


@pytest.mark.medium("aligns all pairs of chains")
def test_real_homologues_are_found(shared):
    """Of chains that MMseqs2 puts in clusters of 30 % identity; the others of the set are strangers."""
    rows = list(csv.DictReader((shared / "data/chains.tsv").open(), delimiter="\t"))
    cluster = {row["id"]: row["cluster30"] for row in rows}
    sizes = Counter(cluster.values())
    queries = [row for row in rows if sizes[row["cluster30"]] > 1]
    others = {row["id"]: row["sequence"] for row in rows}
    hits = 0
    for row in queries:
        found = nearest(row["sequence"], {name: other for name, other in others.items() if name != row["id"]})
        hits += cluster[found.id] == row["cluster30"]
    assert len(queries) > 20 and hits >= 0.85 * len(queries)
