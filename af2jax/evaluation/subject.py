"""What is evaluated: the network of a run with its new heads, or a file of parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from af2jax.config import canonical, preset
from af2jax.data.dataset import Item, read_dataset
from af2jax.data.labels import Label
from af2jax.data.parse import printable
from af2jax.errors import InputError
from af2jax.finetune import run
from af2jax.finetune.config import Training
from af2jax.heads import Head
from af2jax.model.alphafold import AlphaFold
from af2jax.pretrained.load import description_in
from af2jax.pretrained.tree import digest, flatten

PRESET = "model_1_ptm"
IN_MEMORY = "(in memory)"  # in place of where parameters were loaded from


@dataclass(frozen=True)
class Subject:
    """A network that is ready to be evaluated.

    Attributes:
        name: for tables.
        path: where it was loaded from, or `IN_MEMORY`.
        params: with new heads under "task_heads".
        heads: the new ones.
        labels: how the column is read of each head that is judged.
        training: that made it; None: the parameters are of no run.
        recycles: passes before the last.
        validated: recycles with which the run was validated, or the preset's number.
    """

    name: str
    path: str
    model: AlphaFold
    params: dict
    heads: dict[str, Head]
    labels: dict[str, Label]
    training: Training | None
    recycles: int
    validated: int | None = None

    @property
    def digest(self) -> str:
        """The SHA-256 of all parameters, in hexadecimal."""
        return digest(flatten(self.params)).hex()

    @property
    def size(self) -> int:
        """The number of parameters, those of new heads included."""
        return sum(int(leaf.size) for leaf in flatten(self.params).values())


def open_subject(path: str | Path, name: str | None = None, recycles: int | None = None) -> Subject:
    """A run directory (its best checkpoint), one checkpoint, DeepMind's .npz or a folder of them.

    Args:
        name: the preset; None: that of the run or of the file's name, or "model_1_ptm".
        recycles: None: as the run was validated, or the preset's number.

    Raises:
        InputError, WeightsError: as of `finetune.run.load`; `recycles` is negative.
    """
    path = Path(path)
    _check(recycles)
    shown = printable(path.resolve().name)
    if run.is_run(path):
        training = run.training_of(path)
        model, params = run.load(name, path)
        usual = model.config.num_recycle if training.num_recycle is None else training.num_recycle
    else:
        training = None
        model, params = run.load(None if name is None and description_in(path)[0] else name or _named(path), path)
        usual = model.config.num_recycle
    heads = dict(model.heads)
    labels = labels_of(heads, training)
    recycles = usual if recycles is None else recycles
    return Subject(shown, str(path), model, params, heads, labels, training, recycles, usual)


def subject_of(network, recycles: int | None = None) -> Subject:
    """What `evaluate` is given: a place as of `open_subject` ("mini" too), or (model, params).

    Raises:
        InputError, WeightsError: as in `open_subject`.
    """
    if not isinstance(network, tuple):
        return open_subject(network, None, recycles)
    model, params = network
    _check(recycles)
    heads, usual = dict(model.heads), model.config.num_recycle
    recycles, name = usual if recycles is None else recycles, model.config.name
    return Subject(name, IN_MEMORY, model, params, heads, labels_of(heads, None), None, recycles, usual)


def _check(recycles: int | None) -> None:
    if recycles is not None and recycles < 0:
        raise InputError(f"num_recycle={recycles} must be 0 or more")


def splits_of(path: str | Path) -> dict[str, str]:
    """The split of each item that a run trained with, by id, as its `items.tsv` says; {} for parameters of no run."""
    file = _items(Path(path))
    if file is None or not file.is_file():
        return {}
    rows = [line.split("\t") for line in file.read_text().splitlines()[1:]]
    return {row[0]: row[1] for row in rows if len(row) > 1 and row[1] != "unused"}


def trained_on(path: str | Path) -> list[Item]:
    """The items that a run learnt from; [] where there is no run, or its data are no longer there."""
    if not run.is_run(path):
        return []
    training, parts = run.training_of(path), splits_of(path)
    try:
        items = read_dataset(training.data)
    except InputError:
        return []
    return items if training.valid else [item for item in items if parts.get(item.id) == "train"]


def labels_of(heads: Mapping[str, Head], training: Training | None) -> dict[str, Label]:
    """How the column is read of each head that is judged, and that the training taught: not of pairs, nor of several
    numbers."""
    taught = None if training is None else training.losses
    heads = {name: head for name, head in heads.items() if head.judged and (taught is None or name in taught)}
    return {name: head.column for name, head in heads.items()}


def _items(path: Path) -> Path | None:
    path = path.resolve()
    return next((folder / "items.tsv" for folder in (path, *path.parents) if (folder / run.CONFIG).is_file()), None)


def _named(path: Path) -> str:
    """The preset that the name of a file says, or the usual one."""
    try:
        return preset(canonical(path.name)).name
    except InputError:
        return PRESET
