"""Whether a structure can exist: atoms that clash, and peptide bonds out of shape. No true structure is needed.

What counts as a violation is AlphaFold's (supplement, section 1.9.11): spheres of van der Waals radius that overlap by
more than 1.5 angstrom, bonds and angles off by more than 12 standard deviations. These are gross errors; a structure
without them is not yet a good one. Atoms are in the atom37 layout, positions in angstrom, and what `atom_mask` excludes
may be anything.
"""

from typing import NamedTuple

import numpy as np

from af2jax.constants.atoms import ATOM37, ATOM37_INDEX, CA, C, N
from af2jax.constants.chemistry import (
    COS_C_N_CA,
    COS_CA_C_N,
    LENGTH_C_N,
    LENGTH_C_N_PRO,
    OVERLAP,
    RADII,
    TOLERANCE,
)
from af2jax.constants.residues import CODES
from af2jax.typing import Bool, Float, Int

LENGTH_CA_CA = 3.802  # angstrom, of residues joined by a trans peptide bond of ideal shape
STRETCH = 1.5  # angstrom beyond it, from which the chain counts as broken
SG = ATOM37_INDEX["SG"]

_RADIUS = np.array([RADII[name[0]] for name in ATOM37])


class Clashes(NamedTuple):
    """Pairs of atoms of different residues that are too near."""

    count: int
    per_1000_atoms: float  # NaN without atoms
    worst: float  # angstrom by which the nearest pair is nearer than allowed; 0: no clash
    per_residue: np.ndarray  # int [N_res] of pairs; each counts in both its residues


class Bonds(NamedTuple):
    """Peptide bonds between successive residues. A count is of bonds whose own atoms are there."""

    count: int  # bonds with C and N present
    length_error: float  # mean |length - ideal|, angstrom; NaN without bonds
    length: int  # how many have a length out of tolerance
    angle_ca_c_n: int  # how many have this angle out of tolerance
    angle_c_n_ca: int
    breaks: int  # successive residues whose CA are too far apart for any bond


def clashes(
    positions: Float[np.ndarray, "N_res 37 3"],
    atom_mask: Bool[np.ndarray, "N_res 37"],
    residue_index: Int[np.ndarray, " N_res"],
    asym_id: Int[np.ndarray, " N_res"],
    ring: Int[np.ndarray, " N_res"] | None = None,
) -> Clashes:
    """The pairs of heavy atoms of different residues whose spheres overlap by more than 1.5 angstrom (Equation 46).

    Not counted are the C and N of a peptide bond, and two SG, which may form a disulfide bond. `ring`: see
    `schema.Features`.
    """
    residue, column = np.nonzero(atom_mask)
    x, radius = np.asarray(positions, np.float64)[residue, column], _RADIUS[column]
    per_residue, worst = np.zeros(len(atom_mask), int), 0.0
    follows = _joined(residue_index, asym_id, ring)
    for i in np.unique(residue):
        here = residue == i
        distance = np.linalg.norm(x[here, None] - x[None], axis=-1)
        excess = radius[here, None] + radius[None] - OVERLAP - distance
        a, b = column[here, None], column[None]
        bond = (a == C) & (b == N) & follows[i, residue] | (a == N) & (b == C) & follows[residue, i]
        excess[bond | (a == SG) & (b == SG) | (residue == i)] = 0
        per_residue[i] = np.sum(excess > 0)
        worst = max(worst, float(np.max(excess)))
    count = int(np.sum(per_residue)) // 2
    return Clashes(count, 1000 * count / len(x) if len(x) else np.nan, worst, per_residue)


def bonds(
    aatype: Int[np.ndarray, " N_res"],
    positions: Float[np.ndarray, "N_res 37 3"],
    atom_mask: Bool[np.ndarray, "N_res 37"],
    residue_index: Int[np.ndarray, " N_res"],
    asym_id: Int[np.ndarray, " N_res"],
) -> Bonds:
    """How many peptide bonds, and which angles at them, are off by more than 12 standard deviations (Equations 44, 45).

    Successive residues are those next to each other in the arrays, in `residue_index` and in one chain.
    """
    joined = (np.diff(residue_index) == 1) & (np.diff(asym_id) == 0)
    x = np.asarray(positions, np.float64)
    ca, c, n, next_ca = x[:-1, CA], x[:-1, C], x[1:, N], x[1:, CA]
    has_ca, has_bond, has_next = atom_mask[:-1, CA], atom_mask[:-1, C] & atom_mask[1:, N] & joined, atom_mask[1:, CA]
    norm = lambda v: np.linalg.norm(v, axis=-1)
    cosine = lambda u, v: np.sum(u * v, axis=-1) / np.maximum(norm(u) * norm(v), 1e-6)

    def off(value: np.ndarray, spread, present: np.ndarray) -> int:
        return int(np.sum((np.abs(value - spread.mean) > TOLERANCE * spread.stddev) & present))

    length, proline = norm(n - c), aatype[1:] == CODES["P"]
    error = np.abs(length - np.where(proline, LENGTH_C_N_PRO.mean, LENGTH_C_N.mean))[has_bond]
    return Bonds(
        count=int(np.sum(has_bond)),
        length_error=float(np.mean(error)) if len(error) else np.nan,
        length=off(length, LENGTH_C_N_PRO, has_bond & proline) + off(length, LENGTH_C_N, has_bond & ~proline),
        angle_ca_c_n=off(cosine(ca - c, n - c), COS_CA_C_N, has_bond & has_ca),
        angle_c_n_ca=off(cosine(c - n, next_ca - n), COS_C_N_CA, has_bond & has_next),
        breaks=int(np.sum((norm(next_ca - ca) > LENGTH_CA_CA + STRETCH) & has_ca & has_next & joined)),
    )


def _joined(residue_index: np.ndarray, asym_id: np.ndarray, ring: np.ndarray | None) -> np.ndarray:
    """bool [N_res N_res]: j follows i in its chain, in a ring the first residue the last."""
    step = residue_index[None] - residue_index[:, None]
    follows = step == 1
    if ring is not None:
        follows |= (ring > 0)[:, None] & (step == 1 - ring[:, None])
    return follows & (asym_id[:, None] == asym_id[None])
