"""Plots of how good predictions are: curves, tables of pairs of residues, confusion, intervals."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from af2jax.plots.figure import COLOURS
from af2jax.plots.panels import MARKS, SMALL
from af2jax.plots.render import HEIGHT, WIDTH, blank, lines, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def curves(
    series: Mapping[str, tuple[Sequence | np.ndarray, Sequence | np.ndarray]],
    labels: tuple[str, str],
    *,
    diagonal: int = 0,
    marks: bool = True,
    whole: bool = False,
    levels: Mapping[str, float] | None = None,
) -> "Figure":
    """Lines {name: (x, y)}.

    Args:
        labels: of x and y.
        diagonal: where above 0, what is perfect or mere chance is a grey line from 0 to it, and both axes end there.
        marks: each point has a mark.
        whole: x counts something.
        levels: numbers to compare with, by name, as dotted lines.
    """
    figure, axis = blank()
    if diagonal:
        axis.plot([0, diagonal], [0, diagonal], color="0.6", linewidth=1, linestyle=":", zorder=0)
        axis.set(xlim=(-0.02 * diagonal, 1.02 * diagonal), ylim=(-0.02 * diagonal, 1.02 * diagonal))
    for i, (name, (x, y)) in enumerate(series.items()):
        style = {"color": COLOURS[i % len(COLOURS)], "marker": MARKS[i % len(MARKS)] if marks else None}
        axis.plot(
            x, y, linewidth=1.3, markersize=4, linestyle=("-", "--", "-.", ":")[i % 4], label=plain(name), **style
        )
    for name, value in (levels or {}).items():
        axis.axhline(value, color="black", linewidth=1, linestyle=":", label=plain(name))
    axis.set(xlabel=plain(labels[0], 60), ylabel=lines(labels[1], 34))
    axis.grid(alpha=0.3)
    if whole:
        axis.xaxis.get_major_locator().set_params(integer=True)
    if len(series) + len(levels or {}) > 1:
        axis.legend(fontsize=SMALL)
    return figure


def maps(
    tables: Mapping[str, np.ndarray],
    label: str,
    limits: tuple[int, int],
    colours: str,
    bounds: Sequence[int] = (),
    axes: tuple[str, str] = ("residue", "residue"),
) -> "Figure":
    """Tables [N_res N_res] under each other with one scale; `bounds`: where chains begin; `axes`: what x and y are."""
    import matplotlib
    from matplotlib.figure import Figure

    from af2jax.plots.render import STYLE

    with matplotlib.rc_context(STYLE):
        figure = Figure((WIDTH, 3.6 * len(tables)), layout="constrained")
        panels = figure.subplots(len(tables), 1, squeeze=False)[:, 0]
    for axis, (title, table) in zip(panels, tables.items(), strict=True):
        image = _square(axis, table, limits, colours, bounds)
        axis.set_title(plain(title, 60), fontsize=9)
        axis.set(xlabel=axes[0], ylabel=axes[1])
    figure.colorbar(image, ax=panels, label=label, shrink=0.8)
    return figure


def halves(
    above: np.ndarray,
    below: np.ndarray,
    names: tuple[str, str],
    label: str,
    limits: tuple[int, int],
    colours: str,
    bounds: Sequence[int] = (),
) -> "Figure":
    """Two symmetric tables [N_res N_res] in one square, the first above its diagonal and the second below."""
    figure, axis = blank(height=4.0)
    table = np.where(np.tri(len(above), k=-1, dtype=bool), below, above)
    image = _square(axis, table, limits, colours, bounds)
    axis.axline((1, 1), slope=1, color="black", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(True)
    axis.set(xlabel="residue", ylabel="residue")
    axis.set_title(f"above: {plain(names[0], 40)}; below: {plain(names[1], 40)}", fontsize=9)
    figure.colorbar(image, label=label, shrink=0.8)
    return figure


def _square(axis, table: np.ndarray, limits: tuple[int, int], colours: str, bounds: Sequence[int]):
    """A table of pairs of residues on an axis, from 1; the image."""
    size = len(table)
    box = (0.5, size + 0.5, size + 0.5, 0.5)
    image = axis.imshow(table, cmap=colours, vmin=limits[0], vmax=limits[1], extent=box, interpolation="nearest")
    for edge in bounds:
        axis.axvline(edge + 0.5, color="black", linewidth=0.7)
        axis.axhline(edge + 0.5, color="black", linewidth=0.7)
    return image


def confusion(table: np.ndarray, names: Sequence[str]) -> "Figure":
    """Counts [true predicted] as shares of each true class, the counts written in where there is room."""
    figure, axis = blank(height=max(HEIGHT, 1.6 + 0.3 * len(names)))
    share = table / np.maximum(table.sum(1, keepdims=True), 1)
    image = axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    places, shown = range(len(names)), [plain(name, 18) for name in names]
    axis.set_xticks(places, shown, rotation=90 if len(names) > 4 else 0)
    axis.set_yticks(places, shown)
    axis.set(xlabel="predicted", ylabel="true")
    for i, j in np.ndindex(table.shape) if len(names) <= 12 else ():
        axis.text(j, i, f"{table[i, j]}", ha="center", va="center", color="white" if share[i, j] > 0.6 else "black")
    figure.colorbar(image, label="share of the true class")
    return figure


def intervals(values: Mapping[str, tuple[float, float, float]], label: str, zero: bool = False) -> "Figure":
    """Points with intervals, the first at the top: {name: (value, low, high)}; `zero`: a line at 0."""
    figure, axis = blank(height=max(1.8, 1.0 + 0.34 * len(values)))
    for place, (value, low, high) in enumerate(values.values()):
        style = {"color": COLOURS[place % len(COLOURS)], "marker": MARKS[place % len(MARKS)], "capsize": 3}
        axis.errorbar(value, place, xerr=[[max(value - low, 0)], [max(high - value, 0)]], **style)
    if zero:
        axis.axvline(0, color="black", linewidth=0.8, linestyle="--")
    axis.set(xlabel=plain(label, 60), yticks=range(len(values)), yticklabels=[lines(name) for name in values])
    axis.set_ylim(len(values) - 0.5, -0.5)
    axis.grid(axis="x", alpha=0.3)
    return figure
