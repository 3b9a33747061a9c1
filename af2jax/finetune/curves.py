"""The course of a training as a figure, with a caption computed from its own numbers."""

import os
from pathlib import Path

from af2jax.finetune.config import Training
from af2jax.finetune.record import TRAIN, VALIDATION, lines
from af2jax.finetune.watch import HIGHER
from af2jax.plots.curves import curves
from af2jax.words import counted


def draw(out: str | os.PathLike, training: Training) -> Path | None:
    """Writes `curves.png` of a run directory; None where it has no step."""
    out = Path(out)
    steps = [line for line in lines(out / TRAIN) if line["loss"] is not None]
    watched = [line for line in lines(out / VALIDATION) if line.get(training.monitor) is not None]
    if not steps:
        return None
    panels = {"training loss": ([x["step"] for x in steps], {"loss": [x["loss"] for x in steps]})}
    if watched:
        values = [x[training.monitor] for x in watched]
        panels[f"validation {training.monitor}"] = ([x["step"] for x in watched], {training.monitor: values})
    return curves(out / "curves.png", panels, _caption(training, steps, watched))


def _caption(training: Training, steps: list[dict], watched: list[dict]) -> str:
    first, last = (sum(x["loss"] for x in part) / len(part) for part in (steps[:10], steps[-10:]))
    made = (
        f"{training.preset} from {'given' if training.params else 'random'} weights, recipe "
        f'"{"own rules" if training.rules else training.recipe}", '
        f"{counted(len(steps), 'step')} of {training.batch_size}, "
        f"learning rate up to {training.learning_rate:g}, seed {training.seed}. "
        f"Left: the loss of each step, from {first:.3g} (mean of the first ten) to {last:.3g} (of the last ten). "
    )
    if not watched:
        return made + "There is no validation set: that the loss falls says nothing about other proteins."
    pick = max if training.monitor.endswith(HIGHER) else min
    start, best, end = watched[0], pick(watched, key=lambda x: x[training.monitor]), watched[-1]
    made += (
        f"Right: {training.monitor} on the validation set, without dropout: {start[training.monitor]:.3g} as loaded, "
        f"best {best[training.monitor]:.3g} at step {best['step']}, {end[training.monitor]:.3g} at the end. "
    )
    if best["step"] == 0:
        return made + "Training did not help on the validation set: the best weights are those it began with."
    if best is not end:
        return made + "Later steps did not help: the checkpoint of the best step is the one that is loaded."
    return made + "The last step is the best: more steps may help further."
