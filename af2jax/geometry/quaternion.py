"""Unit quaternions (a, b, c, d) = a + bi + cj + dk, the only place that knows them."""

import jax
import jax.numpy as jnp

from af2jax.typing import Array, Float


def rotation(q: Float[Array, "*batch 4"]) -> Float[Array, "*batch 3 3"]:
    """The rotation matrix of a unit quaternion; q and -q give the same."""
    a, b, c, d = (q[..., i] for i in range(4))
    matrix = [
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a - b * b + c * c - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a - b * b - c * c + d * d],
    ]
    return jnp.stack([jnp.stack(row, axis=-1) for row in matrix], axis=-2)


def update(bcd: Float[Array, "*batch 3"]) -> Float[Array, "*batch 3 3"]:
    """Algorithm 23 "BackboneUpdate", lines 2 and 3: the rotation of (1, b, c, d), normalised; zero is the identity."""
    q = jnp.concatenate([jnp.ones_like(bcd[..., :1]), bcd], axis=-1)
    return rotation(q / jnp.sqrt(jnp.sum(q**2, axis=-1, keepdims=True)))


def random_rotation(key: Array, shape: tuple[int, ...] = (), dtype=float) -> Float[Array, "..."]:
    """Rotations [*shape 3 3], each uniform over all rotations."""
    q = jax.random.normal(key, (*shape, 4), dtype)
    return rotation(q / jnp.sqrt(jnp.sum(q**2, axis=-1, keepdims=True)))
