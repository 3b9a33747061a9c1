"""A look at every item before anything is trained: what can be used, what cannot, and why."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from af2jax.config import Config
from af2jax.constants.residues import LETTERS
from af2jax.data import alphafold_finetune, splits
from af2jax.data.dataset import SPLITS, columns
from af2jax.data.formats import is_file, locate
from af2jax.data.items import Item, load_example
from af2jax.data.labels import Label, is_label_file
from af2jax.errors import InputError, nearest
from af2jax.words import counted

THREADS = 4
HOMOLOGUE = "has homologues in train"
CLUSTER = "cluster"  # the column that says which items are homologues, where every item has it
Problem = tuple[Item, str]  # with the reason


class _Seen(NamedTuple):
    """An item that can be used, as long as splits are not compared."""

    item: Item
    sequence: str
    labels: dict[str, np.ndarray]  # the different values alone: labels of pairs are large
    whole: int  # residues, where identical chains may be permuted; else 0


@dataclass(frozen=True)
class Preflight:
    """What a look at a data set found.

    Attributes:
        items: what can be used, each with its split.
        sequences: of these, chains joined.
        groups: of these, equal for homologues.
        problems: what cannot, with the reason.
        notes: lines that a user should read.
        hash: SHA-256 of everything that is used: files, cells and splits.
        whole: residues of the largest complex with identical chains; 0: there is none.
    """

    items: tuple[Item, ...]
    sequences: tuple[str, ...]
    groups: tuple[int, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    hash: str
    whole: int

    def part(self, split: str) -> list[Item]:
        """The items of one split."""
        return [item for item in self.items if item.split == split]

    def table(self) -> str:
        """Every item as a line: id, split or "unused", and why; outside train, whether it has homologues there."""
        near = _near([item.split for item in self.items], self.groups)
        rows = [(item.id, item.split, HOMOLOGUE if own else "") for item, own in zip(self.items, near, strict=True)]
        rows += [(item.id, "unused", reason) for item, reason in self.problems]
        return "".join("\t".join(row).replace("\n", " ") + "\n" for row in (("id", "split", "reason"), *rows))


def check(
    items: Sequence[Item],
    labels: Mapping[str, Label],
    config: Config,
    *,
    strict: bool = False,
    seed: int = 0,
    crop: int | None = None,
) -> Preflight:
    """Loads every item once; splits what has no split, so that homologues stay together.

    Args:
        labels: those that are asked for, by column.
        strict: an item that cannot be used is an error.
        crop: of the training; an item is not used of which it would cut a cyclic chain. None: everything is used.

    Raises:
        InputError: a label is not a column, or no training item has it, nothing is left to train on, the items
            cannot be split, or `strict`.
    """
    for name in labels:
        if name not in (known := columns(list(items))):
            shown = ", ".join(known) or "none"
            raise InputError(f'no column is called "{name}"{nearest(name, known)} (columns for labels: {shown})')
    small = dataclasses.replace(config, num_recycle=0, data=dataclasses.replace(config.data, clusters=1, extra=1))
    with ThreadPoolExecutor(THREADS) as pool:
        looked = list(pool.map(lambda item: _look(item, labels, small, crop), items))
    problems = [(item, seen) for item, seen in zip(items, looked, strict=True) if isinstance(seen, str)]
    good = [seen for seen in looked if not isinstance(seen, str)]
    if not good:
        raise InputError(f"none of {len(items)} items can be used; the first: {problems[0][0].id}: {problems[0][1]}")
    groups, meaning, told = _groups(good, labels)
    if not any(seen.item.split for seen in good):
        variants = [[mutation.position for mutation in seen.item.mutations] for seen in good]
        scan = len(set(groups)) < splits.PARTS and sum(map(bool, variants)) > len(good) / 2
        scan = scan and not told  # clusters of the table come first
        parts = splits.split_scan(variants, seed) if scan else splits.split([s.sequence for s in good], groups, seed)
        good = [s._replace(item=dataclasses.replace(s.item, split=p)) for s, p in zip(good, parts, strict=True)]
    groups = dict(zip((seen.item.id for seen in good), groups.tolist(), strict=True))
    kept, more = _apart(good)
    kept, unseen, notes = _classes(kept, labels)
    problems += more + unseen
    _labelled(kept, labels)
    notes += told + _parts(kept, groups, meaning)
    if not any(seen.item.split == "train" and seen.item.weight for seen in kept):
        why = f"; {problems[0][0].id} was left out: {problems[0][1]}" if problems else ""
        raise InputError(f"no item is left to train on: the split train is empty, or all of weight 0{why}")
    if strict and problems:
        item, reason = problems[0]
        raise InputError(f"{len(problems)} of {len(items)} items cannot be used, {item.id} first: {reason}")
    used = tuple(seen.item for seen in kept)
    sequences, whole = tuple(seen.sequence for seen in kept), max(seen.whole for seen in kept)
    families = tuple(groups[item.id] for item in used)
    return Preflight(used, sequences, families, tuple(problems), tuple(notes), digest(used), whole)


def _look(item: Item, labels: Mapping[str, Label], config: Config, crop: int | None) -> _Seen | str:
    """What an item holds, or why it cannot be used."""
    try:
        features, targets = load_example(item, config, crop if item.cyclic_chains else None, 0, labels)
    except InputError as error:
        return str(error)
    if labels and not any(_known(targets.labels[name], what) for name, what in labels.items()):
        columns = f"column{'s'[: len(labels) > 1]} {', '.join(f'{name!r}' for name in labels)}".replace("'", '"')
        return f"{item.where}: nothing is known in {columns}"
    if not labels and not targets.atom_mask.any():
        return f"{item.where}: no atom and no label is known; there is nothing to learn from"
    text = item.sequence or "".join(LETTERS[code] for code in features.aatype)
    values = {name: _different(value, labels[name]) for name, value in targets.labels.items()}
    return _Seen(item, text, values, 0 if targets.full_complex is None else len(targets.full_complex.seq_mask))


def _different(value: np.ndarray, what: Label) -> np.ndarray:
    """The classes of a label, or one number where any is known."""
    return np.unique(value) if what.classes else value[~np.isnan(value)].reshape(-1)[:1]


def _known(value: np.ndarray, what: Label) -> bool:
    """Whether a label is known anywhere."""
    return bool(np.any(value >= 0 if what.classes else ~np.isnan(value)))


def _labelled(good: list[_Seen], labels: Mapping[str, Label]) -> None:
    """Raises InputError where no item that is trained on knows a label."""
    trained = [seen for seen in good if seen.item.split == "train" and seen.item.weight]
    for name, what in labels.items():
        if trained and not any(_known(seen.labels[name], what) for seen in trained):
            raise InputError(f'no training item knows a label in column "{name}"; give labels, or leave the head out')


def _groups(good: list[_Seen], labels: Mapping[str, Label]) -> tuple[np.ndarray, str, list[str]]:
    """A number for each item, equal for homologues; what makes homologues; and a note where it was not checked."""
    own = [seen.item.values.get(CLUSTER, "").strip() for seen in good]
    if all(own) and CLUSTER not in labels:
        number = counted(len(set(own)), "cluster")
        note = f'homologues are as the column "{CLUSTER}" has them, {number}; none were searched for'
        return np.unique(own, return_inverse=True)[1], f'the same "{CLUSTER}"', [note]
    sequences = [seen.sequence for seen in good]
    return splits.clusters(sequences), splits.meaning(sequences), []


def _apart(good: list[_Seen]) -> tuple[list[_Seen], list[Problem]]:
    """What is left when no protein is in two splits (the later one keeps it) and all items have one."""
    last: dict[str, Item] = {}
    for seen in sorted(good, key=lambda seen: ("", *SPLITS).index(seen.item.split)):
        last[seen.sequence] = seen.item
    kept, problems = [], []
    for seen in good:
        item, other = seen.item, last[seen.sequence]
        if not item.split:
            several = "its mutations change residues of several parts, " if len(item.mutations) > 1 else ""
            problems.append((item, f"{item.where}: no split, {several}where other items have one"))
        elif item.split != other.split:
            problems.append((item, f"{item.where}: the same protein as {other.id}, which is in {other.split}"))
        else:
            kept.append(seen)
    return kept, problems


def _classes(good: list[_Seen], labels: Mapping[str, Label]) -> tuple[list[_Seen], list[Problem], list[str]]:
    """What is left when no class is unknown to training, and notes of classes that no item has."""
    problems, notes = [], []
    for name, what in labels.items():
        if not what.classes:
            continue
        called = what.names or range(what.classes)
        classes = {seen.item.id: {int(c) for c in np.unique(seen.labels[name])} - {-1} for seen in good}
        there = set().union(*classes.values())
        known = set().union(*(classes[seen.item.id] for seen in good if seen.item.split == "train"))
        for seen in good:
            if new := classes[seen.item.id] - known:
                reason = f'class {called[min(new)]} of "{name}" is never seen in training'
                problems.append((seen.item, f"{seen.item.where}: {reason}"))
        good = [seen for seen in good if classes[seen.item.id] <= known]
        if absent := set(range(what.classes)) - there:
            notes.append(f'"{name}": no item is of class {", ".join(str(called[n]) for n in sorted(absent))}')
    return good, problems, notes


def _parts(good: list[_Seen], groups: Mapping[str, int], meaning: str) -> list[str]:
    """Notes on the splits: homologues of training items in the others, and nothing to validate on."""
    splits = [seen.item.split for seen in good]
    near, notes = _near(splits, [groups[seen.item.id] for seen in good]), []
    if any(near):
        outside = sum(split != "train" for split in splits)
        notes.append(
            f"{sum(near)} of {outside} items outside train have homologues in it ({meaning}): what is "
            "measured on them says little about new proteins"
        )
    if "valid" not in splits:
        notes.append("the split valid is empty: nothing shows how good the training is on other proteins")
    return notes


def _near(splits: Sequence[str], groups: Sequence[int]) -> list[bool]:
    """Which items are outside train and have homologues in it."""
    trained = {group for split, group in zip(splits, groups, strict=True) if split == "train"}
    return [split != "train" and group in trained for split, group in zip(splits, groups, strict=True)]


def digest(items: Sequence[Item]) -> str:
    """SHA-256 of all that is read of items, in hexadecimal; not of where it lies."""
    total, content = hashlib.sha256(), cache(lambda file: hashlib.sha256(file.read_bytes()).digest())

    @cache
    def beside(table: Path) -> list[Path]:
        try:
            return alphafold_finetune.template_files(table)
        except InputError:  # an item that cannot be used; the table itself counts
            return []

    for item in items:
        cells = (item.id, item.sequence, item.chain, item.placed, item.weight, item.split, sorted(item.values.items()))
        total.update(repr(cells).encode())
        if item.cyclic_chains is not None:
            total.update(repr(item.cyclic_chains).encode())
        if item.known:
            known = item.known()
            for array in (known.aatype, known.residue_index, known.positions, known.atom_mask):
                total.update(array.tobytes())
        templates = [Path(t) if is_file(Path(t)) else Path(t.rpartition(":")[0]) for t in item.templates]
        files = [item.file, *item.msa, *templates, item.aligned_templates]
        files += beside(item.aligned_templates) if item.aligned_templates else []
        files += [locate(item.folder, cell) for cell in item.values.values() if is_label_file(cell)]
        for file in files:
            if file is not None and is_file(file):
                total.update(content(file))
    return total.hexdigest()
