"""Secondary structure from CA atoms: ideal helices and strands, padding, NumPy and JAX alike."""

import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.metrics.ca_classes import COIL, HELIX, STRAND, ca_classes
from tests.folds import chains


@pytest.mark.parametrize("kind, shape", [(HELIX, chains.HELIX), (STRAND, chains.STRAND)])
def test_ideal_geometry(kind, shape):
    radius, turn, rise = shape
    t = np.arange(20)
    points = np.stack([radius * np.cos(turn * t), radius * np.sin(turn * t), rise * t], axis=-1)
    found = ca_classes(points, 20)
    assert (found[2:-2] == kind).all() and (found[[0, 1, -2, -1]] == COIL).all()


def test_numpy_jax_and_padding_agree():
    points = chains.fold(3).astype(np.float32)
    alone = ca_classes(points, len(points))
    assert len(set(alone.tolist())) > 2
    padded = np.pad(points, ((0, 9), (0, 0)), constant_values=5.0)
    found = np.asarray(ca_classes(jnp.asarray(padded), jnp.int32(len(points))))
    np.testing.assert_array_equal(found[: len(points)], alone)
    assert (found[len(points) :] == COIL).all()
