"""Checkpoints: arrays by Orbax, and a manifest of our own with the SHA-256 of every file.

Orbax writes crash-safe, but reads a flipped bit back in silence; so every byte is looked at before it is trusted. A
checkpoint is a folder named after its step: `arrays/` (Orbax) and `manifest.json`. It takes its name when it is whole.
"""

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from af2jax.errors import InputError, WeightsError
from af2jax.files import sha256, write
from af2jax.processes import first, lead

FORMAT = 1
MANIFEST, ARRAYS = "manifest.json", "arrays"
TRIES, WAIT = 40, 0.05  # of removing a folder that may be written to still; seconds between
DAMAGED = "restore it from a copy, or delete this checkpoint to use the one before"


def save(folder: str | os.PathLike, step: int, arrays: Mapping[str, Any], metadata: Mapping) -> Path:
    """Writes the arrays of trees by name, with what JSON can hold of `metadata`, as the checkpoint of `step`.

    Where there are several processes, all call this with the same arrays; the first writes and the others wait. A
    process that is killed leaves earlier checkpoints as they are, and its rubbish to the next `save`.

    Raises:
        InputError: `step` has a checkpoint already, or it cannot be written, such as where the disk is full.
    """
    final, leaves = place(folder, step), {path: _plain(leaf) for path, leaf in _by_path(arrays).items()}
    lead(lambda: _write(final, step, leaves, dict(metadata)))
    return final


def _write(final: Path, step: int, leaves: dict[str, tuple[np.ndarray, str | None]], metadata: dict) -> None:
    folder, partial = final.parent, final.with_name(f".{final.name}.{os.getpid()}.part")
    if final.exists():
        raise InputError(f"{final} is there already; move it away")
    names = {path: f"{index:05d}" for index, path in enumerate(leaves)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob(".*.part"):
            shutil.rmtree(stale, ignore_errors=True)
        partial.mkdir()
        _orbax_save(partial / ARRAYS, {names[path]: x for path, (x, _) in leaves.items() if x.size})
        manifest = {
            "format": FORMAT,
            "af2jax": version("af2jax"),
            "step": step,
            "metadata": metadata,
            "arrays": {p: [names[p], list(x.shape), str(x.dtype), key] for p, (x, key) in leaves.items()},
            "files": {name: [file.stat().st_size, sha256(file)] for name, file in sorted(_files(partial).items())},
        }
        write(partial / MANIFEST, _text(manifest))
        for path in (*partial.rglob("*"), partial):
            _sync(path)
        partial.rename(final)
        _sync(folder)
    except OSError as error:
        raise InputError(f"{final} cannot be written ({error.strerror}); earlier checkpoints are intact") from error
    finally:
        _remove(partial)


def _remove(folder: Path) -> None:
    """Removes a folder, in which a thread of Orbax whose save has failed may write for a moment still."""
    for _ in range(TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(WAIT)


def restore(
    path: str | os.PathLike, like: Mapping[str, Any] | None = None, part: str | None = None
) -> tuple[dict, dict]:
    """(the arrays, the metadata) of a checkpoint, every byte of which was looked at.

    Args:
        path: the folder of one step.
        like: trees of arrays or `jax.ShapeDtypeStruct` by name; the result has their structure. Trees of other names
            are not read, so that parameters can be had without the optimizer. None: {path: array}.
        part: with `like` None, the name of the one tree to read; its paths are without that name. None: all.

    Raises:
        WeightsError: a file is damaged, missing or foreign, or the arrays are not those of `like`.
    """
    path, manifest = Path(path), verify(path)
    stored = manifest["arrays"]
    if like is not None:
        stored = {name: entry for name, entry in stored.items() if name.partition("/")[0] in like}
        wanted = _by_path(like)
        _compare(path, {n: _described(shape, dtype, key) for n, (_, shape, dtype, key) in stored.items()}, wanted)
    elif part is not None:
        stored = {name: entry for name, entry in stored.items() if name.partition("/")[0] == part}
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    targets = {
        name: jax.ShapeDtypeStruct(shape, np.dtype(dtype), sharding=device)
        for name, shape, dtype, _ in stored.values()
        if 0 not in shape
    }
    values = _orbax_restore(path / ARRAYS, targets)
    found = {}
    for leaf, (name, shape, dtype, key) in stored.items():
        value = values[name] if name in values else jnp.zeros(shape, dtype)
        if (list(value.shape), str(value.dtype)) != (shape, dtype):
            raise WeightsError(f"{path}: {leaf} is {dtype}{shape}, but was read as {value.dtype}{list(value.shape)}")
        found[leaf] = value if key is None else jax.random.wrap_key_data(value, impl=key)
    if like is None:
        return {n.removeprefix(f"{part}/"): x for n, x in found.items()}, manifest["metadata"]
    return jax.tree.unflatten(jax.tree.structure(like), [found[name] for name in wanted]), manifest["metadata"]


def verify(path: str | os.PathLike) -> dict:
    """The manifest of a checkpoint, whose files are all there, whole, and no others.

    Raises:
        WeightsError: they are not; the message names the file.
    """
    path = Path(path)
    if not path.is_dir():
        raise WeightsError(f"{path}: no such checkpoint")
    if not (path / MANIFEST).is_file():
        raise WeightsError(f"{path / MANIFEST} is missing; {DAMAGED}")
    try:
        text = (path / MANIFEST).read_text()
        manifest = json.loads(text)
        whole = text == _text(manifest)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise WeightsError(f"{path / MANIFEST} is damaged (SHA-256 differs); {DAMAGED}")
    if manifest.get("format") != FORMAT:
        other = manifest.get("af2jax")
        raise WeightsError(f"{path} has format {manifest.get('format')}, not {FORMAT}; read it with af2jax {other}")
    files, there = manifest["files"], _files(path)
    for name in sorted(files.keys() - there.keys()):
        raise WeightsError(f"{path / name} is missing; {DAMAGED}")
    for name in sorted(there.keys() - files.keys() - {MANIFEST}):
        raise WeightsError(f"{path / name} is not of this checkpoint; move it away")
    for name, (size, digest) in files.items():
        try:
            same = there[name].stat().st_size == size and sha256(there[name]) == digest
        except OSError as error:
            raise WeightsError(f"{path / name} cannot be read ({error.strerror}); {DAMAGED}") from error
        if not same:
            raise WeightsError(f"{path / name} is damaged (SHA-256 differs); {DAMAGED}")
    return manifest


def place(folder: str | os.PathLike, step: int) -> Path:
    """The checkpoint of a step."""
    return Path(folder) / f"{step:08d}"


def steps(folder: str | os.PathLike) -> list[int]:
    """The steps of which a folder has a checkpoint, in order."""
    found = (path for path in Path(folder).glob("[0-9]*") if re.fullmatch("[0-9]{8,}", path.name) and path.is_dir())
    return sorted(int(path.name) for path in found)


def prune(folder: str | os.PathLike, keep: set[int]) -> None:
    """Deletes the checkpoints of other steps than `keep`; a process that is killed leaves none half deleted.

    One that cannot be deleted stays. Of several processes the first deletes.
    """
    for step in set(steps(folder)) - keep if first() else ():
        doomed = Path(folder) / f".{step:08d}.{os.getpid()}.part"
        with contextlib.suppress(OSError):
            place(folder, step).rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def _orbax():
    """Orbax's checkpointer, for this process alone."""
    import orbax.checkpoint as orbax

    me = jax.process_index()
    alone = orbax.options.MultiprocessingOptions(
        primary_host=me, active_processes={me}, barrier_sync_key_prefix=f"process{me}"
    )
    handler = orbax.PyTreeCheckpointHandler(multiprocessing_options=alone)
    return orbax.Checkpointer(handler, multiprocessing_options=alone)


def _orbax_save(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    """Raises OSError where the disk is full, without the tracebacks that threads and tasks of Orbax log."""
    from orbax.checkpoint.args import PyTreeSave

    logging.getLogger("asyncio").addFilter(_not_of_orbax)  # a task may say so long after, when it is forgotten
    logger = logging.getLogger("absl")
    level = logger.level
    try:
        logger.setLevel(logging.CRITICAL)
        with _orbax() as checkpointer:
            checkpointer.save(folder.absolute(), PyTreeSave(arrays))
    except ValueError as error:  # from TensorStore
        if not (code := re.search(r"os_error_code='(\d+)'", str(error))):
            raise
        raise OSError(int(code[1]), os.strerror(int(code[1]))) from error
    finally:
        logger.setLevel(level)


def _not_of_orbax(record: logging.LogRecord) -> bool:
    """Whether a record is anything but that a task of Orbax failed, which its caller is told anyway."""
    return not ("never retrieved" in record.getMessage() and "orbax" in record.getMessage())


def _orbax_restore(folder: Path, targets: dict[str, jax.ShapeDtypeStruct]) -> dict[str, jax.Array]:
    from orbax.checkpoint.args import PyTreeRestore
    from orbax.checkpoint.checkpoint_utils import construct_restore_args

    arguments = PyTreeRestore(targets, restore_args=construct_restore_args(targets), partial_restore=True)
    with _orbax() as checkpointer:
        return checkpointer.restore(folder.absolute(), arguments)


def _by_path(tree: Any) -> dict[str, Any]:
    """{"trained/pair/kernel": leaf}."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def _is_key(leaf) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain(leaf) -> tuple[np.ndarray, str | None]:
    """(an array of which Orbax keeps every bit, the generator if it is a random key)."""
    if _is_key(leaf):
        return np.asarray(jax.random.key_data(leaf)), str(jax.random.key_impl(leaf))
    return np.asarray(leaf), None


def _described(shape, dtype, key) -> str:
    return f"{'' if key is None else 'key of '}{dtype}{list(shape)}"


def _compare(path: Path, stored: dict[str, str], wanted: dict) -> None:
    for name in sorted(stored.keys() ^ wanted.keys()):
        whose = "the checkpoint" if name in stored else "the training"
        raise WeightsError(f"{path} is of another training: only {whose} has {name}")
    for name, leaf in wanted.items():
        plain = jax.eval_shape(jax.random.key_data, leaf) if _is_key(leaf) else leaf
        if stored[name] != (needed := _described(plain.shape, plain.dtype, _is_key(leaf) or None)):
            raise WeightsError(f"{path} is of another training: {name} is {stored[name]}, not {needed}")


def _files(folder: Path) -> dict[str, Path]:
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}


def _text(manifest: dict) -> str:
    """A manifest as it stands in its file, with its own digest at the end; the same in every format."""
    known = {name: value for name, value in manifest.items() if name != "sum"}
    return json.dumps(known | {"sum": hashlib.sha256(json.dumps(known).encode()).hexdigest()}, indent=1) + "\n"


def _sync(path: Path) -> None:
    """Hands a file or a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
