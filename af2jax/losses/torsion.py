"""Torsion angles (Algorithm 27), in every layer of the structure module."""

import jax.numpy as jnp

from af2jax.losses.symmetry import known
from af2jax.nn.layers import masked_mean
from af2jax.schema import Outputs, Targets
from af2jax.typing import Array, Float


def chi(outputs: Outputs, targets: Targets) -> Float[Array, ""]:
    """Algorithm 27 "torsionAngleLoss", side chains: squared distance of the true chi angles on the unit circle.

    Where half a turn gives the same molecule, to the nearer of the two.
    """
    predicted, true = outputs.structure.torsions[:, :, 3:], known(targets)  # [N_layer N_res 4 2]
    error = lambda angles: jnp.sum((predicted - angles[None]) ** 2, axis=-1)
    other = jnp.where(true.chi_pi_periodic[..., None], -true.chi, true.chi)
    nearer = jnp.minimum(error(true.chi), error(other))
    mask = jnp.broadcast_to(true.chi_mask[None], nearer.shape)
    return masked_mean(nearer, mask, (0, 1, 2))


def angle_norm(outputs: Outputs, targets: Targets) -> Float[Array, ""]:
    """Algorithm 27, line 6: how far the seven predicted (sine, cosine) are from unit length before normalisation."""
    norm = jnp.sqrt(jnp.sum(outputs.structure.torsions_raw**2, axis=-1) + 1e-6)
    mask = jnp.broadcast_to(targets.seq_mask[None, :, None], norm.shape)
    return masked_mean(jnp.abs(norm - 1), mask, (0, 1, 2))
