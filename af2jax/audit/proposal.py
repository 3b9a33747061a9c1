"""What follows for a training: a split and a weight for each item, and settings with a reason for each."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from af2jax.audit.alignments import Alignments, templates
from af2jax.audit.homologues import Homologues
from af2jax.audit.label_column import LabelColumn
from af2jax.audit.look import Seen
from af2jax.audit.sequences import Lengths
from af2jax.data import splits
from af2jax.data.parse import printable
from af2jax.heads import TAKEN
from af2jax.losses import LOSSES
from af2jax.words import counted

PREPARED = "prepared.csv"
PROPOSED = 3  # labels, where a user names none
PASSES, LEAST, LONGEST = 20, 200, 5000  # over the data; updates
FEW, MANY = 100, 2000  # clusters: below, train a head alone; from here on, whole blocks
LARGE = 0.7  # share of a class, above which accuracy shows little
NOTHING = "There is neither a label nor a structure to learn: name a column with --target, or add structures."
HEAVIEST, UNEVEN = 10.0, 1.5  # weight of a class, at most; from which classes are weighted


class Choice(NamedTuple):
    """A setting of `af2jax finetune`, and its reason."""

    name: str
    value: Any
    why: str


@dataclass(frozen=True)
class Proposal:
    """What is proposed for a training."""

    split: list[str]  # of each item: "train", "valid", "test" or ""
    weights: np.ndarray  # [N_seen] as 1 / homologues, with mean 1
    remarks: list[str]  # on what was left out, and on what a result may claim
    settings: list[Choice]
    heads: dict[str, list[Choice]]  # settings of each new head
    classes: dict[str, tuple[str, ...]]  # their names, of each head that has some


def propose(
    seen: Sequence[Seen],
    targets: Sequence[LabelColumn],
    named: bool,
    lengths: Lengths,
    alignments: Alignments | None,
    homologues: Homologues,
    unread: int = 0,
) -> Proposal:
    """The training of heads for labels: where a user `named` them of all, else of the first few that sequences tell of.

    Labels whose names `heads` cannot have are left out, and so are items with a cell that is not read; remarks say
    which and why. `unread`: how many items cannot be used at all, and so are not in `seen`.
    """
    shown = [label for label in targets if label.relation is None or label.relation.shown]
    chosen = list(targets) if named else shown[:PROPOSED]
    known = [label for label in chosen if len(label.flat)]
    heads = [label for label in known if not (label.name in TAKEN or label.name in LOSSES or "/" in label.name)]
    clusters, split = homologues.clusters, homologues.parts
    weights = np.zeros(len(seen))
    for rows in clusters:
        weights[rows] = len(seen) / len(clusters) / len(rows)
    learnt = "train" if any(split) else ""
    train = {i for i, part in enumerate(split) if part == learnt}.difference(*(label.column.odd for label in heads))
    independent = sum(not train.isdisjoint(rows) for rows in clusters)
    peptides = splits.peptides([one.sequence for one in seen]) is not None
    misnamed = [label for label in known if label not in heads]
    remarks = [*_left_out(seen, heads, unread)]
    remarks += [f"{_quoted(label)} cannot be the name of a head: rename the column." for label in misnamed]
    remarks += [f"{_quoted(label)} is left out: no cell of it is a number." for label in chosen if label not in known]
    remarks += [f"{_quoted(label)} is left out: {_why(label)}." for label in targets if label not in chosen]
    remarks += [f"{_quoted(label)}: {_alone(label)}" for label in heads if label.explained_by[0]]
    if any(split) and (left := split.count("")):
        remarks.append(f"{counted(left, 'variant changes', 'variants change')} residues of several parts: no split.")
    if not heads and not any(one.structure for one in seen):
        remarks.append(NOTHING)
    if len(clusters) == 1 < len(seen):
        remarks.append("All items are homologues: what is learnt holds for this family alone.")
    return Proposal(
        split=split,
        weights=weights,
        remarks=remarks,
        settings=[
            Choice("data", PREPARED, _changes(seen, split, chosen)),
            *_settings(seen, len(train), independent, lengths, alignments, heads),
        ],
        heads={label.name: _head(label, sorted(train), peptides) for label in heads},
        classes={label.name: label.classes for label in heads if label.classes},
    )


def _left_out(seen: Sequence[Seen], heads: Sequence[LabelColumn], unread: int) -> Iterator[str]:
    """How many items this training leaves out, and why."""
    are = lambda count: "is" if count == 1 else "are"
    if unread:
        of_all = f"{unread} of {len(seen) + unread} items cannot be used"
        yield f"{of_all} and {are(unread)} not in {PREPARED}; index.html says why."
    odd = [(label, label.column.odd) for label in heads if label.column.odd]
    if left := len(set().union(*(rows for _, rows in odd))):
        first = lambda label, rows: json.dumps(printable(label.column.cells[rows[0]][:40]), ensure_ascii=False)
        why = "; ".join(
            f"{_quoted(label)} has {counted(len(rows), 'such cell')}, such as {first(label, rows)}"
            for label, rows in odd
        )
        yield (
            f"{left} of {len(seen)} items {are(left)} left out for all heads, as a label cannot be read: {why}. "
            f"Correct or empty these cells in {PREPARED} to keep them."
        )


def _settings(
    seen: Sequence[Seen],
    train: int,
    independent: int,
    lengths: Lengths,
    alignments: Alignments | None,
    heads: Sequence[LabelColumn],
) -> list[Choice]:
    """Settings of a training on `train` items of `independent` clusters."""
    batch = 4 if train >= 64 else 1
    steps = int(np.clip(math.ceil(PASSES * train / batch), LEAST, LONGEST))
    given = sum(map(bool, templates(seen)))
    recipe, why = _recipe(independent, bool(heads))
    check = max(steps // 20, 1)
    monitor = ("lddt_ca", "structures are learnt, and lDDT needs no superposition")
    reads = f"{given} items have templates" if given else "reads no templates: none of the items has one"
    fits = f"{lengths.whole:.0%} of the chains fit whole (longest {lengths.residues.most:.0f})"
    passes = f"{PASSES} passes over the training items, {LEAST} to {LONGEST}; patience ends it earlier"
    chosen = [
        Choice("params", "", "set this: the folder of DeepMind's parameters, or mini with preset mini; empty: random"),
        Choice("preset", "model_1_ptm" if given else "model_3_ptm", reads),
        Choice("recipe", recipe, why),
    ]
    if recipe == "lora":
        chosen.append(Choice("rank", 4 if independent < 500 else 8, f"{independent} clusters to learn from"))
    chosen += [
        Choice("crop", lengths.crop, fits),
        Choice("batch_size", batch, f"{train} training items"),
        Choice("steps", steps, passes),
        Choice("warmup", min(100, steps // 10), "a tenth of the steps, 100 at most"),
        Choice("learning_rate", 1e-3 if recipe == "new_heads" else 1e-4, f"usual for the recipe {recipe}"),
        Choice("validate_every", check, "20 times"),
        Choice("save_every", check, "as often"),
        Choice("patience", 5, "validations without a better one: small sets are soon memorised"),
    ]
    if alignments:
        depth = alignments.depth.median
        rows = 1 << max(int(depth) - 1, 1).bit_length()
        if rows < 512:
            chosen.append(Choice("max_msa_clusters", rows, f"the median alignment has {depth:.0f} sequences"))
    if recipe == "new_heads":
        chosen += [
            Choice("dropout", False, "the trunk is frozen, and the cache needs it"),
            Choice("num_recycle", 1, "one recycle; more cost time and help heads little"),
            Choice("examples_per_item", 4, "crops and MSA samples of each item, kept in the cache"),
            Choice("cache", True, "the trunk is computed once for each draw, which makes training many times faster"),
        ]
    return [*chosen, Choice("monitor", *(_monitor(heads[0]) if heads else monitor))]


def _quoted(label: LabelColumn) -> str:
    return json.dumps(label.name)


def _why(label: LabelColumn) -> str:
    """Why a label is not a head of the proposed config."""
    if label.relation is not None and not label.relation.shown:
        why = f"simple models cannot tell it from a shuffled column (p = {label.relation.p:.2f})"
        return f"{why}; name it with --target to learn it"
    return "the first columns alone are proposed; name it with --target to learn it"


def _alone(label: LabelColumn) -> str:
    what, score = label.explained_by
    return f"its {what} alone predicts it (cross-validated correlation {score:.2f}): claim only what goes beyond that."


def _changes(seen: Sequence[Seen], split: Sequence[str], targets: Sequence[LabelColumn]) -> str:
    """What was done to the data, as the reason for using them."""
    emptied = sum(sum(label.column.sentinels.values()) for label in targets)
    changed = [bool(one.item.split) for part, one in zip(split, seen, strict=True) if one.item.split != part]
    return (
        f"{emptied} cells of targets emptied, {changed.count(False)} items given a split and {changed.count(True)} "
        "another than theirs, weights of 1 / homologues"
    )


def _recipe(independent: int, heads: bool) -> tuple[str, str]:
    if heads and independent < FEW:
        why = f"{independent} clusters to learn from; below {FEW} anything larger than a head would memorise them"
        return "new_heads", why
    if independent < MANY:
        return "lora", f"{independent} clusters to learn from: adapters change little and can be taken away"
    return "last_blocks", f"{independent} clusters to learn from are enough for whole blocks"


def _monitor(label: LabelColumn) -> tuple[str, str]:
    if not label.classes:
        return f"{label.name}/rmse", "in the unit of the label; Spearman's correlation is reported beside it"
    top = max(label.column.counts.values()) / label.column.counts.total()
    if top > LARGE:
        return label.name, f"the head's loss: always predicting the largest class has an accuracy of {top:.0%} already"
    return f"{label.name}/accuracy", f"the largest class has {top:.0%}, so accuracy shows what is learnt"


def _head(label: LabelColumn, train: Sequence[int], peptides: bool) -> list[Choice]:
    """One head, with the weights of its classes or its unit, which the items `train` tell."""
    kind = "residue" if label.residue else "chain"
    why = f"one answer for each {kind}"
    if peptides and not label.residue:
        kind = "binding"
        why = "one answer for each complex, from the PAE between the peptide and its partner (Motmaen et al. 2023)"
    if label.classes:
        number = np.array([label.column.counts[name] for name in label.classes], float)
        weights = np.minimum(np.sqrt(number.max() / number), HEAVIEST)
        spread = f"{len(number)} classes, {number.min():.0f} to {number.max():.0f} each"
        own = [Choice("classes", len(number), spread)]
        if weights.max() > UNEVEN:
            rarer = "square roots of how much rarer each class is"
            own.append(Choice("class_weights", [round(float(weight), 3) for weight in weights], rarer))
    else:
        values = np.concatenate([np.zeros(0), *(np.atleast_1d(label.values[i]) for i in train)])
        values = values[np.isfinite(values)] if np.isfinite(values).any() else label.flat
        own = [
            Choice("outputs", 1, "one number"),
            Choice("mean", float(f"{values.mean():.6g}"), "of the training labels, so that step 0 predicts the mean"),
            Choice(
                "std",
                float(f"{values.std() or 1.0:.6g}"),
                "population standard deviation of the training labels, the unit of the loss",
            ),
        ]
    return [Choice("kind", kind, why), *own]
