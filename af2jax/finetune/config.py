"""What a training is: one frozen dataclass, read from a file, changed by flags, and saved with the run."""

import dataclasses
import json
import os
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from af2jax.config import canonical
from af2jax.data.parse import read_text
from af2jax.errors import InputError, nearest
from af2jax.finetune.rules import RECIPES
from af2jax.heads import Head
from af2jax.pretrained.load import PACKAGED
from af2jax.words import counted

PLACES = ("data", "valid", "params", "cache_dir")  # the fields of `Training` that are paths
GROUPS = ("data", "model", "optimizer", "schedule", "validation")  # the fields of `Training`, in their order


@dataclass(frozen=True)
class Training:
    """A training, whole: the same values, data and weights give the same parameters, bit for bit on CPU.

    Its fields stand in five groups. A config may have them as a list, or under headings: the tables [data], [model],
    [optimizer], [schedule] and [validation].

    Attributes:
        data: a manifest or a folder of structures (`af2jax.data.dataset`).
        valid: another such table or folder to validate on; "": the items that `data` says, or a tenth of its own.
        crop: residues.
        max_msa_clusters, max_extra_msa: rows of the MSA; 0: the preset's.
        mask_target: share of the examples, in validation too, whose masked query residues are hidden in all that the
            network reads, so that the masked-MSA loss means something without homologues; published: 0.
        examples_per_item: draws of crop and MSA for each item, which the training goes through in turns; 0: always new
            ones.
        variants: of an assay that an example has, where heads of variants learn; drawn again at each visit.
        strict: an item that cannot be used stops the training before it begins.

        params: folder of DeepMind's files, or of an earlier run, whose new heads are left out unless `keep_heads`;
            "mini": the parameters that come with the package; "": random weights.
        preset: the network.
        recipe: what trains (`af2jax.recipe`), unless `rules` are given.
        blocks: of the recipe "last_blocks".
        rank, lora_modules: of the recipe "lora".
        rules: pairs (expression over paths, "train" | "lora" | "freeze"), in place of a recipe.
        heads: new ones by name; each learns the label of its name. Classes are given by number, or by name where labels
            are words or characters.
        keep_heads: the new heads of the run in `params` train further, beside those in `heads`.
        dropout: in training, as published.
        num_recycle: in training; None: drawn from 0 to the preset's. Validation uses it too, or the preset's.
        dtype: of the trunk, "float32" or "bfloat16".
        chunk: rows of attention and transitions that are computed at a time, which saves memory; 0: all.
        remat: compute each block again in the backward pass, which saves memory; false stores its inside, which
            is quicker for small networks where memory is kept (`compilation.keep_memory`).
        cache: activations of the frozen trunk are computed once for each example; where nothing but new heads and
            DeepMind's output heads trains, without dropout, and with a fixed num_recycle.
        cache_dir: its folder, which trainings may share; "": in the run directory.

        losses: weights by name; None: DeepMind's, and 1 for each new head.
        clamp_fraction: share of the examples whose backbone FAPE is clamped; None: the preset's.
        learning_rate: the highest, after `warmup` updates; it decays to 0 as a cosine.
        weight_decay: of kernels.
        clip: of the norm of a batch's gradient; None: none.
        clip_example: of the norm of one example's gradient (published: 0.1); None: none.
        layer_decay: factor of the learning rate for each Evoformer block that follows.
        ema: decay of a moving average, which then is what is validated and exported; None: none.

        steps: updates tried.
        warmup: updates in which the learning rate rises.
        batch_size: examples of a step.
        accumulate: steps whose mean gradient makes one update.
        max_skipped_steps: steps in a row that are not finite, and so skipped, which end the training.
        seed: of everything that is drawn.

        validate_every: steps; the validation of step 0 comes first.
        save_every: steps.
        keep_checkpoints: how many of the last stay, beside the best.
        monitor: what is watched in validation; names that end in accuracy, spearman or lddt_ca are best when high.
        patience: validations without a better `monitor` after which training stops; 0: never.
    """

    # data
    data: str
    valid: str = ""
    crop: int = 256
    max_msa_clusters: int = 0
    max_extra_msa: int = 0
    mask_target: float = 0.0
    examples_per_item: int = 0
    variants: int = 32
    strict: bool = False
    # model
    params: str = ""
    preset: str = "model_1_ptm"
    recipe: str = "heads"
    blocks: int = 4
    rank: int = 8
    lora_modules: str = "attention"
    rules: tuple[tuple[str, str], ...] = ()
    heads: Mapping[str, Head] = field(default_factory=dict)
    keep_heads: bool = False
    dropout: bool = True
    num_recycle: int | None = None
    dtype: str = "float32"
    chunk: int = 0
    remat: bool = True
    cache: bool = False
    cache_dir: str = ""
    # optimizer
    losses: Mapping[str, float] | None = None
    clamp_fraction: float | None = None
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    clip: float | None = None
    clip_example: float | None = 0.1
    layer_decay: float = 1.0
    ema: float | None = None
    # schedule
    steps: int = 1000
    warmup: int = 0
    batch_size: int = 1
    accumulate: int = 1
    max_skipped_steps: int = 20
    seed: int = 0
    # validation
    validate_every: int = 100
    save_every: int = 100
    keep_checkpoints: int = 1
    monitor: str = "loss"
    patience: int = 0

    def __post_init__(self):
        object.__setattr__(self, "preset", canonical(self.preset))
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate = {self.learning_rate} must be positive")
        for name, value in vars(self).items():
            least = 1 if name in _ONE else 0
            if isinstance(value, int | float) and not value >= least:
                raise InputError(f"{name} = {value} must be {least} or more")
        if self.recipe not in RECIPES:
            raise InputError(f'recipe = "{self.recipe}" is not known (recipes: {", ".join(RECIPES)})')
        if self.dtype not in ("float32", "bfloat16"):
            raise InputError(f'dtype = "{self.dtype}" is not known; give float32 or bfloat16')
        if self.ema is not None and not 0 < self.ema < 1:
            raise InputError(f"ema = {self.ema} must lie between 0 and 1")
        if self.mask_target > 1:
            raise InputError(f"mask_target = {self.mask_target} is a share of the examples; give 0 to 1")
        if self.warmup >= self.steps:
            raise InputError(f"warmup = {self.warmup} must be below steps = {self.steps}")
        if self.cache and (self.dropout or self.num_recycle is None or not self.examples_per_item):
            raise InputError("cache = true needs dropout = false, a num_recycle and examples_per_item of 1 or more")

    def to_dict(self) -> dict:
        """Every value, as JSON has it."""
        return dataclasses.asdict(self)

    def replace(self, changes: Sequence[str]) -> "Training":
        """The training with "name=value" changes; "heads.ss.classes=8" reaches inside. Values are JSON, or words. The
        group may be named: "schedule.steps=7".

        Raises:
            InputError: a change without "=", one inside a value without fields, or as in `from_dict`.
        """
        values = self.to_dict()
        for change in changes:
            path, equals, text = change.partition("=")
            if not equals:
                raise InputError(f'expected name=value, such as learning_rate=1e-4, got "{change}"')
            try:
                value = json.loads(text)
            except ValueError:
                value = text
            *scopes, last = path.strip().split(".")
            inner = values
            for scope in scopes[1:] if scopes and scopes[0] in GROUPS else scopes:
                if inner.get(scope) is None:
                    inner[scope] = {}
                inner = inner[scope]
                if not isinstance(inner, dict):
                    raise InputError(f'"{change}": {scope} is {inner!r}, which has no fields')
            inner[last] = value
        return from_dict(values, "the changes")


_ONE = {"crop", "variants", "blocks", "rank", "steps", "batch_size", "accumulate", "validate_every", "save_every"}
_ONE |= {"keep_checkpoints", "max_skipped_steps"}  # the least of other numbers is 0

# what fields were called, in configs and in runs that were begun then
EARLIER = {"clusters": "max_msa_clusters", "extra": "max_extra_msa", "clamped": "clamp_fraction"}
EARLIER |= {"targets": "lora_modules", "draws": "examples_per_item", "keep": "keep_checkpoints"}
EARLIER |= {"max_bad": "max_skipped_steps"}


def read(path: str | os.PathLike) -> Training:
    """A training from a TOML or JSON file; relative paths in it are relative to its folder.

    The JSON of a run may have the names that fields had when it was begun.

    Raises:
        InputError: the file is missing or damaged, or as in `from_dict`.
    """
    text = read_text(path)
    try:
        if text.lstrip().startswith("{"):
            values = {EARLIER.get(name, name): value for name, value in json.loads(text).items()}
        else:
            values = tomllib.loads(text)
    except ValueError as error:
        raise InputError(f"{path} is neither TOML nor JSON: {' '.join(str(error).split())}") from None
    return located(from_dict(values, str(path)), Path(path).parent)


def located(training: Training, folder: Path) -> Training:
    """The training with whole paths, where its own are relative to `folder`."""
    given = {name: getattr(training, name) for name in PLACES}
    packaged = training.params in PACKAGED
    relative = [name for name, value in given.items() if value and not (name == "params" and packaged)]
    return dataclasses.replace(training, **{name: str((folder / given[name]).resolve()) for name in relative})


def from_dict(values: Mapping, source: str) -> Training:
    """A training from a dictionary such as `Training.to_dict` makes, or with tables by group in it.

    "classes" may name the classes of heads that have their number: {"ss": ["H", "E", "C"]}.

    Raises:
        InputError: an unknown field (the message has the nearest known), a missing one, one that stands twice or has
            another name now, or a value of the wrong kind.
    """
    values = _flat(values, source)
    if renamed := [name for name in EARLIER if name in values]:
        now = ", ".join(EARLIER[name] for name in renamed)
        raise InputError(f"{source}: {', '.join(renamed)} {'is' if len(renamed) == 1 else 'are'} called {now} now")
    heads = values.get("heads", {})
    if not isinstance(heads, Mapping):
        raise InputError(f"{source}: heads must be a table by head")
    classes = values.pop("classes", {})
    if not isinstance(classes, Mapping):
        raise InputError(f"{source}: classes must be a table by head")
    for name, names in classes.items():
        given = heads.get(name)
        if not isinstance(given, Mapping) or not isinstance(names, list | tuple) or given.get("classes") != len(names):
            raise InputError(
                f"{source}: classes.{name} names {counted(len(names), 'class')}; heads.{name} must have as many"
            )
        heads = heads | {name: given | {"names": names}}
    made = {name: _build(Head, head, f"{source}: heads.{name}") for name, head in heads.items()}
    return _build(Training, values | {"heads": made}, source)


def _flat(values: Mapping, source: str) -> dict:
    """The fields without the tables by group that they may stand in."""
    tables = {name: inside for name, inside in values.items() if name in GROUPS and isinstance(inside, Mapping)}
    flat = {name: value for name, value in values.items() if name not in tables}
    for group, inside in tables.items():
        if twice := [name for name in inside if name in flat]:
            raise InputError(f"{source}: {twice[0]} stands in [{group}] and outside; give it once")
        flat |= inside
    return flat


def _build(kind: type, values, source: str):
    """A dataclass of `values`, each looked at."""
    if not isinstance(values, Mapping):
        raise InputError(f"{source} must be a table of names and values")
    known = typing.get_type_hints(kind)
    for name in values:
        if name not in known:
            raise InputError(f"{source}: unknown field {name}{nearest(name, known)}")
    needed = [f.name for f in dataclasses.fields(kind) if f.default is f.default_factory is dataclasses.MISSING]
    if missing := [name for name in needed if name not in values]:
        raise InputError(f"{source}: {missing[0]} is missing")
    return kind(**{name: _value(value, known[name], f"{source}: {name}") for name, value in values.items()})


_WORDS = {float: "a float", int: "an integer", bool: "true or false", str: "a string", Mapping: "a table"}
_WORDS |= {tuple: "a list", Sequence: "a list"}


def _value(value, kind, where: str):
    """`value` if it is of that kind, numbers and lists converted."""
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if value is None and type(None) in options:
        return None
    for option in options:
        origin = typing.get_origin(option) or option
        if origin in (int, float) and isinstance(value, int | origin) and not isinstance(value, bool):
            return origin(value)
        if origin in (str, bool) and isinstance(value, origin):
            return value
        if origin in (tuple, Sequence) and isinstance(value, list | tuple):
            return tuple(tuple(item) if isinstance(item, list) else item for item in value)
        if origin is Mapping and isinstance(value, Mapping):
            of = typing.get_args(option)[1]
            return {n: x if isinstance(x, Head) else _value(x, of, f"{where}.{n}") for n, x in value.items()}
    words = [_WORDS.get(typing.get_origin(option) or option) for option in options]
    raise InputError(f"{where}: expected {' or '.join(filter(None, words)) or 'null'}, got {value!r}")
