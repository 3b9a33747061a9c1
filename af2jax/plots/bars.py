"""Numbers that are compared, each with its interval."""

import os
from collections.abc import Mapping
from pathlib import Path

from af2jax.plots import figure


def bars(path: str | os.PathLike, label: str, values: Mapping[str, tuple[float, float, float]], caption: str) -> Path:
    """A PNG with a bar for each entry, the first at the top: {name: (value, lower end, upper end)}."""
    out, (axis,) = figure.new(7.0, 1.6 + 0.42 * len(values), caption)
    for place, (value, lower, upper) in enumerate(values.values()):
        colour = figure.COLOURS[place % len(figure.COLOURS)]
        axis.barh(place, value, color=colour, xerr=[[value - lower], [upper - value]], error_kw={"capsize": 3})
        axis.annotate(f"{value:.3g}", (0, place), (4, 0), textcoords="offset points", va="center", color="white")
    axis.set(xlabel=label, yticks=range(len(values)), yticklabels=list(values))
    axis.invert_yaxis()
    axis.grid(axis="x", alpha=0.3)
    return figure.save(out, path)
