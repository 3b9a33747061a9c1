"""The directory of a training: what is in it, how it is begun and resumed; `af2jax.finetune.run` reads it.

`config.json` the training, new heads with all that they are · `run.json` data, weights, versions, device, changes of
the plan · `items.tsv` what was used and what not, and why · `trained_on.tsv` the sequences that were learnt from ·
`summary.txt` what trains · `metrics.jsonl`,
`validation.jsonl`, `bad_steps.jsonl`, `tensorboard/` the course · `checkpoints/<step>/` the last and the best ·
`changes.txt` what moved, `curves.png` the end. The command writes a page besides, `index.html` (`report.training`).
"""

import json
import platform
from importlib.metadata import version
from pathlib import Path

import jax

from af2jax.errors import InputError
from af2jax.files import write
from af2jax.finetune.config import PLACES, Training, read
from af2jax.finetune.run import CHECKPOINTS, CONFIG, RUN, facts_of, latest
from af2jax.finetune.state import TrainState
from af2jax.finetune.watch import Validation
from af2jax.pretrained import checkpoint
from af2jax.pretrained.tree import digest, flatten

FORMAT = 1
LATER = ("steps", "batch_size", "learning_rate", "warmup")  # what a run may change when it is resumed


def start(out: Path, training: Training, resume: bool) -> dict[str, list]:
    """Makes a run directory, or looks at the one to resume; returns what its plan changes, {name: [old, new]}.

    Data and weights are known by what they hold, not by where they lie (`describe`), so their paths may change; so may
    the number of steps, the batch and the rate. A run that has no checkpoint yet was not begun, and starts from step 0.

    Raises:
        InputError: the directory holds a run and `resume` is not asked for; it holds another training, or is of
            another version; `out` is a file, or cannot be written.
    """
    if (out / CONFIG).exists():
        if not resume:
            raise InputError(f"{out} holds a run already; add --resume to continue it, or give another folder")
        if latest(out) is not None:
            return _changes(out, training)
        forget(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        write(out / CONFIG, _text(training.to_dict()))
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}; give another folder") from error
    return {}


def _changes(out: Path, training: Training) -> dict[str, list]:
    earlier = facts_of(out) if (out / RUN).exists() else {"format": FORMAT}
    if earlier.get("format") != FORMAT:
        raise InputError(f"{out} was made by another version of af2jax ({earlier.get('af2jax')}); resume it with that")
    old, new = (json.loads(json.dumps(one.to_dict())) for one in (read(out / CONFIG), training))
    other = [name for name in new if new[name] != old[name] and name not in PLACES]
    if fixed := [name for name in other if name not in LATER]:
        name = fixed[0]
        raise InputError(
            f"{out} is of another training: its {name} is {old[name]!r}, not {new[name]!r}; give another folder"
        )
    return {name: [old[name], new[name]] for name in other}


def forget(out: Path) -> None:
    """Takes away what makes a folder a run, where nothing was trained yet, so that it blocks no corrected training."""
    for name in (CONFIG, RUN):
        (out / name).unlink(missing_ok=True)


def describe(
    out: Path,
    training: Training,
    params: dict,
    data: str,
    report: str,
    step: int = 0,
    changes: dict | None = None,
    families: int | None = None,
) -> None:
    """Writes what the run stands on, or looks whether it still does and writes what `changes` of it at `step`.

    Args:
        families: of homologues, that are validated on.

    Raises:
        InputError: data or weights are not those that the run began with.
    """
    facts = {
        "format": FORMAT,
        "af2jax": version("af2jax"),
        "preset": training.preset,
        "data": data,
        "weights": digest(flatten(params)).hex(),
        "python": platform.python_version(),
        "jax": version("jax"),
        "device": f"{jax.devices()[0].device_kind} x {jax.device_count()}",
    }
    if (out / RUN).exists():
        earlier = facts_of(out)
        for name, what in (("data", f"the data ({training.data})"), ("weights", f"the weights ({training.params})")):
            if earlier.get(name) != facts[name]:
                raise InputError(
                    f"{out}: {what} are not those that this run began with; restore them, or start another"
                )
        if changes:
            entry = {"step": step} | changes
            write(out / RUN, _text(earlier | {"changes": [*earlier.get("changes", []), entry]}))
        write(out / CONFIG, _text(training.to_dict()))
        return
    write(out / "items.tsv", report)
    write(out / RUN, _text(facts | {"valid_families": families}))


def prolonged(out: Path, step: int) -> bool:
    """Whether a run was given more steps when it had done `step`."""
    changes = [entry for entry in facts_of(out).get("changes", []) if entry["step"] == step]
    return any(new > old for old, new in (entry["steps"] for entry in changes if "steps" in entry))


def save_checkpoint(out: Path, training: Training, state: TrainState, watch: dict, found: Validation | None) -> None:
    """A checkpoint of `state` with what its validation found; of the others, the best and the last few stay."""
    step, folder = int(state.step), out / CHECKPOINTS
    metadata = {"preset": training.preset, "watch": watch, "scores": None, "calibration": {}}
    if found:
        calibration = {name: one.json() for name, one in found.calibration.items()}
        metadata |= {"scores": found.scores, "calibration": calibration}
    checkpoint.save(folder, step, state.moving._asdict(), metadata)
    keep = {*checkpoint.steps(folder)[-training.keep_checkpoints :]}
    if watch["best_step"] is not None:
        keep.add(watch["best_step"])
    checkpoint.prune(folder, keep)


def restore(begun: TrainState, place: Path) -> tuple[TrainState, dict]:
    """(the state, the metadata) of a checkpoint, for a training whose first state is `begun`.

    Raises:
        WeightsError: it is damaged, or of another training.
    """
    arrays, metadata = checkpoint.restore(place, begun.moving._asdict())
    return begun.replace(**arrays), metadata


def _text(values: dict) -> str:
    return json.dumps(values, indent=1) + "\n"
