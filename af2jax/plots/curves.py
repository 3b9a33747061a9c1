"""Numbers over the steps of a training."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from af2jax.plots import figure

DENSE = 40  # points of a line, above which they are not marked


@dataclass(frozen=True)
class Panel:
    """Lines over steps.

    Attributes:
        lines: values by name.
        smooth: the moving mean of a line, by its name; the line itself then stands pale behind it.
        levels: numbers to compare with, by name, as dotted lines.
        best: which point of the first line is marked as the best; None: none.
    """

    steps: Sequence[int]
    lines: Mapping[str, Sequence[float]]
    smooth: Mapping[str, Sequence[float]] = field(default_factory=dict)
    levels: Mapping[str, float] = field(default_factory=dict)
    best: int | None = None


def curves(path: str | os.PathLike, panels: Mapping[str, Panel], caption: str) -> Path:
    """A PNG with one panel for each entry, side by side, by the label of its y axis."""
    out, axes = figure.new(4.5 * len(panels), 3.2, caption, len(panels))
    for axis, (label, panel) in zip(axes, panels.items(), strict=True):
        mark = "o" if len(panel.steps) <= DENSE else None
        for i, (name, values) in enumerate(panel.lines.items()):
            style = {"color": figure.COLOURS[i % len(figure.COLOURS)]}
            if name in panel.smooth:
                axis.plot(panel.steps, values, linewidth=0.8, alpha=0.3, **style)
                axis.plot(panel.steps, panel.smooth[name], linewidth=1.8, label=f"{name}, moving mean", **style)
            else:
                axis.plot(panel.steps, values, linewidth=1.4, marker=mark, markersize=4, label=name, **style)
        if panel.best is not None:
            x, y = panel.steps[panel.best], next(iter(panel.lines.values()))[panel.best]
            axis.plot([x], [y], color="black", marker="*", markersize=10, linestyle="none", label=f"best, step {x}")
        for i, (name, value) in enumerate(panel.levels.items()):
            axis.axhline(value, color="black", linewidth=1, linestyle=(":", "--")[i % 2], label=name)
        axis.set(xlabel="step", ylabel=label)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        if len(axis.get_legend_handles_labels()[0]) > 1:
            axis.legend(fontsize=7)
    return figure.save(out, path)
