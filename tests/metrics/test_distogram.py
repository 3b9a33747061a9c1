"""The distogram as numbers: distances and contacts of logits that are certain, and of known mixtures."""

import jax.numpy as jnp
import numpy as np

from af2jax.losses.auxiliary import DISTOGRAM_EDGES
from af2jax.metrics.distogram import contacts, distances


def certain(*bins):
    """Logits [1 n 64] of which each pair is certain of one bin."""
    return jnp.asarray(200 * np.eye(64, dtype=np.float32)[list(bins)][None].repeat(len(bins), 0))


def test_a_certain_bin_is_its_middle():
    middles = (DISTOGRAM_EDGES[:-1] + DISTOGRAM_EDGES[1:]) / 2
    found = distances(certain(*range(1, 63)))
    np.testing.assert_allclose(found[0], middles, atol=1e-4)
    np.testing.assert_allclose(distances(certain(0, 63))[0], [2.15625, 21.84375], atol=1e-4)


def test_contacts_are_below_8_angstrom():
    found = np.asarray(contacts(certain(*range(64))))[0]
    below = DISTOGRAM_EDGES <= 8
    assert below.sum() == 19 and (found[:19] > 0.999).all() and (found[20:] < 1e-6).all()
    np.testing.assert_allclose(found[19], (8 - DISTOGRAM_EDGES[18]) / 0.3125, atol=1e-4)


def test_of_an_even_mixture():
    logits = jnp.where(np.isin(np.arange(64), [5, 40]), 0.0, -200.0)[None, None]
    np.testing.assert_allclose(contacts(logits), [[0.5]], atol=1e-6)
    np.testing.assert_allclose(distances(logits), [[2.15625 + 0.3125 * 22.5]], atol=1e-4)
