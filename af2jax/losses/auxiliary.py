"""Losses of what heads say of the sequence, the distances and the experiment (supplement, sections 1.9.8 to 1.9.10)."""

import jax
import jax.numpy as jnp
import numpy as np

from af2jax.losses.symmetry import known
from af2jax.nn.layers import masked_mean
from af2jax.protein import atoms
from af2jax.schema import Outputs, Targets
from af2jax.typing import Array, Float, Int

DISTOGRAM_EDGES = np.linspace(2.3125, 21.6875, 63)  # angstrom


def cross_entropy(logits: Float[Array, "*axes classes"], labels: Int[Array, "*axes"]) -> Float[Array, "*axes"]:
    """-log of the probability of each label; 0 for a label that is not a class."""
    classes = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    return -jnp.sum(classes * jax.nn.log_softmax(logits, axis=-1), axis=-1)


def bins(squared: Float[Array, "*axes"], edges: np.ndarray) -> Int[Array, "*axes"]:
    """How many of the `edges` (angstrom) a distance exceeds, from its square."""
    limits = jnp.asarray(edges, squared.dtype) ** 2
    return jnp.sum(squared[..., None] > limits.reshape(*[1] * squared.ndim, -1), axis=-1)


def high_resolution(targets: Targets) -> Float[Array, ""]:
    """1 for structures of 0.1 to 3.0 angstrom, from which alone the confidence heads learn; else 0."""
    return ((targets.resolution >= 0.1) & (targets.resolution <= 3.0)).astype(targets.positions.dtype)


def masked_msa(outputs: Outputs, targets: Targets) -> Float[Array, ""]:
    """Section 1.9.9: cross-entropy of the MSA's residues that were masked."""
    error = cross_entropy(outputs.logits["masked_msa"], targets.true_msa)
    return masked_mean(error, targets.bert_mask, (0, 1), eps=1e-8)


def distogram(outputs: Outputs, targets: Targets) -> Float[Array, ""]:
    """Section 1.9.8: cross-entropy of the binned distances between pseudo-beta atoms."""
    true = known(targets)
    squared = jnp.sum((true.beta[:, None] - true.beta[None]) ** 2, axis=-1)
    error = cross_entropy(outputs.logits["distogram"], bins(squared, DISTOGRAM_EDGES))
    return masked_mean(error, true.beta_mask[:, None] & true.beta_mask[None], (0, 1), eps=1e-6)


def resolved(outputs: Outputs, targets: Targets) -> Float[Array, ""]:
    """Section 1.9.10: binary cross-entropy of which of the residues' atoms were observed, at high resolution only."""
    logits = outputs.logits["resolved"]
    error = -jax.nn.log_sigmoid(jnp.where(targets.atom_mask, logits, -logits))
    mask = atoms.atom37_mask(targets.aatype, targets.seq_mask)
    return masked_mean(error, mask, (0, 1), eps=1e-8) * high_resolution(targets)
