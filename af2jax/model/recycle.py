"""Recycling (Algorithms 2, 30 and 31): pure functions around one pass of the network."""

import jax
import jax.numpy as jnp
import numpy as np

from af2jax.constants.atoms import CA
from af2jax.model.alphafold import AlphaFold, initial
from af2jax.schema import Features, Outputs, Prev
from af2jax.typing import Array, Bool, Float, Int


def cycle(
    model: AlphaFold, params: dict, features: Features, remaining, prev: Prev, key: Array | None = None
) -> Outputs:
    """The pass that `remaining` more follow (may be traced), from `prev`; a `key` means dropout."""
    rngs = None if key is None else {"dropout": jax.random.fold_in(key, remaining)}
    return model.apply({"params": params}, features.cycle(remaining), prev, rngs=rngs)


def forward(
    model: AlphaFold,
    params: dict,
    features: Features,
    num_recycle: int | Int[Array, ""] = 3,
    key: Array | None = None,
    guess: Float[Array | np.ndarray, "N_res 37 3"] | None = None,
) -> Outputs:
    """Algorithms 2 and 31 "RecyclingTraining": `num_recycle` passes whose result is fed back, then one more.

    Pure, jit-able and differentiable in `params`; gradients flow through the last pass only.

    Args:
        num_recycle: passes before the last; an int, or a traced integer.
        key: a key turns dropout on.
        guess: positions that the first pass starts from; see `alphafold.initial`.
    """
    stopped = jax.lax.stop_gradient(params)
    step = lambda i, prev: jax.lax.stop_gradient(cycle(model, stopped, features, num_recycle - i, prev, key).prev)
    prev = initial(features, model.config, guess)
    if not isinstance(num_recycle, int) or num_recycle > 0:
        prev = jax.lax.fori_loop(0, num_recycle, step, prev)
    return cycle(model, params, features, 0, prev, key)


def change(prev: Prev, new: Prev, seq_mask: Bool[Array, "N_res"]) -> Float[Array, ""]:
    """How far a pass moved: root mean square change of the CA-CA distances, in angstrom."""
    distances = lambda x: jnp.sqrt(jnp.sum((x[:, None, CA] - x[None, :, CA]) ** 2, axis=-1))
    moved = (distances(prev.positions) - distances(new.positions)) ** 2
    mask = (seq_mask[:, None] & seq_mask[None]).astype(moved.dtype)
    return jnp.sqrt(jnp.sum(moved * mask) / jnp.sum(mask) + 1e-8)
