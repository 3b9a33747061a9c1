"""States of a protein: which ways found them, where they differ, and how near models are to two known structures."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from af2jax.plots import render
from af2jax.plots.figure import COLOURS
from af2jax.typing import Float

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = len(COLOURS)  # states that have a colour


def found(counts: Mapping[str, Sequence[int]]) -> "Figure":
    """A bar for each way: its models by state, {way: [models of each state]}; states beyond the sixth are grey."""
    figure, axis = render.blank(height=0.9 + 0.34 * len(counts))
    table = np.array(list(counts.values()), float)
    left = np.zeros(len(table))
    for state in range(min(table.shape[1], MOST)):
        axis.barh(range(len(table)), table[:, state], left=left, color=COLOURS[state], label=f"state {state + 1}")
        left += table[:, state]
    if table.shape[1] > MOST:
        axis.barh(range(len(table)), table[:, MOST:].sum(axis=1), left=left, color="0.75", label="others")
    axis.set_yticks(range(len(table)), list(counts))
    axis.invert_yaxis()
    axis.set_xlabel("models")
    axis.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


def apart(distances: Mapping[int, Float[np.ndarray, " N_res"]]) -> "Figure":
    """How far each residue of each state is from the first state's, angstrom: {number of the state: distances}."""
    figure, axis = render.blank()
    for number, values in distances.items():
        axis.plot(np.arange(1, len(values) + 1), values, color=COLOURS[(number - 1) % MOST], label=f"state {number}")
    axis.set(xlabel="residue", ylabel="from state 1 (angstrom)", ylim=(0, None))
    axis.legend(fontsize=7, frameon=False)
    return figure


def near(scores: Mapping[str, Float[np.ndarray, "N_model 2"]], labels: tuple[str, str]) -> "Figure":
    """TM-score of models to two known structures, {way: scores}; on the line they are as near to both."""
    figure, axis = render.blank(height=render.WIDTH * 0.85)
    for place, (way, values) in enumerate(scores.items()):
        axis.scatter(*values.T, s=14, alpha=0.7, color=COLOURS[place % MOST], linewidths=0, label=way)
    axis.plot([0, 1], [0, 1], color="black", linewidth=0.8)
    first, second = (f"TM-score to {render.plain(label, 24)}" for label in labels)
    axis.set(xlabel=first, ylabel=second, xlim=(0, 1), ylim=(0, 1))
    axis.legend(fontsize=7, frameon=False)
    return figure
