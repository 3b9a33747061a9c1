"""Atoms of the 20 residue types as arrays by residue code; row 20 is X, which has no atoms.

Two layouts hold the heavy atoms of a residue: atom37, one column for each atom name, and atom14, the atoms that the
residue has, packed. The 8 rigid groups of a residue (supplement, Table 2) are 0 backbone, 1 pre-omega, 2 phi, 3 psi and
4 to 7 chi 1 to 4: sets of atoms that move as one when a torsion turns. Groups 1 and 2 hold no heavy atoms.

All arrays are NumPy and derived from `rigid_groups.tsv` and `chi_angles.tsv`; lengths are in angstrom.
"""

import numpy as np

from af2jax.constants.read import rows
from af2jax.constants.residues import CODES, THREE_TO_ONE

_NAMES = (
    "N CA C CB O CG CG1 CG2 OG OG1 SG CD CD1 CD2 ND1 ND2 OD1 OD2 SD CE CE1 CE2 CE3 NE NE1 NE2 OE1 OE2 CH2 NH1 NH2 OH "
    "CZ CZ2 CZ3 NZ OXT"
)
ATOM37 = tuple(_NAMES.split())
ATOM37_INDEX = {name: index for index, name in enumerate(ATOM37)}
N, CA, C, CB, O = (ATOM37_INDEX[name] for name in ("N", "CA", "C", "CB", "O"))  # noqa: E741
NUM_TYPES = 21

_atom14: list[list[str]] = [[] for _ in range(NUM_TYPES)]
ATOM14_MASK = np.zeros([NUM_TYPES, 14], bool)  # the residue type has this atom
ATOM14_GROUP = np.zeros([NUM_TYPES, 14], np.int32)  # the rigid group that moves the atom
ATOM14_LOCAL = np.zeros([NUM_TYPES, 14, 3], np.float32)  # its ideal position in the frame of that group
ATOM14_TO_ATOM37 = np.zeros([NUM_TYPES, 14], np.int32)  # its column in atom37; 0 where absent
ATOM37_TO_ATOM14 = np.zeros([NUM_TYPES, 37], np.int32)  # the inverse; 0 where absent
ATOM37_MASK = np.zeros([NUM_TYPES, 37], bool)
CHI_ATOMS = np.zeros([NUM_TYPES, 4, 4], np.int32)  # the four atoms of a torsion, columns of atom37; 0 where undefined
CHI_MASK = np.zeros([NUM_TYPES, 4], bool)
CHI_PI_PERIODIC = np.zeros([NUM_TYPES, 4], bool)  # half a turn gives the same molecule with two names exchanged
GROUP_FRAMES = np.zeros([NUM_TYPES, 8, 4, 4], np.float32)  # a group at torsion 0 in its parent; 0 where undefined
ATOM14_SWAP = np.tile(np.arange(14, dtype=np.int32), [NUM_TYPES, 1])  # the renaming of a pi-periodic chi, a permutation


def _read_atoms() -> np.ndarray:
    """Fills the ATOM arrays; returns the ideal positions as float64 [21 37 3]."""
    local = np.zeros([NUM_TYPES, 37, 3])
    for residue, atom, group, *xyz in rows("rigid_groups"):
        code, column = CODES[THREE_TO_ONE[residue]], ATOM37_INDEX[atom]
        slot = len(_atom14[code])
        _atom14[code].append(atom)
        local[code, column] = [float(v) for v in xyz]
        ATOM14_MASK[code, slot] = ATOM37_MASK[code, column] = True
        ATOM14_GROUP[code, slot] = int(group)
        ATOM14_LOCAL[code, slot] = local[code, column]
        ATOM14_TO_ATOM37[code, slot] = column
        ATOM37_TO_ATOM14[code, column] = slot
    return local


def _read_chi() -> None:
    """Fills the CHI arrays and ATOM14_SWAP: in a pi-periodic group, names that end in 1 and 2 exchange."""
    for residue, chi, *atoms, pi_periodic in rows("chi_angles"):
        code, index = CODES[THREE_TO_ONE[residue]], int(chi) - 1
        CHI_ATOMS[code, index] = [ATOM37_INDEX[atom] for atom in atoms]
        CHI_MASK[code, index] = True
        CHI_PI_PERIODIC[code, index] = pi_periodic == "1"
        if pi_periodic == "1":
            names, swap = _atom14[code], {"1": "2", "2": "1"}
            for slot in np.flatnonzero(ATOM14_GROUP[code] == 4 + index):
                stem, last = names[slot][:-1], names[slot][-1]
                ATOM14_SWAP[code, slot] = names.index(stem + swap.get(last, last))


def _frame(x_axis: np.ndarray, xy_plane: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """[4 4] homogeneous matrix of the frame with these directions and origin (Gram-Schmidt)."""
    x = x_axis / np.linalg.norm(x_axis)
    y = xy_plane - (xy_plane @ x) * x
    y = y / np.linalg.norm(y)
    frame = np.eye(4)
    frame[:3] = np.stack([x, y, np.cross(x, y), origin], axis=1)
    return frame


def _derive_frames(local: np.ndarray) -> None:
    """Fills GROUP_FRAMES from the ideal positions. The parent of chi 2 to 4 is the chi before; else group 0."""
    for code in range(NUM_TYPES - 1):
        n, ca, c = local[code, [N, CA, C]]
        GROUP_FRAMES[code, 0] = GROUP_FRAMES[code, 1] = np.eye(4)
        GROUP_FRAMES[code, 2] = _frame(n - ca, np.array([1.0, 0.0, 0.0]), n)
        GROUP_FRAMES[code, 3] = _frame(c - ca, ca - n, c)
        for chi in np.flatnonzero(CHI_MASK[code]):
            before, start, end, _ = local[code, CHI_ATOMS[code, chi]]
            if chi > 0:  # in its parent's frame the bond starts at the origin, and the atom before lies on -x
                before, start = np.array([-1.0, 0.0, 0.0]), np.zeros(3)
            GROUP_FRAMES[code, 4 + chi] = _frame(end - start, before - start, end)


_local = _read_atoms()
_read_chi()
_derive_frames(_local)
ATOM14_NAMES = tuple(tuple(names + [""] * (14 - len(names))) for names in _atom14)  # "" where absent
