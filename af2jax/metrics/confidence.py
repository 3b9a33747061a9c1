"""What the network says of its own accuracy: pLDDT, PAE, pTM and ipTM from the logits of its heads."""

import jax
import jax.numpy as jnp
import numpy as np

from af2jax.typing import Array, Bool, Float, Int

PAE_CENTERS = 0.25 + 0.5 * np.arange(64)  # angstrom; the last bin holds every error above 31.5


def plddt(logits: Float[Array, "N_res bins"]) -> Float[Array, " N_res"]:
    """Algorithm 29 "predictPerResidueLDDT_Ca", line 4: the expected lDDT-CA, 0 to 100."""
    num = logits.shape[-1]
    centers = (jnp.arange(num) + 0.5) / num
    return 100 * jnp.sum(jax.nn.softmax(logits, axis=-1) * centers[None], axis=-1)


def pae(logits: Float[Array, "N_res N_res 64"]) -> Float[Array, "N_res N_res"]:
    """Section 1.9.7: the expected error of residue j (column) aligned on residue i (row), in angstrom."""
    return jnp.sum(jax.nn.softmax(logits, axis=-1) * jnp.asarray(PAE_CENTERS, logits.dtype)[None, None], axis=-1)


def closeness(
    logits: Float[Array, "N_res N_res 64"], length: Float[Array, "#N_res #N_res"]
) -> Float[Array, "N_res N_res"]:
    """Section 1.9.7: what residue j aligned on residue i is expected to add to the TM-score of `length` residues.

    Fewer than 19 count as so many, as in DeepMind's code.
    """
    d0 = 1.24 * jnp.cbrt(jnp.maximum(length, 19) - 15) - 1.8
    per_bin = 1 / (1 + (jnp.asarray(PAE_CENTERS, logits.dtype)[None, None] / d0[..., None]) ** 2)
    return jnp.sum(jax.nn.softmax(logits, axis=-1) * per_bin, axis=-1)


def ptm(
    logits: Float[Array, "N_res N_res 64"],
    mask: Bool[Array, " N_res"],
    asym_id: Int[Array, " N_res"] | None = None,
) -> Float[Array, ""]:
    """Section 1.9.7: the predicted TM-score of the residues in `mask`; with `asym_id` that of the interfaces, ipTM."""
    weight = mask.astype(logits.dtype)
    expected = closeness(logits, jnp.sum(weight)[None, None])
    pairs = weight[:, None] * weight[None]
    if asym_id is not None:
        pairs = jnp.where(asym_id[:, None] != asym_id[None], pairs, 0)
    aligned = jnp.sum(expected * pairs, axis=-1) / (jnp.sum(pairs, axis=-1) + 1e-8)
    return jnp.max(aligned * weight)
