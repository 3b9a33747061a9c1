"""A small labelled data set of proteins that do not exist, made from ideal geometry: for demonstrations and tests.

Helices, hairpins and loops are laid out from ideal torsion angles, and the sequence tells of them: each kind of
residue has its favoured letters, and a part of all letters is drawn at random. Nothing here was ever measured; every
file, title and row says "synthetic".
"""

import csv
import io
import os
from pathlib import Path
from typing import NamedTuple

import gemmi
import jax
import jax.numpy as jnp
import numpy as np

from af2jax.constants.atoms import ATOM37_MASK, CA, C, N
from af2jax.constants.chemistry import COS_C_N_CA, COS_CA_C_N, LENGTH_C_N
from af2jax.constants.residues import CODES, RESTYPES, encode
from af2jax.data import splits
from af2jax.errors import InputError
from af2jax.files import write
from af2jax.protein import atoms
from af2jax.protein.files import Protein
from af2jax.protein.frames import backbone_frames

MANIFEST = "synthetic.csv"
TITLE = "synthetic: a protein that does not exist, made from ideal torsion angles"
FAVOURED = {"H": "AELKQMR", "E": "VIYFTW", "C": "GNPDS"}
NOISE = 0.2  # of the letters are drawn from all
LENGTHS = 24, 48  # residues

# (phi, psi) in degrees; the residues of a loop take any of several, and "g" and "t" make the turn of a hairpin.
TORSIONS = {"H": [(-62, -43)], "E": [(-120, 135)], "C": [(-70, 145), (-85, -10), (-65, -35)]}
TURN = [(60, 30), (90, 0)]  # type I'
SPREAD = 6.0  # standard deviation of all torsions, degrees
CHI = np.array([-60.0, 180.0, 60.0])
PROLINE_CHI = (-25.0, 35.0)  # closes the ring
LENGTH_N_CA, LENGTH_CA_C, ANGLE_N_CA_C = 1.459, 1.525, np.deg2rad(111.0)
NEAREST = 3.6  # angstrom between CA atoms that do not follow each other, at least
ROTAMERS = 12  # draws of all side chains, of which each residue takes the roomiest


class Fold(NamedTuple):
    """The plan of a chain."""

    kinds: str  # "H", "E" or "C" for each residue
    torsions: np.ndarray  # [N_res 2] phi and psi, degrees


def make(folder: str | os.PathLike, num: int = 64, seed: int = 0) -> Path:
    """Writes `num` proteins of 24 to 48 residues as mmCIF, and the table of them; returns the table's path.

    Its labels: `ss`, a letter for each residue (H helix, E strand, C loop), `helix`, the fraction of residues in
    helices, and `rg`, the radius of gyration of the CA atoms in angstrom. Homologues share a split.

    Raises:
        InputError: `num` is below 8, or `seed` below 0.
    """
    if num < 8 or seed < 0:
        raise InputError(f"{num} synthetic proteins of seed {seed}: give 8 or more, and a seed of 0 or more")
    folder = Path(folder)
    rng = np.random.default_rng(seed)
    found: list[tuple[Fold, str, np.ndarray]] = []
    while len(found) < num:
        fold = _fold(rng)
        backbone = _backbone(fold)
        if backbone is not None:
            sequence = _sequence(rng, fold)
            draws = _all_atoms(rng, encode(sequence), backbone, fold)
            found.append((fold, sequence, _roomiest(draws, encode(sequence))))
    sequences = [sequence for _, sequence, _ in found]
    parts = splits.split(sequences, splits.clusters(sequences), seed)
    rows = []
    for i, (fold, sequence, positions) in enumerate(found):
        name = f"synthetic_{i:03d}"
        write(folder / "structures" / f"{name}.cif", _mmcif(name, encode(sequence), positions))
        ca = positions[:, CA]
        rows.append(
            {
                "id": name,
                "file": f"structures/{name}.cif",
                "sequence": sequence,
                "ss": fold.kinds,
                "helix": f"{fold.kinds.count('H') / len(fold.kinds):.3f}",
                "rg": f"{np.sqrt(((ca - ca.mean(0)) ** 2).sum(-1).mean()):.2f}",
                "split": parts[i],
                "source": "synthetic",
            }
        )
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return write(folder / MANIFEST, text.getvalue())


def _fold(rng: np.random.Generator) -> Fold:
    """Helices and hairpins with loops between them, of a random length."""
    kinds, torsions = "", []

    def add(kind: str, num: int, angles=None):
        nonlocal kinds
        kinds += kind * num
        choices = angles or TORSIONS[kind]
        torsions.extend(angles or [choices[rng.integers(len(choices))] for _ in range(num)])

    length = int(rng.integers(LENGTHS[0], LENGTHS[1] + 1))
    while len(kinds) < length:
        add("C", int(rng.integers(2, 5)))
        if rng.random() < 0.5:
            add("H", int(rng.integers(8, 15)))
        else:
            strand = int(rng.integers(4, 8))
            add("E", strand)
            add("C", len(TURN), TURN)
            add("E", strand)
    angles = np.array(torsions[:length], float)
    return Fold(kinds[:length], angles + rng.normal(size=angles.shape) * SPREAD)


def _sequence(rng: np.random.Generator, fold: Fold) -> str:
    """Favoured letters of each kind, some noise, glycine in turns, and no proline where its ring does not fit."""
    out = []
    for kind, (phi, _) in zip(fold.kinds, fold.torsions, strict=True):
        letters = RESTYPES if rng.random() < NOISE else FAVOURED[kind]
        letters = "GN" if phi > 0 else letters if -90 < phi < -45 and kind == "C" else letters.replace("P", "")
        out.append(letters[rng.integers(len(letters))])
    return "".join(out)


def _backbone(fold: Fold) -> np.ndarray | None:
    """[N_res 3 3] N, CA and C in angstrom; None where the chain runs into itself."""
    phi, psi = np.deg2rad(fold.torsions.T)
    n, ca = np.array([LENGTH_N_CA, 0.0, 0.0]), np.zeros(3)
    c = LENGTH_CA_C * np.array([np.cos(ANGLE_N_CA_C), np.sin(ANGLE_N_CA_C), 0.0])
    points = [[n, ca, c]]
    for i in range(1, len(phi)):
        n, before = _place(n, ca, c, LENGTH_C_N.mean, np.arccos(COS_CA_C_N.mean), psi[i - 1]), c
        ca = _place(ca, c, n, LENGTH_N_CA, np.arccos(COS_C_N_CA.mean), np.pi)
        c = _place(before, n, ca, LENGTH_CA_C, ANGLE_N_CA_C, phi[i])
        points.append([n, ca, c])
    trace = np.array(points)[:, 1]
    far = np.linalg.norm(trace[:, None] - trace, axis=-1) >= NEAREST
    apart = np.abs(np.subtract.outer(np.arange(len(trace)), np.arange(len(trace)))) > 1
    return np.array(points) if far[apart].all() else None


def _place(a: np.ndarray, b: np.ndarray, c: np.ndarray, length: float, angle: float, dihedral: float) -> np.ndarray:
    """The atom at `length` from c, at `angle` to b and at `dihedral` to a; angstrom and radians."""
    bond = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, bond)
    normal /= np.linalg.norm(normal)
    turned = np.sin(angle) * (np.cos(dihedral) * np.cross(normal, bond) + np.sin(dihedral) * normal)
    return c + length * (turned - np.cos(angle) * bond)


def _all_atoms(rng: np.random.Generator, aatype: np.ndarray, backbone: np.ndarray, fold: Fold) -> np.ndarray:
    """[ROTAMERS N_res 37 3]: a backbone with its side chains, drawn several times."""
    num, most = len(aatype), LENGTHS[1]  # padded to one shape: one compilation
    types, known = np.zeros(most, np.int32), np.zeros((most, 37, 3), np.float32)
    types[:num], known[:num, [N, CA, C]] = aatype, backbone
    angles = np.zeros((ROTAMERS, most, 7))
    angles[..., 0], angles[:, :num, 1:3] = 180, fold.torsions
    angles[..., 3:] = CHI[rng.integers(3, size=(ROTAMERS, most, 4))] + rng.normal(size=(ROTAMERS, most, 4)) * SPREAD
    angles[:, types == CODES["P"], 3:5] = PROLINE_CHI
    angles = np.deg2rad(angles)
    sin_cos = np.stack([np.sin(angles), np.cos(angles)], axis=-1).astype(np.float32)
    return np.asarray(_placed(types, known, sin_cos))[:, :num]


@jax.jit
def _placed(types: jax.Array, known: jax.Array, sin_cos: jax.Array) -> jax.Array:
    """Every atom of the backbones `known`, for each draw of torsions."""
    frames, _ = backbone_frames(known, jnp.ones(known.shape[:2], bool))

    def one(angles):
        return atoms.atom14_to_atom37(atoms.atom14(types, atoms.groups(types, frames, angles)), types)

    return jax.vmap(one)(sin_cos)


def _roomiest(draws: np.ndarray, aatype: np.ndarray) -> np.ndarray:
    """[N_res 37 3]: from the first residue on, of each the side chain that is farthest from all that stands."""
    out, there = draws[0].copy(), ATOM37_MASK[aatype]
    side = there & (np.arange(37) > C) & (np.arange(37) != 4)  # without N, CA, C and O
    stands = there & ~side
    for i in range(len(aatype)):
        if side[i].any():
            others = stands.copy()
            others[i] = False
            apart = np.linalg.norm(draws[:, i, side[i]][:, :, None] - out[others], axis=-1)
            out[i] = draws[apart.min((1, 2)).argmax(), i]
            stands[i] |= side[i]
    return out


def _mmcif(name: str, aatype: np.ndarray, positions: np.ndarray) -> str:
    num = len(aatype)
    zeros = np.zeros(num, np.int32)
    protein = Protein(aatype, positions, ATOM37_MASK[aatype], np.arange(num), zeros, zeros.astype(float), name)
    structure = protein.structure()
    structure.name, structure.info["_struct.title"] = name, TITLE
    groups = gemmi.MmcifOutputGroups(True, auth_all=True, cell=False, symmetry=False)
    return structure.make_mmcif_document(groups).as_string()
