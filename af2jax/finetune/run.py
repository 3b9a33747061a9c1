"""The directory of a training: what is in it, how it is begun, gone on with, and read.

`config.json` the training, new heads with all that they are · `run.json` data, weights, versions, device, changes of
the plan · `items.tsv` what was used and what not, and why · `trained_on.tsv` the sequences that were learnt from ·
`summary.txt` what trains · `metrics.jsonl`,
`validation.jsonl`, `bad_steps.jsonl`, `tensorboard/` the course · `checkpoints/<step>/` the last and the best ·
`changes.txt` what moved, `curves.png` the end.
"""

import dataclasses
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from af2jax import heads as task_heads
from af2jax.config import canonical, preset
from af2jax.errors import InputError, WeightsError
from af2jax.files import write
from af2jax.finetune.arrays import digest
from af2jax.finetune.config import Training, read
from af2jax.finetune.state import LORA, TrainState, assembled
from af2jax.finetune.watch import Validation
from af2jax.heads import SCOPE, Head, TrainedOn, trained_on
from af2jax.model.alphafold import AlphaFold
from af2jax.nn.runtime import Runtime
from af2jax.pretrained import checkpoint
from af2jax.pretrained.load import description_in
from af2jax.pretrained.load import load as load_weights
from af2jax.pretrained.tree import flatten, join_stacks, split_stack, unflatten

FORMAT = 1
PLACES = ("data", "valid", "params", "cache_dir")  # where something lies that is known by what it holds
LATER = ("steps", "batch_size", "learning_rate", "warmup")  # what a run may change as it goes on
CONFIG, RUN, CHECKPOINTS = "config.json", "run.json", "checkpoints"


def start(out: Path, training: Training, resume: bool) -> dict[str, list]:
    """Makes a run directory, or looks at the one to go on with; returns what its plan changes, {name: [old, new]}.

    Data and weights are known by what they hold, not by where they lie (`describe`), so their paths may change; so may
    the number of steps, the batch and the rate. A run that has no checkpoint yet was not begun, and begins anew.

    Raises:
        InputError: the directory holds a run and `resume` is not asked for; it holds another training, or is of
            another version; `out` is a file, or cannot be written.
    """
    if (out / CONFIG).exists():
        if not resume:
            raise InputError(f"{out} holds a run already; add --resume to go on with it, or give another folder")
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
    earlier = _facts(out) if (out / RUN).exists() else {"format": FORMAT}
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
    out: Path, training: Training, params: dict, data: str, report: str, step: int = 0, changes: dict | None = None
) -> None:
    """Writes what the run stands on, or looks whether it still does and writes what `changes` of it at `step`.

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
        earlier = _facts(out)
        for name, what in (("data", f"the data ({training.data})"), ("weights", f"the weights ({training.params})")):
            if earlier.get(name) != facts[name]:
                raise InputError(f"{out}: {what} are not those that this run began with; restore them, or begin anew")
        if changes:
            entry = {"step": step} | changes
            write(out / RUN, _text(earlier | {"changes": [*earlier.get("changes", []), entry]}))
        write(out / CONFIG, _text(training.to_dict()))
        return
    write(out / "items.tsv", report)
    write(out / RUN, _text(facts))


def prolonged(out: Path, step: int) -> bool:
    """Whether a run was given more steps when it had done `step`."""
    changes = [entry for entry in _facts(out).get("changes", []) if entry["step"] == step]
    return any(new > old for old, new in (entry["steps"] for entry in changes if "steps" in entry))


def save(out: Path, training: Training, state: TrainState, watch: dict, found: Validation | None) -> None:
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


def checkpoint_of(path: Path) -> Path:
    """The checkpoint that a path means: itself, or the best of its run."""
    root = _root(path)
    return path if path.resolve().parent == root / CHECKPOINTS else best(root)


def restore(begun: TrainState, place: Path) -> tuple[TrainState, dict]:
    """(the state, the metadata) of a checkpoint, for a training whose first state is `begun`.

    Raises:
        WeightsError: it is damaged, or of another training.
    """
    arrays, metadata = checkpoint.restore(place, begun.moving._asdict())
    return begun.replace(**arrays), metadata


def is_run(path: str | os.PathLike) -> bool:
    """Whether a path is a run directory, its checkpoints, or one of them."""
    return _root(Path(path)) is not None


def keeps_network(path: str | os.PathLike) -> bool:
    """Whether a run, or that of a checkpoint, trained new heads alone: its structures are those that it began with.

    Raises:
        WeightsError: it has no checkpoint, or a damaged one.
    """
    arrays = checkpoint.verify(checkpoint_of(Path(path)))["arrays"]
    return all(name.startswith(f"trained/{SCOPE}/") for name in arrays if name.startswith("trained/"))


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
    name: str | os.PathLike | None,
    path: Any = None,
    *,
    split: tuple[int, ...] = (),
    key: jax.Array | None = None,
    runtime: Runtime | None = None,
) -> tuple[AlphaFold, dict]:
    """`af2jax.pretrained.load.load`, which also takes a run directory: its network and best parameters.

    They are the moving average where the run kept one, with adapters merged; new heads are described in `model.heads`
    and their parameters are under "task_heads". The network is in stacks as it was trained unless `split` says
    otherwise, and runs as it was trained unless `runtime` does; where the training had a fixed number of recycles, that
    is the network's (`model.config.num_recycle`). The optimizer's part of the checkpoint is not read.

    Args:
        name: a preset; or, in place of both, a run directory or a folder that `af2jax.export` wrote.
        path: as of `pretrained.load`, or a run directory, its checkpoints, or one of them.

    Raises:
        InputError: `name` is neither a preset nor a folder, or `path` says no preset; or as of `pretrained.load`.
        WeightsError: the run is of another preset than `name`, damaged, or not of the weights that it began with.
    """
    if path is None and name is not None and _is_place(name):
        name, path = None, name
    if not isinstance(path, str | os.PathLike) or not is_run(path):
        return load_weights(name or _preset_of(path), path, split=split, key=key, runtime=runtime or Runtime())
    training, root = training_of(path), _root(Path(path))
    if name is not None and canonical(name) != training.preset:
        raise WeightsError(f'{path} is a run of {training.preset}, not {name}; load it as "{training.preset}"')
    facts, (model, params) = _facts(root), network(training)
    if facts.get("weights") != digest(flatten(params)).hex():
        raise WeightsError(f"{root}: {training.params or 'the random weights'} are not those that this run began with")
    if training.num_recycle is not None:  # that its heads were trained and judged with
        model = model.clone(config=dataclasses.replace(model.config, num_recycle=training.num_recycle))
    part = "trained" if training.ema is None else "ema"
    model, params = _trained(checkpoint_of(Path(path)), part, model.clone(heads=tuple(training.heads.items())), params)
    if split:
        config = dataclasses.replace(model.config, split=preset(training.preset, split).split)
        model, params = model.clone(config=config), split_stack(join_stacks(params), split)
    return (model if runtime is None else model.clone(runtime=runtime)), params


def network(training: Training) -> tuple[AlphaFold, dict]:
    """The network as it is trained, and its first parameters: of an earlier run the best, without its new heads unless
    they are kept."""
    split = ()
    if training.recipe == "last_blocks" and not training.rules:
        blocks = preset(training.preset).evoformer.blocks
        split = (max(blocks - training.blocks, 1), min(training.blocks, blocks - 1))
    model, params = load(
        training.preset,
        training.params or None,
        split=split,
        key=jax.random.key(training.seed),
        runtime=Runtime(dtype=training.dtype, chunk=training.chunk, remat=training.remat),
    )
    if not training.keep_heads:
        model, params = model.clone(heads=()), {name: tree for name, tree in params.items() if name != SCOPE}
    data = preset(training.preset).data
    rows = {"clusters": training.max_msa_clusters or data.clusters, "extra": training.max_extra_msa or data.extra}
    clamped = data.clamped if training.clamp_fraction is None else training.clamp_fraction
    sizes = dataclasses.replace(data, clamped=clamped, **rows)
    recycles = preset(training.preset).num_recycle
    return model.clone(config=dataclasses.replace(model.config, data=sizes, num_recycle=recycles)), params


def taught(path: str | os.PathLike) -> TrainedOn | None:
    """The sequences that taught the heads of a run, or of a folder that `af2jax.export` wrote; None where not known."""
    root = _root(Path(path))
    if root is not None:
        return trained_on.load(root)
    return trained_on.load(path) or trained_on.load(Path(path) / "params")


def heads_of(path: str | os.PathLike) -> dict[str, Head]:
    """The new heads of a run, or of a folder that `af2jax.export` wrote, as before a training; {} if none."""
    if is_run(path):
        return dict(training_of(path).heads)
    found = description_in(Path(path)).heads.items()
    return {name: dataclasses.replace(head, calibration=None) for name, head in found}


def _is_place(name: str | os.PathLike) -> bool:
    """Whether what stands for a preset is a folder or a file; a string that is a preset's name is none.

    Raises:
        InputError: it is neither.
    """
    if isinstance(name, str):
        try:
            canonical(name)
            return False
        except InputError:
            if not (there := Path(name).exists()) and os.sep not in name:
                raise
    else:
        there = Path(name).exists()
    if not there:
        raise InputError(f"{name}: there is no such run or folder")
    return True


def _preset_of(path) -> str:
    """The preset that a folder or a file of parameters is of, where it can mean one alone."""
    if isinstance(path, str | os.PathLike):
        folder = Path(path)
        if known := description_in(folder).preset:
            return known
        files = [file for place in (folder, folder / "params") for file in sorted(place.glob("params_*.npz"))]
        if folder.is_file() or len(files) == 1:
            return canonical(folder.name if folder.is_file() else files[0].name)
        if (folder / CONFIG).is_file():
            raise WeightsError(f"{path} is a training that ended before its first checkpoint: it has no parameters")
        if files:
            raise InputError(f"{path} holds {len(files)} presets; name one: load({files[0].stem[7:]!r}, {str(path)!r})")
    raise InputError(f"{path} is no run directory, so name a preset")


def _trained(place: Path, part: str, model: AlphaFold, params: dict) -> tuple[AlphaFold, dict]:
    """The network with its heads as calibrated, and the parameters of a checkpoint on those that its run began with, on
    no device.

    Raises:
        WeightsError: the checkpoint is damaged, or holds arrays that the network does not have.
    """
    arrays, metadata = checkpoint.restore(place, part=part)
    calibration, heads = metadata.get("calibration", {}), dict(model.heads)
    begun = flatten(params | ({SCOPE: task_heads.init(heads, model.config) | params.get(SCOPE, {})} if heads else {}))
    for name, array in arrays.items():
        own = not name.startswith(f"{LORA}/")
        if own and np.shape(begun.get(name, ())) != (shape := array.shape):
            raise WeightsError(f"{place} is of another training: {name} is {list(shape)} in it, the network has none")
    frozen = {name: leaf for name, leaf in begun.items() if name not in arrays}
    found = jax.device_get(assembled(unflatten(arrays), unflatten(frozen)))
    task_heads.check(heads, found.get(SCOPE, {}), model.config, str(place))
    heads = {name: dataclasses.replace(head, calibration=calibration.get(name)) for name, head in heads.items()}
    return model.clone(heads=tuple(heads.items())), found


def _root(path: Path) -> Path | None:
    """The run directory that a path is, or whose checkpoints it is, or one of them."""
    path = path.resolve()
    for folder in (path / CHECKPOINTS, path, path.parent):
        if folder.name == CHECKPOINTS and folder.is_dir() and (folder.parent / CONFIG).is_file():
            return folder.parent
    return None


def _facts(out: Path) -> dict:
    """What a run stands on, as `describe` wrote it.

    Raises:
        WeightsError: that is missing or damaged.
    """
    try:
        return dict(json.loads((out / RUN).read_text()))
    except (OSError, ValueError, TypeError):
        raise WeightsError(f"{out / RUN} is missing or damaged; restore it from a copy") from None


def _text(values: dict) -> str:
    return json.dumps(values, indent=1) + "\n"
