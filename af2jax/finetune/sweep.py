"""A small grid of trainings, side by side in one folder."""

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from af2jax.errors import InputError
from af2jax.files import file_name, write
from af2jax.finetune.config import Training
from af2jax.finetune.examples import CACHE
from af2jax.finetune.record import VALIDATION, lines
from af2jax.finetune.summary import table
from af2jax.finetune.watch import HIGHER


def sweep(
    training: Training,
    values: Sequence[str],
    out: Path,
    *,
    resume: bool,
    fit: Callable[[Training, Path, bool], object],
) -> str:
    """Runs every combination of "name=value,value" in a folder of its own, and returns the table of their best.

    Where the trunk is frozen and cached, all share one cache, so that only the first computes it. The best value is
    chosen on the validation set, so it is a little too good there: judge it on the test set. All combinations are
    looked at before the first is run.

    Raises:
        InputError: values are not a list or do not fit, two combinations of one folder, nothing to validate on, or as
            in `fit`.
        KeyboardInterrupt: a training was stopped; no further one is begun.
    """
    grid = []
    for value in values:
        name, equals, options = value.partition("=")
        if not equals or not options:
            raise InputError(f'"{value}" is nothing to try; write name=value,value')
        grid.append([f"{name}={option}" for option in options.split(",")])
    shared = [f"cache_dir={json.dumps(str((out / CACHE).resolve()))}"] if training.cache else []
    trainings: dict[Path, Training] = {}
    for changes in itertools.product(*grid):
        folder = out / file_name("_".join(changes))
        if folder in trainings:
            raise InputError(
                f"{', '.join(changes)}: another combination has the folder {folder.name} too; leave one out"
            )
        trainings[folder] = training.replace([*changes, *shared])
    results = []
    for folder, changed in trainings.items():
        fit(changed, folder, resume and folder.exists())
        scores = [line for line in lines(folder / VALIDATION) if line.get(training.monitor) is not None]
        if not scores:
            raise InputError(
                f"{folder}: nothing was validated, so nothing can be compared; give valid, or the split valid"
            )
        pick = max if training.monitor.endswith(HIGHER) else min
        best = pick(scores, key=lambda line: line[training.monitor])
        results.append({"run": folder.name, "step": best["step"], training.monitor: best[training.monitor]})
    results.sort(key=lambda row: row[training.monitor], reverse=training.monitor.endswith(HIGHER))
    write(out / "sweep.json", json.dumps(results, indent=1) + "\n")
    rows = [[row["run"], str(row["step"]), f"{row[training.monitor]:.5g}"] for row in results]
    return table(["run", "best at step", training.monitor], rows)
