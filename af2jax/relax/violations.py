"""Which residues violate what is known of bonds, angles and radii (supplement, section 1.9.11)."""

import numpy as np

from af2jax.constants.atoms import ATOM14_LOCAL, ATOM14_MASK, ATOM14_TO_ATOM37, CA, CB, C, N
from af2jax.constants.residues import CODES, UNKNOWN
from af2jax.losses.bounds import LOWER, UPPER
from af2jax.metrics.stereochemistry import bonds, clashes
from af2jax.protein.files import Protein


def violating(protein: Protein, ring: np.ndarray | None = None) -> np.ndarray:
    """bool [N_res]: the residue has an atom that clashes, a distance inside that is out of bounds, or a peptide bond
    whose length or angles are off by more than 12 standard deviations. `ring`: see `schema.Features`."""
    chain = protein.chain_index
    where = protein.positions, protein.atom_mask, protein.residue_index, chain
    found = (clashes(*where, ring).per_residue > 0) | _within(protein)
    closing = [] if ring is None else [[last, first] for first, last in ends(ring, chain)]
    for pair in [*([i, i + 1] for i in range(len(found) - 1)), *closing]:
        index = np.arange(2) if pair in closing else protein.residue_index[pair]
        bond = bonds(protein.aatype[pair], protein.positions[pair], protein.atom_mask[pair], index, chain[pair])
        found[pair] |= bond.length + bond.angle_ca_c_n + bond.angle_c_n_ca > 0
    return found


def ends(ring: np.ndarray, chain_index: np.ndarray) -> list[tuple[int, int]]:
    """The rows of the first and the last residue of each ring."""
    rows = [np.flatnonzero(chain_index == chain) for chain in np.unique(chain_index[ring > 0])]
    return [(int(own[0]), int(own[-1])) for own in rows]


def _within(protein: Protein) -> np.ndarray:
    """bool [N_res]: a distance between two atoms of the residue is out of bounds."""
    aatype, column = protein.aatype, ATOM14_TO_ATOM37[protein.aatype]
    x = np.take_along_axis(np.asarray(protein.positions, np.float64), column[..., None], axis=1)
    mask = ATOM14_MASK[aatype] & np.take_along_axis(protein.atom_mask, column, axis=1)
    distance = np.linalg.norm(x[:, :, None] - x[:, None], axis=-1)
    pairs = mask[:, :, None] & mask[:, None] & ~np.eye(14, dtype=bool)
    return (((distance < LOWER[aatype]) | (distance > UPPER[aatype])) & pairs).any((1, 2))


def mirrored(protein: Protein) -> np.ndarray:
    """bool [N_res]: N, C and CB stand around CA as in a D-amino acid."""
    has_cb = (protein.aatype != CODES["G"]) & (protein.aatype != UNKNOWN)
    present = protein.atom_mask[:, [N, CA, C, CB]].all(axis=1) & has_cb
    return present & (_volume(np.asarray(protein.positions, np.float64)) * _volume(_ALANINE[None]) < 0)


def _volume(x: np.ndarray) -> np.ndarray:
    """Of the parallelepiped that the bonds of CA span; its sign is the handedness. `x` is [N_res 37 3]."""
    n, c, cb = (x[:, column] - x[:, CA] for column in (N, C, CB))
    return np.sum(np.cross(n, c) * cb, axis=-1)


_ALANINE = np.zeros([37, 3])
_ALANINE[ATOM14_TO_ATOM37[CODES["A"]][:5]] = ATOM14_LOCAL[CODES["A"]][:5]
