"""Made-up residues with ideal geometry: every type twice, random frames and torsions. Strict dtype promotion."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.geometry import quaternion
from af2jax.geometry.angles import normalise
from af2jax.geometry.rigid import Rigid


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


@pytest.fixture(scope="session")
def residues():
    """(aatype [42], backbone Rigid [42], torsions [42 7 2]); X is the last of each 21."""
    keys = jax.random.split(jax.random.key(0), 3)
    aatype = jnp.asarray(np.tile(np.arange(21), 2), jnp.int32)
    backbone = Rigid(quaternion.random_rotation(keys[0], (42,)), 15 * jax.random.normal(keys[1], (42, 3)))
    return aatype, backbone, normalise(jax.random.normal(keys[2], (42, 7, 2)))


@pytest.fixture
def oracle():
    """DeepMind's `all_atom`, called under JAX's default rules of promotion."""
    all_atom = pytest.importorskip("alphafold.model.all_atom", reason="the oracle is not installed")
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield all_atom
