"""Stacks of MSA blocks (Algorithms 6 and 18)."""

import flax.linen as nn

from af2jax.config import MsaStack
from af2jax.model.msa import ColumnAttention, GlobalColumnAttention, RowAttention
from af2jax.model.outer import OuterProductMean
from af2jax.model.triangle import pair_updates
from af2jax.nn.dropout import Dropout
from af2jax.nn.runtime import Runtime
from af2jax.nn.stack import stack
from af2jax.nn.transition import Transition
from af2jax.typing import Array, Bool, Float


class MsaBlock(nn.Module):
    """Algorithm 6 "EvoformerStack", lines 2 to 10: (m, z) after one block. Algorithm 18 with a global column."""

    config: MsaStack
    opm_first: bool
    runtime: Runtime

    @nn.compact
    def __call__(self, mz: tuple[Array, Array], msa_mask: Array, pair_mask: Array) -> tuple[Array, Array]:
        c, (m, z) = self.config, map(self.runtime.share, mz)
        column = (
            GlobalColumnAttention(c.heads, c.head_dim, name="msa_col")
            if c.global_column
            else ColumnAttention(c.heads, c.head_dim, self.runtime, name="msa_col")
        )
        outer = OuterProductMean(z.shape[-1], c.outer, self.runtime, name="outer")
        if self.opm_first:
            z += outer(m, msa_mask)
        row = RowAttention(c.heads, c.head_dim, self.runtime, name="msa_row")
        m += Dropout(c.dropout, axis=0)(row(m, z, msa_mask))
        m += column(m, msa_mask)
        m += Transition(c.transition, self.runtime, name="msa_transition")(m)
        if not self.opm_first:
            z += outer(m, msa_mask)
        return m, pair_updates(z, pair_mask, c.pair, self.runtime)


class Evoformer(nn.Module):
    """Algorithms 6 "EvoformerStack" and 18 "ExtraMsaStack": (m, z) after all blocks.

    `split` gives the blocks as several stacks, `blocks_0`, `blocks_1`, ...: the same function, other parameter paths.
    """

    config: MsaStack
    opm_first: bool
    runtime: Runtime
    split: tuple[int, ...] = ()

    @nn.compact
    def __call__(
        self,
        m: Float[Array, "N_seq N_res c_m"],
        z: Float[Array, "N_res N_res c_z"],
        msa_mask: Bool[Array, "N_seq N_res"],
        pair_mask: Bool[Array, "N_res N_res"],
    ) -> tuple[Float[Array, "N_seq N_res c_m"], Float[Array, "N_res N_res c_z"]]:
        parts = {f"blocks_{i}": n for i, n in enumerate(self.split)} or {"blocks": self.config.blocks}
        fields = {"config": self.config, "opm_first": self.opm_first, "runtime": self.runtime}
        for name, num in parts.items():
            m, z = stack(MsaBlock, num, remat=self.runtime.remat, name=name, **fields)((m, z), msa_mask, pair_mask)
        return m, z
