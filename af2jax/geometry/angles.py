"""Angles as points of the unit circle, (sine, cosine)."""

import jax.numpy as jnp

from af2jax.geometry.rigid import Rigid
from af2jax.typing import Array, Float


def dihedral_sin_cos(
    a: Float[Array, "*batch 3"], b: Float[Array, "*batch 3"], c: Float[Array, "*batch 3"], d: Float[Array, "*batch 3"]
) -> Float[Array, "*batch 2"]:
    """(sine, cosine) of the dihedral angle of four points, positive clockwise from a to d, looking from b to c (IUPAC).

    Unit length to 1e-8 / r^2, where r is the distance of `d` from the axis in angstrom; (0, 0) where three points
    coincide or lie on one line. Values and gradients are finite everywhere.
    """
    seen = Rigid.from_three_points(b, c, a).inverse_apply(d)
    sin_cos = jnp.stack([seen[..., 2], seen[..., 1]], axis=-1)
    return sin_cos / jnp.sqrt(jnp.sum(sin_cos**2, axis=-1, keepdims=True) + 1e-8)


def normalise(x: Float[Array, "*batch n"]) -> Float[Array, "*batch n"]:
    """`x` at unit length; vectors shorter than 1e-6 are divided by 1e-6, which keeps gradients finite at zero."""
    return x / jnp.sqrt(jnp.maximum(jnp.sum(x**2, axis=-1, keepdims=True), 1e-12))
