"""Structural violations (supplement, section 1.9.11): peptide bonds, clashes, and the geometry of residues."""

import jax
import jax.numpy as jnp
import numpy as np

from af2jax.constants.atoms import CA, C, N
from af2jax.constants.chemistry import COS_C_N_CA, COS_CA_C_N, LENGTH_C_N, LENGTH_C_N_PRO, OVERLAP, TOLERANCE
from af2jax.constants.residues import CODES
from af2jax.geometry.lddt import distances
from af2jax.losses.bounds import LOWER, RADIUS, UPPER
from af2jax.nn.layers import masked_mean
from af2jax.protein import atoms
from af2jax.schema import Outputs, Targets
from af2jax.typing import Array, Bool, Float, Int

SG = 5  # of cysteine, in atom14


def violation(outputs: Outputs, targets: Targets) -> Float[Array, ""]:
    """Equation 47 (`L_viol`), of every atom that the residue types have: bonds, angles, and clashes per atom."""
    x, mask = outputs.structure.atom14, atoms.atom14_mask(targets.aatype, targets.seq_mask)
    joined = (targets.residue_index[1:] - targets.residue_index[:-1] == 1) & (
        targets.asym_id[1:] == targets.asym_id[:-1]
    )
    errors = clash(x, mask, targets.aatype, targets.residue_index, targets.asym_id) + within(x, mask, targets.aatype)
    return peptide(x, mask, targets.aatype, joined) + jnp.sum(errors) / (1e-6 + jnp.sum(mask.astype(x.dtype)))


def peptide(
    x: Float[Array, "N_res 14 3"],
    mask: Bool[Array, "N_res 14"],
    aatype: Int[Array, " N_res"],
    joined: Bool[Array, " N_res-1"],
) -> Float[Array, ""]:
    """Equations 44 and 45: the mean excess of the length C-N, of cos CA-C-N and of cos C-N-CA, summed.

    `joined[i]`: residue i + 1 follows residue i in their chain. As in DeepMind's repository since September 2025; its
    releases to 2.3.2, and their descendants, take the tolerance of cos CA-C-N from the length.
    """
    ca, c, next_n, next_ca = x[:-1, CA], x[:-1, C], x[1:, N], x[1:, CA]
    has_ca, has_c, has_next_n, has_next_ca = mask[:-1, CA], mask[:-1, C], mask[1:, N], mask[1:, CA]
    length = lambda v: jnp.sqrt(1e-6 + jnp.sum(v**2, axis=-1))
    unit = lambda v: v / length(v)[:, None]

    def excess(value, mean, stddev, present):
        error = jnp.sqrt(1e-6 + (value - mean) ** 2)
        return masked_mean(jax.nn.relu(error - TOLERANCE * stddev), present & joined, 0, eps=1e-6)

    proline = aatype[1:] == CODES["P"]
    bond = excess(
        length(next_n - c),
        jnp.where(proline, LENGTH_C_N_PRO.mean, LENGTH_C_N.mean),
        jnp.where(proline, LENGTH_C_N_PRO.stddev, LENGTH_C_N.stddev),
        has_c & has_next_n,
    )
    cos_ca_c_n = jnp.sum(unit(ca - c) * unit(next_n - c), axis=-1)
    cos_c_n_ca = jnp.sum(unit(c - next_n) * unit(next_ca - next_n), axis=-1)
    return (
        bond
        + excess(cos_ca_c_n, COS_CA_C_N.mean, COS_CA_C_N.stddev, has_ca & has_c & has_next_n)
        + excess(cos_c_n_ca, COS_C_N_CA.mean, COS_C_N_CA.stddev, has_c & has_next_n & has_next_ca)
    )


def clash(
    x: Float[Array, "N_res 14 3"],
    mask: Bool[Array, "N_res 14"],
    aatype: Int[Array, " N_res"],
    residue_index: Int[Array, " N_res"],
    asym_id: Int[Array, " N_res"],
) -> Float[Array, "N_res 14"]:
    """Equation 46: by how much each atom clashes with the atoms of other residues, in angstrom.

    Peptide bonds do not clash, nor do two atoms in the place of cysteine's SG, of whatever type (so in DeepMind's
    code, where this allows for disulfide bonds).
    """
    flat = lambda v: v.reshape(-1, *v.shape[2:])
    of_atoms = lambda v: jnp.repeat(v, 14)
    slot = np.tile(np.arange(14), len(x))
    index, chain = of_atoms(residue_index), of_atoms(asym_id)
    same_chain = chain[:, None] == chain[None]
    bond = ((slot == C)[:, None] & (slot == N)[None]) & (index[:, None] + 1 == index[None]) & same_chain
    sulfurs = (slot == SG)[:, None] & (slot == SG)[None]
    other_residue = (index[:, None] != index[None]) | ~same_chain
    pairs = flat(mask)[:, None] & flat(mask)[None] & other_residue & ~(bond | bond.T | sulfurs)
    radius = flat(jnp.asarray(RADIUS, x.dtype)[aatype])
    overlap = jax.nn.relu(radius[:, None] + radius[None] - OVERLAP - distances(flat(x)))
    return jnp.sum(jnp.where(pairs, overlap, 0), axis=-1).reshape(mask.shape)


def within(
    x: Float[Array, "N_res 14 3"], mask: Bool[Array, "N_res 14"], aatype: Int[Array, " N_res"]
) -> Float[Array, "N_res 14"]:
    """Equation 46 inside residues: how far the distances of each atom are out of their bounds, in angstrom, twice."""
    distance = jax.vmap(distances)(x)
    lower, upper = (jnp.asarray(table, x.dtype)[aatype] for table in (LOWER, UPPER))
    error = jax.nn.relu(lower - distance) + jax.nn.relu(distance - upper)
    pairs = mask[:, :, None] & mask[:, None] & ~np.eye(14, dtype=bool)[None]
    return 2 * jnp.sum(jnp.where(pairs, error, 0), axis=-1)
