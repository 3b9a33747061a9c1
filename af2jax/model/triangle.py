"""Updates of the pair representation around triangles of residues (Algorithms 11 to 14)."""

import flax.linen as nn
import jax.numpy as jnp

from af2jax.config import PairStack
from af2jax.nn.attention import Attention
from af2jax.nn.dropout import Dropout
from af2jax.nn.layers import LayerNorm, Linear, Weights, final, gate, linear_channels_first
from af2jax.nn.runtime import Runtime
from af2jax.nn.transition import Transition
from af2jax.typing import Array, Bool, Float


class TriangleMultiplication(nn.Module):
    """Algorithms 11 (outgoing) and 12 (incoming): the update to z. `a` is DeepMind's "left"."""

    channels: int
    outgoing: bool
    runtime: Runtime = Runtime()

    @nn.compact
    def __call__(
        self, z: Float[Array, "N_res N_res c_z"], pair_mask: Bool[Array, "N_res N_res"]
    ) -> Float[Array, "N_res N_res c_z"]:
        shape = (z.shape[-1], 2 * self.channels)
        ab, gate_ab = Weights(shape, "lecun", name="ab")(), Weights(shape, bias_init=1.0, name="gate_ab")()
        z = LayerNorm(name="norm_in")(z)
        z_cf = jnp.moveaxis(z, -1, 0)  # channels first, so that the product is one of plain matrices for each

        def product(*weights):
            ab, gate_logits = (linear_channels_first(z_cf, w) for w in weights)
            a, b = jnp.split(jnp.where(pair_mask, nn.sigmoid(gate_logits) * ab, 0), 2)
            a, b = (self.runtime.share(x) for x in (a, b))  # each device has all residues of some channels
            return jnp.einsum("cik,cjk->cij" if self.outgoing else "ckj,cki->cij", a, b)

        x = self.runtime.channels(product, len(z), ab, gate_ab)
        x = self.runtime.share(jnp.moveaxis(x, 0, -1))
        x = final(z.shape[-1], name="out")(LayerNorm(name="norm_out")(x))
        return nn.sigmoid(gate(z.shape[-1], name="gate_out")(z)) * x


class TriangleAttention(nn.Module):
    """Algorithms 13 (starting node) and 14 (ending node, on the transpose): the update to z."""

    heads: int
    head_dim: int
    starting: bool
    runtime: Runtime = Runtime()

    @nn.compact
    def __call__(
        self, z: Float[Array, "N_res N_res c_z"], pair_mask: Bool[Array, "N_res N_res"]
    ) -> Float[Array, "N_res N_res c_z"]:
        turn = (lambda x: x) if self.starting else (lambda x: jnp.swapaxes(x, 0, 1))
        z = LayerNorm(name="norm_in")(turn(z))
        b = jnp.moveaxis(Linear(self.heads, bias=False, name="b")(z), -1, 0)
        attention = Attention(self.heads, self.head_dim, runtime=self.runtime, name="attention")
        return turn(attention(z, z, turn(pair_mask), b))


def pair_updates(
    z: Array, pair_mask: Array, config: PairStack, runtime: Runtime, attention_first: bool = False
) -> Array:
    """Algorithm 6, lines 7 to 11 (or 16, lines 2 to 6): z after the four triangle updates and the transition.

    Creates its modules in the module that calls it.
    """

    def multiply(z):
        for name, outgoing in (("tri_mul_out", True), ("tri_mul_in", False)):
            update = TriangleMultiplication(config.mul, outgoing, runtime, name=name)(z, pair_mask)
            z += Dropout(config.dropout, axis=0)(update)
        return z

    def attend(z):
        for name, starting in (("tri_att_start", True), ("tri_att_end", False)):
            update = TriangleAttention(config.heads, config.head_dim, starting, runtime, name=name)(z, pair_mask)
            z += Dropout(config.dropout, axis=0 if starting else 1)(update)
        return z

    z = runtime.share(z)
    z = multiply(attend(z)) if attention_first else attend(multiply(z))
    return z + Transition(config.transition, runtime, name="pair_transition")(z)
