"""Memory and time of a network against the length of a chain."""

import math
import os
from collections.abc import Mapping
from pathlib import Path

from af2jax.plots import figure

Lines = Mapping[str, Mapping[int, float]]  # {program: {residues: value}}


def cost(path: str | os.PathLike, memory: Lines, seconds: Lines, room: float, made: str) -> Path:
    """A PNG of what programs need (GiB) and take (seconds of one run), both axes logarithmic.

    Args:
        room: GiB of the device.
        made: how the numbers came about, for the caption.
    """
    panels = {"memory (GiB)": memory} | ({"time (s)": seconds} if seconds else {})
    out, axes = figure.new(4.5 * max(len(panels), 1.3), 3.2, _caption(memory, seconds, room, made), len(panels))
    for axis, (label, lines) in zip(axes, panels.items(), strict=True):
        for index, (name, values) in enumerate(lines.items()):
            x, y = zip(*sorted(values.items()), strict=True)
            axis.plot(x, y, label=name, marker="o", markersize=3, color=figure.COLOURS[index % len(figure.COLOURS)])
        axis.set(xlabel="residues", ylabel=label, xscale="log", yscale="log")
        ticks = sorted({n for values in lines.values() for n in values})
        axis.set_xticks(ticks, [str(n) for n in ticks])
        axis.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
        axis.grid(alpha=0.3)
    axes[0].axhline(room, color="grey", linestyle="--", label="the device")
    axes[0].legend(fontsize=7)
    return figure.save(out, path)


def _caption(memory: Lines, seconds: Lines, room: float, made: str) -> str:
    shown = "Memory that the compiler plans for one run: arguments, results and what lies between. " + (
        "Right: wall time of one run, without compilation. " if seconds else ""
    )
    follows = []
    for name, values in memory.items():
        fits = [n for n, need in values.items() if need <= room]
        grows = f", and grows as the power {_power(values):.1f} of the length at the end" if len(values) > 1 else ""
        much = f"{name} fits to {max(fits)} residues at least" if fits else f"{name} fits at no length that was tried"
        follows.append(much + grows)
    for name, values in seconds.items():
        if len(values) > 1:
            follows.append(f"the time of {name} grows as the power {_power(values):.1f}")
    return f"{shown}{made} With {room:.1f} GiB, {'; '.join(follows)}."


def _power(values: Mapping[int, float]) -> float:
    (n1, y1), (n2, y2) = sorted(values.items())[-2:]
    return math.log(y2 / y1) / math.log(n2 / n1)
