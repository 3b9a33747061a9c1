"""The gradient of the total loss through the whole network, at a tiny size: what a training step is made of."""

import jax
import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from af2jax.model.alphafold import AlphaFold
from tests import support
from tests.losses import examples

pytestmark = pytest.mark.medium("compiles the small network and its gradient")

CONFIG = preset("tiny")
PARAMS = support.rule_params(CONFIG)


def gradient(params, features, targets, num_recycle, key):
    """(gradient, metrics) of one training example, with dropout and a traced number of recycles."""

    def loss(params):
        outputs = af2jax.forward(AlphaFold(CONFIG), params, features, num_recycle, key)
        return af2jax.losses.total(outputs, targets)

    return jax.grad(loss, has_aux=True)(params)


@pytest.fixture(scope="module")
def example():
    d = examples.whole(8, num_seq=5, num_extra=6, num_templ=2)
    return af2jax.interop.features(d), af2jax.interop.targets(d)


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
def test_lowers_for_every_platform(example, platform):
    exported = jax.export.export(jax.jit(gradient), platforms=[platform])(
        PARAMS, *example, np.int32(1), jax.random.key(0)
    )
    assert exported.platforms == (platform,)
    assert len(exported.out_avals) == len(jax.tree.leaves(PARAMS)) + len(af2jax.losses.WEIGHTS) + 1
