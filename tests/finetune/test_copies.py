"""Training on complexes: which known copy is which predicted one is not the network's fault."""

import dataclasses

import jax
import numpy as np
import optax
import pytest

import af2jax
from af2jax import finetune, schema
from af2jax.data import crop
from af2jax.data.dataset import Item
from af2jax.data.loading import Loader
from tests.data.molecules import cif, peptide, save
from tests.finetune import toy
from tests.finetune.toy import STILL, example

pytestmark = pytest.mark.medium("compiles training steps of complexes")

PARAMS = toy.parameters()
LABELS = af2jax.label(PARAMS, [("structure/.*", "train"), (".*", "freeze")])
HALF = toy.N_RES // 2
KEY = jax.random.key(0)


def dimer(order=(0, 1), with_whole: bool = True):
    """Two copies of three residues; `order`: which known copy comes first."""
    features, targets = example()
    chain = np.repeat(np.int32([1, 2]), HALF)
    ids = {"asym_id": chain, "residue_index": np.tile(np.arange(HALF, dtype=np.int32), 2)}
    aatype = np.tile(np.asarray(features.aatype)[:HALF], 2)
    features = features.replace(aatype=aatype, entity_id=np.ones(2 * HALF, np.int32), sym_id=chain, **ids)
    rows = np.concatenate([np.arange(HALF) + HALF * copy for copy in order])
    positions, atoms = np.asarray(targets.positions)[rows], np.ones((2 * HALF, 37), bool)
    targets = targets.replace(aatype=aatype, positions=positions, atom_mask=atoms & features.seq_mask[:, None], **ids)
    return features, targets.replace(full_complex=crop.itself(features, targets) if with_whole else None)


def loss(pair) -> float:
    state = finetune.init(STILL, PARAMS, LABELS, optax.sgd(0.1), losses={"fape": 1.0})
    return float(finetune.train_step(state, af2jax.stack([pair]), KEY, 0)[1]["loss"])


def test_the_order_of_known_copies_does_not_matter():
    bare = [loss(dimer(order, with_whole=False)) for order in ((0, 1), (1, 0))]
    assert abs(bare[0] - bare[1]) > 1e-3  # else the test could not fail
    found = [loss(dimer(order)) for order in ((0, 1), (1, 0))]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)
    assert min(abs(found[0] - one) for one in bare) < 1e-5  # the copies were known in one of the two orders


def test_validation_scores_the_copies_that_suit():
    state = finetune.init(STILL, PARAMS, LABELS, optax.sgd(0.1), losses={"fape": 1.0})
    found = [finetune.eval_step(state, af2jax.stack([dimer(order)]), 0)[0]["lddt_ca"] for order in ((0, 1), (1, 0))]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)


def test_a_batch_of_complexes_and_of_one_chain_has_one_shape(tmp_path):
    def chain(name: str, across: float):
        atoms = peptide("MKTA", chain=name, label_chain=name)
        return [dataclasses.replace(atom, position=tuple(np.add(atom.position, (0, across, 0)))) for atom in atoms]

    path = save(tmp_path, cif([*chain("A", 0), *chain("B", 9)], {1: "MKTA"}))
    items = [Item("two", "two", file=path, chain="A,B"), Item("one", "one", file=path, chain="A")]
    loader = Loader(toy.CONFIG, 6, {}, seed=0, draws=0, rows=False, templates=False, whole=8)
    features, targets = af2jax.stack([loader.example(item, 0) for item in items])
    assert features.aatype.shape == (2, 6) and targets.full_complex.seq_mask.sum(1).tolist() == [8, 4]
    assert isinstance(targets.full_complex, schema.FullComplex)
    assert targets.full_complex.positions.shape == (2, 8, 37, 3)
