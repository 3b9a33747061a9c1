"""A run directory read: its training, its checkpoints, the network and the heads that came of it.

Nothing here prepares a training; `af2jax.finetune.directory` says what is in the directory, and writes it.
"""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

from af2jax import heads as task_heads
from af2jax.config import PRESETS, canonical, preset
from af2jax.errors import InputError, WeightsError, nearest
from af2jax.finetune.config import Training, read
from af2jax.finetune.lora import LORA, assembled
from af2jax.heads import SCOPE, Head, TrainedOn
from af2jax.model.alphafold import AlphaFold
from af2jax.nn.runtime import Runtime
from af2jax.pretrained import checkpoint
from af2jax.pretrained.load import description_in, load_weights
from af2jax.pretrained.tree import digest, flatten, join_stacks, split_stack, unflatten

CONFIG, RUN, CHECKPOINTS = "config.json", "run.json", "checkpoints"


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
    root = root_of(path)
    return path if path.resolve().parent == root / CHECKPOINTS else best(root)


def is_run(path: str | os.PathLike) -> bool:
    """Whether a path is a run directory, its checkpoints, or one of them."""
    return root_of(Path(path)) is not None


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
        WeightsError: it is not a run.
    """
    root = root_of(Path(path))
    if root is None:
        raise WeightsError(f"{path} is not a run directory of af2jax")
    return read(root / CONFIG)


def load(
    name: str | os.PathLike | None,
    path: Any = None,
    *,
    split: tuple[int, ...] = (),
    key: jax.Array | None = None,
    runtime: Runtime | None = None,
) -> tuple[AlphaFold, dict]:
    """`af2jax.pretrained.load_weights`, which also takes a run directory: its network and best parameters.

    They are the moving average where the run kept one, with adapters merged; new heads are described in `model.heads`
    and their parameters are under "task_heads". The network is in stacks as it was trained unless `split` says
    otherwise, and runs as it was trained unless `runtime` does; where the training had a fixed number of recycles, that
    is the network's (`model.config.num_recycle`). The optimizer's part of the checkpoint is not read.

    Args:
        name: a preset; or, in place of both, a run directory or a folder that `af2jax.export` wrote.
        path: as of `pretrained.load_weights`, or a run directory, its checkpoints, or one of them.

    Raises:
        InputError: `name` is neither a preset nor a folder, or `path` says no preset; or as of `load_weights`.
        WeightsError: the run is of another preset than `name`, damaged, or not of the weights that it began with.
    """
    if path is None and name is not None and _is_place(name):
        name, path = None, name
    if not isinstance(path, str | os.PathLike) or not is_run(path):
        return load_weights(name or _preset_of(path), path, split=split, key=key, runtime=runtime or Runtime())
    training, root = training_of(path), root_of(Path(path))
    if name is not None and canonical(name) != training.preset:
        raise WeightsError(f'{path} is a run of {training.preset}, not {name}; load it as "{training.preset}"')
    facts, (model, params) = facts_of(root), network(training)
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
    root = root_of(Path(path))
    if root is not None:
        return TrainedOn.read(root)
    return TrainedOn.read(path) or TrainedOn.read(Path(path) / "params")


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
        raise InputError(f"{name}: there is no such run or folder{_hint(name)}")
    return True


def _hint(name: str | os.PathLike) -> str:
    """What to give in place of a preset that is taken for a folder; "" where it is not one."""
    try:
        known = canonical(os.fspath(name))
    except InputError:
        return nearest(os.fspath(name), PRESETS)
    return f"; {known} is a preset: give the folder or file of its parameters (af2jax download gets DeepMind's)"


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
            one = files[0].stem.removeprefix("params_")
            raise InputError(f'{path} holds {len(files)} presets; name one: load("{one}", "{path}"), or --preset {one}')
        if folder.is_dir():
            raise InputError(f"{path} is neither a run nor a folder of parameters: it holds no params_*.npz")
    raise InputError(f"{path} is not a run directory, so name a preset")


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
    task_heads.check_heads(heads, found.get(SCOPE, {}), model.config, str(place))
    heads = {name: dataclasses.replace(head, calibration=calibration.get(name)) for name, head in heads.items()}
    return model.clone(heads=tuple(heads.items())), found


def root_of(path: Path) -> Path | None:
    """The run directory that a path is, or whose checkpoints it is, or one of them."""
    path = path.resolve()
    for folder in (path / CHECKPOINTS, path, path.parent):
        if folder.name == CHECKPOINTS and folder.is_dir() and (folder.parent / CONFIG).is_file():
            return folder.parent
    return None


def facts_of(out: Path) -> dict:
    """What a run stands on, as `describe` wrote it.

    Raises:
        WeightsError: that is missing or damaged.
    """
    try:
        return dict(json.loads((out / RUN).read_text()))
    except (OSError, ValueError, TypeError):
        raise WeightsError(f"{out / RUN} is missing or damaged; restore it from a copy") from None
