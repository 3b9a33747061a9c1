"""The whole of a training: validation, steps, checkpoints, and a run directory that nothing can make useless."""

import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

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
from af2jax.finetune.summary import changes, summary
from af2jax.finetune.watch import Validation, better, validate
from af2jax.pretrained.tree import flatten
from af2jax.processes import anywhere, first, lead

Say = Callable[[str], None]


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
    progress: Callable[[int, int, dict], None] = lambda step, steps, values: None,
) -> TrainState:
    """Trains, and leaves in `out` all that a run is: see `af2jax.finetune.directory`.

    The validation of step 0 comes first: does the network do it as it is? A step that is not finite changes nothing
    and is named; `max_skipped_steps` in a row end the training. SIGTERM and Ctrl-C end it after the step, saved; a run
    that was stopped in any way goes on with `resume`, and ends in the same bits as one that never was (on a CPU, with
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
        say = progress = lambda *_: None
    replanned: dict[str, list] = {}
    lead(lambda: replanned.update(directory.start(out, training, resume)))
    try:
        return _fit(training, out, devices, share, replanned, say, progress)
    except BaseException:
        if first() and latest(out) is None:
            directory.forget(out)
        raise


def _fit(training, out, devices, share, replanned, say, progress) -> TrainState:
    """The training in a directory that is made."""
    place, prepared = latest(out), prepare(training)
    examples = Examples(training, prepared.state, out, share)
    if examples.magnified:
        say(HELD)
        prepared = prepare(training, ALONE, prepared)
    state, watch = prepared.state, Watch()
    if place is not None:
        state, saved = directory.restore(state, place)
        watch = Watch(**saved["watch"])
    step = int(state.step)
    lead(lambda: directory.describe(out, training, prepared.params, examples.hash, examples.report, step, replanned))
    lead(lambda: examples.taught.save(out))
    if place is not None:
        say(f"goes on from step {step}{_replanned(replanned)}")
        if _ended(training, watch) and directory.prolonged(out, step):
            watch.stale = 0
            say(f"it had stopped early; with more steps it goes on, and its patience ({training.patience}) starts anew")
    state = sharding.replicate(state, devices)
    network = {name: tree for name, tree in prepared.params.items() if name in prepared.labels}
    lead(lambda: write(out / "summary.txt", f"{summary(network, prepared.labels)}\n"))

    with tempfile.TemporaryDirectory() as nowhere, stopping() as stop:
        record = Record(out if first() else nowhere, int(state.step), fresh=place is None)
        try:
            state = _steps(training, out, prepared, examples, state, watch, record, stop, say, progress)
        finally:
            record.close()
    _prove(prepared, state, out)
    lead(lambda: draw(out, training))
    return state


def _ended(training: Training, watch: Watch) -> bool:
    return bool(training.patience) and watch.stale >= training.patience


def _replanned(changes: dict[str, list]) -> str:
    """What to say where a run goes on by another plan."""
    if not changes:
        return ""
    shown = ", ".join(f"{name} {old} to {new}" for name, (old, new) in changes.items())
    return f", by another plan ({shown}): its bits are no longer those of the first plan"


def _steps(training, out, prepared, examples, state, watch, record, stop, say, progress) -> TrainState:
    """All that are left, from `state` on."""
    keys = jax.random.key(training.seed)
    save = lambda state, found=None: directory.save_checkpoint(out, training, state, asdict(watch), found)
    if record.fresh:
        save(state, _validation(training, examples, state, watch, record, say))
    done = lambda: _ended(training, watch)
    if done():
        return state
    for step, batch in examples.train(int(state.step)):
        before = time.perf_counter()
        state, metrics = train_step(state, batch, jax.random.fold_in(keys, step), training.num_recycle)
        values = {name: float(value) for name, value in metrics.items()}
        values |= {"rate": float(prepared.rate(step)), "seconds": time.perf_counter() - before}
        record.train(step, values)
        progress(step + 1, training.steps, values)
        _look(training, out, examples, step, values, watch, save, state, say)

        last, stopped, found = step + 1 == training.steps, anywhere(stop()), None
        if last or (step + 1) % training.validate_every == 0:
            found = _validation(training, examples, state, watch, record, say)
        if last or stopped or done() or (step + 1) % training.save_every == 0 or (found and watch.stale == 0):
            save(state, found)
        if stopped and not last:
            say(f"stopped after step {step + 1} and saved")
            raise KeyboardInterrupt
        if done():
            say(f"stopped early: {watch.stale} validations without a better {training.monitor}")
            break
    return state


def _look(training, out, examples, step, values, watch, save, state, say) -> None:
    """Counts and names bad steps, and ends the training at too many."""
    if not values["skipped"]:
        watch.bad = 0
        return
    watch.bad += 1
    names = examples.names(step)
    wrong = values["bad_example"]
    which = names[int(wrong)] if wrong >= 0 else ", ".join(names)
    reason = f"step {step}: {explain_skip(values)}; examples: {which}; no weight was changed"
    say(f"skipped {reason}")
    if first():
        with open(out / "bad_steps.jsonl", "a") as file:
            file.write(json.dumps({"step": step, "examples": which, "reason": explain_skip(values)}) + "\n")
    if watch.bad >= training.max_skipped_steps:
        save(state)
        raise InputError(f"{watch.bad} bad steps in a row, the last {reason}; the weights before them are saved")


def _validation(training, examples, state, watch, record, say) -> Validation | None:
    """Validates, and keeps account of the best; None where there is nothing to validate on."""
    found = validate(state, examples.valid(), training.num_recycle)
    if not (scores := found.scores):
        return None
    if training.monitor not in scores:
        raise InputError(f'monitor = "{training.monitor}" is not among what is validated: {", ".join(scores)}')
    step = int(state.step)
    record.validation(step, scores)
    if better(training.monitor, scores[training.monitor], watch.best):
        watch.best, watch.best_step, watch.stale = scores[training.monitor], step, 0
    else:
        watch.stale += 1
    shown = {name: scores[name] for name in dict.fromkeys(("loss", training.monitor, "lddt_ca")) if name in scores}
    say(f"validation at step {step}: " + ", ".join(f"{name} {value:.4g}" for name, value in shown.items()))
    return found


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
