"""AlphaFold 2 (Algorithm 2 "Inference"), one recycling pass."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from af2jax.config import Config
from af2jax.geometry.rigid import Rigid
from af2jax.model.embed import InputEmbedder, RecyclingEmbedder
from af2jax.model.evoformer import Evoformer
from af2jax.model.heads import AllHeads
from af2jax.model.structure import StructureModule
from af2jax.model.template import TemplateEmbedder, TemplateRows, pair
from af2jax.nn.layers import Linear, at_least_float32
from af2jax.nn.runtime import Runtime
from af2jax.schema import Features, Outputs, Prev
from af2jax.typing import Array, Float


class AlphaFold(nn.Module):
    """Algorithm 2 "Inference", lines 4 to 21: one pass over the features of one cycle (see `Features.cycle`).

    `frames` are the structure module's starting frames in angstrom; None: all at the origin. `heads` describes the new
    heads whose parameters are kept next to the network's, pairs (name, `af2jax.Head`); they go with it and are applied
    to its outputs elsewhere (`af2jax.heads`).
    """

    config: Config
    runtime: Runtime = Runtime()
    heads: tuple = ()

    @nn.compact
    def __call__(self, features: Features, prev: Prev, frames: Rigid | None = None) -> Outputs:
        c, f, runtime = self.config, features, self.runtime
        pair_mask, same_chain = pair(f.seq_mask), f.asym_id[:, None] == f.asym_id[None]

        m, z, e = InputEmbedder(c, runtime.dtype, name="input")(f)  # lines 5, 14 and 15
        row, update = RecyclingEmbedder(runtime.dtype, name="recycle")(f.aatype, prev)  # line 6
        m, z = m.at[0].add(row), z + update
        msa_mask, num_seq = f.msa.mask, len(m)
        if c.template:
            z += TemplateEmbedder(c.template, runtime, name="template")(f.templates, z, pair_mask, same_chain)
            rows, present = TemplateRows(c.template, m.shape[-1], name="template_rows")(f.templates, m.dtype)
            m, msa_mask = jnp.concatenate([m, rows]), jnp.concatenate([msa_mask, present])  # lines 7 and 8

        extra = Evoformer(c.extra_msa, c.opm_first, runtime, name="extra_msa")
        _, z = extra(e, z, f.msa.extra_mask, pair_mask)  # line 16
        trunk = Evoformer(c.evoformer, c.opm_first, runtime, c.split, name="evoformer")
        m, z = trunk(m, z, msa_mask, pair_mask)  # line 17
        s = Linear(c.c_s, name="single")(m[0])

        m, z, s = (at_least_float32(x) for x in (m, z, s))
        structure = StructureModule(c.structure, name="structure")(s, z, f.aatype, f.seq_mask, frames)  # line 18
        outputs = Outputs(m[:num_seq], m[0], z, s, structure, logits={})
        return outputs.replace(logits=AllHeads(c.heads, name="heads")(outputs))  # lines 19 to 21


def initial(features: Features, config: Config, guess: Float[Array | np.ndarray, "N_res 37 3"] | None = None) -> Prev:
    """Algorithm 2, line 1: zeros, in the dtype of the features.

    `guess`: an initial guess (Bennett et al., Nature Communications 14, 2625, 2023), positions in angstrom that the
    first pass reads as those of a pass before.
    """
    n, dtype = len(features.aatype), jax.dtypes.canonicalize_dtype(features.target_feat.dtype)
    return Prev(
        jnp.zeros((n, config.evoformer.channels), dtype),
        jnp.zeros((n, n, config.c_z), dtype),
        jnp.zeros((n, 37, 3), dtype) if guess is None else jnp.asarray(guess, dtype),
    )
