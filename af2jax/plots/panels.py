"""Plots of a data set, one axis each: distributions, shares, relations and clusters."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from af2jax.plots.figure import COLOURS
from af2jax.plots.render import blank, lines, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALL = 7  # points, of text that there is much of
MARKS = ("o", "s", "^", "D", "v", "P")  # beside colours, for eyes that see none
REACH, FAR = 4, 1.5  # interquartile ranges that an axis shows; how much wider all must be before it shows no more


def histogram(
    series: Mapping[str, np.ndarray], label: str, counted: str, lines: Mapping[str, float | int] | None = None
) -> "Figure":
    """How often values occur, for each of a few series in outline; `lines`: values to mark, by name.

    Where a few values lie far from all others the axis ends before them, and its edge says how many there are.
    """
    figure, axis = blank()
    every = np.concatenate(list(series.values()))
    low, high = shown_range(every)
    edges = np.histogram_bin_edges(every[(every >= low) & (every <= high)], bins=24)
    for i, (name, values) in enumerate(series.items()):
        colour = COLOURS[i % len(COLOURS)]
        axis.hist(values, edges, histtype="stepfilled", alpha=0.35, color=colour)
        axis.hist(values, edges, histtype="step", color=colour, label=plain(name), linestyle=("-", "--", ":")[i % 3])
    for i, (name, value) in enumerate((lines or {}).items()):
        if low <= value <= high or (low, high) == (every.min(), every.max()):
            axis.axvline(value, color="black", linestyle=("--", ":")[i % 2], linewidth=1, label=plain(name))
    for out, place, side in ((every[every < low], 0.01, "left"), (every[every > high], 0.99, "right")):
        if len(out):
            far = out.min() if side == "left" else out.max()
            words = f"{len(out)} {'below' if side == 'left' else 'above'},\nto {far:.4g}"
            axis.annotate(words, (place, 0.72), xycoords="axes fraction", ha=side, fontsize=SMALL)
    axis.set(xlabel=plain(label, 60), ylabel=counted)
    axis.yaxis.get_major_locator().set_params(integer=True)
    if len(series) + len(lines or {}) > 1:
        axis.legend(fontsize=SMALL)
    return figure


def shown_range(values: np.ndarray) -> tuple[float, float]:
    """The ends of an axis for `values` [n]: the least and the most, or where these are far from the others, four
    interquartile ranges from the quartiles."""
    low, first, third, high = np.quantile(values, [0, 0.25, 0.75, 1])
    reach = REACH * (third - first)
    near = max(low, first - reach), min(high, third + reach)
    return near if reach and high - low > FAR * (near[1] - near[0]) else (low, high)


def bars(values: Mapping[str, Mapping[str, float | int]], label: str, height: float = 0.0) -> "Figure":
    """Horizontal bars: {entry: {series: value}}, the first entry at the top, its series side by side."""
    names = list(dict.fromkeys(name for row in values.values() for name in row))
    figure, axis = blank(height=height or max(1.8, 1.0 + 0.24 * len(values) * max(1, 0.6 * len(names))))
    thick = 0.8 / max(len(names), 1)
    for i, name in enumerate(names):
        places = np.arange(len(values)) - 0.4 + thick * (i + 0.5)
        widths = [row.get(name, 0.0) for row in values.values()]
        hatch = ("", "//", "..", "xx")[i % 4]
        colour = COLOURS[i % len(COLOURS)]
        axis.barh(places, widths, thick, color=colour, hatch=hatch, edgecolor="white", label=plain(name))
    axis.set(xlabel=plain(label, 60), yticks=range(len(values)), yticklabels=[lines(v) for v in values])
    axis.tick_params(axis="y", labelsize=SMALL if len(values) > 12 else 8)
    axis.invert_yaxis()
    if len(names) > 1:
        axis.legend(fontsize=SMALL)
    return figure


def scatter(
    series: Mapping[str, tuple[np.ndarray, np.ndarray]],
    labels: tuple[str, str],
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
) -> "Figure":
    """Points of a few series, and curves in black: {name: (x, y)}."""
    figure, axis = blank()
    for i, (name, (x, y)) in enumerate(series.items()):
        style = {"color": COLOURS[i % len(COLOURS)], "marker": MARKS[i % len(MARKS)]}
        axis.scatter(x, y, s=10, alpha=0.6, linewidths=0, label=plain(name), **style)
    for i, (name, (x, y)) in enumerate((curves or {}).items()):
        axis.plot(x, y, color="black", linewidth=1, linestyle=("-", "--")[i % 2], label=plain(name))
    axis.set(xlabel=plain(labels[0], 60), ylabel=lines(labels[1], 34))
    axis.grid(alpha=0.3)
    if len(series) + len(curves or {}) > 1:
        axis.legend(fontsize=SMALL)
    return figure


def line(x: np.ndarray, bands: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], labels: tuple[str, str]):
    """Curves with bands: {name: (middle, lower, upper)}; a `Figure`."""
    figure, axis = blank()
    for i, (name, (middle, lower, upper)) in enumerate(bands.items()):
        colour = COLOURS[i % len(COLOURS)]
        axis.fill_between(x, lower, upper, color=colour, alpha=0.2, linewidth=0)
        axis.plot(x, middle, color=colour, linestyle=("-", "--")[i % 2], label=plain(name))
    axis.set(xlabel=plain(labels[0], 60), ylabel=lines(labels[1], 34))
    axis.grid(alpha=0.3)
    axis.legend(fontsize=SMALL)
    return figure


def matrix(values: np.ndarray, names: Sequence[str], label: str) -> "Figure":
    """A square table of numbers from -1 to 1 with its numbers in it; the colours are told apart by all eyes."""
    size = max(3.0, 0.32 * len(names) + 1.6)
    figure, axis = blank(max(4.6, size), size)
    image = axis.imshow(values, cmap="PuOr", vmin=-1, vmax=1)
    places, shown = range(len(names)), [plain(name, 18) for name in names]
    axis.set_xticks(places, shown, rotation=90, fontsize=SMALL)
    axis.set_yticks(places, shown, fontsize=SMALL)
    for i, j in np.ndindex(values.shape) if len(names) <= 14 else ():
        if np.isfinite(values[i, j]):
            ink = "white" if abs(values[i, j]) > 0.7 else "black"
            axis.text(j, i, f"{values[i, j]:.1f}", ha="center", va="center", fontsize=6, color=ink)
    figure.colorbar(image, label=label, shrink=0.8)
    return figure


def network(groups: Sequence[Sequence[str]], crossing: Sequence[bool]) -> "Figure":
    """Clusters as wheels: the members on the rim joined to the hub, coloured by split; `crossing` ones are ringed.

    Args:
        groups: for each cluster the split of each member, the largest cluster first.
        crossing: whether it lies in several splits.
    """
    from matplotlib.collections import LineCollection

    radius = np.array([0.25 + 0.16 * np.sqrt(len(group)) for group in groups])
    hubs, width = _rows(radius, row=max(6.0, 1.35 * float(np.sqrt((4 * radius**2).sum()))))
    depth = float(np.ptp(hubs[:, 1]) + 2 * radius.max()) + 0.6
    figure, axis = blank(height=float(np.clip(4.3 * depth / width, 1.6, 7.0)))
    splits = list(dict.fromkeys(split for group in groups for split in group))
    points, kinds, spokes = [], [], []
    for hub, size, group, across in zip(hubs, radius, groups, crossing, strict=True):
        order = np.arange(len(group))
        turn, out = 2.4 * order, size * 0.8 * np.sqrt((order + 0.5) / len(group))  # a sunflower
        rim = hub + np.stack([np.cos(turn), np.sin(turn)], axis=1) * (out[:, None] if len(group) > 1 else 0)
        points.append(rim)
        kinds += group
        spokes += [(hub, point) for point in rim]
        if across:
            axis.add_artist(_ring(hub, size))
    axis.add_collection(LineCollection(spokes, colors="0.8", linewidths=0.4, zorder=1))
    xy, kinds = np.concatenate(points), np.array(kinds)
    for i, split in enumerate(splits):
        x, y = xy[kinds == split].T
        style = {"color": COLOURS[i % len(COLOURS)], "marker": MARKS[i % len(MARKS)]}
        axis.scatter(x, y, s=7, linewidths=0, label=plain(split or "no split"), zorder=2, **style)
    axis.set_aspect("equal")
    axis.set_axis_off()
    figure.legend(fontsize=SMALL, loc="outside lower center", ncols=4)
    return figure


def _ring(hub: np.ndarray, size: float):
    from matplotlib.patches import Circle

    return Circle(hub, size, fill=False, edgecolor="black", linewidth=1.2)


def _rows(radius: np.ndarray, row: float) -> tuple[np.ndarray, float]:
    """Centres of circles laid side by side in rows of a width, the largest first; (centres, the width used)."""
    hubs, x, y, high, widest = [], 0.0, 0.0, 0.0, 0.0
    for size in radius:
        if x and x + 2 * size > row:
            x, y, high = 0.0, y - 2 * high, 0.0
        high = high or size + 0.05
        hubs.append((x + size, y - high))
        x += 2 * size + 0.05
        widest = max(widest, x)
    return np.array(hubs), widest
