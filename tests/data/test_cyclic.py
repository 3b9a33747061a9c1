"""Cyclic chains in what is read: queries, known structures and tables; what cannot be a ring is refused in one line."""

import dataclasses

import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from af2jax.data import dataset, preflight, transforms
from af2jax.data.cyclic import names, ring
from af2jax.data.items import load_example
from af2jax.data.loading import Loader
from af2jax.data.packed import pack, unpack
from af2jax.errors import InputError
from tests.data.molecules import pdb, peptide, save, without

CONFIG = preset("tiny")
CYCLE, OTHER = "MKTAYIAK", "WALKDE"


def test_queries():
    features = af2jax.features(f"{CYCLE}:{OTHER}", CONFIG, cyclic="B")
    assert features.ring.tolist() == [0] * 8 + [6] * 6 and features.ring.dtype == np.int32
    both = af2jax.features(f"{CYCLE}:{OTHER}", CONFIG, cyclic=("A", "B"))
    assert both.ring.tolist() == [8] * 8 + [6] * 6
    plain = af2jax.features(f"{CYCLE}:{OTHER}", CONFIG)
    assert plain.ring is None and plain.replace(ring=features.ring).aatype.tobytes() == features.aatype.tobytes()
    padded = transforms.padded(features, CONFIG.data)
    assert padded.ring.shape == padded.aatype.shape and padded.ring[14:].tolist() == [0, 0]
    assert names(" A, C,") == names(("A", "C")) == ("A", "C") and names(None) == names("") == ()


def test_what_is_no_ring():
    with pytest.raises(InputError) as error:
        af2jax.features(f"{CYCLE}:{OTHER}", CONFIG, cyclic="A,C")
    assert str(error.value) == 'query: no chain is called "C", which is to be cyclic; give one of A, B'
    with pytest.raises(InputError, match=r"chain A has 2 residues, and a cyclic one at least 3$"):
        ring(np.arange(2), ["A"], [2], ["A"], "x")
    with pytest.raises(
        InputError, match="x: chain A is to be cyclic, and its numbers leave a gap after residue 2; give"
    ):
        ring(np.array([0, 1, 3]), ["A"], [3], ["A"], "x")


@pytest.fixture
def file(tmp_path):
    return save(tmp_path, pdb([*peptide(CYCLE), *peptide(OTHER, chain="B")]))


def test_examples_of_known_structures(file, tmp_path):
    features, targets = af2jax.example(file, "A,B", config=CONFIG, cyclic="B", crop=20)
    assert features.ring.tolist() == targets.ring.tolist() == [0] * 8 + [6] * 6 + [0] * 6
    assert af2jax.example(file, "A", config=CONFIG)[0].ring is None
    linear, closed = (af2jax.example(file, "A", config=CONFIG, crop=10, cyclic=x) for x in (None, "A"))
    for part in (0, 1):
        same = dataclasses.replace(closed[part], ring=None)
        assert all(np.array_equal(a, b) for a, b in zip(leaves(same), leaves(linear[part]), strict=True))
    batch = af2jax.stack([linear, closed])
    assert batch[0].ring.tolist() == batch[1].ring.tolist() == [[0] * 10, [8] * 8 + [0, 0]]
    assert af2jax.stack([linear, linear])[0].ring is None
    with pytest.raises(InputError) as error:
        af2jax.example(file, "A,B", config=CONFIG, crop=13, cyclic="B")
    assert str(error.value) == (
        f"{file}, chain A,B: B is cyclic, and a crop of 13 of 14 residues would cut it; give a crop of 14 or more, or "
        "leave it out"
    )
    with pytest.raises(InputError, match=r'no chain is called "C", which is to be cyclic; give one of A, B$'):
        af2jax.example(file, "A,B", config=CONFIG, cyclic="C")
    gap = save(tmp_path, pdb(without(peptide(CYCLE), 4)), "gap.pdb")
    with pytest.raises(InputError, match="chain A is to be cyclic, and its numbers leave a gap after residue 3"):
        af2jax.example(gap, "A", config=CONFIG, cyclic="A")


def leaves(tree):
    import jax

    return jax.tree.leaves(tree)


def test_tables(file, tmp_path):
    """A column says which; all examples of such a table have the field, so that a training compiles once."""
    (tmp_path / "t.csv").write_text(
        f"id,file,chain,cyclic_chains,split\na,{file},A,A,train\nb,{file},B,,valid\nc,{file},*,B,train\n"
    )
    items = dataset.read_dataset(tmp_path / "t.csv")
    assert [item.cyclic_chains for item in items] == [("A",), (), ("B",)]
    rings = [load_example(item, CONFIG, 16, 0, {})[1].ring.max() for item in items]
    assert rings == [8, 0, 6] and "cyclic_chains" not in items[0].values
    loader = Loader(CONFIG, 16, {}, 0, 1, False, False)
    assert [loader.example(item, 0)[0].ring.max() for item in items] == rings
    packed = unpack(pack(items, tmp_path / "t.npz"))
    assert [item.cyclic_chains for item in packed] == [item.cyclic_chains for item in items]
    assert [loader.example(item, 0)[0].ring.max() for item in packed] == rings
    (tmp_path / "u.csv").write_text(f"id,file,chain,split\na,{file},A,train\nb,{file},B,valid\nc,{file},*,train\n")
    plain = dataset.read_dataset(tmp_path / "u.csv")
    assert plain[0].cyclic_chains is None and loader.example(plain[0], 0)[0].ring is None
    assert preflight.digest(items) != preflight.digest(plain)
    (tmp_path / "v.csv").write_text(f"id,file,chain,cyclic_chains,split\na,{file},A,Z,train\nb,{file},B,,train\n")
    found = preflight.check(dataset.read_dataset(tmp_path / "v.csv"), {}, CONFIG)
    assert 'no chain is called "Z", which is to be cyclic; give one of A' in found.problems[0][1]
    found = preflight.check(items, {}, CONFIG, crop=10)
    assert [item.id for item, _ in found.problems] == [
        "c"
    ] and "a crop of 10 of 14 residues would cut it" in found.problems[0][1]
