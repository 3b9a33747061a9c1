"""Ideal bond lengths, bond angles and radii with their spread (angstrom, radians), by three-letter residue name."""

import math
from dataclasses import dataclass

from af2jax.constants.read import rows
from af2jax.constants.residues import ONE_TO_THREE


@dataclass(frozen=True)
class Bond:
    """A bond of one residue type: its two atoms, mean length and standard deviation in angstrom."""

    atoms: tuple[str, str]
    length: float
    stddev: float


@dataclass(frozen=True)
class Angle:
    """A bond angle of one residue type: its three atoms (the vertex second), mean and standard deviation in radians."""

    atoms: tuple[str, str, str]
    angle: float
    stddev: float


@dataclass(frozen=True)
class Spread:
    """A mean and its standard deviation."""

    mean: float
    stddev: float


BONDS: dict[str, list[Bond]] = {name: [] for name in ONE_TO_THREE.values()}
for _name, _a, _b, _length, _stddev in rows("bonds"):
    BONDS[_name].append(Bond((_a, _b), float(_length), float(_stddev)))

ANGLES: dict[str, list[Angle]] = {name: [] for name in ONE_TO_THREE.values()}
for _name, _a, _b, _c, _angle, _stddev in rows("angles"):
    ANGLES[_name].append(Angle((_a, _b, _c), math.radians(float(_angle)), math.radians(float(_stddev))))

RADII = {element: float(radius) for element, radius in rows("radii")}  # van der Waals, by element

# The bond between residues i and i + 1: length, and the cosines of its two angles.
_peptide = {(quantity, after): Spread(float(mean), float(stddev)) for quantity, after, mean, stddev in rows("peptide")}
LENGTH_C_N = _peptide["length_c_n", "*"]
LENGTH_C_N_PRO = _peptide["length_c_n", "PRO"]  # residue i + 1 is proline
COS_C_N_CA = _peptide["cos_c_n_ca", "*"]
COS_CA_C_N = _peptide["cos_ca_c_n", "*"]

# What counts as a structural violation (supplement, section 1.9.11).
OVERLAP = 1.5  # angstrom by which the spheres of two atoms may overlap
TOLERANCE = 12.0  # standard deviations by which a bond or angle may be off
