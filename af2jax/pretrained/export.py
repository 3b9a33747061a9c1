"""Parameters back into DeepMind's files, as a directory that stock ColabFold and AlphaFold run."""

import os
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
from absl import logging

from af2jax.config import canonical, preset
from af2jax.errors import InputError, WeightsError
from af2jax.files import whole, write
from af2jax.pretrained.deepmind import difference, from_deepmind, shapes, to_deepmind
from af2jax.pretrained.load import checked, find, located
from af2jax.pretrained.tree import flatten, join_stacks

EXPORTED = b"exported by af2jax: not the parameters that DeepMind published"  # other programs do not read it
HEADS = "task_heads"  # the scope of parameters that DeepMind's networks do not have


def export(params: dict, name: str, out: str | os.PathLike, base: str | os.PathLike) -> list[Path]:
    """Writes `params` as `params_<name>.npz` into the folder `out`, a complete set of its family, and says which files.

    ColabFold reads all five networks of a family whatever it is asked for, and unless a marker says that they are
    complete it downloads them again, over what is there: so the other four are copied from `base`, and the marker is
    written last. New heads go into `heads.npz` beside. Everything is checked before anything is written, and every file
    is written whole or not at all; what an earlier export left in `out` is replaced.

    Args:
        params: of preset `name`, split or not; may hold new heads.
        base: the folder of DeepMind's files that the parameters came from.

    Raises:
        InputError: no such preset, or `out` is where the base files lie.
        WeightsError: the tree is not that of `name`, holds numbers that are not finite, or `base` lacks a file.
    """
    name, out = canonical(name), Path(out)
    network = {scope: tree for scope, tree in params.items() if scope != HEADS}
    _check_shapes(network, name)
    flat = {key: np.asarray(array, np.float32) for key, array in to_deepmind(network, name).items()}
    checked(flat, name, "the tree to export")
    heads = {path: np.asarray(array) for path, array in flatten(params.get(HEADS, {})).items()}
    if wrong := [path for path, array in heads.items() if not np.isfinite(array).all()]:
        raise WeightsError(f"the new heads hold numbers that are not finite, in {wrong[0]}")
    base = located(Path(base))
    if not base.is_dir():
        raise WeightsError(f"{base} is no folder; give the one that holds DeepMind's files, to complete the set from")
    others = {other: find(base, other) for other in _family(name) if other != name}
    if any(file.parent.resolve() == out.resolve() for file in others.values()):
        raise InputError(f"{out} holds the files that the parameters came from; export to another folder")
    marker = out / marker_of(name)
    for stale in (marker, out / "heads.npz"):
        stale.unlink(missing_ok=True)
    written = [_save(out / f"params_{name}.npz", flat, EXPORTED)]
    for other, file in others.items():
        with whole(out / f"params_{other}.npz") as partial:
            shutil.copyfile(file, partial)
        written.append(out / f"params_{other}.npz")
    if heads:
        names = ", ".join(params[HEADS])
        logging.warning("new heads (%s), which DeepMind's networks do not have, are in %s", names, out / "heads.npz")
        written.append(_save(out / "heads.npz", heads))
    return [*written, write(marker, "")]


def _check_shapes(network: dict, name: str) -> None:
    """Looks at our own shapes: a layout fix may reshape what is not what it takes it for."""
    nothing = {key: np.broadcast_to(np.float32(0), shape) for key, shape in shapes(preset(name)).items()}
    tree = join_stacks(network) if "evoformer" in network else network
    found, expected = ({p: np.shape(x) for p, x in flatten(t).items()} for t in (tree, from_deepmind(nothing, name)))
    if found != expected:
        raise WeightsError(f"the tree to export is not one of {name}: {difference(found, expected)}")


def _family(name: str) -> list[str]:
    """The five presets that are used together; one that has no number stands alone."""
    found = re.fullmatch(r"model_\d(.*)", name)
    return [f"model_{i}{found[1]}" for i in range(1, 6)] if found else [name]


def marker_of(name: str) -> str:
    """The file by which ColabFold knows that a family is complete."""
    _, several, version = name.partition("_multimer")
    return f"download_complexes_multimer{version or '_v1'}_finished.txt" if several else "download_finished.txt"


def _save(path: Path, arrays: dict, comment: bytes = b"") -> Path:
    with whole(path) as partial:
        with open(partial, "wb") as file:
            np.savez(file, **arrays)
        with zipfile.ZipFile(partial, "a") as archive:
            archive.comment = comment
    return path


def is_exported(path: Path) -> bool:
    """Whether a file of parameters was written by `export`, so that it is not known to be DeepMind's as published.

    Raises:
        WeightsError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.comment == EXPORTED
    except (OSError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path} cannot be read: {error}") from None
