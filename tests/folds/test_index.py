"""The index of a folder: kept, brought up to date, and refused where it is damaged or of another version."""

import os

import numpy as np
import pytest

from af2jax.errors import InputError
from af2jax.folds import index as module
from af2jax.folds.index import FILE, index
from af2jax.folds.prints import fingerprint
from tests.folds import chains

KNOWN = (
    2,
    1440,
    305,
    670,
    445071,
)  # version of the index, bins, those of a chain that have pairs, pairs, sum of their bins


@pytest.fixture
def folder(tmp_path):
    for seed in range(4):
        chains.write(tmp_path / "db" / f"s{seed}.pdb", chains.fold(seed))
    return tmp_path / "db"


@pytest.fixture
def read(monkeypatch):
    """The files that are read, in a list."""
    found, original = [], module.read_traces
    monkeypatch.setattr(module, "read_traces", lambda path: (found.append(path.name), original(path))[1])
    return found


def same(first, second):
    assert [entry.name for entry in first.entries] == [entry.name for entry in second.entries]
    np.testing.assert_array_equal(first.prints, second.prints)
    for one, other in zip(first.entries, second.entries, strict=True):
        np.testing.assert_array_equal(one.points, other.points)
        assert (one.file, one.chain, one.sequence) == (other.file, other.chain, other.sequence)


def test_it_is_kept_and_only_what_changed_is_read_again(folder, read):
    first = index(folder)
    assert [entry.name for entry in first.entries] == ["s0", "s1", "s2", "s3"] and len(read) == 4
    np.testing.assert_allclose(first.entries[2].points, chains.fold(2), atol=1e-3)
    same(index(folder), first)
    assert len(read) == 4
    chains.write(folder / "s1.pdb", chains.fold(9))
    chains.write(folder / "more" / "new.pdb", chains.fold(8))
    (folder / "s3.pdb").unlink()
    second = index(folder)
    assert sorted(read[4:]) == ["new.pdb", "s1.pdb"]
    assert [entry.name for entry in second.entries] == ["more/new", "s0", "s1", "s2"]
    np.testing.assert_allclose(second.entries[2].points, chains.fold(9), atol=1e-3)
    os.remove(folder / FILE)
    same(index(folder), second)
    chains.write(folder / "s0.pdb", chains.fold(7))  # no name has changed
    np.testing.assert_allclose(index(folder).entries[1].points, chains.fold(7), atol=1e-3)


def test_chains_of_a_file(folder, tmp_path):
    one, other = chains.fold(0), chains.fold(1)
    chains.write(folder / "two.pdb", one, other, one[:8])  # the last is too short
    chains.write(folder / "copies.pdb", one, one + 30, sequence=chains.letters(len(one)))
    file = tmp_path / "elsewhere.npz"
    names = [entry.name for entry in index(folder, file).entries]
    assert names == ["copies", "s0", "s1", "s2", "s3", "two_A", "two_B"]
    assert not (folder / FILE).exists() and file.exists()
    assert index(folder, file).short == (("two.pdb", "C", 8),)
    np.testing.assert_allclose(index(folder, file).entries[0].points, one, atol=1e-3)  # the first of the copies
    chains.write(folder / "more.pdb", one, one[:5])
    assert index(folder, file).short == (("more.pdb", "B", 5), ("two.pdb", "C", 8))  # of a file that is not read again
    (folder / "two.pdb").unlink()
    assert index(folder, file).short == (("more.pdb", "B", 5),)


def test_what_cannot_be_read_is_named_and_remembered(folder, read):
    (folder / "broken.pdb").write_text("ATOM  no such thing\n")
    first = index(folder)
    assert [name for name, _ in first.unread] == ["broken.pdb"] and len(first.entries) == 4
    assert str(folder / "broken.pdb") in first.unread[0][1]  # which is all that the warning says
    assert index(folder).unread == first.unread and len(read) == 5


def test_mutated_indices_raise_nothing_else(folder):
    index(folder)
    file, rng = folder / FILE, np.random.default_rng(0)
    whole, refused = file.read_bytes(), 0
    for _ in range(300):
        content = bytearray(whole)
        content[rng.integers(len(content))] = rng.integers(256)
        file.write_bytes(content)
        try:
            module.load(file, folder)
        except InputError:
            refused += 1
    assert refused > 200


REFUSED = [("cut", "damaged"), ("changed", "damaged"), (1, "of version 1, and"), (99, "of version 99, and")]


@pytest.mark.parametrize("how, message", REFUSED)
def test_a_damaged_index_or_one_of_another_version_is_refused(folder, how, message, monkeypatch):
    index(folder)
    file = folder / FILE
    if how == "cut":
        file.write_bytes(file.read_bytes()[:-300])
    elif isinstance(how, int):
        with monkeypatch.context() as patch:
            patch.setattr(module, "VERSION", how)
            module.save(index(folder, folder / "new.npz"), file)
    else:
        with np.load(file) as found:
            arrays = dict(found)
        arrays["points"] = arrays["points"] + np.float32(1)
        np.savez(file, **arrays)
    with pytest.raises(InputError, match=message) as caught:
        index(folder)
    assert "delete it, and it is made again" in str(caught.value) and "\n" not in str(caught.value)
    assert str(file) in str(caught.value) and "Bad" not in str(caught.value)


def test_another_fingerprint_is_another_version():
    """What old indices have would be compared with it: a change of the fingerprint needs another `VERSION`."""
    found = fingerprint(chains.fold(0)).astype(np.float64) ** 2
    pairs = np.round(found / found[found > 0].min()).astype(int)  # of residues, in each bin
    bins = np.flatnonzero(pairs)
    assert (module.VERSION, len(found), len(bins), pairs.sum(), (pairs * np.arange(len(found))).sum()) == KNOWN


def test_an_index_that_cannot_be_written_is_a_warning(folder, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "save", full)
    assert len(index(folder).entries) == 4 and not (folder / FILE).exists()


@pytest.mark.parametrize("name, message", [("none", "is not a folder"), ("empty", "no structures in")])
def test_a_folder_without_structures(tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=message):
        index(tmp_path / name)


def test_chains_that_are_all_too_short(tmp_path):
    chains.write(tmp_path / "a.pdb", chains.fold(0)[:9])
    with pytest.raises(InputError, match="all chains are shorter than 10 residues"):
        index(tmp_path)
    chains.write(tmp_path / "b.pdb", chains.fold(0)[:10])
    assert [entry.name for entry in index(tmp_path).entries] == ["b"]
