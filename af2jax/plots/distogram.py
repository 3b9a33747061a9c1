"""The distogram: distances that the network expects, and whether its structure agrees."""

import os
from pathlib import Path

import numpy as np

from af2jax.constants.atoms import CA, CB
from af2jax.plots import figure
from af2jax.plots.residues import mark, remarks
from af2jax.protein.files import Protein

CONTACT = 8.0  # angstrom between CB atoms
APART = 6  # residues along one chain, from which a contact says something of the fold


def distogram(path: str | os.PathLike, protein: Protein, distances: np.ndarray, contacts: np.ndarray) -> Path:
    """A PNG of expected distances (angstrom), and of contacts by the distogram above those of the structure.

    Args:
        distances: float [N_res N_res].
        contacts: float [N_res N_res], probabilities.
    """
    built = _distances(protein) < CONTACT
    caption = (
        f"Distogram of {protein.name}, of rank 1. Left: the expected distance of CB atoms (CA of glycine); the "
        "distogram does not tell distances above 22 angstrom apart. Right, above the diagonal: its probability that "
        "they are within 8 angstrom; below the diagonal: the pairs that are so in the structure. "
        f"{_follows(protein, contacts, built)}{remarks(protein)}"
    )
    out, (left, right) = figure.new(8.6, 3.7, caption, 2)
    size = len(distances)
    extent = (0.5, size + 0.5, size + 0.5, 0.5)
    image = left.imshow(distances, cmap="viridis_r", vmin=2, vmax=22, extent=extent)
    out.colorbar(image, ax=left, label="expected distance (angstrom)")
    both = np.where(np.tri(size, dtype=bool), built, contacts)
    image = right.imshow(both, cmap="Blues", vmin=0, vmax=1, extent=extent)
    out.colorbar(image, ax=right, label="contact (probability)")
    right.axline((1, 1), slope=1, color="black", linewidth=0.5)
    for axis in (left, right):
        mark(axis, protein, square=True)
        axis.set_ylabel(axis.get_xlabel())
    return figure.save(out, path)


def _distances(protein: Protein) -> np.ndarray:
    """Between the CB atoms of the structure, CA where there is none."""
    atom = np.where(protein.atom_mask[:, CB], CB, CA)
    x = protein.positions[np.arange(len(atom)), atom]
    return np.sqrt(((x[:, None] - x[None]) ** 2).sum(-1))


def _follows(protein: Protein, contacts: np.ndarray, built: np.ndarray) -> str:
    """Whether the two agree, over contacts that say something of the fold."""
    number, chain = protein.residue_index, protein.chain_index
    far = (np.abs(number[:, None] - number[None]) >= APART) | (chain[:, None] != chain[None])
    likely = np.triu(far & (contacts > 0.5))
    if not likely.any():
        return f"No contact {APART} or more residues apart is likely (above 0.5): the network sees no fold."
    share = built[likely].mean()
    verdict = "the two agree" if share >= 0.8 else "they disagree: distrust the structure there"
    return (
        f"Of {likely.sum()} likely contacts (above 0.5, {APART} or more residues apart or of two chains) the structure "
        f"has {share:.0%}: {verdict}."
    )
