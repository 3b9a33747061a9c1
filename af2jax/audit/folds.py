"""Folds on both sides of a split: held-out proteins whose structure resembles one in training, their sequence none."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from af2jax.audit.findings import Finding
from af2jax.audit.look import Seen
from af2jax.data.dataset import COLUMNS
from af2jax.data.parse import printable
from af2jax.data.splits import joined
from af2jax.errors import InputError, nearest
from af2jax.folds.find import SAME_FOLD
from af2jax.folds.neighbours import ALIGNMENTS, compared, each_for, groups
from af2jax.typing import Int
from af2jax.words import chosen

FOLD = "fold"  # what a split by fold is called, and its column
SEQUENCE = "sequence"  # the column that says which protein it is: of a variant the wild type
DIFFERENT = 0.3  # identity of aligned residues, below which sequences do not show it
Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Pair:
    """A held-out item and the training item, no homologue of it, that is nearest by structure."""

    held: str
    known: str
    tm: float  # 0 to 1, by the length of the one that is held out
    identity: float  # 0 to 1, of aligned residues

    @property
    def hidden(self) -> bool:
        """Whether they are of one fold, which their sequences do not show."""
        return self.tm >= SAME_FOLD and self.identity < DIFFERENT


@dataclass(frozen=True)
class Folds:
    """Structural neighbours across splits, of items of one chain with a known structure."""

    held: int  # such items in valid and test
    known: int  # such items in train
    each: int  # training structures that were aligned to each of them; 0: nothing was compared
    nearest: tuple[Pair, ...]  # of each held-out item, the highest TM-score first; one that is hidden if there is any

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Those of one fold, which sequences do not show."""
        return tuple(pair for pair in self.nearest if pair.hidden)


WITHOUT = (  # of Folds without such pairs: condition, kind of the finding, its title, why, and what to do
    (
        lambda of: not of.held or not of.known,
        "folds not compared",
        "folds were not compared: {held} held-out items and {known} in training have a known structure of one chain",
        "A comparison needs structures on both sides of a split.",
        "Give structures in the column file, and a split.",
    ),
    (
        lambda of: not of.each,
        "folds not compared",
        "folds were not compared: {held} held-out structures are more than the {most} alignments that are made",
        "It would take long.",
        "Explore a table that holds out fewer of them.",
    ),
    (
        lambda of: True,
        "no fold in two splits",
        "none of {held} held-out structures has a structural neighbour in training (TM-score {same} or more under "
        "{different:.0%} identity)",
        "Each was aligned to the {each} training structures of the most similar fingerprint; one with another "
        "fingerprint may have been missed.",
        "Nothing; the page names the nearest of each that is not a homologue.",
    ),
)


def study(seen: Sequence[Seen], related: Int[np.ndarray, " N"], progress: Progress) -> Folds:
    """Looks for neighbours among training items that are no homologues (`related`: equal for these)."""
    held, known = (
        [i for i, one in enumerate(seen) if one.trace is not None and one.item.split in parts]
        for parts in (("valid", "test"), ("train",))
    )
    each = min(each_for(len(held)), len(known)) if held else 0
    if not each:
        return Folds(len(held), len(known), 0, ())
    apart = related[held][:, None] != related[known][None]
    best: dict[int, Pair] = {}
    for one in compared([seen[i].trace for i in held], [seen[i].trace for i in known], apart, each, progress):
        pair = Pair(seen[held[one.first]].item.id, seen[known[one.second]].item.id, one.tm_first, one.identity)
        best[one.first] = max(best.get(one.first, pair), pair, key=lambda pair: (pair.hidden, pair.tm))
    return Folds(len(held), len(known), each, tuple(sorted(best.values(), key=lambda pair: -pair.tm)))


def findings(known: Folds | None) -> Iterator[Finding]:
    """What the comparison found, whatever it is; nothing where nobody asked (None)."""
    if known is None:
        return
    if not known.pairs:
        kind, *words = chosen(WITHOUT, known)
        facts = {"held": known.held, "known": known.known, "each": known.each}
        facts |= {"most": ALIGNMENTS, "same": SAME_FOLD, "different": DIFFERENT}
        yield Finding(kind, 5, *(text.format(**facts) for text in words))
        return
    yield Finding(
        "a fold in two splits",
        55,
        f"{len(known.pairs)} of {known.held} held-out structures have a structural neighbour in training (TM-score "
        f"{SAME_FOLD} or more under {DIFFERENT:.0%} identity)",
        "Their sequences do not show it, but a network may know the fold from training: what is measured on them says "
        f"less about new folds. (The {known.each} training structures of the most similar fingerprint were aligned to "
        "each, so that there may be more.)",
        "Report them apart, as af2jax evaluate and compare do, or split by fold: af2jax explore --split-by fold.",
        tuple(f"{one.held} and {one.known}: TM-score {one.tm:.2f}, identity {one.identity:.0%}" for one in known.pairs),
    )


def together(
    seen: Sequence[Seen], related: Int[np.ndarray, " N"], by: str, progress: Progress
) -> Int[np.ndarray, " N"]:
    """A number for each item, equal for those that a split keeps together: homologues, and what `by` says.

    Args:
        by: `FOLD`: chains of one fold; else a column, of which items with the same cell stay together; "sequence" is
            that of the wild type.

    Raises:
        InputError: there is no such column, or no structure is known.
    """
    if by == FOLD:
        if not any(one.trace is not None for one in seen):
            raise InputError("no item has a known structure of one chain, so that there are no folds to split by")
        return groups([one.trace for one in seen], related, progress)
    if by == SEQUENCE:
        proteins = [one.item.wild or one.sequence for one in seen]
        return joined(related, np.unique(proteins, return_inverse=True)[1])
    names = list(dict.fromkeys(name for one in seen for name in one.item.values))
    if by in COLUMNS:
        raise InputError(
            f'the column "{by}" is read for its meaning and not split by; copy its cells to a column of another name, '
            f"or give {SEQUENCE} or {FOLD}"
        )
    if by not in names:
        shown = ", ".join(map(printable, names)) or "none"
        raise InputError(f'no column is called "{printable(by)}"{nearest(by, names)} (columns: {shown}, or {FOLD})')
    cells = [one.item.values.get(by, "").strip() or f"\0{i}" for i, one in enumerate(seen)]  # unknown: alone
    return joined(related, np.unique(cells, return_inverse=True)[1])
