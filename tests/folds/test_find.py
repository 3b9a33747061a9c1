"""A search by structure: what is alike comes first, whatever its sequence, and bad input is one line."""

import logging

import numpy as np
import pytest

import af2jax
from af2jax.errors import InputError
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


def test_what_is_alike_comes_first(found, folder):
    (one,) = found.queries
    assert [hit.entry.name for hit in one.hits[:2]] == ["s3", "sub/like"] and len(one.hits) == 13 and found.exhaustive
    itself, like = one.hits[:2]
    assert itself.alignment.tm_first > 0.999 and itself.identity == 1 and itself.alignment.rmsd < 0.01
    assert like.alignment.tm_first > 0.75 > one.hits[2].alignment.tm_first and like.identity < 0.3
    assert like.alignment.tm_second > like.alignment.tm_first  # it is the shorter
    i, j = like.alignment.pairs.T
    off = np.linalg.norm(like.superposed[j] - one.query.points[i], axis=-1)
    assert off.mean() < 2 and 0.3 < like.alignment.rmsd < 1.5
    rows = found.rows
    assert rows[1]["hit"] == "sub/like" and rows[1]["aligned"] == len(i) and rows[1]["file"] == "sub/like.pdb"
    assert [row["tm_query"] for row in rows] == sorted((row["tm_query"] for row in rows), reverse=True)
    assert found.json()["rows"] == rows


def test_the_prefilter_keeps_what_is_alike(folder):
    few = af2jax.find([str(folder / "s3.pdb"), str(folder / "s5.pdb")], index(folder), candidates=2)
    assert not few.exhaustive and [len(one.hits) for one in few.queries] == [2, 2]
    assert [hit.entry.name for hit in few.queries[0].hits] == ["s3", "sub/like"]
    assert few.queries[1].hits[0].entry.name == "s5"


def test_the_best_as_files(found, folder, tmp_path):
    made = structures(found.queries[0], folder, 2)
    assert list(made) == ["s3_01_s3.cif", "s3_02_sub_like.cif"]
    file = tmp_path / "moved.cif"
    file.write_text(made["s3_02_sub_like.cif"])
    moved = af2jax.find(file, folder, candidates=1).queries[0].query.points
    np.testing.assert_allclose(moved, found.queries[0].hits[1].superposed, atol=2e-3)
    lines = sequences(found.queries[0]).splitlines()
    assert lines[4].startswith(">s3 TM-score 0.") and len(lines[5]) == len(lines[7])
    assert lines[7].replace("-", "") == "A" * (len(chains.fold(3)) - 6)


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
    assert found.queries[0].hits[0].alignment.rmsd < 0.01
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
