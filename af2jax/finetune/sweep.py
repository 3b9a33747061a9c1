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
    fit: Callable[[Training, Path, bool], int],
) -> str:
    """Runs every combination of "name=value,value" in a folder of its own, and returns the table of their best.

    Where the trunk is frozen and cached, all share one cache, so that only the first computes it. The best value is
    chosen on the validation set, so it is a little too good there: judge it on the test set.

    Raises:
        InputError: values that are no list, or as in `fit`.
    """
    grid = []
    for value in values:
        name, equals, options = value.partition("=")
        if not equals or not options:
            raise InputError(f'"{value}" is nothing to try; write name=value,value')
        grid.append([f"{name}={option}" for option in options.split(",")])
    results = []
    for changes in itertools.product(*grid):
        folder = out / file_name("_".join(changes))
        shared = [f"cache_dir={json.dumps(str((out / CACHE).resolve()))}"] if training.cache else []
        fit(training.replace([*changes, *shared]), folder, resume and folder.exists())
        scores = [line for line in lines(folder / VALIDATION) if line.get(training.monitor) is not None]
        pick = max if training.monitor.endswith(HIGHER) else min
        best = pick(scores, key=lambda line: line[training.monitor])
        results.append({"run": folder.name, "step": best["step"], training.monitor: best[training.monitor]})
    results.sort(key=lambda row: row[training.monitor], reverse=training.monitor.endswith(HIGHER))
    write(out / "sweep.json", json.dumps(results, indent=1) + "\n")
    rows = [[row["run"], str(row["step"]), f"{row[training.monitor]:.5g}"] for row in results]
    return table(["run", "best at step", training.monitor], rows)
