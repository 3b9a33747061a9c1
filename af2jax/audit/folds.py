"""Folds on both sides of a split: held-out proteins whose structure resembles one in training, their sequence none."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from af2jax.audit.findings import Finding
from af2jax.audit.look import Seen
from af2jax.data.parse import printable
from af2jax.data.splits import joined
from af2jax.errors import InputError, nearest
from af2jax.folds.find import SAME_FOLD
from af2jax.folds.neighbours import compared, each_for, groups
from af2jax.typing import Int

FOLD = "fold"  # what a split by fold is called, and its column
DIFFERENT = 0.3  # identity of aligned residues, below which sequences do not show it
LISTED = 50  # pairs in a finding
Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Pair:
    """A held-out item and the training item of its fold."""

    held: str
    known: str
    tm: float  # 0 to 1, by the length of the one that is held out
    identity: float  # 0 to 1, of aligned residues


@dataclass(frozen=True)
class Folds:
    """Structural neighbours across splits, of items of one chain with a known structure."""

    held: int  # such items in valid and test
    known: int  # such items in train
    each: int  # training structures that were aligned to each of them
    pairs: tuple[Pair, ...]  # of each held-out item with one the nearest, the highest TM-score first


def study(seen: Sequence[Seen], related: Int[np.ndarray, " N"], progress: Progress) -> Folds | None:
    """Looks for neighbours among training items that are no homologues (`related`: equal for these); None: there are
    no structures on both sides, or more that are held out than alignments are made."""
    held, known = (
        [i for i, one in enumerate(seen) if one.trace is not None and one.item.split in parts]
        for parts in (("valid", "test"), ("train",))
    )
    each = each_for(len(held))
    if not held or not known or not each:
        return None
    apart = related[held][:, None] != related[known][None]
    best: dict[int, Pair] = {}
    for one in compared([seen[i].trace for i in held], [seen[i].trace for i in known], apart, each, progress):
        names = seen[held[one.first]].item.id, seen[known[one.second]].item.id
        if one.tm_first >= SAME_FOLD and one.identity < DIFFERENT:
            pair = Pair(*names, one.tm_first, one.identity)
            best[one.first] = max(best.get(one.first, pair), pair, key=lambda pair: pair.tm)
    return Folds(len(held), len(known), each, tuple(sorted(best.values(), key=lambda pair: -pair.tm)))


def findings(known: Folds | None) -> Iterator[Finding]:
    """Held-out items whose fold is in training."""
    if known is None or not known.pairs:
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
        by: `FOLD`: chains of one fold; else a column, of which items with the same cell stay together.

    Raises:
        InputError: there is no such column, or no structure is known.
    """

    if by == FOLD:
        if not any(one.trace is not None for one in seen):
            raise InputError("no item has a known structure of one chain, so that there are no folds to split by")
        return groups([one.trace for one in seen], related, progress)
    names = list(dict.fromkeys(name for one in seen for name in one.item.values))
    if by not in names:
        shown = ", ".join(map(printable, names)) or "none"
        raise InputError(f'no column is called "{printable(by)}"{nearest(by, names)} (columns: {shown}, or {FOLD})')
    cells = [one.item.values.get(by, "").strip() or f"\0{i}" for i, one in enumerate(seen)]  # unknown: alone
    return joined(related, np.unique(cells, return_inverse=True)[1])
