"""Quaternions and the rotations they stand for."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.geometry import quaternion


def unit(num):
    q = np.random.default_rng(num).normal(size=(num, 4))
    return jnp.asarray(q / np.linalg.norm(q, axis=-1, keepdims=True), jnp.float32)


def test_rotations_are_rotations_and_sign_is_free():
    q = unit(8)
    rot = quaternion.rotation(q)
    np.testing.assert_allclose(np.einsum("nij,nkj->nik", rot, rot), np.broadcast_to(np.eye(3), (8, 3, 3)), atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(rot), 1, atol=1e-6)
    np.testing.assert_array_equal(rot, quaternion.rotation(-q))


@pytest.mark.parametrize("axis", range(3))
def test_update_turns_right_handed_about_its_vector_by_twice_the_arc_tangent(axis):
    bcd = jnp.zeros(3).at[axis].set(0.3)
    angle = 2 * np.arctan(0.3)
    y = np.eye(3)[(axis + 1) % 3]
    z = np.eye(3)[(axis + 2) % 3]
    np.testing.assert_allclose(quaternion.update(bcd) @ y, np.cos(angle) * y + np.sin(angle) * z, atol=1e-6)


def test_zero_update_is_exactly_the_identity():
    np.testing.assert_array_equal(quaternion.update(jnp.zeros((2, 3))), np.broadcast_to(np.eye(3), (2, 3, 3)))


@pytest.mark.medium("compiles numerical gradients")
@pytest.mark.parametrize("point", [[0, 0, 0], [1e-9, 0, 0], [0, 0, 1e6]], ids=["identity", "next to it", "half a turn"])
def test_update_has_its_gradient_where_quaternions_are_singular(point, x64):
    """The identity, where an axis is not defined, and half a turn, where the angle is at its limit."""
    scale = max(1.0, *point)  # at half a turn a change of 1 moves nothing that can be measured
    turn = jax.jit(lambda x: quaternion.update(scale * x))
    chex.assert_numerical_grads(turn, [jnp.asarray(point, float) / scale], order=2, atol=1e-6 / 3, rtol=1e-6)


def test_random_rotations_are_uniform():
    """Turned by any fixed rotation they have the same moments: mean 0, mean square 1/3, and mean trace 0."""
    rot = np.asarray(quaternion.random_rotation(jax.random.key(0), (4000,)))
    np.testing.assert_allclose(rot.mean(0), 0, atol=0.05)
    np.testing.assert_allclose((rot**2).mean(0), 1 / 3, atol=0.03)


def test_double_precision():
    with jax.enable_x64(True):
        rot = quaternion.update(jnp.asarray([0.1, -0.4, 2.0]))
        assert rot.dtype == jnp.float64
        np.testing.assert_allclose(rot @ rot.T, np.eye(3), atol=1e-14)
        assert quaternion.random_rotation(jax.random.key(0), dtype=jnp.float64).dtype == jnp.float64


def test_parity_with_deepmind():
    qa = pytest.importorskip("alphafold.model.quat_affine", reason="the oracle is not installed")
    q, bcd = unit(6), 2 * unit(6)[:, :3]
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        old = qa.QuatAffine(q, [jnp.zeros(6)] * 3)
        new = old.pre_compose(jnp.concatenate([bcd, jnp.zeros((6, 3))], axis=-1))
    stack = lambda rows: jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2)
    np.testing.assert_allclose(quaternion.rotation(q), stack(old.rotation), atol=1e-6)
    np.testing.assert_allclose(quaternion.rotation(q) @ quaternion.update(bcd), stack(new.rotation), atol=1e-6)
