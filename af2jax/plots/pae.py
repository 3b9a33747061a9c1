"""Predicted aligned error: which parts are placed relative to each other."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from af2jax.plots import figure
from af2jax.plots.residues import mark, remarks
from af2jax.protein.files import Protein
from af2jax.words import counted

PANELS = 5  # ranks shown, as many as ColabFold shows
NEAR, FAR = 5, 15  # angstrom: below, a placement is to be trusted; above, it says nothing
PAIRS = 3  # pairs of chains named in a caption


def pae(path: str | os.PathLike, protein: Protein, tables: Sequence[np.ndarray]) -> Path:
    """A PNG of the PAE, float [N_res N_res] in angstrom, of the first five of `tables`, in the order of their ranks."""
    shown = tables[:PANELS]
    which = f" The first {len(shown)} of {len(tables)} ranks are shown." if len(tables) > len(shown) else ""
    caption = (
        f"Predicted aligned error of {protein.name}: the error in angstrom that the network expects of the scored "
        "residue when its structure is superposed on the true one at the aligned residue. Dark blocks move as one "
        f"body; between blocks a light colour means that their relative placement is not known.{which} "
        f"{_follows(protein, tables[0])}{remarks(protein)}"
    )
    out, axes = figure.new(max(5.5, 2.9 * len(shown) + 0.8), 4.2 if len(shown) == 1 else 3.2, caption, len(shown))
    size = len(tables[0])
    for rank, (axis, table) in enumerate(zip(axes, shown, strict=True), 1):
        image = axis.imshow(table, cmap="Greens_r", vmin=0, vmax=30, extent=(0.5, size + 0.5, size + 0.5, 0.5))
        mark(axis, protein, square=True)
        axis.set(xlabel="Scored residue", ylabel="Aligned residue" if rank == 1 else None)
        if len(shown) > 1:
            axis.set_title(f"rank {rank}", fontsize=9, pad=18 if len(protein.names) > 1 else None)
    out.colorbar(image, ax=axes, label="Expected position error (angstrom)", extend="max")
    return figure.save(out, path)


def _follows(protein: Protein, table: np.ndarray) -> str:
    """What the table of rank 1 means: between chains where there are several, else within the chain."""
    chains = protein.names
    if len(chains) == 1:
        median = np.median(table)
        text = f"In rank 1 {(table < NEAR).mean():.0%} of the pairs are below {NEAR} angstrom and the median is "
        text += f"{median:.1f}: "
        if median < NEAR:
            return text + "the chain as a whole is placed with confidence."
        return text + ("trust the dark blocks alone." if median < FAR else "do not interpret how its parts lie.")
    means = {}
    for a, b in ((a, b) for a in chains for b in chains if a < b):
        across = np.ix_(protein.chain_index == a, protein.chain_index == b)
        means[f"{chains[a]} and {chains[b]}"] = (table[across].mean() + table.T[across].mean()) / 2
    best = sorted(means, key=means.get)
    text = ", ".join(f"{pair} {means[pair]:.1f}" for pair in best[:PAIRS])
    more = f", and {counted(len(means) - PAIRS, 'more pair')}" if len(means) > PAIRS else ""
    sure = [pair for pair in best if means[pair] < NEAR]
    far = sum(error > FAR for error in means.values())
    verdict = f"trust the placement of {' and of '.join(sure[:PAIRS])}" if sure else "trust the placement of no pair"
    return (
        f"Means of rank 1 between chains: {text}{more}. Below {NEAR} a placement is to be trusted, above {FAR} it says "
        f"nothing ({far} of {len(means)} pairs): {verdict}."
    )
