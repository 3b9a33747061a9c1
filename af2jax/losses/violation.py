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
    index, chain = targets.residue_index, targets.asym_id
    joined, after = (index[1:] - index[:-1] == 1) & (chain[1:] == chain[:-1]), None
    if targets.ring is not None:
        joined, after = around(index, chain, targets.ring)
    errors = clash(x, mask, targets.aatype, index, chain, targets.ring) + within(x, mask, targets.aatype)
    return peptide(x, mask, targets.aatype, joined, after) + jnp.sum(errors) / (1e-6 + jnp.sum(mask.astype(x.dtype)))


def around(
    residue_index: Int[Array, " N_res"], asym_id: Int[Array, " N_res"], ring: Int[Array, " N_res"]
) -> tuple[Bool[Array, " N_res"], Int[Array, " N_res"]]:
    """Whether each residue is bound to another by its C, and the row of that one: the next, or in a ring the first."""
    row = jnp.arange(len(ring))
    first = jnp.maximum(row - ring + 1, 0)
    last = (ring > 0) & (residue_index - residue_index[first] == ring - 1) & (asym_id == asym_id[first])
    after = jnp.where(last, first, jnp.minimum(row + 1, len(row) - 1))
    follows = (residue_index[after] - residue_index == 1) & (asym_id[after] == asym_id)
    return last | follows, after


def peptide(
    x: Float[Array, "N_res 14 3"],
    mask: Bool[Array, "N_res 14"],
    aatype: Int[Array, " N_res"],
    joined: Bool[Array, " N_bond"],
    after: Int[Array, " N_bond"] | None = None,
) -> Float[Array, ""]:
    """Equations 44 and 45: the mean excess of the length C-N, of cos CA-C-N and of cos C-N-CA, summed.

    `joined[i]`: residue i is bound to residue `after[i]`; None: to residue i + 1, and the last to none. As in
    DeepMind's repository since September 2025; its releases to 2.3.2, and their descendants, take the tolerance of cos
    CA-C-N from the length.
    """
    first, second = (slice(-1), slice(1, None)) if after is None else (slice(None), after)
    ca, c, next_n, next_ca = x[first, CA], x[first, C], x[second, N], x[second, CA]
    has_ca, has_c, has_next_n, has_next_ca = mask[first, CA], mask[first, C], mask[second, N], mask[second, CA]
    length = lambda v: jnp.sqrt(1e-6 + jnp.sum(v**2, axis=-1))
    unit = lambda v: v / length(v)[:, None]

    def excess(value, mean, stddev, present):
        error = jnp.sqrt(1e-6 + (value - mean) ** 2)
        return masked_mean(jax.nn.relu(error - TOLERANCE * stddev), present & joined, 0, eps=1e-6)

    proline = aatype[second] == CODES["P"]
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
    ring: Int[Array, " N_res"] | None = None,
) -> Float[Array, "N_res 14"]:
    """Equation 46: by how much each atom clashes with the atoms of other residues, in angstrom.

    Peptide bonds do not clash, which may close a `ring`, nor do two atoms in the place of cysteine's SG, of whatever
    type (so in DeepMind's code, where this allows for disulfide bonds).
    """
    flat = lambda v: v.reshape(-1, *v.shape[2:])
    of_atoms = lambda v: jnp.repeat(v, 14)
    slot = np.tile(np.arange(14), len(x))
    index, chain = of_atoms(residue_index), of_atoms(asym_id)
    same_chain = chain[:, None] == chain[None]
    follows = index[:, None] + 1 == index[None]
    if ring is not None:
        follows |= (of_atoms(ring)[:, None] > 0) & (index[:, None] - index[None] == of_atoms(ring)[:, None] - 1)
    bond = ((slot == C)[:, None] & (slot == N)[None]) & follows & same_chain
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
