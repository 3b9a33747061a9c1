"""The networks of a command: which presets, their weights, and the device that they run on."""

import dataclasses
import functools
import hashlib
import zipfile
from pathlib import Path

from af2jax.cli.options import Network, Sampling
from af2jax.errors import InputError

RANDOM = "random weights: this is not a prediction"
OWN = "weights trained from random ones, not AlphaFold's"


def presets(options: Network) -> list[str]:
    """The presets to run, in their order.

    Raises:
        InputError: one is unknown, or there is none.
    """
    from af2jax.config import canonical, family
    from af2jax.pretrained.load import located

    if options.model:
        names = [preset for name in options.model.split(",") for preset in family(name)]
    elif options.random_weights:
        names = ["tiny"]
    elif _is_run(options.params):
        from af2jax.finetune.run import training_of

        names = [canonical(training_of(options.params).preset)]
    elif options.params.is_file():
        names = [canonical(options.params.name)]
    else:
        place = located(options.params)
        folders = (place, place / "params")
        found = {f.stem.removeprefix("params_") for folder in folders for f in folder.glob("params_*.npz")}
        if not found:
            raise InputError(f"--params {options.params} holds no params_*.npz")
        names = sorted(canonical(name) for name in found)
    if len(set(names)) < len(names):
        raise InputError(f"--model {options.model}: a preset is named twice; name each once")
    return _ordered(names, options.model_order)[: options.num_models]


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
    """Networks with their weights by the names of presets; loaded when they are first used, and kept."""

    def __init__(self, options: Network, sampling: Sampling):
        self.options, self.sampling = options, sampling
        self._loaded: dict = {}
        self._fingerprints: dict[str, str] = {}
        self._calibrated: dict[str, bool] = {}

    def __getitem__(self, name: str):
        """(the network, its parameters).

        Raises:
            WeightsError: the file is missing, damaged, or of another preset.
        """
        from af2jax.finetune.run import load
        from af2jax.nn.runtime import Runtime

        if name not in self._loaded:
            dtype = "bfloat16" if self.options.bfloat16 else "float32"
            runtime = Runtime(dtype, self.options.chunk, shards=self.options.shards)
            model, params = load(name, self.options.params, runtime=runtime)
            config = model.config
            templates = config.data.max_templates if config.template else 0
            data = dataclasses.replace(config.data, **self.sampling.sizes(templates))
            self._loaded[name] = model.clone(config=dataclasses.replace(config, data=data)), params
        return self._loaded[name]

    @functools.cached_property
    def taught(self):
        """The sequences that taught the tuned heads (`heads.TrainedOn`), or None where they are not known."""
        from af2jax.finetune.run import taught

        return None if self.options.params is None else taught(self.options.params)

    @property
    def notes(self) -> tuple[str, ...]:
        """What every result must say of the weights."""
        from af2jax.finetune.run import training_of

        if self.options.params is None:
            return (RANDOM,)
        return (OWN,) if _is_run(self.options.params) and not training_of(self.options.params).params else ()

    def calibrated(self, name: str) -> bool:
        """Whether the pLDDT of a preset is the one that DeepMind calibrated: its parameters as published, or a run on
        them that trained new heads alone (it is not loaded where the parameters that it began with are others).

        Parameters are taken for DeepMind's that bear the name of their file, without the mark that `af2jax.export`
        leaves: whether another program tuned them under that name, or wrote an export again, cannot be told.

        Raises:
            WeightsError: as of loading them.
        """
        if name not in self._calibrated:  # every byte of a checkpoint is looked at, which a batch does once
            self._calibrated[name] = self._is_calibrated(name)
        return self._calibrated[name]

    def _is_calibrated(self, name: str) -> bool:
        from af2jax.config import preset
        from af2jax.finetune.run import keeps_network, training_of
        from af2jax.pretrained.export import is_exported
        from af2jax.pretrained.load import find

        place = self.options.params
        while place is not None and _is_run(place):
            began = training_of(place).params
            if not began or not Path(began).exists() or not keeps_network(place):
                return False
            place = Path(began)
        if place is None or preset(name).remark:
            return False
        file = find(place, name)
        return file.name == f"params_{name}.npz" and not is_exported(file)

    def fingerprint(self, name: str) -> str:
        """What tells the weights of a preset from others.

        Raises:
            WeightsError: as of loading them.
        """
        if name not in self._fingerprints:
            self._fingerprints[name] = self._fingerprint(name)
        return self._fingerprints[name]

    def _fingerprint(self, name: str) -> str:
        from af2jax.pretrained import npz, tree
        from af2jax.pretrained.load import HEADS, description_in, find

        if self.options.params is None:
            return "random"
        if _is_run(self.options.params):
            from af2jax.finetune.arrays import digest

            model, params = self[name]
            return hashlib.sha256(digest(tree.flatten(params)) + repr(model.heads).encode()).hexdigest()
        file = find(self.options.params, name)
        try:
            with zipfile.ZipFile(file) as archive:  # which states the CRC-32 of each array, at its end
                entries = sorted((m.filename, m.file_size, m.CRC) for m in archive.infolist())
        except (OSError, zipfile.BadZipFile):
            npz.read(file)  # says what is wrong
            raise
        if description_in(file.parent)[0] == name:
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
