"""Invariant point attention (Algorithm 22)."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from af2jax.geometry.rigid import Rigid
from af2jax.nn.layers import Linear, final
from af2jax.typing import Array, Bool, Float

GAMMA_INIT = math.log(math.e - 1)  # softplus(GAMMA_INIT) = 1


class InvariantPointAttention(nn.Module):
    """Algorithm 22 "InvariantPointAttention": the update to s. Invariant to one rigid motion of all frames.

    `frames` is in the module's own unit of length (see `Structure.position_scale`). Absent residues are never keys.
    """

    heads: int
    scalar_qk: int
    scalar_v: int
    point_qk: int
    point_v: int
    qkv_bias: bool = True

    @nn.compact
    def __call__(
        self,
        s: Float[Array, "N_res c_s"],
        z: Float[Array, "N_res N_res c_z"],
        frames: Rigid,
        mask: Bool[Array, "N_res"],
    ) -> Float[Array, "N_res c_s"]:
        scalars = lambda name, c: Linear(self.heads * c, bias=self.qkv_bias, name=name)(s).reshape(-1, self.heads, c)
        q, k, v = scalars("q", self.scalar_qk), scalars("k", self.scalar_qk), scalars("v", self.scalar_v)

        def points(name, p):  # in the global frame [N_res h p 3]
            local = Linear(self.heads * p * 3, name=name)(s).reshape(-1, self.heads, p, 3)
            return frames[:, None, None].apply(local)

        q_pt, k_pt = points("q_pt", self.point_qk), points("k_pt", self.point_qk)
        v_pt = points("v_pt", self.point_v)
        b = Linear(self.heads, name="b")(z)
        gamma = nn.softplus(self.param("gamma", nn.initializers.constant(GAMMA_INIT), (self.heads,)).astype(s.dtype))

        w_l, w_c = math.sqrt(1 / 3), math.sqrt(2 / (9 * self.point_qk))
        distance = jnp.sum((q_pt[:, None] - k_pt[None]) ** 2, axis=(-2, -1))  # [N_res N_res h]
        logits = jnp.einsum("ihc,jhc->ijh", q * self.scalar_qk**-0.5, k) + b
        logits = w_l * (logits - 0.5 * w_c * gamma[None, None] * distance)
        pair_mask = (mask[:, None] & mask[None, :])[..., None]
        attention = jax.nn.softmax(logits - jnp.where(pair_mask, 0, jnp.asarray(1e5, s.dtype)), axis=1)

        o = jnp.einsum("ijh,jhc->ihc", attention, v)
        o_pt = jnp.einsum("ijh,jhpx->ihpx", attention, v_pt, precision="highest")
        o_pt = frames[:, None, None].inverse_apply(o_pt)
        norm = jnp.sqrt(jnp.sum(o_pt**2, axis=-1) + 1e-8)
        o_pair = jnp.einsum("ijh,ijc->ihc", attention, z)
        parts = [o, *jnp.moveaxis(o_pt, -1, 0), norm, o_pair]  # DeepMind's order: all x, all y, all z
        return final(s.shape[-1], name="out")(jnp.concatenate([x.reshape(len(s), -1) for x in parts], axis=-1))
