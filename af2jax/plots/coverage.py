"""How deep the alignment is, and how near its sequences are to the query."""

import itertools
import os
from pathlib import Path

import numpy as np

from af2jax.constants.residues import GAP
from af2jax.metrics.depth import ENOUGH
from af2jax.metrics.depth import depth as depth_of
from af2jax.plots import figure
from af2jax.plots.residues import bounds, mark, ranges, remarks
from af2jax.protein.files import Protein
from af2jax.words import counted

PICTURED = 2000  # rows; more than a plot can show


def coverage(path: str | os.PathLike, protein: Protein, alignment: np.ndarray) -> Path:
    """A PNG of the rows of `alignment` (int [N_seq N_res], the query first), sorted by identity to the query."""
    present = alignment < GAP
    found = depth_of(alignment)
    rows, identity = _sorted(alignment, present, bounds(protein))
    few, depth = found.few, found.at
    if few.all():
        follows = f"No position has {ENOUGH} sequences: expect low confidence everywhere."
    elif few.any():
        follows = f"Fewer than {ENOUGH} sequences at {few.sum()} of {len(depth)} positions ({ranges(protein, few)}): "
        follows += "expect low confidence there."
    else:
        follows = f"Every position has at least {ENOUGH}, so a shallow alignment does not explain low confidence."
    caption = (
        f"Coverage of {protein.name} by an alignment of {counted(len(alignment), 'sequence')} with the query. Each "
        "line is a sequence, white where it has a gap, coloured by its identity to the query in the chains that it "
        "covers and sorted by it; the black curve counts the sequences at each position. The median depth is "
        f"{found.median:.0f}. {follows}{remarks(protein)}"
    )
    from matplotlib.patheffects import withStroke

    out, (axis,) = figure.new(7.5, 4.2, caption)
    step = -(-len(rows) // PICTURED)
    picture = np.where(present[rows[::step]], identity[rows[::step], None], np.nan)
    extent = (0.5, len(depth) + 0.5, 0, len(rows))
    kwargs = {"aspect": "auto", "origin": "lower", "interpolation": "nearest", "cmap": "viridis"}
    image = axis.imshow(picture, vmin=0, vmax=1, extent=extent, **kwargs)
    outline = withStroke(linewidth=3, foreground="white")
    axis.plot(np.arange(len(depth)) + 1, depth, color="black", linewidth=1.2, path_effects=[outline])
    axis.set(ylabel="sequences", xlim=extent[:2], ylim=(0, 1.04 * len(rows)))
    axis.yaxis.get_major_locator().set_params(integer=True)
    mark(axis, protein)
    out.colorbar(image, label="identity to the query")
    return figure.save(out, path)


def _sorted(alignment: np.ndarray, present: np.ndarray, edges: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The order of the rows, by the chains that they cover and then by identity, and the identity of each."""
    covers = np.stack([present[:, a:b].any(1) for a, b in itertools.pairwise(edges)], axis=1)
    same = ((alignment == alignment[0]) & present).sum(1)
    identity = same / np.maximum(covers @ np.diff(edges), 1)
    return np.lexsort((identity, *covers.T, covers.sum(1))), identity
