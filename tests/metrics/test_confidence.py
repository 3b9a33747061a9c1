"""Confidences: AlphaFold's own numbers, and padding that does not count."""

import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.metrics import confidence

RNG = np.random.default_rng(0)
PLDDT = (3 * RNG.standard_normal((30, 50))).astype(np.float32)
PAE = (3 * RNG.standard_normal((30, 30, 64))).astype(np.float32)
BREAKS = np.linspace(0, 31, 63)
MASK = np.arange(30) < 26
CHAINS = np.repeat([1, 2], [12, 18])


@pytest.mark.medium("compiles for more than a second")
def test_equal_to_deepminds():
    theirs = pytest.importorskip("alphafold.common.confidence", reason="the oracle is not installed")
    np.testing.assert_allclose(confidence.plddt(jnp.asarray(PLDDT)), theirs.compute_plddt(PLDDT), rtol=1e-5)
    expected = theirs.compute_predicted_aligned_error(PAE, BREAKS)
    np.testing.assert_allclose(confidence.pae(jnp.asarray(PAE)), expected["predicted_aligned_error"], rtol=1e-5)
    assert confidence.PAE_CENTERS[-1] == expected["max_predicted_aligned_error"]
    weights = MASK.astype(float)
    ptm = theirs.predicted_tm_score(PAE, BREAKS, residue_weights=weights)
    iptm = theirs.predicted_tm_score(PAE, BREAKS, residue_weights=weights, asym_id=CHAINS)
    np.testing.assert_allclose(confidence.ptm(*map(jnp.asarray, (PAE, MASK))), ptm, rtol=1e-5)
    np.testing.assert_allclose(confidence.ptm(*map(jnp.asarray, (PAE, MASK, CHAINS))), iptm, rtol=1e-5)


def test_certainty_is_a_hundred_and_doubt_is_fifty():
    sure = np.where(np.arange(50) == 49, 100.0, 0.0).astype(np.float32)[None]
    np.testing.assert_allclose(confidence.plddt(jnp.concatenate([sure, 0 * sure])), [99, 50], rtol=1e-5)
    near = np.broadcast_to(np.where(np.arange(64) == 0, 100.0, 0.0).astype(np.float32), (30, 30, 64))
    np.testing.assert_allclose(confidence.pae(jnp.asarray(near)), 0.25, rtol=1e-5)
    d0 = 1.24 * (26 - 15) ** (1 / 3) - 1.8
    np.testing.assert_allclose(confidence.ptm(*map(jnp.asarray, (near, MASK))), 1 / (1 + (0.25 / d0) ** 2), rtol=1e-5)


def test_padding_does_not_count():
    junk = np.where((MASK[:, None] & MASK[None])[..., None], PAE, 7.0).astype(np.float32)
    np.testing.assert_allclose(
        confidence.ptm(*map(jnp.asarray, (junk, MASK))), confidence.ptm(*map(jnp.asarray, (PAE, MASK))), rtol=1e-6
    )
    np.testing.assert_allclose(
        confidence.ptm(*map(jnp.asarray, (PAE[:26, :26], MASK[:26]))),
        confidence.ptm(*map(jnp.asarray, (PAE, MASK))),
        rtol=1e-6,
    )
