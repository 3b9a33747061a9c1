"""Parameters back into DeepMind's files, as a directory that stock ColabFold and AlphaFold run."""

import json
import os
import re
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from absl import logging

from af2jax.config import canonical, preset
from af2jax.errors import InputError, WeightsError
from af2jax.files import whole, write
from af2jax.heads import SCOPE, Head, TrainedOn, check_heads, describe
from af2jax.heads.trained_on import FILE as TRAINED_ON
from af2jax.pretrained.deepmind import difference, from_deepmind, shapes, to_deepmind
from af2jax.pretrained.load import HEADS, checked, find, located
from af2jax.pretrained.tree import flatten, join_stacks

EXPORTED = b"exported by af2jax: not the parameters that DeepMind published"  # other programs do not read it


def export(
    params: dict,
    name: str,
    out: str | os.PathLike,
    base: str | os.PathLike | None = None,
    *,
    heads: Mapping[str, Head] | None = None,
    taught: TrainedOn | None = None,
    num_recycle: int | None = None,
) -> list[Path]:
    """Writes `params` as `params_<name>.npz` into the folder `out`, a complete set of its family, and says which files.

    ColabFold reads all five networks of a family whatever it is asked for, and unless a marker says that they are
    complete it downloads them again, over what is there: so the other four are copied from `base`, and the marker is
    written last. New heads go into `heads.npz` beside, and what they are into `heads.json`. Everything is checked
    before anything is written, and every file is written whole or not at all; what an earlier export left in `out` is
    replaced.

    Args:
        params: of preset `name`, split or not; may hold new heads.
        base: the folder of DeepMind's files that the parameters came from; not needed for a preset that stands alone,
            such as "mini".
        heads: what the new heads in `params` are, such as `dict(model.heads)`; without it their arrays are written and
            a warning says that they cannot be asked.
        taught: the sequences that the heads learnt from, for `trained_on.tsv`: answers say how near a query is to them.
        num_recycle: that the heads were trained with; None: the preset's.

    Raises:
        InputError: no such preset, `base` is missing, or `out` is where the base files lie.
        WeightsError: the tree is not that of `name`, holds numbers that are not finite, or `base` lacks a file.
    """
    name, out = canonical(name), Path(out)
    network, new = {n: tree for n, tree in params.items() if n != SCOPE}, params.get(SCOPE, {})
    _check_shapes(network, name)
    flat = {key: np.asarray(array, np.float32) for key, array in to_deepmind(network, name).items()}
    checked(flat, name, "the tree to export")
    arrays = {path: np.asarray(array) for path, array in flatten(new).items()}
    if wrong := [path for path, array in arrays.items() if not np.isfinite(array).all()]:
        raise WeightsError(f"the new heads hold numbers that are not finite, in {wrong[0]}")
    if heads is not None:
        check_heads(heads, new, preset(name), "the tree to export")
    others = _others(name, base)
    if any(file.parent.resolve() == out.resolve() for file in others.values()):
        raise InputError(f"{out} holds the files that the parameters came from; export to another folder")
    marker = out / marker_of(name)
    for stale in (marker, out / f"{HEADS}.npz", out / f"{HEADS}.json", out / TRAINED_ON):
        stale.unlink(missing_ok=True)
    written = [_save(out / f"params_{name}.npz", flat, EXPORTED)]
    for other, file in others.items():
        with whole(out / f"params_{other}.npz") as partial:
            shutil.copyfile(file, partial)
        written.append(out / f"params_{other}.npz")
    if arrays:
        written.append(_save(out / f"{HEADS}.npz", arrays))
        _tell(", ".join(new), written[-1], heads is not None)
    if heads:
        described = describe(heads, name, num_recycle)
        written.append(write(out / f"{HEADS}.json", json.dumps(described, indent=1) + "\n"))
    if heads and taught:
        written.append(taught.save(out))
    return [*written, write(marker, "")]


def _tell(names: str, file: Path, described: bool) -> None:
    """Where new heads lie, and whether they can be asked."""
    silent = "" if described else "; nothing says what they are: give heads=dict(model.heads) and they answer"
    logging.warning("new heads (%s), which DeepMind's networks do not have, are in %s%s", names, file, silent)


def _others(name: str, base: str | os.PathLike | None) -> dict[str, Path]:
    """The files of the other presets of the family of `name`, by preset."""
    names = [other for other in family(name) if other != name]
    if base is None and not names:
        return {}
    if base is None:
        raise InputError(f"{name} is one of five that are used together: give base, the folder of DeepMind's files")
    folder = located(Path(base))
    if not folder.is_dir():
        raise WeightsError(
            f"{folder} is not a folder; give the one that holds DeepMind's files, to complete the set from"
        )
    return {other: find(folder, other) for other in names}


def _check_shapes(network: dict, name: str) -> None:
    """Looks at our own shapes: a layout fix may reshape what is not what it takes it for."""
    nothing = {key: np.broadcast_to(np.float32(0), shape) for key, shape in shapes(preset(name)).items()}
    tree = join_stacks(network) if "evoformer" in network else network
    found, expected = ({p: np.shape(x) for p, x in flatten(t).items()} for t in (tree, from_deepmind(nothing, name)))
    if found != expected:
        raise WeightsError(f"the tree to export is not one of {name}: {difference(found, expected)}")


def family(name: str) -> list[str]:
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
