"""Numbers over the steps of a training."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from af2jax.plots import figure


def curves(
    path: str | os.PathLike,
    panels: Mapping[str, tuple[Sequence[int], Mapping[str, Sequence[float]]]],
    caption: str,
) -> Path:
    """A PNG with one panel for each entry, side by side: {label of the y axis: (steps, {name of a line: values})}."""
    out, axes = figure.new(4.5 * len(panels), 3.2, caption, len(panels))
    for axis, (label, (steps, lines)) in zip(axes, panels.items(), strict=True):
        for name, values in lines.items():
            axis.plot(steps, values, label=name, linewidth=1.2)
        axis.set(xlabel="step", ylabel=label)
        axis.grid(alpha=0.3)
        if len(lines) > 1:
            axis.legend(fontsize=7)
    return figure.save(out, path)
