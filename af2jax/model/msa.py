"""Updates of the MSA representation (Algorithms 7, 8 and 19)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from af2jax.nn.attention import Attention
from af2jax.nn.layers import LayerNorm, Linear, at_least_float32, final, gate, masked_mean
from af2jax.nn.runtime import MASKED, Runtime
from af2jax.typing import Array, Bool, Float


class RowAttention(nn.Module):
    """Algorithm 7 "MSARowAttentionWithPairBias": the update to m; each sequence attends along its residues."""

    heads: int
    head_dim: int
    runtime: Runtime = Runtime()

    @nn.compact
    def __call__(
        self,
        m: Float[Array, "N_seq N_res c_m"],
        z: Float[Array, "N_res N_res c_z"],
        msa_mask: Bool[Array, "N_seq N_res"],
    ) -> Float[Array, "N_seq N_res c_m"]:
        m = LayerNorm(name="norm_m")(m)
        b = Linear(self.heads, bias=False, name="b")(LayerNorm(name="norm_z")(z))
        attention = Attention(self.heads, self.head_dim, runtime=self.runtime, name="attention")
        return attention(m, m, msa_mask, jnp.moveaxis(b, -1, 0))


class ColumnAttention(nn.Module):
    """Algorithm 8 "MSAColumnAttention": the update to m; each residue attends along its sequences."""

    heads: int
    head_dim: int
    runtime: Runtime = Runtime()

    @nn.compact
    def __call__(
        self, m: Float[Array, "N_seq N_res c_m"], msa_mask: Bool[Array, "N_seq N_res"]
    ) -> Float[Array, "N_seq N_res c_m"]:
        m = jnp.swapaxes(LayerNorm(name="norm_m")(m), 0, 1)
        attention = Attention(self.heads, self.head_dim, runtime=self.runtime, name="attention")
        return jnp.swapaxes(attention(m, m, msa_mask.T), 0, 1)


class GlobalColumnAttention(nn.Module):
    """Algorithm 19 "MSAColumnGlobalAttention": the update to e; one averaged query per residue, one key head."""

    heads: int
    head_dim: int

    @nn.compact
    def __call__(
        self, e: Float[Array, "N_extra N_res c_e"], msa_mask: Bool[Array, "N_extra N_res"]
    ) -> Float[Array, "N_extra N_res c_e"]:
        h, c = self.heads, self.head_dim
        e = LayerNorm(name="norm_m")(e)
        mean = masked_mean(at_least_float32(e), jnp.broadcast_to(msa_mask[..., None], e.shape), axis=0).astype(e.dtype)
        q = Linear(h * c, bias=False, initializer="glorot", name="q")(mean).reshape(-1, h, c)
        k, v = (Linear(c, bias=False, initializer="glorot", name=n)(e) for n in "kv")
        logits = jnp.einsum("ihc,sic->ihs", q * c**-0.5, k, preferred_element_type=at_least_float32(e).dtype)
        weights = jax.nn.softmax(jnp.where(msa_mask.T[:, None], logits, MASKED), axis=-1).astype(e.dtype)
        o = jnp.einsum("ihs,sic->ihc", weights, v).reshape(1, -1, h * c)
        return final(e.shape[-1], name="out")(o * nn.sigmoid(gate(h * c, name="gate")(e)))
