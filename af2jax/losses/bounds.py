"""How near and how far two atoms of one residue may be, from ideal bonds, angles and radii."""

import numpy as np

from af2jax.constants.atoms import ATOM14_NAMES, NUM_TYPES
from af2jax.constants.chemistry import ANGLES, BONDS, OVERLAP, RADII, TOLERANCE
from af2jax.constants.residues import ONE_TO_THREE, RESTYPES

RADIUS = np.array([[RADII[name[0]] if name else 0 for name in names] for names in ATOM14_NAMES])  # [21 14] angstrom


def _distances(name: str) -> dict[tuple[str, str], tuple[float, float]]:
    """Mean and standard deviation of the distance of atoms that share a bond or an angle, by their names."""
    bonds = {frozenset(bond.atoms): bond for bond in BONDS[name]}
    found = {bond.atoms: (bond.length, bond.stddev) for bond in BONDS[name]}
    for angle in ANGLES[name]:
        a, vertex, c = angle.atoms
        one, two = bonds[frozenset((a, vertex))], bonds[frozenset((vertex, c))]
        sin, cos = np.sin(angle.angle), np.cos(angle.angle)
        length = np.sqrt(one.length**2 + two.length**2 - 2 * one.length * two.length * cos)
        slopes = one.length - two.length * cos, two.length - one.length * cos, one.length * two.length * sin
        spreads = one.stddev, two.stddev, angle.stddev
        found[a, c] = length, np.linalg.norm(np.multiply(slopes, spreads)) / length  # first order
    return found


def _bounds() -> tuple[np.ndarray, np.ndarray]:
    radius = RADIUS.astype(np.float64)
    lower = radius[:, :, None] + radius[:, None] - OVERLAP
    upper = np.full([NUM_TYPES, 14, 14], np.inf)
    for code, letter in enumerate(RESTYPES):
        for atoms, (mean, stddev) in _distances(ONE_TO_THREE[letter]).items():
            i, j = (ATOM14_NAMES[code].index(atom) for atom in atoms)
            lower[code, [i, j], [j, i]] = mean - TOLERANCE * stddev
            upper[code, [i, j], [j, i]] = mean + TOLERANCE * stddev
    return lower, upper


LOWER, UPPER = _bounds()  # [21 14 14] angstrom; without meaning where an atom is absent and on the diagonal
