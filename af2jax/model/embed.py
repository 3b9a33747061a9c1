"""From features to the representations (Algorithms 3 to 5 and 32)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from af2jax.config import Config
from af2jax.nn.layers import LayerNorm, Linear
from af2jax.protein.frames import pseudo_beta
from af2jax.schema import Features, Prev
from af2jax.typing import Array, Float, Int

MSA_CODES = 23  # 20 amino acids, X, gap, mask


def bins(low: float, high: float, num: int, dtype=jnp.float32) -> tuple[Array, Array]:
    """Lower and upper squared edges of `num` distance bins from `low` angstrom; the last has no upper end."""
    lower = jnp.linspace(low, high, num, dtype=dtype) ** 2
    return lower, jnp.append(lower[1:], jnp.asarray(1e8, dtype))


def distogram(x: Float[Array, "N_res 3"], low: float, high: float, num: int) -> Float[Array, "N_res N_res bins"]:
    """Algorithm 5 "one_hot" of the distances between points; nearer than `low` is in none of the bins."""
    distance = jnp.sum((x[:, None] - x[None]) ** 2, axis=-1, keepdims=True)
    lower, upper = (edge[None, None] for edge in bins(low, high, num, x.dtype))
    return ((distance > lower) & (distance < upper)).astype(x.dtype)


def relpos(features: Features, config: Config) -> Float[Array, "N_res N_res bins"]:
    """Algorithm 4 "relpos" before its linear layer: which residue, and for "chain" which entity and copy.

    In "residue", another chain lies beyond the last bin, before or after by the order of `asym_id`.
    """
    offset = lambda x: x[:, None] - x[None]
    clip = lambda x, most: jnp.clip(x + most, 0, 2 * most)
    chain, most = offset(features.asym_id), config.relpos_max
    residue = offset(features.residue_index)
    if features.ring is not None:
        residue = around(residue, features.ring)
    residue = clip(residue, most)
    if config.relpos == "residue":
        residue = jnp.where(chain == 0, residue, jnp.where(chain > 0, 2 * most, 0))
        return jax.nn.one_hot(residue, 2 * most + 1)
    residue = jnp.where(chain == 0, residue, 2 * most + 1)
    entity = offset(features.entity_id) == 0
    most_chain = config.relpos_max_chain
    copy = jnp.where(entity, clip(offset(features.sym_id), most_chain), 2 * most_chain + 1)
    parts = [
        jax.nn.one_hot(residue, 2 * most + 2),
        entity[..., None].astype(jnp.float32),
        jax.nn.one_hot(copy, 2 * most_chain + 2),
    ]
    return jnp.concatenate(parts, axis=-1)


def around(offset: Int[Array, "N_res N_res"], ring: Int[Array, "N_res"]) -> Int[Array, "N_res N_res"]:
    """The cyclic offset of Rettie et al. (bioRxiv 2023.02.25.529956): the shorter way round a cyclic chain.

    Of the residue opposite in an even ring both ways are equally long. It comes before from either side here, so that
    the offset does not depend on where the ring is cut; in AfCycDesign its sign does.
    """
    size, half = jnp.maximum(ring, 1)[:, None], (ring // 2)[:, None]
    return jnp.where(ring[:, None] > 0, (offset + half) % size - half, offset)


class InputEmbedder(nn.Module):
    """Algorithm 3 "InputEmbedder" with line 14 of Algorithm 2: the first m, z and e; computes in `dtype`."""

    config: Config
    dtype: str

    @nn.compact
    def __call__(
        self, features: Features
    ) -> tuple[Float[Array, "N_seq N_res c_m"], Float[Array, "N_res N_res c_z"], Float[Array, "N_extra N_res c_e"]]:
        c, f, msa = self.config, features, features.msa
        target, rows = f.target_feat.astype(self.dtype), msa.feat.astype(self.dtype)
        c_m, c_z = c.evoformer.channels, c.c_z
        m = Linear(c_m, name="msa")(rows) + Linear(c_m, name="target")(target)[None]
        z = Linear(c_z, name="left")(target)[:, None] + Linear(c_z, name="right")(target)[None]
        z += Linear(c_z, name="relpos")(relpos(f, c).astype(self.dtype))
        codes = jax.nn.one_hot(msa.extra, MSA_CODES, dtype=self.dtype)
        deletions = [x[..., None].astype(self.dtype) for x in (msa.extra_has_deletion, msa.extra_deletion_value)]
        e = Linear(c.extra_msa.channels, name="extra_msa")(jnp.concatenate([codes, *deletions], axis=-1))
        return m, z, e


class RecyclingEmbedder(nn.Module):
    """Algorithm 32 "RecyclingEmbedder": the updates to the first row of m and to z, from the pass before."""

    dtype: str

    @nn.compact
    def __call__(
        self, aatype: Int[Array, "N_res"], prev: Prev
    ) -> tuple[Float[Array, "N_res c_m"], Float[Array, "N_res N_res c_z"]]:
        near = distogram(pseudo_beta(aatype, prev.positions), 3.25, 20.75, 15).astype(self.dtype)
        z = LayerNorm(name="norm_z")(prev.pair).astype(self.dtype)
        z += Linear(z.shape[-1], name="distogram")(near)
        return LayerNorm(name="norm_m")(prev.msa_first_row).astype(self.dtype), z
