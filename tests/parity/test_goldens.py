"""One full-size pass, its losses and the gradient of every array against DeepMind's, without its code: stored figures.

The pass begins at a made-up state of recycling, so that one program has every part of the network.
"""

import jax
import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from af2jax.model.alphafold import AlphaFold
from af2jax.model.recycle import cycle
from af2jax.schema import Prev
from tests import support
from tests.goldens import make
from tests.losses import theirs
from tests.parity.test_gradient import compare_gradients

pytestmark = pytest.mark.parity
LIMIT = 1e-4  # of the largest value of each array


def part(stored: dict, prefix: str) -> dict:
    return {name.removeprefix(prefix): x for name, x in stored.items() if name.startswith(prefix)}


@pytest.fixture(scope="module")
def stored() -> dict[str, np.ndarray]:
    return dict(np.load(make.PASS, allow_pickle=False))


@pytest.fixture(scope="module")
def ours() -> tuple[dict, dict, dict]:
    """(arrays under AlphaFold's names, losses, gradient under DeepMind's keys)."""
    flat, d, prev = make.pass_inputs()
    model = AlphaFold(preset(make.PASS_NAME))
    features, targets = af2jax.interop.features(d), af2jax.interop.targets(d)
    recycled = Prev(msa_first_row=prev["prev_msa_first_row"], pair=prev["prev_pair"], positions=prev["prev_pos"])

    @jax.jit
    def run(params, features, targets, recycled):
        def loss(params):
            outputs = cycle(model, params, features, 0, recycled)
            total, losses = af2jax.losses.total(outputs, targets)
            return total, (af2jax.interop.outputs(outputs), losses)

        return jax.grad(loss, has_aux=True)(params)

    gradient, (arrays, losses) = run(af2jax.pretrained.from_deepmind(flat, make.PASS_NAME), features, targets, recycled)
    return arrays, losses, af2jax.pretrained.to_deepmind(gradient, make.PASS_NAME)


@pytest.mark.optimised
@pytest.mark.medium("compiles the full-size network and its gradient")
class TestStored:
    def test_every_array(self, ours, stored):
        expected = part(stored, "out/")
        errors = {name: support.relative_error(x, expected[name]) for name, x in ours[0].items()}
        print(f"{len(errors)} arrays, largest error {max(errors.values()):.1e}")
        assert len(errors) == 12 and max(errors.values()) < LIMIT, errors

    def test_every_loss(self, ours, stored):
        theirs.compare_terms(ours[1], part(stored, "loss/"))

    def test_the_gradient_of_every_array(self, ours, stored):
        rounding = compare_gradients(ours[2], part(stored, "norm/"), part(stored, "dot/"))
        assert len(rounding) == 5


@pytest.mark.slow("compiles DeepMind's full-size network and its gradient")
def test_they_are_what_deepminds_code_gives(stored):
    found = make.one_pass()
    assert found.keys() == stored.keys()
    whole = np.sqrt(sum(float(x) ** 2 for x in part(stored, "norm/").values()))
    for name, expected in stored.items():
        limit = LIMIT * max(np.abs(expected).max(), 1e-12)
        if name.startswith(("norm/", "dot/")):
            size = float(stored[f"norm/{name.partition('/')[2]}"])
            limit = max(1e-3 * size, 1e-6 * whole)
        assert np.abs(np.asarray(found[name], np.float64) - expected).max() <= limit, name
