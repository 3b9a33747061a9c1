"""What follows for a training: the data made ready, and a config with a reason beside each choice."""

import csv
import io
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from af2jax.audit.columns import Column
from af2jax.audit.look import Seen
from af2jax.audit.target import Target, explains
from af2jax.data import splits
from af2jax.data.dataset import COLUMNS, Item
from af2jax.data.formats import is_file
from af2jax.heads import TAKEN
from af2jax.losses import LOSSES
from af2jax.report import chains, leakage

PREPARED, CONFIG = "prepared.csv", "config.toml"
PASSES, LEAST, LONGEST = 20, 200, 5000  # over the data; updates
FEW, MANY = 100, 2000  # clusters: below, train a head alone; from here on, whole blocks
HEAVIEST = 10.0  # weight of a class, at most


def prepared(seen: Sequence[Seen], columns: Sequence[Column], groups: np.ndarray, out: Path) -> str:
    """The data set as a table in the folder `out`: sentinels emptied, a split for each item, weights of 1 / homologues.

    Items that cannot be read are left out. The mean weight is 1.
    """
    split = leakage.parts(seen, groups)
    _, index, size = np.unique(groups, return_inverse=True, return_counts=True)
    weight = 1 / size[index] if len(size) > 1 else np.ones(len(groups))
    weight *= len(weight) / weight.sum()
    own = [name for name in COLUMNS if any(getattr(one.item, name) not in ("", None, ()) for one in seen)]
    heads = [*dict.fromkeys([*own, "weight", "split"]), *(column.name for column in columns)]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(heads)
    for i, one in enumerate(seen):
        cells = _cells(one.item, out) | {"weight": f"{one.item.weight * weight[i]:.4g}", "split": split[i]}
        own_cells = [_beside(one.item, column.cells[i], out) for column in columns]
        table.writerow([*(cells[name] for name in heads[: len(heads) - len(columns)]), *own_cells])
    return text.getvalue()


def _cells(item: Item, out: Path) -> dict[str, str]:
    """What every table may have, paths relative to `out`."""
    there = lambda path: "" if path is None else os.path.relpath(path, out)
    templates = []
    for text in item.templates:
        path, colon, chain = text.rpartition(":")
        templates.append(there(text) if is_file(Path(text)) or not path else f"{there(path)}{colon}{chain}")
    cells = {name: getattr(item, name) for name in ("id", "sequence", "chain", "placed")}
    return cells | {
        "file": there(item.file),
        "msa": ";".join(map(there, item.msa)),
        "templates": ";".join(templates),
        "aligned_templates": there(item.aligned_templates),
    }


def _beside(item: Item, cell: str, out: Path) -> str:
    """A cell, its path relative to `out` where it names an array."""
    return os.path.relpath(item.folder / cell, out) if cell.endswith(".npy") else cell


def config(seen: Sequence[Seen], targets: Sequence[Target], groups: np.ndarray, others: Sequence[Target] = ()) -> str:
    """A config for `af2jax finetune` in TOML, a comment with the reason beside each choice.

    Targets whose names `heads` cannot have are left out, and so are `others`; comments say so and why.
    """
    clusters = leakage.members(groups)
    split = leakage.parts(seen, groups)
    train = [i for i in range(len(seen)) if split[i] in ("train", "")]
    independent = len({int(groups[i]) for i in train})
    length = np.array([one.length for one in seen])
    size = chains.crop(seen)
    batch = 4 if len(train) >= 64 else 1
    steps = int(np.clip(math.ceil(PASSES * len(train) / batch), LEAST, LONGEST))
    templates = sum(bool(one.item.templates or one.item.aligned_templates) for one in seen)
    depth = [one.rows.depth for one in seen if one.rows]
    known = [target for target in targets if len(target.flat)]
    heads = [target for target in known if not (target.name in TAKEN or target.name in LOSSES or "/" in target.name)]
    recipe, why = _recipe(independent, bool(heads))
    peptides = splits.peptides([one.sequence for one in seen]) is not None
    check = max(steps // 20, 1)
    lines = [
        "# Proposed by af2jax explore from this data set; change what you know better. Run:",
        "#   af2jax finetune config.toml --out run",
        *(f"# {_key(target.name)} is no name of a head: rename the column." for target in known if target not in heads),
        *(
            f"# {_key(target.name)} is left out: no cell of it is a number."
            for target in targets
            if target not in known
        ),
        *(f"# {_key(target.name)} is left out: {_why(target)}." for target in others),
        *(f"# {_key(target.name)}: {_alone(target)}" for target in heads if explains(target)[0]),
        *_nothing(seen, heads),
        *["# All items are homologues: what is learnt holds for this family alone."] * (len(clusters) == 1 < len(seen)),
        "",
        _say("data", PREPARED, _changes(seen, split, targets)),
        _say("params", "", "set this: the folder of DeepMind's parameters, or mini with preset mini; empty: random"),
        _say(
            "preset",
            "model_1_ptm" if templates else "model_3_ptm",
            f"{templates} items have templates" if templates else "reads no templates: none of the items has one",
        ),
        _say("recipe", recipe, why),
    ]
    if recipe == "lora":
        lines.append(_say("rank", 4 if independent < 500 else 8, f"{independent} clusters to learn from"))
    lines += [
        _say("crop", size, f"{(length <= size).mean():.0%} of the chains fit whole (longest {length.max()})"),
        _say("batch_size", batch, f"{len(train)} training items"),
        _say(
            "steps", steps, f"{PASSES} passes over the training items, {LEAST} to {LONGEST}; patience ends it earlier"
        ),
        _say("warmup", min(100, steps // 10), "a tenth of the steps, 100 at most"),
        _say("learning_rate", 1e-3 if recipe == "new_heads" else 1e-4, f"usual for the recipe {recipe}"),
        _say("validate_every", check, "20 times"),
        _say("save_every", check, "as often"),
        _say("patience", 5, "validations without a better one: small sets are learnt by heart soon"),
    ]
    if depth:
        rows = 1 << max(int(np.median(depth)) - 1, 1).bit_length()
        if rows < 512:
            lines.append(_say("max_msa_clusters", rows, f"the median alignment has {np.median(depth):.0f} sequences"))
    if recipe == "new_heads":
        lines += [
            _say("dropout", False, "the trunk is frozen, and the cache needs it"),
            _say("num_recycle", 1, "one recycle; more cost time and help heads little"),
            _say("examples_per_item", 4, "crops and MSA samples of each item, kept in the cache"),
            _say("cache", True, "the trunk is computed once for each draw, which makes training many times faster"),
        ]
    if heads:
        lines.append(_say("monitor", *_monitor(heads[0])))
        lines += ["", "[losses] # the new heads alone; add fape = 0.5 and such to hold on to structures"]
        lines += [f"{_key(target.name)} = 1.0" for target in heads]
    else:
        lines.append(_say("monitor", "lddt_ca", "structures are learnt, and lDDT needs no superposition"))
    for target in heads:
        lines += ["", *_head(target, split, peptides)]
    if named := [target for target in heads if target.classes]:
        lines += ["", "[classes] # as the cells have them, in the order of the head's answers"]
        lines += [f"{_key(target.name)} = {json.dumps(target.classes)}" for target in named]
    return "\n".join(lines) + "\n"


def _why(target: Target) -> str:
    """Why a label is no head of the proposed config."""
    relation = target.relation
    if relation is not None and not relation.shown:
        why = f"simple models cannot tell it from a shuffled column (p = {relation.p:.2f})"
        return f"{why}; name it with --target to learn it"
    return "the first columns alone are proposed; name it with --target to learn it"


def _alone(target: Target) -> str:
    what, score = explains(target)
    return f"its {what} alone predicts it (correlation {score:.2f}): claim only what goes beyond that."


def _nothing(seen: Sequence[Seen], heads: Sequence[Target]) -> list[str]:
    if heads or any(one.structure for one in seen):
        return []
    return ["# There is neither a label nor a structure to learn: name a column with --target, or add structures."]


def _changes(seen: Sequence[Seen], split: Sequence[str], targets: Sequence[Target]) -> str:
    """What was done to the data, as the reason for using them."""
    emptied = sum(sum(target.column.sentinels.values()) for target in targets)
    pairs = [(one.item.split, part) for part, one in zip(split, seen, strict=True)]
    new, moved = (sum(bool(old) is known and old != part for old, part in pairs) for known in (False, True))
    return (
        f"{emptied} cells of targets emptied, {new} items given a split and {moved} another than theirs, weights of "
        "1 / homologues"
    )


def _recipe(independent: int, heads: bool) -> tuple[str, str]:
    if heads and independent < FEW:
        return (
            "new_heads",
            f"{independent} clusters to learn from; below {FEW} more than a head would learn them by heart",
        )
    if independent < MANY:
        return "lora", f"{independent} clusters to learn from: adapters change little and can be taken away"
    return "last_blocks", f"{independent} clusters to learn from are enough for whole blocks"


def _monitor(target: Target) -> tuple[str, str]:
    name = target.name
    if target.classes:
        counts = target.column.counts
        top = max(counts.values()) / sum(counts.values())
        if top > 0.7:
            return name, f"the head's loss: always saying the largest class has an accuracy of {top:.0%} already"
        return f"{name}/accuracy", f"the largest class has {top:.0%}, so accuracy shows what is learnt"
    return f"{name}/rmse", "in the unit of the label; Spearman's correlation is reported beside it"


def _head(target: Target, split: Sequence[str], peptides: bool) -> list[str]:
    """The tables of one head, with the weights of its classes or its unit."""
    kind = "residue" if target.residue else "binding" if peptides else "chain"
    why = f"one answer for each {kind}"
    if kind == "binding":
        why = "one answer for each complex, from the PAE between the peptide and its partner (Motmaen et al. 2023)"
    lines = [f"[heads.{_key(target.name)}]", _say("kind", kind, why)]
    if target.classes:
        counts = target.column.counts
        number = np.array([counts[name] for name in target.classes], float)
        weights = np.minimum(np.sqrt(number.max() / number), HEAVIEST)
        lines.append(
            _say(
                "classes", len(target.classes), f"{len(number)} classes, {number.min():.0f} to {number.max():.0f} each"
            )
        )
        if weights.max() > 1.5:
            why = "square roots of how much rarer each class is"
            lines.append(_say("class_weights", [round(float(w), 3) for w in weights], why))
        return lines
    chosen = [i for i, part in enumerate(split) if part in ("train", "")]
    values = np.concatenate([np.atleast_1d(target.values[i]) for i in chosen])
    values = values[np.isfinite(values)] if np.isfinite(values).any() else target.flat
    lines += [
        _say("outputs", 1, "one number"),
        _say("mean", float(f"{values.mean():.6g}"), "of the training labels, so that step 0 says the mean"),
        _say("std", float(f"{values.std() or 1.0:.6g}"), "of the training labels, the unit of the loss"),
        '# unit = "..." # of the labels, to be shown beside every answer',
    ]
    return lines


def _say(name: str, value, why: str) -> str:
    """A line of TOML with its reason."""
    return f"{name} = {json.dumps(value)} # {why}"


def _key(name: str) -> str:
    """A key of TOML, whatever is in it."""
    return json.dumps(name)
