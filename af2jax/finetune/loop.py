"""The whole of a training: validation, steps, checkpoints, and a run directory that nothing can make useless."""

import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jax
from absl import logging

from af2jax.errors import InputError
from af2jax.files import write
from af2jax.finetune import directory, sharding
from af2jax.finetune.config import Training, located
from af2jax.finetune.curves import draw
from af2jax.finetune.examples import HELD, Examples
from af2jax.finetune.prepare import Prepared, prepare, with_heads
from af2jax.finetune.record import Record
from af2jax.finetune.rules import ALONE
from af2jax.finetune.run import latest
from af2jax.finetune.state import TrainState
from af2jax.finetune.step import explain_skip, train_step
from af2jax.finetune.summary import changes
from af2jax.finetune.watch import Validation, better, validate
from af2jax.pretrained.tree import flatten
from af2jax.processes import anywhere, first, lead

Say = Callable[[str], None]
Progress = Callable[[int, int, dict], None]


def _silent(*_) -> None:
    """In place of lines and a progress bar."""


@dataclass
class Watch:
    """What a training remembers of its course; saved with every checkpoint."""

    best: float | None = None  # of what is monitored
    best_step: int | None = None
    stale: int = 0  # validations since
    bad: int = 0  # bad steps in a row


def fit(
    training: Training,
    out: str | os.PathLike,
    *,
    resume: bool = False,
    say: Say = logging.info,
    progress: Progress = _silent,
) -> TrainState:
    """Trains, and leaves in `out` all that a run is: see `af2jax.finetune.directory`.

    The validation of step 0 comes first: does the network do it as it is? A step that is not finite changes nothing
    and is named; `max_skipped_steps` in a row end the training. SIGTERM and Ctrl-C end it after the step, saved; a run
    that was stopped in any way continues with `resume`, and ends bit-identical to one that never was (on a CPU, with
    the same devices), unless `steps`, `batch_size`, `learning_rate` or `warmup` have changed, which the run records. A
    start that fails before its first checkpoint leaves no run behind. In the end it is proved that every frozen leaf is
    what it was. All devices of all processes share each batch; the first process writes and speaks.

    Args:
        say: called with a line at every event.
        progress: called with (steps done, steps, metrics of the last).

    Returns the last state; `af2jax.load` takes the best of the run.

    Raises:
        InputError: bad settings or data, a directory that holds another run, or a training that is not finite.
        KeyboardInterrupt: it was stopped, and is saved.
    """
    out, training = Path(out), with_heads(located(training, Path()))
    devices = sharding.mesh()
    share = sharding.share(training.batch_size, devices)
    if not first():
        say = progress = _silent
    replanned: dict[str, list] = {}
    lead(lambda: replanned.update(directory.start(out, training, resume)))
    try:
        course, state, fresh = _begin(training, out, share, replanned, say)
        course.progress = progress
        return course.run(sharding.replicate(state, devices), fresh)
    except BaseException:
        if first() and latest(out) is None:
            directory.forget(out)
        raise


def _begin(training, out, share: slice, replanned: dict, say: Say) -> tuple["_Course", TrainState, bool]:
    """(the training in a directory that is made, its state, whether that is its first)."""
    place, prepared = latest(out), prepare(training)
    examples = Examples(training, prepared.state, out, share)
    if examples.magnified:
        say(HELD)
        prepared = prepare(training, ALONE, prepared)
    course, state = _Course(training, out, prepared, examples, say), prepared.state
    if place is not None:
        state, saved = directory.restore(state, place)
        course.watch = Watch(**saved["watch"])
    step = int(state.step)
    data = examples.hash, examples.report
    families = examples.families
    lead(lambda: directory.describe(out, training, prepared.params, *data, step, replanned, families))
    lead(lambda: examples.taught.save(out))
    if place is not None:
        say(f"resumed at step {step}{_replanned(replanned)}")
        if course.ended and directory.prolonged(out, step):
            course.watch.stale = 0
            say(f"it had stopped early; with more steps it continues; patience ({training.patience}) starts again")
    return course, state, place is None


def _replanned(changes: dict[str, list]) -> str:
    """What to report where a run is resumed with another plan."""
    if not changes:
        return ""
    shown = ", ".join(f"{name} {old} to {new}" for name, (old, new) in changes.items())
    return f", with another plan ({shown}): no longer bit-identical to a run by the first"


@dataclass
class _Course:
    """A training under way."""

    training: Training
    out: Path
    prepared: Prepared
    examples: Any  # `Examples`, or what stands for them
    say: Say
    progress: Progress = _silent
    watch: Watch = field(default_factory=Watch)

    @property
    def ended(self) -> bool:
        """Whether its patience is at an end."""
        return bool(self.training.patience) and self.watch.stale >= self.training.patience

    def run(self, state: TrainState, fresh: bool) -> TrainState:
        """All steps that are left, and the account of what moved."""
        out, prepared = self.out, self.prepared
        lead(lambda: write(out / "summary.txt", f"{prepared.summary}\n"))
        with tempfile.TemporaryDirectory() as nowhere, stopping() as stop:
            record = Record(out if first() else nowhere, int(state.step), fresh)
            try:
                state = self.steps(state, record, stop)
            finally:
                record.close()
        _prove(prepared, state, out)
        lead(lambda: draw(out, self.training))
        return state

    def steps(self, state: TrainState, record: Record, stop: Callable[[], bool]) -> TrainState:
        """All that are left, from `state` on."""
        training, keys = self.training, jax.random.key(self.training.seed)
        if record.fresh:
            self.save(state, self.validate(state, record))
        if self.ended:
            return state
        for step, ids, batch in self.examples.train(int(state.step)):
            before = time.perf_counter()
            state, metrics = train_step(state, batch, jax.random.fold_in(keys, step), training.num_recycle)
            values = {name: float(value) for name, value in metrics.items()}
            values |= {"rate": float(self.prepared.rate(step)), "seconds": time.perf_counter() - before}
            record.train(step, values)
            self.progress(step + 1, training.steps, values)
            self.look(step, ids, values, state)

            last, stopped, found = step + 1 == training.steps, anywhere(stop()), None
            if last or (step + 1) % training.validate_every == 0:
                found = self.validate(state, record)
            better_now = found and self.watch.stale == 0
            if last or stopped or self.ended or (step + 1) % training.save_every == 0 or better_now:
                self.save(state, found)
            if stopped and not last:
                self.say(f"stopped after step {step + 1} and saved")
                raise KeyboardInterrupt
            if self.ended:
                self.say(f"stopped early: {self.watch.stale} validations without a better {training.monitor}")
                break
        return state

    def look(self, step: int, ids: list[str], values: dict, state: TrainState) -> None:
        """Counts and names bad steps, and ends the training at too many."""
        if not values["skipped"]:
            self.watch.bad = 0
            return
        self.watch.bad += 1
        wrong, why = values["bad_example"], explain_skip(values)
        which = ids[int(wrong)] if wrong >= 0 else ", ".join(ids)
        reason = f"step {step}: {why}; examples: {which}; no weight was changed"
        self.say(f"skipped {reason}")
        if first():
            with open(self.out / "bad_steps.jsonl", "a") as file:
                file.write(json.dumps({"step": step, "examples": which, "reason": why}) + "\n")
        if self.watch.bad >= self.training.max_skipped_steps:
            self.save(state)
            number = self.watch.bad
            raise InputError(f"{number} bad steps in a row, the last {reason}; the weights before them are saved")

    def validate(self, state: TrainState, record: Record) -> Validation | None:
        """Validates, and keeps account of the best; None where there is nothing to validate on."""
        found = validate(state, self.examples.valid(), self.training.num_recycle)
        if not (scores := found.scores):
            return None
        watch, monitor, step = self.watch, self.training.monitor, int(state.step)
        if monitor not in scores:
            raise InputError(f'monitor = "{monitor}" is not among what is validated: {", ".join(scores)}')
        record.validation(step, scores)
        if better(monitor, scores[monitor], watch.best):
            watch.best, watch.best_step, watch.stale = scores[monitor], step, 0
        else:
            watch.stale += 1
        shown = {name: scores[name] for name in dict.fromkeys(("loss", monitor, "lddt_ca")) if name in scores}
        self.say(f"validation at step {step}: " + ", ".join(f"{name} {value:.4g}" for name, value in shown.items()))
        return found

    def save(self, state: TrainState, found: Validation | None = None) -> None:
        """A checkpoint."""
        directory.save_checkpoint(self.out, self.training, state, asdict(self.watch), found)


def _prove(prepared: Prepared, state: TrainState, out: Path) -> None:
    """Writes what moved, and looks at every bit of what must not have.

    Raises:
        RuntimeError: a frozen leaf changed, which is a fault of ours.
    """
    after, labels = jax.device_get(state.params), flatten(prepared.labels)
    lead(lambda: write(out / "changes.txt", f"{changes(prepared.params, after)}\n"))
    after, before = flatten(after), flatten(prepared.params)
    moved = [
        path
        for path, label in labels.items()
        if label == "freeze" and jax.device_get(before[path]).tobytes() != jax.device_get(after[path]).tobytes()
    ]
    if moved:
        raise RuntimeError(f"{len(moved)} frozen leaves have changed, {moved[0]} first")


@contextmanager
def stopping() -> Iterator[Callable[[], bool]]:
    """Whether SIGTERM or Ctrl-C came; a second Ctrl-C stops at once."""
    came = []

    def note(number, frame):
        if came and number == signal.SIGINT:
            raise KeyboardInterrupt
        came.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
