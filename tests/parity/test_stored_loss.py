"""The loss before the first step: loaded parameters are used, all of them, and give DeepMind's figure.

The figure is stored (`tests/goldens/make.py` makes it), so that this needs neither DeepMind's code nor data.
"""

import json

import jax
import optax
import pytest

import af2jax
from tests.goldens import make
from tests.losses import theirs

pytestmark = [pytest.mark.slow("compiles the full-size network once more"), pytest.mark.parity]


def test_the_loss_of_step_0_is_deepminds():
    flat, d = make.inputs()
    model, params = af2jax.load(make.NAME, flat)
    labels = af2jax.label(params, af2jax.recipe("full"))
    state = af2jax.finetune.init(model, params, labels, optax.sgd(1e-3), ema=0.9)
    batch = af2jax.stack([(af2jax.interop.features(d), af2jax.interop.targets(d))])
    metrics, _ = af2jax.finetune.eval_step(state, batch, num_recycle=0)
    metrics.pop("lddt_ca")  # ours alone: a measure of the prediction, no term of the loss
    theirs.compare_terms(jax.tree.map(float, metrics), json.loads(make.PATH.read_text()))
