"""Made-up peptides of ideal geometry to be relaxed, and ways to spoil them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from af2jax.constants.atoms import ATOM37_INDEX
from af2jax.constants.residues import UNKNOWN
from af2jax.protein.files import Protein
from tests.losses import examples


def peptide(sequence: str = examples.SEQUENCE, seed: int = 1) -> Protein:
    """An extended chain with every atom, the terminal OXT apart."""
    d = examples.dictionary(len(sequence), seed, missing=0.0, sequence=sequence)
    num = len(sequence)
    return Protein(
        aatype=d["aatype"],
        positions=d["all_atom_positions"].astype(np.float32),
        atom_mask=d["all_atom_mask"] > 0,
        residue_index=d["residue_index"] + 4,
        chain_index=np.zeros(num, int),
        plddt=np.linspace(40, 90, num).astype(np.float32),
        name="q",
        notes=("a note",),
    )


def changed(protein: Protein, change: Callable[[np.ndarray], np.ndarray]) -> Protein:
    """The protein with other positions."""
    return replace(protein, positions=change(protein.positions.copy()).astype(np.float32))


def noisy(protein: Protein, scale: float, seed: int = 0) -> Protein:
    """Every atom moved at random, `scale` angstrom in each direction."""
    noise = np.random.default_rng(seed).normal(scale=scale, size=protein.positions.shape)
    return changed(protein, lambda x: x + noise * protein.atom_mask[..., None])


def put(protein: Protein, atom: tuple[int, str], onto: tuple[int, str], by: float = 0.0) -> Protein:
    """One atom put `by` angstrom beside another, on x."""
    x = protein.positions.copy()
    x[atom[0], ATOM37_INDEX[atom[1]]] = x[onto[0], ATOM37_INDEX[onto[1]]] + [by, 0, 0]
    return replace(protein, positions=x.astype(np.float32))


def rows(protein: Protein, index) -> Protein:
    """Some residues of a protein."""
    names = ("aatype", "positions", "atom_mask", "residue_index", "chain_index", "plddt")
    return replace(protein, **{name: getattr(protein, name)[index] for name in names})


def without(protein: Protein, *atoms: tuple[int, str]) -> Protein:
    """Some atoms absent; their places hold NaN."""
    x, mask = protein.positions.copy(), protein.atom_mask.copy()
    for row, name in atoms:
        x[row, ATOM37_INDEX[name]], mask[row, ATOM37_INDEX[name]] = np.nan, False
    return replace(protein, positions=x, atom_mask=mask)


def unknown_at(protein: Protein, *where: int) -> Protein:
    """Some residues of no known type, which have no atoms."""
    aatype = protein.aatype.copy()
    aatype[list(where)] = UNKNOWN
    return replace(protein, aatype=aatype, atom_mask=protein.atom_mask & (aatype != UNKNOWN)[:, None])


def together(*proteins: Protein) -> Protein:
    """Several chains as one protein."""
    names = ("aatype", "positions", "atom_mask", "residue_index", "plddt")
    joined = {name: np.concatenate([getattr(p, name) for p in proteins]) for name in names}
    return replace(
        proteins[0], **joined, chain_index=np.repeat(range(len(proteins)), [len(p.aatype) for p in proteins])
    )


def facing(*distances: float) -> Protein:
    """GCG and, for each distance, a copy turned about whose SG is that far from the first one's, in angstrom."""
    one = peptide("GCG")
    sulfur, carbon = (one.positions[1, ATOM37_INDEX[name]].astype(np.float64) for name in ("SG", "CB"))
    out = (sulfur - carbon) / np.linalg.norm(sulfur - carbon)
    side = np.cross(out, [0, 0, 1.0])
    side /= np.linalg.norm(side)
    half_turn = 2 * np.outer(side, side) - np.eye(3)
    copies = [one]
    for distance, direction in zip(distances, (out, side), strict=False):
        place = (one.positions - sulfur) @ half_turn + sulfur + distance * direction
        copies.append(replace(one, positions=(place * one.atom_mask[..., None]).astype(np.float32)))
    return together(*copies)
