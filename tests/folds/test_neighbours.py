"""Structural neighbours: found across two sets, and groups of chains of one fold."""

import numpy as np
import pytest

from af2jax.folds.index import Entry
from af2jax.folds.neighbours import ALIGNMENTS, EACH, compared, each_for, groups
from tests.folds import chains

pytestmark = pytest.mark.medium("compiles the structural alignment")


def entry(seed: int, noise: float = 0.0, name: str = "") -> Entry:
    points = chains.fold(seed)
    points = chains.turned(points + noise * np.random.default_rng(1).normal(size=points.shape), 1.0).astype(np.float32)
    return Entry(name or f"s{seed}", "", "A", chains.letters(len(points), seed + int(99 * noise)), points)


def test_neighbours_are_found_where_they_may_be():
    asked, others = [entry(0, 0.5), entry(1, 0.5)], [entry(seed) for seed in range(8)]
    allowed = np.ones((2, 8), bool)
    found = compared(asked, others, allowed, 3)
    assert len(found) == 6 and all(one.same_fold == (one.first == one.second) for one in found)
    best = {one.first: one for one in found if one.same_fold}
    assert set(best) == {0, 1} and best[0].tm_first > 0.8 and best[0].identity < 0.3
    allowed[0, 0] = False
    assert not any(one.same_fold for one in compared(asked[:1], others, allowed[:1], 3))
    assert not compared(asked, [], np.zeros((2, 0), bool), 3) and not compared(asked, others, ~np.ones((2, 8), bool), 3)


def test_groups_join_folds_and_what_belongs_together():
    entries = [entry(0), entry(1), None, entry(0, 0.5), entry(2), entry(3)]
    found = groups(entries, np.array([0, 1, 2, 3, 4, 2]))
    assert found[0] == found[3] and found[2] == found[5]
    assert found[0] != found[1]


def test_the_number_of_alignments_is_bounded():
    assert each_for(1) == EACH and each_for(ALIGNMENTS) == 1 and each_for(ALIGNMENTS + 1) == 0
    assert all(number * each_for(number) <= ALIGNMENTS for number in (1, 7, 150, 399))
