"""What tuned heads answer: along the sequence for heads of residues, as maps for heads of pairs."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from af2jax.plots import figure
from af2jax.plots.render import plain
from af2jax.plots.residues import mark, ranges, remarks
from af2jax.protein.files import Protein

SURE = 0.5  # probability below which no class is more likely than all others together
APART = 6  # residues between two of a pair that count in a caption: nearer ones are neighbours of the chain
PANELS = 4  # of a map
STACKED = 6  # classes that are told apart by colour; more are rows of a table
Words = tuple[str, str]  # what a plot shows, and what follows from it


def track(
    path: str | os.PathLike,
    protein: Protein,
    head: str,
    values: np.ndarray,
    classes: Sequence[str] = (),
    unit: str = "",
    spread: np.ndarray | None = None,
    made: str = "",
) -> Path:
    """A PNG of what a head answers at each residue.

    Args:
        values: float [N_res n], probabilities of the `classes`, or numbers.
        unit: of numbers.
        spread: of `values`, a standard deviation.
        made: how the answers came about, a sentence for the caption.
    """
    shows, follows = along(protein, head, values, classes, unit, spread)
    out, (axis,) = figure.new(7.5, 2.8, f"{shows} {made} {follows}{remarks(protein)}")
    size, places = len(values), np.arange(len(values)) + 1
    if len(classes) > STACKED:
        box = (0.5, size + 0.5, len(classes) - 0.5, -0.5)
        image = axis.imshow(values.T, cmap="Blues", vmin=0, vmax=1, extent=box, aspect="auto", interpolation="nearest")
        axis.set_yticks(range(len(classes)), [plain(name, 12) for name in classes], fontsize=6)
        out.colorbar(image, ax=axis, label="probability")
    elif classes:
        below = np.zeros(size)
        for i, name in enumerate(classes):
            axis.bar(places, values[:, i], 1.0, below, color=figure.COLOURS[i], label=plain(name, 20), linewidth=0)
            below = below + values[:, i]
        axis.axhline(SURE, color="black", linewidth=0.6, linestyle="--")
        axis.set(ylabel="probability", ylim=(0, 1))
    else:
        for i, column in enumerate(values.T):
            colour = figure.COLOURS[i % len(figure.COLOURS)]
            axis.plot(places, column, color=colour, linewidth=1.3, label=f"output {i + 1}")
            if spread is not None:
                axis.fill_between(places, column - spread[:, i], column + spread[:, i], color=colour, alpha=0.25)
        axis.set(ylabel=plain(f"{head} ({unit})" if unit else head, 30))
        axis.grid(alpha=0.3)
    axis.set_xlim(0.5, size + 0.5)
    mark(axis, protein)
    if 1 < values.shape[1] <= STACKED:
        axis.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure.save(out, path)


def pairs(
    path: str | os.PathLike,
    protein: Protein,
    head: str,
    values: np.ndarray,
    classes: Sequence[str] = (),
    unit: str = "",
    spread: np.ndarray | None = None,
    made: str = "",
) -> Path:
    """A PNG of what a head answers of each pair of residues, float [N_res N_res n]; arguments as of `track`.

    Of two classes the probability of the second is shown, of more that of each, up to four.
    """
    shows, follows = between(protein, head, values, classes, unit, spread)
    tables = np.moveaxis(values, -1, 0)
    names = [plain(name, 16) for name in classes] or [f"output {i + 1}" for i in range(len(tables))]
    first = 1 if len(classes) == 2 else 0
    tables, names = tables[first : first + PANELS], names[first : first + PANELS]
    width = max(5.5, 2.9 * len(tables) + 0.8)
    out, axes = figure.new(
        width, 4.2 if len(tables) == 1 else 3.2, f"{shows} {made} {follows}{remarks(protein)}", len(tables)
    )
    low, high = (0, 1) if classes else (float(tables.min()), float(tables.max()))
    size = len(values)
    for axis, table, name in zip(axes, tables, names, strict=True):
        box = (0.5, size + 0.5, size + 0.5, 0.5)
        image = axis.imshow(table, cmap="viridis", vmin=low, vmax=high, extent=box, interpolation="nearest")
        mark(axis, protein, square=True)
        if len(tables) > 1 or classes:
            axis.set_title(name, fontsize=8, pad=16 if len(protein.names) > 1 else None)
    out.colorbar(image, ax=axes, label="probability" if classes else plain(unit or head, 30))
    return figure.save(out, path)


def along(protein: Protein, head: str, values: np.ndarray, classes: Sequence[str], unit: str, spread) -> Words:
    """The caption of `track`."""
    if not classes:
        what = f'What the head "{head}" answers at each residue{_in(unit)}.'
        highest = int(values[:, 0].argmax())
        where = ranges(protein, np.arange(len(values)) == highest)
        return what, f"{_span(values[..., 0], unit)}, highest at residue {where}.{_spread(spread, unit)}"
    best, top = values.argmax(-1), values.max(-1)
    share = [f"{(best == i).mean():.0%} {name}" for i, name in enumerate(classes) if (best == i).any()]
    weak = top < SURE
    undecided = (
        f"At {ranges(protein, weak)} no class reaches {SURE:.0%}: treat these residues as undecided."
        if weak.any()
        else f"Every residue has a class of {SURE:.0%} or more."
    )
    what = f'Probability of each class of the head "{head}" at each residue.'
    return (
        what,
        f"The most probable classes: {', '.join(share[:STACKED])} of {len(values)} residues. {undecided}"
        + _spread(spread, ""),
    )


def between(protein: Protein, head: str, values: np.ndarray, classes: Sequence[str], unit: str, spread) -> Words:
    """The caption of `pairs`."""
    places = np.arange(len(values))
    apart = (np.abs(places[:, None] - places[None]) >= APART) | (
        protein.chain_index[:, None] != protein.chain_index[None]
    )
    if not classes:
        return f'What the head "{head}" answers of each pair of residues{_in(unit)}.', (
            f"{_span(values[..., 0], unit)}.{_spread(spread, unit)}"
        )
    best = values.argmax(-1)
    share = (
        ", ".join(f"{(best == i)[apart].mean():.1%} {name}" for i, name in enumerate(classes)) if apart.any() else ""
    )
    which = f'"{classes[1]}"' if len(classes) == 2 else f"each of {min(len(classes), PANELS)} classes"
    what = f'Probability of {which} by the head "{head}" for each pair of residues.'
    follows = (
        f"The most probable classes of the {int(apart.sum())} pairs {APART} or more residues apart: {share}."
        if share
        else f"No pair is {APART} or more residues apart."
    )
    return what, follows + _spread(spread, "")


def _in(unit: str) -> str:
    return f", in {unit}" if unit else ""


def _span(values: np.ndarray, unit: str) -> str:
    end = f" {unit}" if unit else ""
    return f"The values run from {values.min():.4g} to {values.max():.4g}{end} (mean {values.mean():.4g})"


def _spread(spread: np.ndarray | None, unit: str) -> str:
    if spread is None:
        return ""
    most = f"{np.max(spread):.2g}{' ' + unit if unit else ''}"
    return f" Runs or seeds differ by a sample standard deviation of {most} at most."
