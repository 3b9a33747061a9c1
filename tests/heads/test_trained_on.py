"""How near a query is to the training: found among many, exact among few, and kept in a file."""

import csv
from collections import Counter

import numpy as np
import pytest

from af2jax.constants.residues import RESTYPES
from af2jax.data.nearest import nearest
from af2jax.errors import WeightsError
from af2jax.heads.trained_on import CANDIDATES, FILE, TrainedOn

RNG = np.random.default_rng(0)
random = lambda size: "".join(RNG.choice(list(RESTYPES), size))
QUERY = random(60)
MANY = {f"stranger {i}": random(int(size)) for i, size in enumerate(RNG.integers(30, 900, 200))}


def mutated(every: int) -> str:
    """The query with one residue in `every` exchanged for another."""
    return "".join(("A" if c != "A" else "G") if i % every == 1 else c for i, c in enumerate(QUERY))


@pytest.mark.parametrize("every", [2, 3, 6])
def test_a_homologue_is_found_among_many_that_are_longer(every):
    found = TrainedOn(MANY | {"homologue": mutated(every)}).nearest(QUERY)
    assert found.id == "homologue" and found.identity == pytest.approx(1 - 1 / every)
    assert found.length == 60 and found.length_in_range and found.shortest < 60 < found.longest


def test_identity_is_of_the_whole_query():
    """A training sequence that is half of the query teaches half of it, though what aligns is identical."""
    assert TrainedOn({"half": QUERY[:30]}).nearest(QUERY).identity == pytest.approx(0.5)
    assert TrainedOn({"longer": random(20) + QUERY + random(20)}).nearest(QUERY).identity == pytest.approx(1)
    assert TrainedOn({"own": QUERY}).nearest(QUERY).identity == 1
    assert TrainedOn(MANY).nearest(QUERY).identity < 0.35


def test_few_are_compared_exhaustively():
    few = dict(list(MANY.items())[:CANDIDATES])
    for _ in range(5):
        query = random(50)
        assert TrainedOn(few).nearest(query).id == nearest(query, few).id


def test_the_range_of_lengths():
    taught = TrainedOn({"a": "M" * 40, "b": "A" * 80})
    assert [taught.nearest("M" * n).length_in_range for n in (39, 40, 80, 81)] == [False, True, True, False]
    text = str(taught.nearest("M" * 39))
    assert (
        "nearest training sequence (a) has 100% identity" in text and "39 residues lie outside the trained 40" in text
    )


def test_chains_of_a_complex_count_as_one():
    taught = TrainedOn({"complex": f"{QUERY[:20]}/{QUERY[20:]}"})
    found = taught.nearest(f"{QUERY[:50]}:{QUERY[50:]}")
    assert found.identity == 1 and found.length == found.longest == 60


@pytest.mark.parametrize("query", ["M", "MK", "XXXX"])
def test_very_short_queries(query):
    found = TrainedOn(MANY).nearest(query)
    assert found.id in MANY and 0 <= found.identity <= 1 and not found.length_in_range


def test_it_is_kept_in_a_file(tmp_path):
    taught = TrainedOn({"a": "MKTAY", "b c": "MK/TAY"})
    assert taught.save(tmp_path).name == FILE and TrainedOn.read(tmp_path).sequences == taught.sequences
    assert TrainedOn.read(tmp_path / "nowhere") is None
    rows = ("", "a\n", "a\t\n", "a\tMK\nb\n", "a\tMK\na\tGG\n", "a\tMK\nb\tMK\t1\n")
    for text in ("", *(f"id\tsequence\n{row}" for row in rows), "name\tsequence\na\tMK\n"):
        (tmp_path / FILE).write_text(text)
        with pytest.raises(WeightsError, match="damaged; restore it from a copy, or delete it"):
            TrainedOn.read(tmp_path)


@pytest.mark.medium("aligns all pairs of chains")
def test_real_homologues_are_found_as_by_aligning_all(shared):
    """Of chains in clusters of 30 % identity: the words lead to the nearest of all, or to one as near."""
    rows = list(csv.DictReader((shared / "data/chains.tsv").open(), delimiter="\t"))
    sequences = {row["id"]: row["sequence"] for row in rows}
    sizes = Counter(row["cluster30"] for row in rows)
    found = []
    for name in [row["id"] for row in rows if sizes[row["cluster30"]] > 1]:
        query, others = sequences[name], {key: value for key, value in sequences.items() if key != name}
        best = nearest(query, others)
        exact = best.identity * len(best.pairs) / len(query) if len(best.pairs) else 0
        if exact > 0.3:
            found.append(TrainedOn(others).nearest(query).identity >= exact - 1e-9)
    assert len(found) > 10 and all(found)
