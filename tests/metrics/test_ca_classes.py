"""Secondary structure from CA atoms: ideal helices and strands, padding, NumPy and JAX alike."""

import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.metrics.ca_classes import COIL, HELIX, STRAND, TURN, ca_classes
from tests.folds import chains


@pytest.mark.parametrize("kind, shape", [(HELIX, chains.HELIX), (STRAND, chains.STRAND)])
def test_ideal_geometry(kind, shape):
    radius, turn, rise = shape
    t = np.arange(20)
    points = np.stack([radius * np.cos(turn * t), radius * np.sin(turn * t), rise * t], axis=-1)
    found = ca_classes(points, 20)
    assert (found[2:-2] == kind).all() and (found[[0, 1, -2, -1]] == COIL).all()


def test_the_rule_as_tm_align_has_it():
    """Residue for residue, with the figures of the paper, on chains at random that have every class."""

    def kind(points: np.ndarray, i: int) -> int:
        a, b, c, d, e = points[i - 2 : i + 3]
        apart = [np.linalg.norm(x - y) for x, y in ((a, c), (b, d), (c, e), (a, d), (b, e), (a, e))]
        near = lambda ideal, off: all(abs(x - y) < off for x, y in zip(apart, ideal, strict=True))
        if near((5.45, 5.45, 5.45, 5.18, 5.18, 6.37), 2.1):
            return HELIX
        if near((6.1, 6.1, 6.1, 10.4, 10.4, 13.0), 1.42):
            return STRAND
        return TURN if apart[-1] < 8 else COIL

    seen = set()
    for seed in range(20):
        points = chains.fold(seed) + 0.8 * np.random.default_rng(seed).normal(size=chains.fold(seed).shape)
        own = [kind(points, i) for i in range(2, len(points) - 2)]
        np.testing.assert_array_equal(ca_classes(points, len(points))[2:-2], own)
        seen |= set(own)
    assert seen == {COIL, HELIX, STRAND, TURN}


def test_numpy_jax_and_padding_agree():
    points = chains.fold(3).astype(np.float32)
    alone = ca_classes(points, len(points))
    assert len(set(alone.tolist())) > 2
    padded = np.pad(points, ((0, 9), (0, 0)), constant_values=5.0)
    found = np.asarray(ca_classes(jnp.asarray(padded), jnp.int32(len(points))))
    np.testing.assert_array_equal(found[: len(points)], alone)
    assert (found[len(points) :] == COIL).all()
