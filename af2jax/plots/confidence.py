"""pLDDT along the chain, of every prediction of a job."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from af2jax.plots import figure
from af2jax.plots.residues import mark, ranges, remarks
from af2jax.protein.files import Protein

LEVELS = {50: "very low", 70: "low", 90: "confident", 100: "very high"}  # AlphaFold's names up to each value
BANDS = {50: "#FF7D45", 70: "#FFDB13", 90: "#65CBF3", 100: "#0053D6"}  # AlphaFold DB's colours of the same
LINES = ("black", "#6a3d9a", "#b2182b", "#01665e", "#8c510a", "#525252")  # to be seen on these
APART = 20  # between predictions, worth a word


def confidence(path: str | os.PathLike, protein: Protein, plddts: Sequence[np.ndarray]) -> Path:
    """A PNG of pLDDT at each residue, `plddts` being float [N_res], 0 to 100, in the order of their ranks."""
    best = plddts[0]
    which = f"each of {len(plddts)} predictions" if len(plddts) > 1 else "one prediction"
    if len(plddts) > len(LINES):
        which += f" (grey: ranks above {len(LINES)})"
    caption = (
        f"Confidence of {protein.name} at each residue: pLDDT, the lDDT-CA that the network expects of its own "
        f"structure, of {which}. {_follows(protein, plddts)}{remarks(protein)}"
    )
    out, (axis,) = figure.new(7.5, 3.4, caption)
    below = 0
    for level, text in LEVELS.items():
        axis.axhspan(below, level, color=BANDS[level], alpha=0.35, linewidth=0, zorder=0)
        middle = (1.01, (below + level) / 2)
        axis.annotate(text, middle, xycoords=("axes fraction", "data"), fontsize=8, va="center")
        below = level
    positions = np.arange(len(best)) + 1
    for rank, plddt in reversed(list(enumerate(plddts, 1))):
        named = rank <= len(LINES)
        label = f"rank {rank} (mean {plddt.mean():.1f})"
        style = {"color": LINES[rank - 1], "label": label} if named else {"color": "0.6"}
        axis.plot(positions, plddt, linewidth=1.6 if rank == 1 else 0.9, **style)
    axis.set(ylabel="pLDDT", xlim=(0.5, len(best) + 0.5), ylim=(0, 100))
    mark(axis, protein)
    if len(plddts) > 1:
        handles, labels = axis.get_legend_handles_labels()
        axis.legend(handles[::-1], labels[::-1], fontsize=7, loc="lower left", ncols=2)
    return figure.save(out, path)


def _follows(protein: Protein, plddts: Sequence[np.ndarray]) -> str:
    """What these numbers mean."""
    best = plddts[0]
    low, high = best < 50, best >= 70
    which = "Rank 1" if len(plddts) > 1 else "It"
    text = f"{which} has a mean of {best.mean():.1f}; {high.mean():.0%} of the residues are at 70 or above, where the "
    text += "backbone is mostly right. "
    text += (
        f"Residues below 50 ({ranges(protein, low)}): do not interpret their shape."
        if low.any()
        else "No residue is below 50."
    )
    apart = np.ptp(np.stack(plddts), axis=0) > APART
    if apart.any():
        text += f" The predictions differ by more than {APART} at {ranges(protein, apart)}: compare them there."
    return text
