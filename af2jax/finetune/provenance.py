"""Where the parameters of a run come from: what it began with, data, settings, and which checkpoint is its best."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from af2jax.errors import InputError, WeightsError
from af2jax.finetune.config import PLACES, Training
from af2jax.finetune.run import RUN, checkpoint_of, is_run, training_of
from af2jax.pretrained import checkpoint
from af2jax.pretrained.export import family, is_exported
from af2jax.pretrained.load import PACKAGED, find

DEEPMIND, EXPORTED, RANDOM = "deepmind", "exported", "random"  # what a training began with, or a name in `PACKAGED`


@dataclass(frozen=True)
class Provenance:
    """What is known of a run, without the places on the disk of who trained it.

    Attributes:
        base: `DEEPMIND`, `EXPORTED`, `RANDOM`, or the packaged parameters by name ("mini").
        data: name of the table or folder.
        digests: SHA-256 of the data and of the weights at the beginning, in hexadecimal.
        settings: fields of the `Training` that are not the default, with names in place of paths.
        step: updates before the checkpoint that is exported.
        validation: scores of that checkpoint, by name.
        made: versions and device.
    """

    preset: str
    base: str
    data: str
    digests: Mapping[str, str]
    settings: Mapping[str, object]
    step: int
    validation: Mapping[str, float]
    made: Mapping[str, str]


def provenance(path: Path) -> Provenance:
    """Of a run directory, or of one checkpoint in it.

    Raises:
        WeightsError: it is not a run, or what it rests on is missing or damaged.
    """
    training, place = training_of(path), checkpoint_of(path)
    file = place.parent.parent / RUN
    try:
        facts = dict(json.loads(file.read_text()))
        digests = {name: str(facts[name]) for name in ("data", "weights")}
        made = {name: str(facts[name]) for name in ("af2jax", "jax", "python", "device")}
    except (OSError, ValueError, TypeError, KeyError):
        raise WeightsError(f"{file} is missing or damaged; restore it from a copy") from None
    scores = checkpoint.verify(place)["metadata"]["scores"] or {}
    base = began_with(training)
    name = Path(training.data).name
    return Provenance(training.preset, base, name, digests, _settings(training), int(place.name), scores, made)


def began_with(training: Training) -> str:
    """What the first run of a chain of runs began with, as in `Provenance.base`.

    A file of a preset that DeepMind published is taken for DeepMind's unless af2jax wrote it.
    """
    while training.params and is_run(training.params):
        training = training_of(training.params)
    if not training.params:
        return training.preset if training.preset in PACKAGED else RANDOM
    if training.params in PACKAGED:
        return training.params
    try:
        own = is_exported(find(Path(training.params), training.preset))
    except (InputError, WeightsError):  # the folder has moved: nothing says that it was not DeepMind's
        own = False
    return EXPORTED if own or len(family(training.preset)) == 1 else DEEPMIND


def _settings(training: Training) -> dict[str, object]:
    out: dict[str, object] = {}
    for field in dataclasses.fields(training):
        value = getattr(training, field.name)
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        if value == default and field.name not in ("recipe", "steps", "seed"):
            continue
        out[field.name] = Path(value).name if field.name in PLACES else value
    heads = {name: {k: v for k, v in dataclasses.asdict(head).items() if v} for name, head in training.heads.items()}
    return json.loads(json.dumps(out | ({"heads": heads} if heads else {})))
