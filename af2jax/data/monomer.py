"""What one residue of a structure file is to us: its type, and its observed atoms.

- alternate locations: the conformer of highest mean occupancy; atoms that it leaves out, from the best of the others;
- hydrogens and atoms of occupancy 0 are dropped: the latter were not observed;
- modified residues: their parent, where gemmi's table knows one of the 20 types, with the atoms that the parent has;
  selenium of MSE is sulphur. Modified residues without CA (chromophores) keep no atom. Names that force fields give
  to protonation states and bonded forms (HID, CYX, ...) are those of their residues, in PDB files;
- D-amino acids: X without atoms, so that the numbering stays whole and no mirrored frame is learnt from;
- UNK, caps (ACE, NH2) and whatever has no parent: X, with no atoms but N, CA, C, O, CB and OXT;
- arginine whose NH2 is nearer to CD than NH1: the two names are exchanged, as in AlphaFold's own reader.
"""

import math

import gemmi
import numpy as np

from af2jax.constants.atoms import ATOM37, ATOM37_INDEX, ATOM37_MASK, CA, CB, C, N, O
from af2jax.constants.residues import CODES, RESTYPES, UNKNOWN
from af2jax.data.parse import printable
from af2jax.errors import InputError
from af2jax.typing import Bool, Float

OXT = ATOM37_INDEX["OXT"]
KEPT = ATOM37_MASK.copy()  # [21 37] the atoms that are read for each residue type
KEPT[UNKNOWN, [N, CA, C, O, CB]] = True
KEPT[:, OXT] = True
FORCE_FIELDS = {
    **dict.fromkeys(["HID", "HIE", "HIP", "HSD", "HSE", "HSP"], "HIS"),
    **dict.fromkeys(["CYX", "CYM"], "CYS"),
    "ASH": "ASP",
    "GLH": "GLU",
    "LYN": "LYS",
}
FARTHEST = 1e6  # angstrom; coordinates beyond are errors


def code(name: str) -> int:
    """The code of a residue name's type or of its parent's; X where there is none, and for D-amino acids."""
    info = gemmi.find_tabulated_residue(name)
    letter = info.one_letter_code.upper()
    known = info.is_amino_acid() and info.kind != gemmi.ResidueKind.AAD and letter in RESTYPES
    return CODES[letter] if known else UNKNOWN


def atoms(residue: gemmi.Residue, aatype: int, where: str) -> tuple[Float[np.ndarray, "37 3"], Bool[np.ndarray, " 37"]]:
    """Positions float32 [37 3], in angstrom, and mask bool [37] of what was observed of a residue of type `aatype`.

    Raises:
        InputError: an atom has no finite position or occupancy; `where` says in which chain.
    """
    positions, mask = np.zeros((len(ATOM37), 3), np.float32), np.zeros(len(ATOM37), bool)
    info = gemmi.find_tabulated_residue(residue.name)
    if info.kind == gemmi.ResidueKind.AAD:
        return positions, mask
    for name, atom in _conformer(residue, where).items():
        column = ATOM37_INDEX.get("SD" if (residue.name, name) == ("MSE", "SE") else name)
        if column is not None and KEPT[aatype, column]:
            if not all(abs(x) < FARTHEST for x in atom.pos.tolist()):  # so is NaN
                raise InputError(f"{where}: atom {name} of {_named(residue)} has no position in space; correct it")
            positions[column], mask[column] = atom.pos.tolist(), True
    positions += 0.0  # a file's -0.000 is 0
    if not info.is_standard() and not mask[CA]:
        return np.zeros_like(positions), np.zeros_like(mask)
    return _name_arginine(positions, mask) if aatype == CODES["R"] else (positions, mask)


def _conformer(residue: gemmi.Residue, where: str) -> dict[str, gemmi.Atom]:
    """The observed heavy atoms by name, of the alternate location of highest mean occupancy wherever it has them."""
    for atom in residue:
        if math.isnan(atom.occ):
            raise InputError(
                f"{where}: the occupancy of atom {printable(atom.name)} of {_named(residue)} is not a number; "
                "correct it"
            )
    atoms = [atom for atom in residue if atom.occ > 0 and not atom.is_hydrogen()]
    occupancies: dict[str, list[float]] = {}
    for atom in atoms:
        occupancies.setdefault(atom.altloc, []).append(atom.occ)
    occupancies.pop("\0", None)
    chosen = max(occupancies, key=lambda alt: (np.mean(occupancies[alt]), len(occupancies[alt])), default="\0")
    best: dict[str, gemmi.Atom] = {}
    for atom in atoms:
        other = best.get(atom.name)
        if other is None or (atom.altloc == chosen, atom.occ) > (other.altloc == chosen, other.occ):
            best[atom.name] = atom
    return best


def _name_arginine(positions: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """NH1 is the one nearer to CD."""
    cd, one, two = (ATOM37_INDEX[name] for name in ("CD", "NH1", "NH2"))
    distance = np.linalg.norm(positions[[one, two]] - positions[cd], axis=1)
    if mask[[cd, one, two]].all() and distance[0] > distance[1]:
        positions[[one, two]] = positions[[two, one]]
    return positions, mask


def _named(residue: gemmi.Residue) -> str:
    return printable(f"{residue.name} {residue.seqid}")
