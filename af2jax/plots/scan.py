"""A scan as a heat map: position by amino acid, the wild type marked."""

from typing import TYPE_CHECKING

import numpy as np

from af2jax.plots import render
from af2jax.typing import Float

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AMINO_ACIDS = "GAVLIMCPFYWHKRDENQST"  # small, aliphatic, aromatic, charged, polar
WIDE = 60  # positions in a row of the map
INCHES = 2.3  # height of a row


def heat_map(
    values: Float[np.ndarray, "20 N_res"],
    wild: str,
    first: int,
    label: str,
    ends: tuple[str, str],
) -> "Figure":
    """The scores of single variants of a stretch of a protein, by amino acid (`AMINO_ACIDS`) and position.

    Args:
        values: NaN where there is none; grey on the map.
        wild: the residues of the stretch, each marked by a dot.
        first: the number of its first residue.
        label: of the scale.
        ends: what a value below 0 means, and one above; both stand beside the scale, if there are both.
    """
    import matplotlib
    from matplotlib.figure import Figure

    stretches = range(0, len(wild), WIDE)
    with matplotlib.rc_context(render.STYLE):
        figure = Figure((1.6 * render.WIDTH, INCHES * len(stretches) + 0.6), layout="constrained")
        axes = figure.subplots(len(stretches), squeeze=False)[:, 0]
    low, high = (np.nanmin(values), np.nanmax(values)) if np.isfinite(values).any() else (0.0, 1.0)
    most = max(abs(low), abs(high)) or 1.0
    meaning = f"blue: {ends[0]}, red: {ends[1]}" if low < 0 < high else "yellow: higher, violet: lower"
    low, high, colours = (-most, most, "RdBu_r") if low < 0 < high else (low, high, "viridis")
    for axis, start in zip(axes, stretches, strict=True):
        part = values[:, start : start + WIDE]
        shown = np.pad(part, ((0, 0), (0, WIDE - part.shape[1])), constant_values=np.nan) if start else part
        axis.set_facecolor("0.85")
        image = axis.imshow(np.ma.masked_invalid(shown), aspect="auto", cmap=colours, vmin=low, vmax=high)
        there = [(i, AMINO_ACIDS.index(x)) for i, x in enumerate(wild[start : start + WIDE]) if x in AMINO_ACIDS]
        axis.plot(*zip(*there, strict=True), "k.", markersize=3) if there else None
        axis.set_yticks(range(len(AMINO_ACIDS)), list(AMINO_ACIDS), fontsize=6)
        ticks = [i for i in range(part.shape[1]) if (first + start + i) % 10 == 0 or part.shape[1] < 10]
        axis.set_xticks(ticks, [f"{wild[start + i]}{first + start + i}" for i in ticks], fontsize=7)
    axes[-1].set_xlabel("position and wild-type residue")
    bar = figure.colorbar(image, ax=list(axes), fraction=0.03, pad=0.01)
    bar.set_label(render.plain(label))
    axes[0].set_title(f"{meaning}; dot: wild type; grey: not scored", fontsize=8, loc="left")
    return figure
