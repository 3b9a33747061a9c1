"""What a run cost and did: its course, the time it took, what trained, and what moved in the weights."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from af2jax.data.parse import read_text
from af2jax.errors import InputError
from af2jax.finetune import run
from af2jax.finetune.config import Training
from af2jax.finetune.record import TRAIN, VALIDATION, lines
from af2jax.finetune.summary import changes
from af2jax.html.page import Caption, Page
from af2jax.plots import assess, panels
from af2jax.pretrained import checkpoint
from af2jax.report.entries import Entry

LARGE = 0.1  # of a module's norm: a change that may cost what the network knew


@dataclass(frozen=True)
class History:
    """The course of one run."""

    training: Training
    trained: int  # parameters
    seconds: float  # of all steps together, validation not counted
    steps: int
    validation: list[dict]

    @property
    def recipe(self) -> str:
        """What trained, in a word."""
        return "own rules" if self.training.rules else self.training.recipe


def history(path: str | Path) -> History:
    """The course of a run directory, or of the run that a checkpoint is of.

    Raises:
        InputError, WeightsError: a file is missing or damaged.
    """
    root = _root(Path(path))
    arrays = checkpoint.verify(run.best(root))["arrays"]
    trained = sum(math.prod(shape) for name, (_, shape, *_) in arrays.items() if name.startswith("trained/"))
    steps = lines(root / TRAIN)
    seconds = sum(line.get("seconds") or 0.0 for line in steps)
    return History(run.training_of(path), trained, seconds, len(steps), lines(root / VALIDATION))


def part(page: Page, entries: list[Entry]) -> None:
    """Adds the runs among `entries` to `page`: cost, learning curves, changes of weights."""
    runs = {}
    for entry in entries:
        if entry.is_run:
            try:
                runs[entry.name] = (entry, history(entry.path))
            except InputError as error:
                page.warning("caution", f"The course of {entry.name} cannot be read", str(error))
    if not runs:
        return
    page.section("What the runs cost")
    size = {entry.name: entry.evaluation.subject["parameters"] for entry, _ in runs.values()}
    rows = [
        (name, h.recipe, h.steps, h.training.batch_size, h.trained, h.trained / max(size[name], 1), h.seconds / 60,
         _device(entry))
        for name, (entry, h) in runs.items()
    ]  # fmt: skip
    headings = ("run", "recipe", "steps", "batch", "trained parameters", "share of all", "minutes of steps", "device")
    page.table("cost", headings, rows)
    _curves(page, {name: h for name, (_, h) in runs.items()})
    page.section("What changed in the weights")
    moved, known = {}, {}
    for name, (entry, h) in runs.items():
        try:
            if entry.path not in known:
                known[entry.path] = changes(run.network(h.training)[1], run.load(None, entry.path)[1]).rows
            moved[name] = known[entry.path]
        except InputError as error:
            page.warning("caution", f"What {name} changed cannot be told", str(error))
    if moved:
        _changes(page, moved)


def _root(path: Path) -> Path:
    path = path.resolve()
    return next(folder for folder in (path, *path.parents) if (folder / run.CONFIG).is_file())


def _device(entry: Entry) -> str:
    import json

    return str(json.loads(read_text(_root(Path(entry.path)) / run.RUN)).get("device", ""))


def _curves(page: Page, runs: dict[str, History]) -> None:
    """What each run watched, by step; runs that watch one thing share a plot."""
    watched: dict[str, dict[str, tuple]] = {}
    for name, h in runs.items():
        points = [(v["step"], v[h.training.monitor]) for v in h.validation if v.get(h.training.monitor) is not None]
        if points:
            watched.setdefault(h.training.monitor, {})[name] = tuple(zip(*points, strict=True))
    for monitor, series in watched.items():
        name, (steps, values) = max(series.items(), key=lambda item: item[1][0][-1])
        from af2jax.finetune.watch import HIGHER

        best = (np.argmax if monitor.endswith(HIGHER) else np.argmin)(values)
        late = steps[best] == steps[-1] and len(steps) > 1
        page.figure(
            f"learning_{monitor}",
            assess.curves(series, ("step", f"validation {monitor}"), marks=len(steps) < 30, whole=True),
            Caption(
                f"{monitor} on the validation set, by step.",
                "Without dropout; step 0 is before any training.",
                f"{name} is best at step {steps[best]} of {steps[-1]} ({values[best]:.3g}, at first {values[0]:.3g}): "
                + ("it was still getting better; train longer." if late else "more steps of this kind do not help."),
            ),
        )


def _changes(page: Page, moved: dict[str, tuple]) -> None:
    rows = [(name, *row) for name, table in moved.items() for row in table]
    headings = ("run", "module", "parameters", "in changed leaves", "largest change", "relative change")
    page.table("changes", headings, rows)
    known = [row for row in rows if np.isfinite(row[5])]
    modules = dict.fromkeys(row[1] for row in known)
    shown = {m: {row[0]: row[5] for row in known if row[1] == m} for m in modules}
    shown = {m: by for m, by in shown.items() if any(by.values())}
    if not shown:
        return
    name, module, *_, most = max(known, key=lambda row: row[5])
    page.figure(
        "changes",
        panels.bars(shown, "norm of the change / norm of the weights"),
        Caption(
            "How far each module moved from the weights that a run began with.",
            "The best checkpoint, adapters merged; new heads, which began from nothing, are left out.",
            f"The largest is {most:.2g} ({module} of {name}): "
            + ("look at what it forgot." if most > LARGE else "small enough that little should be forgotten."),
        ),
    )
