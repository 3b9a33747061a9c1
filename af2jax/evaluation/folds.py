"""Targets whose fold a network has learned from, and those of a new fold."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from af2jax.data import items as reading
from af2jax.data.dataset import Item
from af2jax.errors import InputError
from af2jax.evaluation.record import ScoredTarget
from af2jax.folds.find import SAME_FOLD
from af2jax.folds.index import Entry
from af2jax.folds.neighbours import compared, each_for, entry_of

KNOWN, NEW = "in training", "new"  # folds of targets
MOST = 5000  # structures that were learned from, beyond which none is read


def nearest_folds(items: Sequence[Item], learnt: Sequence[Item]) -> dict[str, float]:
    """By id of the items of one chain with a known structure, the highest TM-score by its own length with any of the
    structures in `learnt`, of the most similar fingerprints at most 20.

    {} where no structure was learned from, or so many (5,000) or such a number of items that it would take minutes.
    """
    each = each_for(len(items))
    if not each or len(learnt) > MOST:
        return {}
    asked, known = _entries(items), _entries(learnt)
    if not asked or not known:
        return {}
    found = {entry.name: 0.0 for entry in asked}
    for one in compared(asked, known, np.ones((len(asked), len(known)), bool), each):
        name = asked[one.first].name
        found[name] = max(found[name], one.tm_first)
    return found


def _entries(items: Sequence[Item]) -> list[Entry]:
    found = []
    for item in items:
        with suppress(InputError):
            found.append(entry_of(item.id, reading.read_item(item)))
    return [entry for entry in found if entry is not None]


def parts(entries: Sequence[Sequence[ScoredTarget]]) -> dict[str, np.ndarray]:
    """bool [targets] of those whose fold some network has learned from, and of those of a new fold; {} where that is
    not known of any target, or all are of one kind. `entries`: the targets of every network, the same in one order."""
    known = [[t.near_fold for t in same if t.near_fold is not None] for same in zip(*entries, strict=True)]
    masks = {
        KNOWN: np.array([any(tm >= SAME_FOLD for tm in own) for own in known]),
        NEW: np.array([bool(own) and all(tm < SAME_FOLD for tm in own) for own in known]),
    }
    return masks if all(mask.any() for mask in masks.values()) else {}
