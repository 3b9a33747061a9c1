"""From the MSA to the pair representation (Algorithm 10)."""

import flax.linen as nn
import jax.numpy as jnp

from af2jax.nn.layers import LayerNorm, Linear, Weights, at_least_float32
from af2jax.nn.runtime import Runtime
from af2jax.typing import Array, Bool, Float


class OuterProductMean(nn.Module):
    """Algorithm 10 "OuterProductMean": the update to z. As DeepMind's, the sum's bias is divided by the count too."""

    c_z: int
    channels: int = 32
    runtime: Runtime = Runtime()

    @nn.compact
    def __call__(
        self, m: Float[Array, "N_seq N_res c_m"], msa_mask: Bool[Array, "N_seq N_res"]
    ) -> Float[Array, "N_res N_res c_z"]:
        m = LayerNorm(name="norm_in")(m)
        a, b = (jnp.where(msa_mask[..., None], Linear(self.channels, name=n)(m), 0) for n in "ab")
        mask = msa_mask.astype(at_least_float32(m).dtype)
        count = jnp.einsum("si,sj->ij", mask, mask) + 1e-3
        kernel, bias = (w.astype(m.dtype) for w in Weights((self.channels**2, self.c_z), name="out")())

        seq, res, c = b.shape
        shallow = seq * self.c_z * (1 + c / res) < c * (seq + self.c_z)  # multiply-adds of a pair, over c
        if shallow:
            half = jnp.einsum("sjd,cdz->jscz", b, kernel.reshape(c, c, self.c_z))
            outer = lambda a: jnp.einsum("isc,jscz->ijz", a, half)
        else:  # d before c, so that one row needs no copy in another order
            columns = jnp.moveaxis(b, 0, -1).reshape(-1, seq)
            kernel = jnp.swapaxes(kernel.reshape(c, c, -1), 0, 1).reshape(kernel.shape)
            outer = lambda a: (columns @ a).reshape(len(a), res, -1) @ kernel

        o = self.runtime.rows(outer, jnp.swapaxes(a, 0, 1), single=not shallow)  # rows of residues
        o += jnp.broadcast_to(bias, o.shape)
        return (o / count[..., None]).astype(m.dtype)
