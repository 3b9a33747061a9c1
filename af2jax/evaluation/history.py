"""The runs that are compared: what trained and how long, what was validated, what moved in the weights."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from af2jax.data.parse import read_text
from af2jax.errors import InputError
from af2jax.evaluation.entries import Entry
from af2jax.finetune import run
from af2jax.finetune.config import Training
from af2jax.finetune.record import TRAIN, VALIDATION, lines
from af2jax.finetune.summary import changes
from af2jax.finetune.watch import HIGHER, baseline
from af2jax.pretrained import checkpoint


@dataclass(frozen=True)
class History:
    """The course of one run.

    Attributes:
        trained: parameters.
        seconds: of all steps together, validation not counted.
        validation: a dictionary for each.
        device: that it trained on, in words.
    """

    training: Training
    trained: int
    seconds: float
    steps: int
    validation: list[dict]
    device: str

    @property
    def recipe(self) -> str:
        """What trained, in a word."""
        return "own rules" if self.training.rules else self.training.recipe

    @property
    def watched(self) -> list[tuple[int, float]]:
        """(step, value) of what was monitored in validation."""
        name = self.training.monitor
        return [(one["step"], one[name]) for one in self.validation if one.get(name) is not None]

    @property
    def baseline(self) -> tuple[str, float] | None:
        """What the simplest prediction reaches on the validation set in what was monitored: (its name, value)."""
        return baseline(self.training.monitor, self.validation[-1]) if self.validation else None

    @property
    def sign(self) -> int:
        """1 where more of what was monitored is better, -1 where less is."""
        return 1 if self.training.monitor.endswith(HIGHER) else -1

    @property
    def best(self) -> int:
        """Which of `watched` is best."""
        return int(np.argmax([self.sign * value for _, value in self.watched]))


@dataclass(frozen=True)
class Course:
    """The histories of all runs among the entries of a comparison.

    Attributes:
        runs: by name.
        changed: by name, the rows of `finetune.summary.changes`: what each module moved from where the run began.
        problems: (what cannot be told, why).
    """

    runs: dict[str, History]
    changed: dict[str, tuple]
    problems: list[tuple[str, str]]


def history(path: str | Path) -> History:
    """The course of a run directory, or of the run that a checkpoint is of.

    Raises:
        InputError, WeightsError: a file is missing or damaged.
    """
    training, root = run.training_of(path), run.root_of(Path(path))
    arrays = checkpoint.verify(run.best(root))["arrays"]
    trained = sum(math.prod(shape) for name, (_, shape, *_) in arrays.items() if name.startswith("trained/"))
    steps = lines(root / TRAIN)
    seconds = sum(line.get("seconds") or 0.0 for line in steps)
    device = str(json.loads(read_text(root / run.RUN)).get("device", ""))
    return History(training, trained, seconds, len(steps), lines(root / VALIDATION), device)


def course(entries: Sequence[Entry]) -> Course:
    """The histories of the runs among `entries`; one that cannot be read is a problem."""
    found, moved, problems = {}, {}, []
    for entry in entries:
        if entry.is_run:
            try:
                found[entry.name] = history(entry.path)
            except InputError as error:
                problems.append((f"The course of {entry.name} cannot be read", str(error)))
    known: dict[str, tuple] = {}
    for entry in entries:
        if entry.name in found:
            try:
                if entry.path not in known:
                    start = run.network(found[entry.name].training)[1]
                    known[entry.path] = changes(start, run.load(None, entry.path)[1]).rows
                moved[entry.name] = known[entry.path]
            except InputError as error:
                problems.append((f"What {entry.name} changed cannot be told", str(error)))
    return Course(found, moved, problems)
