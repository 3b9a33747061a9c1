"""One full-size pass, its losses and the gradient of every array against DeepMind's, without its code: stored figures.

The pass begins at a made-up state of recycling, so that one program has every part of the network.
"""

import numpy as np
import pytest

from tests import support
from tests.goldens import make
from tests.goldens.ours import one_pass
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
    return one_pass()


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
