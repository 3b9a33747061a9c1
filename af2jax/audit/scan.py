"""Deep mutational scans: whether mutants fit their wild type, and how a scan is split."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from af2jax.audit.findings import Finding
from af2jax.audit.look import Seen
from af2jax.data import mutants, splits
from af2jax.data.dataset import Item
from af2jax.data.parse import printable
from af2jax.words import counted

SHARED = "positions in several splits"
MOSTLY, SOME = 0.5, 0.1  # of the items, that make a set a scan; of those held out, that make a finding
FEWEST, CLOSE, SHARE = 20, 5, 0.2  # variants; their differences by median; of the residues, at most
LISTED = 50
LIKE = re.compile(r"(p\.)?[\[(]?[A-Za-z]{1,4}-?\d{1,6}[A-Za-z*=]{1,3}[\])]?")  # mutations in other forms
LEAST, FEW = 0.9, 4  # of the cells, that look so; items, below which nothing is reported


def positions(seen: Sequence[Seen]) -> list[list[int]] | None:
    """The residues, from 1, in which each item of a scan differs from its wild type; None: it is not a scan.

    Most items are variants that a column `mutant` names, or all are equally long and most differ from the most frequent
    letters in few places.
    """
    items = [one.item for one in seen]
    if sum(bool(item.mutations) for item in items) > MOSTLY * len(items):
        return [[mutation.position for mutation in item.mutations] for item in items]
    sizes = {len(one.sequence) for one in seen}
    if len(seen) < FEWEST or len(sizes) > 1 or "/" in seen[0].sequence or len({one.sequence for one in seen}) < FEWEST:
        return None
    letters = np.array([list(one.sequence.encode()) for one in seen])
    counts = np.stack([(letters == code).sum(axis=0) for code in range(128)])
    differ = letters != counts.argmax(axis=0)
    number = differ.sum(axis=1)
    if np.median(number) > CLOSE or number.max() > SHARE * letters.shape[1]:
        return None
    return [(np.flatnonzero(row) + 1).tolist() for row in differ]


def findings(items: Sequence[Item], seen: Sequence[Seen], clusters: int = 1) -> list[Finding]:
    """Of `items`, mutants that do not fit; of those that can be used, `seen`, whether splits share positions of a wild
    type; they are so many `clusters` of homologues."""
    return _unread(items) + _unfit(items) + _shared(seen, clusters)


def _unread(items: Sequence[Item]) -> list[Finding]:
    """A column that seems to name mutations, where most items have one sequence and none is read as a variant."""
    most = Counter(item.sequence for item in items if item.sequence).most_common(1)
    if any(item.mutations for item in items) or not most or most[0][1] <= max(MOSTLY * len(items), FEW):
        return []
    for name in dict.fromkeys(name for item in items for name in item.values):
        cells = [cell for item in items if (cell := item.values.get(name, "").strip())]
        alike = sum(all(map(LIKE.fullmatch, mutants.JOINTS.split(cell))) for cell in cells)
        if len(cells) > FEW and alike > LEAST * len(cells):
            first = printable(cells[0][:40])
            return [
                Finding(
                    "mutations that are not read",
                    80,
                    f'"{printable(name)}" seems to name mutations, such as {first}, and is not read',
                    "All rows of a sequence then count as repeats of one protein, whose labels contradict each other.",
                    'Write them as A23G, several joined by ":", in a column "mutant"; the sequence is the wild type.',
                )
            ]
    return []


def _unfit(items: Sequence[Item]) -> list[Finding]:
    wrong: dict[str, list[Item]] = {}
    named: list[mutants.Mutation] = []
    wild, count = "", 0
    for item in items:
        count += bool(item.mutations)
        wild = wild or item.wild
        named += item.mutations
        if item.fault and item.sequence:
            for one in item.mutations:
                there = item.sequence[one.position - 1 : one.position] or "nothing"
                if there != one.wild and (there != one.new or item.wild):
                    wrong.setdefault(f"{one.wild}{one.position}: the sequence has {there}", []).append(item)
    if not wrong:
        return []
    sequence = wild or next(item.sequence for same in wrong.values() for item in same)
    by = mutants.shift(sequence, named)
    unused = tuple(dict.fromkeys(item.id for same in wrong.values() for item in same))
    hint = f"; all fit if {by:+d} is added to the numbers" if by else ""
    beside = lambda text: _neighbour(sequence, text)
    return [
        Finding(
            "mutants that do not fit",
            75,
            f"{len(unused)} of {count} mutants name another residue than the sequence has, at "
            f"{counted(len(wrong), 'position')}{hint}",
            "Either the position or the residue is wrong, or the sequence is of another construct.",
            "Correct the positions, or give the sequence that they are counted in; these rows are left out.",
            tuple(
                f"{text} ({counted(len(same), 'row')}, {same[0].where} first){beside(text)}"
                for text, same in sorted(wrong.items(), key=lambda pair: -len(pair[1]))
            ),
            unused,
        )
    ]


def _neighbour(sequence: str, text: str) -> str:
    """Whether a residue beside the one that is named is of this type."""
    letter, position = text[0], int(text[1 : text.index(":")])
    near = [position + by for by in (-1, 1) if sequence[max(position + by - 1, 0) : position + by] == letter]
    return f"; {letter} is residue {' and '.join(map(str, near))}" if near else ""


def _shared(seen: Sequence[Seen], clusters: int) -> list[Finding]:
    changed = positions(seen)
    if changed is None:
        return []
    split = [one.item.split for one in seen]
    places = [{(one.item.wild, place) for place in own} for one, own in zip(seen, changed, strict=True)]
    trained = set().union(*(own for own, part in zip(places, split, strict=True) if part == "train"))
    most = max((len(own) for own, part in zip(changed, split, strict=True) if part == "train"), default=0)
    held = [i for i, own in enumerate(changed) if own and split[i] in ("valid", "test")]
    shared = [i for i in held if places[i] & trained]
    if len(shared) <= SOME * len(held) or all(len(changed[i]) > most for i in held):
        return []
    return [
        Finding(
            SHARED,
            75,
            f"{len(shared)} of {len(held)} held-out variants change residues that training changes too",
            "What is measured says how well other substitutions of a residue are filled in, not how well new positions "
            "are predicted: a random split is the most frequent false success of scans.",
            f"Use the split of prepared.csv, which is {way(changed, clusters)}.",
            tuple(f"{printable(seen[i].item.id)}: residues {', '.join(map(str, changed[i]))}" for i in shared[:LISTED]),
        )
    ]


def way(changed: Sequence[Sequence[int]], clusters: int = 1) -> str:
    """How prepared.csv splits these variants, of so many clusters of homologues."""
    if clusters >= splits.PARTS:
        return "by protein"
    return "by position" if splits.by_position(changed) else "by number of mutations"
