"""Geometry runs under strict dtype promotion; what these tests share."""

import functools

import jax
import pytest

from af2jax.geometry import quaternion
from af2jax.geometry.rigid import Rigid


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


@pytest.fixture
def random_rigid():
    """`random_rigid(seed, *shape)`: rotations uniform, translations of 10 angstrom."""

    return lambda seed, *shape: _random_rigid(seed, shape)


@functools.partial(jax.jit, static_argnums=1)
def _random_rigid(seed, shape):
    rot, trans = jax.random.split(jax.random.key(seed))
    return Rigid(quaternion.random_rotation(rot, shape), 10 * jax.random.normal(trans, (*shape, 3)))
