"""What the distogram says of distances between CB atoms (CA of glycine): its bins as one number for each pair."""

import jax
import jax.numpy as jnp
import numpy as np

from af2jax.typing import Array, Float

WIDTH = 0.3125  # angstrom of one bin
CENTERS = 2.15625 + WIDTH * np.arange(64)  # angstrom; the first bin holds all below 2.3125, the last all above 21.6875
CONTACT = 8.0  # angstrom


def distances(logits: Float[Array, "N_res N_res 64"]) -> Float[Array, "N_res N_res"]:
    """Section 1.9.8: the expected distance in angstrom; 21.8 at most, because the last bin has no upper edge."""
    return jnp.sum(jax.nn.softmax(logits, axis=-1) * jnp.asarray(CENTERS, logits.dtype)[None, None], axis=-1)


def contacts(logits: Float[Array, "N_res N_res 64"]) -> Float[Array, "N_res N_res"]:
    """The probability of a distance below 8 angstrom, 0 to 1; of the bin that 8 falls in, the part below counts."""
    below = np.clip((CONTACT - CENTERS) / WIDTH + 0.5, 0, 1)
    return jnp.sum(jax.nn.softmax(logits, axis=-1) * jnp.asarray(below, logits.dtype)[None, None], axis=-1)
