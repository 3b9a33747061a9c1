"""Dihedral angles and unit vectors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.geometry.angles import dihedral_sin_cos, normalise

sin_cos = jax.jit(dihedral_sin_cos)
value_and_grad = jax.jit(jax.value_and_grad(lambda x: dihedral_sin_cos(*x)[0]))


def four(seed, *shape):
    return jnp.asarray(5 * np.random.default_rng(seed).normal(size=(4, *shape, 3)), jnp.float32)


@pytest.mark.parametrize("degrees", [-150, -60, 0, 45, 90, 180])
def test_sign_is_that_of_iupac(degrees):
    """Seen from b to c, here up the z axis, a positive angle turns clockwise from a to d."""
    angle = np.deg2rad(degrees)
    a, b, c = np.array([1.0, 0, 0]), np.zeros(3), np.array([0.0, 0, 1.5])
    d = np.array([np.cos(angle), np.sin(angle), 2.5])
    found = sin_cos(*(jnp.asarray(x, jnp.float32) for x in (a, b, c, d)))
    np.testing.assert_allclose(found, [np.sin(angle), np.cos(angle)], atol=1e-6)


@pytest.mark.medium("compiles for more than a second")
def test_invariant_to_motion_odd_under_mirror_same_backwards(random_rigid):
    x = four(0, 6)
    angle = sin_cos(*x)
    np.testing.assert_allclose(jnp.sum(angle**2, axis=-1), 1, atol=1e-6)
    np.testing.assert_allclose(sin_cos(*random_rigid(1, 1, 1).apply(x)), angle, atol=1e-5)
    mirror = jnp.array([-1.0, 1, 1])[None, None]
    np.testing.assert_allclose(sin_cos(*(x * mirror)), angle * jnp.array([-1.0, 1])[None], atol=1e-6)
    np.testing.assert_allclose(sin_cos(*x[::-1]), angle, atol=1e-5)


@pytest.mark.parametrize("same", [(0, 1), (1, 2), (2, 3), (0, 1, 2, 3)], ids=str)
def test_coincident_points_give_finite_values_and_gradients(same):
    x = four(0)
    x = x.at[jnp.array(same)].set(x[same[0]])
    value, gradient = value_and_grad(x)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_gradient_is_the_derivative_in_double_precision():
    with jax.enable_x64(True):
        x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)))
        step = 1e-6 * np.random.default_rng(1).normal(size=(4, 3))
        value, gradient = value_and_grad(x)
        assert value.dtype == gradient.dtype == jnp.float64
        slope = value_and_grad(x + step)[0] - value_and_grad(x - step)[0]
        np.testing.assert_allclose(slope, 2 * np.sum(gradient * step), rtol=1e-6)


def test_normalise():
    x = four(0, 6)[0]
    np.testing.assert_allclose(jnp.linalg.norm(normalise(x), axis=-1), 1, atol=1e-6)
    np.testing.assert_allclose(normalise(3 * x), normalise(x), atol=1e-6)
    zero = jnp.zeros((2, 2))
    assert jnp.isfinite(jax.grad(lambda x: jnp.sum(normalise(x)))(zero)).all()
