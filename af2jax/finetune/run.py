"""The directory of a training: what is in it, how it is begun, gone on with, and read.

`config.json` the training · `run.json` data, weights, versions, device · `items.tsv` what was used and what not, and
why · `summary.txt` what trains · `metrics.jsonl`, `validation.jsonl`, `bad_steps.jsonl`, `tensorboard/` the course ·
`checkpoints/<step>/` the last and the best · `changes.txt` what moved, `curves.png` the end.
"""

import dataclasses
import json
import math
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from af2jax.config import canonical, preset
from af2jax.errors import InputError, WeightsError
from af2jax.files import write
from af2jax.finetune import prepare as preparing
from af2jax.finetune.arrays import digest
from af2jax.finetune.config import Training, read
from af2jax.finetune.heads import SCOPE
from af2jax.finetune.prepare import Prepared
from af2jax.finetune.step import TrainState
from af2jax.finetune.summary import module, table
from af2jax.model.alphafold import AlphaFold
from af2jax.nn.runtime import Runtime
from af2jax.pretrained import checkpoint
from af2jax.pretrained.load import load as load_weights
from af2jax.pretrained.tree import flatten, join_stacks, split_stack

FORMAT = 1
CONFIG, RUN, CHECKPOINTS = "config.json", "run.json", "checkpoints"


def start(out: Path, training: Training, resume: bool) -> None:
    """Makes a run directory, or looks at the one to go on with.

    Raises:
        InputError: the directory holds a run and `resume` is not asked for; it holds another training, or is of
            another version; `out` is a file, or cannot be written.
    """
    if (out / CONFIG).exists():
        if not resume:
            raise InputError(f"{out} holds a run already; add --resume to go on with it, or give another folder")
        earlier = _facts(out) if (out / RUN).exists() else {"format": FORMAT}
        if earlier.get("format") != FORMAT:
            raise InputError(
                f"{out} was made by another version of af2jax ({earlier.get('af2jax')}); resume it with that"
            )
        old, new = read(out / CONFIG).to_dict(), json.loads(json.dumps(training.to_dict()))
        old = json.loads(json.dumps(old))
        if other := [name for name in new if new[name] != old[name]]:
            name = other[0]
            raise InputError(
                f"{out} is of another training: its {name} is {old[name]!r}, not {new[name]!r}; give another folder"
            )
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        write(out / CONFIG, json.dumps(training.to_dict(), indent=1) + "\n")
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}; give another folder") from error


def describe(out: Path, training: Training, prepared: Prepared, data: str, report: str) -> None:
    """Writes what the run stands on, or looks whether it still does.

    Raises:
        InputError: data or weights are not those that the run began with.
    """
    facts = {
        "format": FORMAT,
        "af2jax": version("af2jax"),
        "preset": training.preset,
        "data": data,
        "weights": digest(flatten(prepared.params)).hex(),
        "python": platform.python_version(),
        "jax": version("jax"),
        "device": f"{jax.devices()[0].device_kind} x {jax.device_count()}",
    }
    if (out / RUN).exists():
        earlier = _facts(out)
        for name, what in (("data", f"the data ({training.data})"), ("weights", f"the weights ({training.params})")):
            if earlier.get(name) != facts[name]:
                raise InputError(f"{out}: {what} are not those that this run began with; restore them, or begin anew")
        return
    write(out / "items.tsv", report)
    write(out / RUN, json.dumps(facts, indent=1) + "\n")


def save(out: Path, training: Training, state: TrainState, watch: dict, scores: dict | None) -> None:
    """A checkpoint of `state`; of the others, the best and the last `keep` stay."""
    step, folder = int(state.step), out / CHECKPOINTS
    checkpoint.save(folder, step, _arrays(state), {"preset": training.preset, "watch": watch, "scores": scores})
    keep = {*checkpoint.steps(folder)[-training.keep :]}
    if watch["best_step"] is not None:
        keep.add(watch["best_step"])
    checkpoint.prune(folder, keep)


def latest(out: Path) -> Path | None:
    """The last checkpoint of a run."""
    steps = checkpoint.steps(out / CHECKPOINTS)
    return checkpoint.place(out / CHECKPOINTS, steps[-1]) if steps else None


def best(out: Path) -> Path:
    """The checkpoint of the best validation, or the last where there was none.

    Raises:
        WeightsError: the run has no checkpoint.
    """
    last = latest(out)
    if last is None:
        raise WeightsError(f"{out} is a run without a checkpoint")
    step = checkpoint.verify(last)["metadata"]["watch"]["best_step"]
    return last if step is None else checkpoint.place(out / CHECKPOINTS, step)


def restore(prepared: Prepared, place: Path) -> tuple[TrainState, dict]:
    """(the state, the metadata) of a checkpoint, for a training that was prepared as it was then.

    Raises:
        WeightsError: it is damaged, or of another training.
    """
    arrays, metadata = checkpoint.restore(place, _arrays(prepared.state))
    return prepared.state.replace(**arrays), metadata


def is_run(path: str | os.PathLike) -> bool:
    """Whether a path is a run directory, its checkpoints, or one of them."""
    return _root(Path(path)) is not None


def keeps_network(path: str | os.PathLike) -> bool:
    """Whether a run, or that of a checkpoint, trained new heads alone: its structures are those that it began with.

    Raises:
        WeightsError: it has no checkpoint, or a damaged one.
    """
    arrays = checkpoint.verify(_place(Path(path)))["arrays"]
    return all(name.startswith(f"trained/{SCOPE}/") for name in arrays if name.startswith("trained/"))


def load_state(path: str | os.PathLike) -> tuple[TrainState, Training]:
    """(the state, its training) of a run directory (its best), or of one checkpoint in it.

    Raises:
        InputError, WeightsError: it is no run, a file is damaged, or the weights that it began with are gone.
    """
    training = training_of(path)
    return restore(*_begun(Path(path), training))[0], training


def training_of(path: str | os.PathLike) -> Training:
    """The training of a run directory, or of one checkpoint in it.

    Raises:
        WeightsError: it is no run.
    """
    root = _root(Path(path))
    if root is None:
        raise WeightsError(f"{path} is no run directory of af2jax")
    return read(root / CONFIG)


def load(
    name: str | None,
    path: Any = None,
    *,
    split: tuple[int, ...] = (),
    key: jax.Array | None = None,
    runtime: Runtime | None = None,
) -> tuple[AlphaFold, dict]:
    """`af2jax.pretrained.load.load`, which also takes a run directory: its network and best parameters.

    They are the moving average where the run kept one, with adapters merged; new heads are under "task_heads". The
    network is in stacks as it was trained unless `split` says otherwise, and runs as it was trained unless `runtime`
    does. The optimizer's part of the checkpoint is not read.

    Raises:
        InputError: `name` is None and `path` is no run; or as of `pretrained.load`.
        WeightsError: the run is of another preset than `name`, or damaged.
    """
    if not isinstance(path, str | os.PathLike) or not is_run(path):
        if name is None:
            raise InputError(f"{path} is no run directory, so name a preset")
        return load_weights(name, path, split=split, key=key, runtime=runtime or Runtime())
    training = training_of(path)
    if name is not None and canonical(name) != training.preset:
        raise WeightsError(f'{path} is a run of {training.preset}, not {name}; load it as "{training.preset}"')
    prepared, place = _begun(Path(path), training)
    part = "trained" if training.ema is None else "ema"
    arrays, _ = checkpoint.restore(place, {part: getattr(prepared.state, part)})
    state = prepared.state.replace(**arrays)
    model = state.setup.model
    params = jax.device_get(state.params if training.ema is None else state.ema_params)  # bound to no device, as others
    if split:
        config = dataclasses.replace(model.config, split=preset(training.preset, split).split)
        model, params = model.clone(config=config), split_stack(join_stacks(params), split)
    return (model if runtime is None else model.clone(runtime=runtime)), params


def _begun(path: Path, training: Training) -> tuple[Prepared, Path]:
    """(the training before its first step, the checkpoint that a path means).

    Raises:
        WeightsError: the weights are not those that the run began with, or there is no checkpoint.
    """
    root = _root(path)
    facts, prepared = _facts(root), preparing.prepare(training)
    if facts.get("weights") != digest(flatten(prepared.params)).hex():
        raise WeightsError(f"{root}: {training.params or 'the random weights'} are not those that this run began with")
    return prepared, _place(path)


def _root(path: Path) -> Path | None:
    """The run directory that a path is, or whose checkpoints it is, or one of them."""
    path = path.resolve()
    for folder in (path / CHECKPOINTS, path, path.parent):
        if folder.name == CHECKPOINTS and folder.is_dir() and (folder.parent / CONFIG).is_file():
            return folder.parent
    return None


def _place(path: Path) -> Path:
    """The checkpoint that a path means: itself, or the best of its run."""
    root = _root(path)
    return path if path.resolve().parent == root / CHECKPOINTS else best(root)


def report(path: str | os.PathLike) -> str:
    """What is in a checkpoint, or in the best of a run: preset, step, what trains, how good it is.

    Raises:
        WeightsError: a file is damaged, missing or foreign.
    """
    place = _place(Path(path))
    manifest = checkpoint.verify(place)
    modules: dict[str, int] = {}
    for name, (_, shape, *_) in manifest["arrays"].items():
        part, _, leaf = name.partition("/")
        if part == "trained":
            modules[module(leaf)] = modules.get(module(leaf), 0) + math.prod(shape)
    metadata = manifest["metadata"]
    averaged = ", with a moving average" if any(name.startswith("ema/") for name in manifest["arrays"]) else ""
    lines = [f"{place}: {metadata['preset']} after {manifest['step']} steps{averaged}; every file is intact"]
    lines += table(["trains", "parameters"], [[name, f"{n:,}"] for name, n in modules.items()]).splitlines()
    lines += [f"validation: {name} {value:.4g}" for name, value in (metadata["scores"] or {}).items()]
    return "\n".join(lines)


def _facts(out: Path) -> dict:
    """What a run stands on, as `describe` wrote it.

    Raises:
        WeightsError: that is missing or damaged.
    """
    try:
        return dict(json.loads((out / RUN).read_text()))
    except (OSError, ValueError, TypeError):
        raise WeightsError(f"{out / RUN} is missing or damaged; restore it from a copy") from None


def _arrays(state: TrainState) -> dict:
    names = ("step", "skipped", "trained", "opt_state", "ema")
    return {name: getattr(state, name) for name in names}
