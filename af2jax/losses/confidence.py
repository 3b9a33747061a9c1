"""Losses of what the network says of its own accuracy. The errors are labels: no gradient reaches the structure."""

import jax
import jax.numpy as jnp
import numpy as np

from af2jax.constants.atoms import CA
from af2jax.geometry.lddt import lddt
from af2jax.losses.auxiliary import bins, cross_entropy, high_resolution
from af2jax.losses.symmetry import known
from af2jax.nn.layers import masked_mean
from af2jax.schema import Outputs, Targets
from af2jax.typing import Array, Float

PAE_EDGES = np.linspace(0.5, 31, 62)  # angstrom, of bins 1 to 63


def plddt(outputs: Outputs, targets: Targets) -> Float[Array, ""]:
    """Algorithm 29 "predictPerResidueLDDT_Ca": cross-entropy of the binned lDDT-CA, at high resolution only."""
    logits = outputs.logits["plddt"]
    mask = targets.atom_mask[:, CA] & targets.seq_mask
    found = lddt(jax.lax.stop_gradient(outputs.structure.atom37[:, CA]), targets.positions[:, CA], mask)
    num = logits.shape[-1]
    labels = jnp.minimum(jnp.floor(found * num).astype(jnp.int32), num - 1)
    return masked_mean(cross_entropy(logits, labels), mask, 0, eps=1e-8) * high_resolution(targets)


def pae(outputs: Outputs, targets: Targets) -> Float[Array, ""]:
    """Section 1.9.7: cross-entropy of the binned error of CA j seen from frame i, at high resolution only.

    The first of DeepMind's edges is 0, so that bin 0 stays empty. The diagonal, whose error is 0 but for rounding, goes
    to bin 1 with the rest, as it does in DeepMind's compiled code.
    """
    true = known(targets)
    seen = lambda frames: frames[:, None].inverse_apply(frames.trans[None])
    predicted = jax.lax.stop_gradient(outputs.structure.frames[-1])
    squared = jnp.sum((seen(predicted) - seen(true.backbone)) ** 2, axis=-1)
    error = cross_entropy(outputs.logits["pae"], 1 + bins(squared, PAE_EDGES))
    mask = true.backbone_mask[:, None] & true.backbone_mask[None]
    return masked_mean(error, mask, (0, 1), eps=1e-8) * high_resolution(targets)
