"""Losses of cyclic chains: the bond that closes a ring is a peptide bond, wherever the ring is cut."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.constants.atoms import C, N
from af2jax.losses import violation
from af2jax.protein import atoms
from tests.losses import examples

pytestmark = pytest.mark.medium("compiles a loss")
NUM = 9


def made(seed: int = 0):
    """(atoms [N_res 14 3] near each other, their mask, aatype, numbers, chain, ring)."""
    rng = np.random.default_rng(seed)
    aatype = rng.integers(0, 20, NUM)
    x = (rng.normal(size=(NUM, 14, 3)) * 1.5 + 2.5 * rng.normal(size=(NUM, 1, 3))).astype(np.float32)
    mask = np.asarray(atoms.atom14_mask(jnp.asarray(aatype), jnp.ones(NUM, bool)))
    return x, mask, aatype, np.arange(NUM, dtype=np.int32), np.ones(NUM, np.int32), np.full(NUM, NUM, np.int32)


@partial(jax.jit, compiler_options=examples.QUICK)
def loss(x, mask, aatype, index, chain, ring):
    joined, after = violation.around(index, chain, ring)
    return violation.peptide(x, mask, aatype, joined, after), violation.clash(x, mask, aatype, index, chain, ring)


def test_rotating_a_ring_changes_no_loss():
    """Of a chain with ends it does."""
    x, mask, aatype, *numbers = made()
    turn = lambda a: np.roll(a, 4, 0)
    bonds, clashes = loss(x, mask, aatype, *numbers)
    again, turned = loss(turn(x), turn(mask), turn(aatype), *numbers)
    np.testing.assert_allclose(again, bonds, rtol=1e-5)
    np.testing.assert_allclose(turned, turn(np.asarray(clashes)), atol=1e-5)
    open_ = [*numbers[:2], np.zeros(NUM, np.int32)]
    assert abs(loss(x, mask, aatype, *open_)[0] - loss(turn(x), turn(mask), turn(aatype), *open_)[0]) > 1e-3


def test_no_ring_is_a_chain_with_ends():
    x, mask, aatype, index, chain, _ = made()
    bonds, clashes = loss(x, mask, aatype, index, chain, np.zeros(NUM, np.int32))
    as_ever = violation.peptide(*map(jnp.asarray, (x, mask, aatype, np.ones(NUM - 1, bool))))
    np.testing.assert_allclose(bonds, as_ever, rtol=1e-6)
    np.testing.assert_allclose(clashes, violation.clash(*map(jnp.asarray, (x, mask, aatype, index, chain))), atol=1e-5)


def test_the_bond_that_closes_a_ring_does_not_clash():
    """C of the last residue and N of the first, 1.33 angstrom apart; a ring beside a chain with ends is found too."""
    x, mask, aatype, index, chain, ring = made()
    x = np.arange(NUM, dtype=np.float32)[:, None, None] * [100, 0, 0] + 10 * np.arange(14)[None, :, None] * np.ones(3)
    x[-1, C] = x[0, N] + [1.33, 0, 0]
    x = x.astype(np.float32)
    assert not np.asarray(loss(x, mask, aatype, index, chain, ring)[1]).any()
    assert np.asarray(loss(x, mask, aatype, index, chain, 0 * ring)[1]).any()
    two = np.array([0, 1, 2, 3, 0, 1, 2, 3, 4]), np.repeat([1, 2], [4, 5]), np.repeat([0, 5], [4, 5])
    joined, after = violation.around(*map(jnp.asarray, two))
    assert after.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 4] and joined.tolist() == [True] * 3 + [False] + [True] * 5
    padded = [np.append(a, [0, 0]) for a in two]
    joined, after = violation.around(*map(jnp.asarray, padded))
    assert joined.tolist() == [True] * 3 + [False] + [True] * 5 + [False, False] and after.tolist()[8] == 4
