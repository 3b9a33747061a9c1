"""Small mmCIF and PDB files of our own: extended chains of backbone atoms, to be changed atom by atom."""

import gzip
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from tests.losses.examples import place

TYPES = "ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL UNK"
NAMES = dict(zip("ARNDCQEGHILKMFPSTWYVX", TYPES.split(), strict=True))
COLUMNS = (
    "group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id label_entity_id label_seq_id "
    "pdbx_PDB_ins_code Cartn_x Cartn_y Cartn_z occupancy B_iso_or_equiv auth_seq_id auth_asym_id pdbx_PDB_model_num"
)


@dataclass(frozen=True)
class Atom:
    """A line of coordinates."""

    name: str
    residue: str
    number: int
    position: tuple[float, ...]
    label: int | str = "."  # the position in the full sequence, from 1
    chain: str = "A"
    entity: int = 1
    label_chain: str | None = None
    alt: str = " "
    occupancy: float = 1.0
    icode: str = " "
    record: str = "ATOM"
    element: str | None = None


@cache
def backbone(num: int) -> np.ndarray:
    """[num 5 3] N, CA, C, O, CB of an extended chain."""
    phi, psi, points = np.deg2rad(-120), np.deg2rad(130), []
    n, ca, c = np.array([-0.525, 1.363, 0.0]), np.zeros(3), np.array([1.526, 0.0, 0.0])
    for _ in range(num):
        cb = place(c, n, ca, 1.53, np.deg2rad(110.5), np.deg2rad(-122.5))
        points.append([n, ca, c, place(n, ca, c, 1.23, np.deg2rad(120.5), psi - np.pi), cb])
        n = place(n, ca, c, 1.329, np.arccos(-0.4473), psi)
        ca, before = place(ca, c, n, 1.46, np.arccos(-0.5203), np.pi), c
        c = place(before, n, ca, 1.525, np.deg2rad(111), phi)
    return np.array(points)


def peptide(sequence: str | list[str], first: int = 1, chain: str = "A", **fields) -> list[Atom]:
    """Backbone and CB of each residue (letters, or three-letter names), numbered from `first`."""
    points, out = backbone(40), []
    for i, letter in enumerate(sequence):
        name = NAMES.get(letter, letter)
        for atom, position in zip(["N", "CA", "C", "O", "CB"], points[i], strict=True):
            if (name, atom) != ("GLY", "CB"):
                out.append(Atom(atom, name, first + i, tuple(position), label=i + 1, chain=chain, **fields))
    return out


def change(atoms: list[Atom], where: Callable[[Atom], bool] = lambda atom: True, **fields) -> list[Atom]:
    """The atoms, some with other fields."""
    return [replace(atom, **fields) if where(atom) else atom for atom in atoms]


def without(atoms: list[Atom], *numbers: int) -> list[Atom]:
    """The atoms of the other residues."""
    return [atom for atom in atoms if atom.number not in numbers]


def pdb_line(atom: Atom, serial: int = 1) -> str:
    """One record, without line feed."""
    x, y, z = atom.position
    name = atom.name if len(atom.name) == 4 else f" {atom.name:<3}"
    element = atom.element or atom.name[0]
    return (
        f"{atom.record:<6}{serial:5d} {name}{atom.alt}{atom.residue:>3} {atom.chain}{atom.number:4d}{atom.icode}   "
        f"{x:8.3f}{y:8.3f}{z:8.3f}{atom.occupancy:6.2f}{20:6.2f}          {element:>2}"
    )


def pdb(
    atoms: Iterable[Atom], seqres: dict[str, list[str] | str] | None = None, head: str = "", ter: bool = True
) -> str:
    """A PDB file, with TER where the chain changes and at the end."""
    out = [head.rstrip("\n")] if head else []
    for chain, names in (seqres or {}).items():
        names = [NAMES.get(name, name) for name in names]
        for i in range(0, len(names), 13):
            row = " ".join(f"{name:>3}" for name in names[i : i + 13])
            out.append(f"SEQRES {i // 13 + 1:3d} {chain} {len(names):4d}  {row}")
    before = None
    for serial, atom in enumerate(atoms, 1):
        if ter and before not in (None, atom.chain):
            out.append("TER")
        out.append(pdb_line(atom, serial))
        before = atom.chain
    return "\n".join([*out, *(["TER"] if ter else []), "END", ""])


def cif(
    atoms: Iterable[Atom],
    sequences: dict[int, list[str] | str] | None = None,
    kinds: dict[int, str] | None = None,
    extra: str = "",
    model: Callable[[Atom], int] = lambda atom: 1,
) -> str:
    """An mmCIF file; `sequences` by entity, variants joined by ","; `kinds` of polymers, else polypeptide(L)."""
    atoms, sequences = list(atoms), sequences or {}
    entities = sorted({atom.entity for atom in atoms} | set(sequences))
    out = ["data_test", "loop_", "_entity.id", "_entity.type", *(f"{e} polymer" for e in entities)]
    out += ["loop_", "_entity_poly.entity_id", "_entity_poly.type"]
    out += [f"{e} {(kinds or {}).get(e, 'polypeptide(L)')}" for e in entities]
    if sequences:
        out += ["loop_", *(f"_entity_poly_seq.{x}" for x in ("entity_id", "num", "mon_id"))]
        for entity, names in sequences.items():
            for i, name in enumerate(names, 1):
                out += [f"{entity} {i} {NAMES.get(variant, variant)}" for variant in name.split(",")]
    out += [extra.strip(), "loop_", *(f"_atom_site.{column}" for column in COLUMNS.split())]
    for serial, a in enumerate(atoms, 1):
        blank = lambda x: x.strip() or "."
        x, y, z = a.position
        out.append(
            f"{a.record} {serial} {a.element or a.name[0]} {a.name} {blank(a.alt)} {a.residue} "
            f"{a.label_chain or a.chain} {a.entity} {a.label} {a.icode.strip() or '?'} {x:.3f} {y:.3f} {z:.3f} "
            f"{a.occupancy} 20.0 {a.number} {a.chain} {model(a)}"
        )
    return "\n".join([*out, "#", ""])


def save(folder: Path, text: str, name: str | None = None) -> Path:
    """Writes a file; names that end in .gz are compressed."""
    path = folder / (name or ("test.cif" if text.startswith("data_") else "test.pdb"))
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path
