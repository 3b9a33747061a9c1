"""Residues in captions and on axes: their numbers, and the chains that they belong to."""

import itertools
from typing import TYPE_CHECKING

import numpy as np

from af2jax.plots.render import plain
from af2jax.protein.files import Protein
from af2jax.words import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RANGES = 6  # named in a caption
NAMED = 0.035  # part of all residues, below which there is no room for the name of a chain
NAME = 8  # letters of one


def ranges(protein: Protein, chosen: np.ndarray) -> str:
    """The chosen residues (bool [N_res]) as "10-31, 45", with the chain where there are several: "A10-31, B5"."""
    rows = np.flatnonzero(chosen)
    number, chain, names = protein.residue_index + 1, protein.chain_index, protein.names
    new = (np.diff(rows) > 1) | (np.diff(number[rows]) != 1) | (np.diff(chain[rows]) != 0)
    runs = np.split(rows, np.flatnonzero(new) + 1) if len(rows) else []
    letters = names if len(names) > 1 else dict.fromkeys(names, "")
    texts = [f"{letters[int(chain[r[0]])]}{number[r[0]]}" + (f"-{number[r[-1]]}" if len(r) > 1 else "") for r in runs]
    more = f" and {counted(len(texts) - RANGES, 'more stretch')}" if len(texts) > RANGES else ""
    return ", ".join(texts[:RANGES]) + more


def bounds(protein: Protein) -> list[int]:
    """Where chains begin among the residues, and at last the number of residues."""
    return [0, *(np.flatnonzero(np.diff(protein.chain_index)) + 1).tolist(), len(protein.aatype)]


def mark(axis: "Axes", protein: Protein, square: bool = False) -> None:
    """The x axis as residues from 1, and where there are several chains, lines between them and their names.

    `square`: the y axis too.
    """
    edges, names = bounds(protein), protein.names
    axis.set_xlabel("residue" if len(edges) == 2 else "residue, chains joined")
    if len(edges) == 2:
        return
    for edge in edges[1:-1]:
        axis.axvline(edge + 0.5, color="black", linewidth=0.7)
        if square:
            axis.axhline(edge + 0.5, color="black", linewidth=0.7)
    large = [(a, b) for a, b in itertools.pairwise(edges) if b - a >= NAMED * edges[-1]]
    top = axis.secondary_xaxis("top")
    names = [plain(names[int(protein.chain_index[a])], NAME) for a, _ in large]
    top.set_xticks([(a + b + 1) / 2 for a, b in large], names)
    top.tick_params(length=0, labelsize=8)


def remarks(protein: Protein) -> str:
    """The notes of the prediction, as the end of a caption."""
    return f" Note: {'; '.join(protein.notes)}." if protein.notes else ""
