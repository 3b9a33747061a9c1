"""The course of a training as a figure, with a caption computed from its own numbers."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from af2jax.finetune.config import Training
from af2jax.finetune.record import TRAIN, VALIDATION, lines
from af2jax.finetune.watch import HIGHER, baseline
from af2jax.plots.curves import Panel, curves
from af2jax.words import counted

PARTS, ENOUGH = 20, 20  # a moving mean is over a part of the steps; of fewer steps there is none
FEW = 3  # validations, below which nothing is said of what more steps would do


def draw(out: str | os.PathLike, training: Training) -> Path | None:
    """Writes `curves.png` of a run directory; None where it has no step."""
    out = Path(out)
    steps = [line for line in lines(out / TRAIN) if line["loss"] is not None]
    watched = [line for line in lines(out / VALIDATION) if line.get(training.monitor) is not None]
    if not steps:
        return None
    losses = [line["loss"] for line in steps]
    smooth = {"loss": moving_mean(losses, width(len(losses)))} if len(losses) >= ENOUGH else {}
    panels = {"training loss": Panel([line["step"] for line in steps], {"loss": losses}, smooth)}
    if watched:
        values = [line[training.monitor] for line in watched]
        known = baseline(training.monitor, watched[-1])
        panels[f"validation {training.monitor}"] = Panel(
            [line["step"] for line in watched],
            {training.monitor: values},
            levels=dict([known] if known else []),
            best=int((np.argmax if training.monitor.endswith(HIGHER) else np.argmin)(values)),
        )
    return curves(out / "curves.png", panels, _caption(training, steps, watched))


def width(number: int) -> int:
    """Steps that a moving mean of so many is over."""
    return max(2 * (number // (2 * PARTS)) + 1, 3)


def moving_mean(values: Sequence[float], width: int) -> list[float]:
    """The mean of so many values (an odd number) around each; of those that there are at the ends."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    first, last = np.maximum(places - width // 2, 0), np.minimum(places + width // 2 + 1, len(values))
    return ((total[last] - total[first]) / (last - first)).tolist()


def _caption(training: Training, steps: list[dict], watched: list[dict]) -> str:
    first, last = (sum(x["loss"] for x in part) / len(part) for part in (steps[:10], steps[-10:]))
    smooth = f"; the bold line is the mean of {width(len(steps))}" if len(steps) >= ENOUGH else ""
    made = (
        f"{training.preset} from {'given' if training.params else 'random'} weights, recipe "
        f'"{"own rules" if training.rules else training.recipe}", '
        f"{counted(len(steps), 'step')} with a batch size of {training.batch_size}, "
        f"learning rate up to {training.learning_rate:g}, seed {training.seed}. "
        f"Left: the loss of each step, from {first:.3g} (mean of the first ten) to {last:.3g} (of the last ten)"
        f"{smooth}. "
    )
    if not watched:
        return made + "There is no validation set: that the loss falls says nothing about other proteins."
    pick = max if training.monitor.endswith(HIGHER) else min
    start, best, end = watched[0], pick(watched, key=lambda x: x[training.monitor]), watched[-1]
    made += (
        f"Right: {training.monitor} on the validation set, without dropout: {start[training.monitor]:.3g} as loaded, "
        f"best {best[training.monitor]:.3g} at step {best['step']}, {end[training.monitor]:.3g} at the end. "
    )
    if known := baseline(training.monitor, end):
        reached = "passed" if pick(best[training.monitor], known[1]) != known[1] else "not passed"
        made += f"The dotted line is the simplest baseline, {known[0]}, with {known[1]:.3g}: it is {reached}. "
    if best["step"] == 0:
        return made + "Training did not help on the validation set: the best weights are those it began with."
    if best is not end:
        return made + "Later steps did not help: the checkpoint of the best step is the one that is loaded."
    if len(watched) < FEW:
        return made + f"{len(watched)} validations are too few to say whether more steps would help."
    return made + "The last step is the best: more steps may help further."
