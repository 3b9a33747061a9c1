"""A search by structure: what is alike comes first, whatever its sequence, and bad input is one line."""

import logging

import numpy as np
import pytest

import af2jax
from af2jax.errors import InputError
from af2jax.folds import compare
from af2jax.folds import find as searching
from af2jax.folds.compare import Aligned
from af2jax.folds.find import Row
from af2jax.folds.index import index
from af2jax.folds.superposed import gapped, sequences, structures
from tests.folds import chains


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve folds, of which the one called `like` is that of `s3`, moved, shaken and without an end."""
    folder = tmp_path_factory.mktemp("db")
    for seed in range(12):
        chains.write(folder / f"s{seed}.pdb", chains.fold(seed))
    points = chains.fold(3)[:-6]
    noise = 0.6 * np.random.default_rng(0).normal(size=points.shape)
    chains.write(folder / "sub" / "like.pdb", chains.turned(points + noise, 2.0) + 60, sequence="A" * len(points))
    return folder


@pytest.fixture(scope="module")
def found(folder):
    return af2jax.find(folder / "s3.pdb", folder)


pytestmark = pytest.mark.medium("compiles the structural alignment")


def test_what_is_alike_comes_first(found):
    (one,) = found.queries
    assert one.itself == ("s3",) and len(one.hits) == 12 and found.exhaustive
    like, other = one.hits[:2]
    assert like.entry.name == "sub/like" and like.alignment.tm_first > 0.75 > other.alignment.tm_first
    assert like.identity < 0.3
    assert like.alignment.tm_second > like.alignment.tm_first  # it is the shorter
    i, j = like.alignment.pairs.T
    off = np.linalg.norm(like.superposed[j] - one.query.points[i], axis=-1)
    assert off.mean() < 2 and 0.3 < like.alignment.rmsd < 1.5
    rows = found.rows
    assert rows[0]["hit"] == "sub/like" and rows[0]["aligned"] == len(i) and rows[0]["file"] == "sub/like.pdb"
    assert list(rows[0]) == list(Row._fields) and "s3" not in {row["hit"] for row in rows}
    assert [row["tm_query"] for row in rows] == sorted((row["tm_query"] for row in rows), reverse=True)
    assert found.json()["rows"] == rows and found.json()["itself"] == {"s3": ("s3",)}


def test_hits_are_in_the_order_of_the_score_by_the_length_of_the_query(folder, monkeypatch):
    made = [Aligned(tm, 1 - tm, np.zeros((0, 2), int), np.nan, None) for tm in np.linspace(0.1, 0.9, 13)]
    monkeypatch.setattr(searching, "aligned", lambda first, others, progress: made[: len(others)])
    (one,) = af2jax.find(folder / "s1.pdb", folder).queries
    scores = [hit.alignment.tm_first for hit in one.hits]
    assert len(scores) == 12 and scores == sorted(scores, reverse=True)


def test_the_query_itself_is_no_hit(folder, tmp_path):
    """A copy that lies elsewhere, or a chain of one sequence in one file; another state of the protein is a hit."""
    points, rng = chains.fold(3), np.random.default_rng(0)
    moved = chains.turned(points, 1.0) + 30
    for name, noise, itself in (("copy", 0.03, ("s3",)), ("state", 0.5, ())):
        file = chains.write(tmp_path / f"{name}.pdb", moved + noise * rng.normal(size=moved.shape))
        (one,) = af2jax.find(file, folder).queries
        assert one.itself == itself and ("s3" in {hit.entry.name for hit in one.hits}) != bool(itself)
        assert one.hits[0].entry.name == ("sub/like" if itself else "s3")
    other = chains.write(tmp_path / "other.pdb", moved, sequence="G" * len(moved))
    assert af2jax.find(other, folder).queries[0].hits[0].entry.name == "s3"  # of another sequence
    dimer = moved + 0.5 * rng.normal(size=moved.shape)
    file = chains.write(tmp_path / "db" / "dimer.pdb", points, dimer, sequence=chains.letters(len(points)))
    (one,) = af2jax.find(f"{file}:B", tmp_path / "db").queries
    assert one.itself == ("dimer",) and one.hits == ()


def test_chains_that_are_too_short_are_counted_and_named(folder, tmp_path, caplog):
    points = chains.fold(3)
    file = chains.write(tmp_path / "db" / "two.pdb", points, points[:8])
    chains.write(tmp_path / "db" / "more" / "six.pdb", points, points[:6])
    with caplog.at_level(logging.WARNING, "absl"):
        found = af2jax.find(folder / "s1.pdb", tmp_path / "db")
    assert "2 chains of fewer than 10 residues cannot be found: more/six.pdb:B (6), two.pdb:B (8)" in caplog.text
    assert found.short == (("more/six.pdb", "B", 6), ("two.pdb", "B", 8)) and found.entries == 2
    assert found.json()["short"] == found.short
    caplog.clear()
    with caplog.at_level(logging.WARNING, "absl"):
        af2jax.find(file, folder, candidates=1)
    assert "1 chain of fewer than 10 residues cannot be searched for: two.pdb:B (8)" in caplog.text


def test_what_is_done_is_told(folder, monkeypatch):
    monkeypatch.setattr(compare, "_ready", set())
    for first in (compare.COMPILING, compare.ALIGNING):
        told = []
        af2jax.find(folder / "s1.pdb", index(folder), progress=lambda *what, told=told: told.append(what))
        assert told == [(first, 0, 13), (compare.ALIGNING, 13, 13)]


def test_the_prefilter_keeps_what_is_alike(folder):
    few = af2jax.find([str(folder / "s3.pdb"), str(folder / "s5.pdb")], index(folder), candidates=2)
    assert not few.exhaustive and [len(one.hits) for one in few.queries] == [1, 1]
    assert few.queries[0].itself == ("s3",) and few.queries[0].hits[0].entry.name == "sub/like"
    assert few.queries[1].itself == ("s5",)


def test_the_best_as_files(found, folder, tmp_path):
    made = structures(found.queries[0], folder, 2)
    assert len(made) == 2 and next(iter(made)) == "s3_01_sub_like.cif"
    file = tmp_path / "moved.cif"
    file.write_text(made["s3_01_sub_like.cif"])
    moved = af2jax.find(file, folder, candidates=1).queries[0].query.points
    np.testing.assert_allclose(moved, found.queries[0].hits[0].superposed, atol=2e-3)
    lines = sequences(found.queries[0]).splitlines()
    assert lines[0].startswith(">s3 TM-score 0.") and len(lines[1]) == len(lines[3])
    assert lines[3].replace("-", "") == "A" * (len(chains.fold(3)) - 6)


def test_sequences_with_gaps():
    pairs = np.array([[1, 0], [2, 3], [4, 4]])
    assert gapped("ABCDEF", "uvwxyz", pairs) == ("AB--CDEF-", "-uvwx-y-z")


def test_chains_of_a_query(folder, tmp_path):
    both = chains.write(tmp_path / "two.pdb", chains.fold(3), chains.fold(5))
    found = af2jax.find(both, folder, candidates=1)
    assert [one.query.name for one in found.queries] == ["two_A", "two_B"]
    (one,) = af2jax.find(f"{both}:B", folder, candidates=1).queries
    assert one.query.name == "two_B" and one.hits[0].entry.name == "s5"
    with pytest.raises(InputError, match='has no chain "C"; its protein chains are: A, B'):
        af2jax.find(f"{both}:C", folder)


def test_several_models_are_a_warning(folder, tmp_path, caplog):
    file = chains.write(tmp_path / "nmr.pdb", chains.fold(3), models=3)
    with caplog.at_level(logging.WARNING, "absl"):
        found = af2jax.find(file, folder, candidates=1)
    assert found.queries[0].itself == ("s3",)
    assert "nmr.pdb has 3 models; the first is searched for" in caplog.text


@pytest.mark.parametrize(
    "points, message", [(9, "9 residues with a CA atom are too few to search for; give a chain of 10 or more")]
)
def test_short_queries(folder, tmp_path, points, message):
    file = chains.write(tmp_path / "short.pdb", chains.fold(0)[:points])
    with pytest.raises(InputError, match=message):
        af2jax.find(file, folder)
    found = af2jax.find([file, folder / "s1.pdb"], folder, candidates=1)
    assert len(found.queries) == 1 and message in found.problems[0][1]


def test_bad_input(folder, tmp_path):
    with pytest.raises(InputError, match="there is no query"):
        af2jax.find([], folder)
    with pytest.raises(InputError, match=r"must be 0 \(all\) or more"):
        af2jax.find(folder / "s1.pdb", folder, candidates=-1)
    with pytest.raises(InputError, match=r"none\.pdb"):
        af2jax.find(tmp_path / "none.pdb", folder)
    with pytest.raises(InputError, match="is not a folder"):
        af2jax.find(folder / "s1.pdb", tmp_path / "nowhere")
