"""A cyclic peptide of known structure trains the small network, beside a chain with ends."""

import jax
import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from tests import support
from tests.data.molecules import pdb, peptide, save

pytestmark = pytest.mark.slow("compiles a training step of the small network")


def test_a_cyclic_example_trains(tmp_path):
    """One program for batches with a ring and without; the loss falls, and the ring is seen by trunk and losses."""
    file, config = save(tmp_path, pdb([*peptide("GAKDWGNSAG"), *peptide("WALKDEWALK", chain="B")])), preset("tiny")
    closed = af2jax.example(file, "A", config=config, crop=10, cyclic="A")
    other = af2jax.example(file, "B", config=config, crop=10, cyclic="")
    model, params = af2jax.load("tiny", support.rule_flat(config))
    labels = af2jax.label(params, [(".*", "train")])
    state = af2jax.finetune.init(model, params, labels, af2jax.finetune.adamw(2e-3, 100))
    first, found = None, []
    for step in range(8):
        batch = af2jax.stack([other if step == 1 else closed])
        state, metrics = af2jax.finetune.train_step(state, batch, jax.random.key(0))
        found.append(float(metrics["loss"]))
        first = first or metrics
    assert np.isfinite(found).all() and found[-1] < 0.9 * found[0]
    open_ = tuple(part.replace(ring=np.zeros(10, np.int32)) for part in closed)
    fresh = af2jax.finetune.init(model, params, labels, af2jax.finetune.adamw(2e-3, 100))
    _, plain = af2jax.finetune.train_step(fresh, af2jax.stack([open_]), jax.random.key(0))
    assert abs(float(plain["violation"]) - float(first["violation"])) > 1e-4
    assert abs(float(plain["distogram"]) - float(first["distogram"])) > 1e-5
