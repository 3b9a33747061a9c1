"""The networks of a command: which presets, their weights, and the device that they run on."""

import dataclasses
import functools
import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from af2jax.cli.options import Network, Sampling
from af2jax.cli.warnings import warn
from af2jax.errors import InputError
from af2jax.files import file_name
from af2jax.words import counted

RANDOM = "random weights: this is not a prediction"
OWN = "weights trained from random ones, not AlphaFold's"


class Member(NamedTuple):
    """One of the networks of a command."""

    preset: str
    place: Path | None  # of its parameters; None: random
    name: str  # of its results: the preset, with the run's name where several places are of one preset


def members(options: Network) -> list[Member]:
    """The networks to run, in their order.

    Raises:
        InputError: a preset is unknown, there is none, or a place is named twice.
    """
    places = options.params or (None,)
    real = [place and place.resolve() for place in places]
    if twice := [place for i, place in enumerate(places) if real[i] in real[:i]]:
        raise InputError(f"--params {twice[0]} is named twice; name each place once")
    found = [(preset, place) for place in places for preset in presets(options, place)]
    names = named(found)
    return [Member(preset, place, name) for (preset, place), name in zip(found, names, strict=True)]


def named(found: Sequence[tuple[str, Path | None]]) -> list[str]:
    """A name for each (preset, place), of which no two are equal."""
    all_presets = [preset for preset, _ in found]
    stems = [
        f"{preset}_{file_name(place.resolve().name.removesuffix('.npz'))}" if place else preset
        for preset, place in found
    ]
    names = stems if len(set(stems)) == len(stems) else [f"{preset}_{i}" for i, (preset, _) in enumerate(found, 1)]
    pairs = zip(all_presets, names, strict=True)
    return [preset if all_presets.count(preset) == 1 else name for preset, name in pairs]


def presets(options: Network, place: Path | None) -> list[str]:
    """The presets to run of one place of parameters, in their order.

    Raises:
        InputError: one is unknown, or there is none.
    """
    from af2jax.config import canonical, family
    from af2jax.pretrained.load import located

    if options.model:
        names = [preset for name in options.model.split(",") for preset in family(name)]
    elif options.random_weights:
        names = ["tiny"]
    elif _is_run(place):
        from af2jax.finetune.run import training_of

        names = [canonical(training_of(place).preset)]
    elif place.is_file():
        names = [canonical(place.name)]
    else:
        folder = located(place)
        folders = (folder, folder / "params")
        found = {f.stem.removeprefix("params_") for folder in folders for f in folder.glob("params_*.npz")}
        if not found:
            raise InputError(f"--params {place} holds no params_*.npz")
        names = sorted(_known(found, place))
    if len(set(names)) < len(names):
        raise InputError(f"--model {options.model}: a preset is named twice; name each once")
    ordered = _ordered(names, options.model_order)
    if options.num_models and options.num_models > len(ordered):
        found = counted(len(ordered), "preset is", "presets are")
        warn("--num-models %d: %s found, and all are run", options.num_models, found)
    return ordered[: options.num_models]


def _known(found: set[str], folder: Path) -> list[str]:
    """The presets of the parameter files in a folder; others are left out, and a warning says which.

    Raises:
        InputError: there is none.
    """
    from af2jax.config import canonical

    names, odd = {}, []
    for stem in sorted(found):
        try:
            names.setdefault(canonical(stem), stem)
        except InputError:
            odd.append(f"params_{stem}.npz")
    if odd:
        warn("--params %s: left out %s of no known preset: %s", folder, counted(len(odd), "file"), ", ".join(odd[:5]))
    if not names:
        raise InputError(f"--params {folder} holds no params_*.npz of a known preset; rename them as DeepMind does")
    return list(names)


def _ordered(names: list[str], order: str) -> list[str]:
    """The presets with the numbers in `order`, in this order; all as they are where it is empty."""
    if not order:
        return names
    numbers = [number.strip() for number in order.split(",")]
    if not set(numbers) <= set("12345") or len(set(numbers)) < len(numbers):
        raise InputError(f"--model-order {order}: write numbers from 1 to 5, each once, such as 3,1,2")
    chosen = [name for number in numbers for name in names if name.startswith(f"model_{number}")]
    if not chosen:
        raise InputError(f"--model-order {order}: none of {', '.join(names)} has such a number")
    return chosen


class Networks:
    """Networks with their weights; loaded when they are first used, and kept."""

    def __init__(self, options: Network, sampling: Sampling):
        self.options, self.sampling = options, sampling
        self._taught: dict[Path, object] = {}
        found_once = self.load, self.fingerprint, self.calibrated  # every byte of a checkpoint is looked at
        self.load, self.fingerprint, self.calibrated = map(functools.cache, found_once)

    def load(self, member: Member):
        """(the network, its parameters).

        Raises:
            WeightsError: the file is missing, damaged, or of another preset.
        """
        from af2jax.finetune.run import load
        from af2jax.nn.runtime import Runtime

        dtype = "bfloat16" if self.options.bfloat16 else "float32"
        runtime = Runtime(dtype, self.options.chunk, shards=self.options.shards)
        model, params = load(member.preset, member.place, runtime=runtime)
        config = model.config
        templates = config.data.max_templates if config.template else 0
        data = dataclasses.replace(config.data, **self.sampling.sizes(templates))
        return model.clone(config=dataclasses.replace(config, data=data)), params

    def check_heads(self, chosen: Sequence[Member]) -> None:
        """Raises InputError where tuned heads of one name are different ones in two networks."""
        from af2jax.finetune.run import heads_of
        from af2jax.heads import agree

        places = dict.fromkeys(member.place for member in chosen)
        if len(places) > 1:
            agree({str(place): heads_of(place) for place in places})

    def taught(self, member: Member):
        """The sequences that taught its tuned heads (`heads.TrainedOn`), or None where they are not known."""
        from af2jax.finetune.run import taught

        if member.place is None:
            return None
        if member.place not in self._taught:
            self._taught[member.place] = taught(member.place)
        return self._taught[member.place]

    def notes(self, member: Member) -> tuple[str, ...]:
        """What its results must say of the weights."""
        from af2jax.finetune.run import training_of

        if member.place is None:
            return (RANDOM,)
        return (OWN,) if _is_run(member.place) and not training_of(member.place).params else ()

    def calibrated(self, member: Member) -> bool:
        """Whether the pLDDT of a preset is the one that DeepMind calibrated: its parameters as published, or a run on
        them that trained new heads alone (it is not loaded where the parameters that it began with are others).

        Parameters are taken for DeepMind's that bear the name of their file, without the mark that `af2jax.export`
        leaves: whether another program tuned them under that name, or wrote an export again, cannot be told.

        Raises:
            WeightsError: as of loading them.
        """
        from af2jax.config import preset
        from af2jax.finetune.run import keeps_network, training_of
        from af2jax.pretrained.export import is_exported
        from af2jax.pretrained.load import find

        name, place = member.preset, member.place
        while place is not None and _is_run(place):
            began = training_of(place).params
            if not began or not Path(began).exists() or not keeps_network(place):
                return False
            place = Path(began)
        if place is None or preset(name).remark:
            return False
        file = find(place, name)
        return file.name == f"params_{name}.npz" and not is_exported(file)

    def fingerprint(self, member: Member) -> str:
        """What tells the weights of a network from others.

        Raises:
            WeightsError: as of loading them.
        """
        from af2jax.pretrained import npz, tree
        from af2jax.pretrained.load import HEADS, description_in, find

        if member.place is None:
            return "random"
        if _is_run(member.place):
            model, params = self.load(member)
            return hashlib.sha256(tree.digest(tree.flatten(params)) + repr(model.heads).encode()).hexdigest()
        file = find(member.place, member.preset)
        try:
            with zipfile.ZipFile(file) as archive:  # which states the CRC-32 of each array, at its end
                entries = sorted((m.filename, m.file_size, m.CRC) for m in archive.infolist())
        except (OSError, zipfile.BadZipFile):
            npz.read(file)  # says what is wrong
            raise
        if description_in(file.parent).preset == member.preset:
            entries += [part.read_bytes() for part in sorted(file.parent.glob(f"{HEADS}.*"))]
        return hashlib.sha256(repr(entries).encode()).hexdigest()


def device(kind: str):
    """The `jax.Device` that is computed on from now on, the first one of a kind.

    Raises:
        InputError: there is none of that kind.
    """
    import jax

    if kind == "cpu":
        jax.config.update("jax_platforms", "cpu")  # leaves the memory of a GPU alone
    try:
        found = jax.devices(kind or None)[0]
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"--device {kind}: jax finds none ({reason}); af2jax doctor says more") from None
    if kind:
        jax.config.update("jax_default_device", found)
    return found


def _is_run(path: Path) -> bool:
    from af2jax.finetune.run import is_run

    return is_run(path)
