"""Parameters from a file, a directory or from nothing, with an account of every array."""

import dataclasses
import functools
import json
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from absl import logging

from af2jax.config import PRESETS, Config, canonical, preset
from af2jax.data.parse import read_text
from af2jax.errors import InputError, WeightsError
from af2jax.heads import SCOPE, Description, check_heads, description
from af2jax.model.alphafold import AlphaFold, initial
from af2jax.nn.runtime import Runtime
from af2jax.pretrained import deepmind, npz
from af2jax.pretrained.tree import split_stack, unflatten
from af2jax.schema import blank

PACKAGED = {"mini": Path(__file__).parent / "weights"}  # presets whose parameters come with the package, and where

NO_HEADS = Description("", {})
HEADS = "heads"  # new heads in a folder: heads.npz are their arrays, heads.json says what they are


def load_weights(
    name: str,
    path: str | Path | dict | None = None,
    *,
    split: tuple[int, ...] = (),
    key: jax.Array | None = None,
    runtime: Runtime = Runtime(),
) -> tuple[AlphaFold, dict]:
    """The network of preset `name` and its parameters, float32.

    Args:
        name: a preset, in any spelling that `config.canonical` knows.
        path: DeepMind's .npz, a directory that holds it (or a `params` directory that does), or Haiku's two-level tree.
            A directory that `af2jax.export` wrote brings the new heads of its preset too, in `model.heads`;
            "mini" is the directory of the parameters that come with the package. None, for the preset "mini" without a
            `key`, loads these; else it initialises at random, as section 1.11.4 of the supplement has it.
        split: the Evoformer as stacks of these numbers of blocks, for example (44, 4).
        key: of the random initialisation; default `jax.random.key(0)`.
        runtime: how the network is run.

    Raises:
        InputError: no such preset, or a wrong `split`.
        WeightsError: the file is absent, damaged, unsafe, not finite, or not that of `name`; the description of new
            heads and their arrays differ.
    """
    config = preset(name, split)
    model = AlphaFold(config, runtime)
    if path is None and key is None and config.name in PACKAGED:
        path = PACKAGED[config.name]
    if path is None:
        return model, initialise(config, jax.random.key(0) if key is None else key)
    if isinstance(path, dict):
        return model, split_stack(checked(flat_tree(path), config.name, "the parameter tree"), split)
    file = find(Path(path), config.name)
    params = split_stack(checked(npz.read(file), config.name, str(file)), split)
    found = description_in(Path(path)) if located(Path(path)).is_dir() else NO_HEADS
    return _with_heads(model, params, found, file.parent) if found.preset == config.name else (model, params)


def description_in(path: Path) -> Description:
    """The new heads of a folder that `af2jax.export` wrote, or of `params` in it.

    Raises:
        WeightsError: their description is damaged.
    """
    path = located(path)
    for folder in (path, path / "params"):
        if (file := folder / f"{HEADS}.json").is_file():
            try:
                return description.read_description(json.loads(read_text(file)), str(file))
            except json.JSONDecodeError as error:
                raise WeightsError(f"{file} is damaged ({error}); export again") from None
        if (arrays := folder / f"{HEADS}.npz").is_file():
            logging.warning("%s has no heads.json beside it, so its new heads do not answer; export again", arrays)
    return NO_HEADS


def _with_heads(model: AlphaFold, params: dict, found: Description, folder: Path) -> tuple[AlphaFold, dict]:
    """The network and its parameters, with the new heads whose arrays lie in a folder."""
    arrays = npz.read(folder / f"{HEADS}.npz")
    own = unflatten({path: np.asarray(array, np.float32) for path, array in arrays.items()})
    check_heads(found.heads, own, model.config, str(folder))
    recycles = model.config.num_recycle if found.num_recycle is None else found.num_recycle
    config = dataclasses.replace(model.config, num_recycle=recycles)
    return model.clone(config=config, heads=tuple(found.heads.items())), params | {SCOPE: own}


@functools.partial(jax.jit, static_argnums=0)
def initialise(config: Config, key: jax.Array) -> dict:
    """Random parameters (supplement, section 1.11.4); compiled once for each `config`."""
    features = blank(config)
    return AlphaFold(config).init(key, features.cycle(0), initial(features, config))["params"]


def located(path: Path) -> Path:
    """`path`, or the directory in the package that a path such as "mini" means."""
    return PACKAGED.get(str(path), path)


def find(path: Path, name: str) -> Path:
    """The file of preset `name`: `path` itself, or `params_<name>.npz` in it or in its `params` directory.

    Raises:
        WeightsError: there is none; the message says what is there instead.
    """
    if str(path) in PACKAGED and name != str(path):
        raise WeightsError(
            f"{path} has the parameters of the preset {path} alone, not of {name}: leave the preset out, or give the "
            "folder of DeepMind's parameters"
        )
    path = located(path)
    if not path.is_dir():
        return path
    for folder in (path, path / "params"):
        if (file := folder / f"params_{name}.npz").is_file():
            return file
    if (path / "config.json").is_file() and not (path / "checkpoints").is_dir():
        raise WeightsError(f"{path} is a training that ended before its first checkpoint: it has no parameters")
    others = sorted(f.name for folder in (path, path / "params") for f in folder.glob("*.npz"))
    raise WeightsError(f"{path} has no params_{name}.npz" + (f"; it has {', '.join(others)}" if others else ""))


def flat_tree(tree: dict) -> dict[str, np.ndarray]:
    """{"scope//name": array} of Haiku's {"scope": {"name": array}}; a flat dictionary stays as it is."""
    if not any(isinstance(value, dict) for value in tree.values()):
        return tree
    return {f"{scope}//{name}": array for scope, arrays in tree.items() for name, array in arrays.items()}


def checked(flat: dict[str, np.ndarray], name: str, source: str) -> dict:
    """The float32 parameters of preset `name`, if `flat` is exactly that and finite.

    Raises:
        WeightsError: it is not; the message lists what is wrong and says which preset it really is.
    """
    found = ParameterReport.of(flat, source)
    expected = deepmind.shapes(preset(name))
    if found.shapes != expected:
        raise WeightsError(f"{source} {found.verdict(name)}: {deepmind.difference(found.shapes, expected)}")
    if found.not_finite:
        raise WeightsError(f"{source} holds numbers that are not finite, in {', '.join(found.not_finite[:3])}")
    return deepmind.from_deepmind({k: np.asarray(v, np.float32) for k, v in flat.items()}, name)


@functools.cache
def architectures() -> dict[frozenset, tuple[str, ...]]:
    """The presets that share one set of keys and shapes, by that set."""
    groups: dict[frozenset, tuple[str, ...]] = {}
    for name in PRESETS:
        shapes = frozenset(deepmind.shapes(preset(name)).items())
        groups[shapes] = (*groups.get(shapes, ()), name)
    return groups


@dataclass(frozen=True)
class ParameterReport:
    """What is in a parameter file."""

    source: str
    shapes: dict[str, tuple[int, ...]]
    not_finite: tuple[str, ...]
    presets: tuple[str, ...]  # those whose arrays these are

    @classmethod
    def of(cls, flat: dict[str, np.ndarray], source: str) -> "ParameterReport":
        """Looks at every array."""
        shapes = {name: tuple(np.shape(array)) for name, array in flat.items()}
        bad = tuple(sorted(name for name, array in flat.items() if not np.isfinite(np.asarray(array)).all()))
        return cls(source, shapes, bad, architectures().get(frozenset(shapes.items()), ()))

    @property
    def parameters(self) -> int:
        """The number of parameters."""
        return sum(int(np.prod(shape)) for shape in self.shapes.values())

    @property
    def nearest(self) -> str:
        """The preset that this is, or whose arrays it shares most."""
        if self.presets:
            return self.presets[0]
        items = self.shapes.items()
        return architectures()[max(architectures(), key=lambda other: len(other & items) - len(other ^ items))][0]

    def verdict(self, wanted: str) -> str:
        """In words, what it is instead of `wanted`."""
        if self.presets:
            return f'is not {wanted} but {" or ".join(self.presets[:5])}; load it as "{self.presets[0]}"'
        return f"is not {wanted} nor any other preset"

    def __str__(self) -> str:
        """The account that `af2jax inspect` prints: preset, counts, parts, and whatever is wrong."""
        lines = [f"{self.source}: {len(self.shapes)} arrays, {self.parameters:,} parameters"]
        if self.presets:
            lines.append(f"preset: {', '.join(self.presets)}")
        else:
            expected = deepmind.shapes(preset(self.nearest))
            lines.append(f"preset: none; nearest {self.nearest}: {deepmind.difference(self.shapes, expected)}")
        if self.not_finite:
            lines.append(f"not finite: {', '.join(self.not_finite)}")
        parts: dict[str, list[int]] = {}
        for name, shape in self.shapes.items():
            part = "/".join(name.removeprefix(deepmind.SCOPE).split("//")[0].split("/")[:2])
            parts.setdefault(part, []).append(int(np.prod(shape)))
        width = max(map(len, parts), default=0)
        lines += [f"  {part:<{width}}  {len(n):>4} arrays {sum(n):>12,}" for part, n in sorted(parts.items())]
        return "\n".join(lines)


def report(path: str | Path, name: str | None = None) -> ParameterReport:
    """What is in the .npz at `path`; `name` picks a preset's file where `path` is a directory.

    Raises:
        InputError: `path` is a directory and `name` is not given.
        WeightsError: the file cannot be read safely.
    """
    path = Path(path)
    if path.is_dir() and name is None:
        raise InputError(f"{path} is a directory; name one of its .npz files")
    file = path if name is None else find(path, canonical(name))
    return ParameterReport.of(npz.read(file), str(file))
