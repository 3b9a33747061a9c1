"""A run in words: what is in a checkpoint, and what came of a training."""

import math
import os
from pathlib import Path

from af2jax.finetune.record import VALIDATION, lines
from af2jax.finetune.run import best, checkpoint_of, training_of
from af2jax.finetune.summary import module, table
from af2jax.pretrained import checkpoint
from af2jax.words import counted


def report(path: str | os.PathLike) -> str:
    """What is in a checkpoint, or in the best of a run: preset, step, what trains, how good it is.

    Raises:
        WeightsError: a file is damaged, missing or foreign.
    """
    place = checkpoint_of(Path(path))
    manifest = checkpoint.verify(place)
    modules: dict[str, int] = {}
    for name, (_, shape, *_) in manifest["arrays"].items():
        part, _, leaf = name.partition("/")
        if part == "trained":
            modules[module(leaf)] = modules.get(module(leaf), 0) + math.prod(shape)
    metadata = manifest["metadata"]
    averaged = ", with a moving average" if any(name.startswith("ema/") for name in manifest["arrays"]) else ""
    told = [f"{place}: {metadata['preset']} after {counted(manifest['step'], 'step')}{averaged}; every file is intact"]
    told += table(["trains", "parameters"], [[name, f"{n:,}"] for name, n in modules.items()]).splitlines()
    told += [f"validation: {name} {value:.4g}" for name, value in (metadata["scores"] or {}).items()]
    return "\n".join(told)


def outcome(out: Path) -> str:
    """The best validation of a run in one line, beside the one before its first step."""
    training, place = training_of(out), best(out)
    manifest, first = checkpoint.verify(place), lines(out / VALIDATION)
    monitor, scores, step = training.monitor, manifest["metadata"]["scores"], manifest["step"]
    if not scores:
        return f"done: {step} of {training.steps} steps; nothing was validated; {out / 'changes.txt'} says what moved"
    known = first[0].get(monitor) if first and step else None
    before = "" if known is None else f", {known:.4g} before the first step"
    return (
        f"best validation: {monitor} {scores[monitor]:.4g} after step {step} of {training.steps}{before}; "
        f"{out / 'changes.txt'} says what moved"
    )
