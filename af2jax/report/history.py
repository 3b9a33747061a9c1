"""What the compared runs cost and did: their course, their time, what trained, and what moved in the weights."""

import numpy as np

from af2jax.audit.findings import phrase
from af2jax.evaluation.comparison import Comparison
from af2jax.evaluation.history import History
from af2jax.finetune.curves import FEW
from af2jax.html.page import Caption, Page
from af2jax.plots import assess, panels
from af2jax.words import counted

COURSE = (  # of (validations, whether the last is the best)
    (lambda of: of[0] < FEW, "three validations or more are needed to say whether more steps would help."),
    (lambda of: of[1], "it was still improving; train longer."),
    (lambda of: True, "more steps of this kind do not help."),
)
LARGE = 0.1  # of a module's norm: a change that may cost what the network knew


def part(page: Page, found: Comparison) -> None:
    """Adds the runs of a comparison to `page`: cost, learning curves, changes of weights."""
    for title, text in found.course.problems:
        page.warning("caution", title, text)
    if not (runs := found.course.runs):
        return
    page.section("What the runs cost")
    size = {entry.name: entry.evaluation.subject["parameters"] for entry in found.entries}
    rows = [
        (name, h.recipe, h.steps, h.training.batch_size, h.trained, h.trained / max(size[name], 1), h.seconds / 60,
         h.device)
        for name, h in runs.items()
    ]  # fmt: skip
    headings = ("run", "recipe", "steps", "batch", "trained parameters", "share of all", "minutes of steps", "device")
    page.table("cost", headings, rows)
    _curves(page, runs)
    page.section("What changed in the weights")
    if found.course.changed:
        _changes(page, found.course.changed)


def _curves(page: Page, runs: dict[str, History]) -> None:
    """What each run watched, by step; runs that watch one thing share a plot."""
    watched: dict[str, dict[str, History]] = {}
    for name, h in runs.items():
        if h.watched:
            watched.setdefault(h.training.monitor, {})[name] = h
    for monitor, some in watched.items():
        name, run = max(some.items(), key=lambda item: item[1].sign * item[1].watched[item[1].best][1])
        steps, values = zip(*run.watched, strict=True)
        best = run.best
        late = steps[best] == steps[-1]
        page.figure(
            f"learning_{monitor}",
            assess.curves(
                {each: tuple(zip(*h.watched, strict=True)) for each, h in some.items()},
                ("step", f"validation {monitor}"),
                marks=len(steps) < 30,
                whole=True,
                levels=dict([run.baseline] if run.baseline else []),
            ),
            Caption(
                f"{monitor} on the validation set, by step.",
                "Without dropout; step 0 is before any training."
                + (f" Dotted: {run.baseline[0]}, the simplest baseline." if run.baseline else ""),
                f"{name} is best, at step {steps[best]} of {steps[-1]} ({values[best]:.3g}, at first {values[0]:.3g}): "
                + phrase(COURSE, (len(steps), late)),
            ),
        )


def _changes(page: Page, moved: dict[str, tuple]) -> None:
    rows = [(name, *row) for name, table in moved.items() for row in table]
    headings = ("run", "module", "relative change", "largest change", "parameters", "in changed leaves")
    changed = [row for row in rows if row[3]]
    page.table("changes", headings, [(*row[:2], row[5], row[4], row[2], row[3]) for row in changed])
    page.text(f"{counted(len(rows) - len(changed), 'further module is', 'further modules are')} bit-identical.")
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
