"""Structural neighbours: found across two sets, and groups of chains of one fold."""

import numpy as np
import pytest

from af2jax.constants.atoms import CA
from af2jax.constants.residues import encode
from af2jax.data.structure import Chain
from af2jax.folds import neighbours
from af2jax.folds.compare import Aligned
from af2jax.folds.find import identity
from af2jax.folds.index import Entry
from af2jax.folds.neighbours import ALIGNMENTS, EACH, Neighbour, compared, each_for, entry_of, groups
from tests.folds import chains

compiles = pytest.mark.medium("compiles the structural alignment")


def entry(seed: int, noise: float = 0.0, name: str = "") -> Entry:
    points = chains.fold(seed)
    points = chains.turned(points + noise * np.random.default_rng(1).normal(size=points.shape), 1.0).astype(np.float32)
    return Entry(name or f"s{seed}", "", "A", chains.letters(len(points), seed + int(99 * noise)), points)


@compiles
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


@compiles
def test_groups_join_folds_and_what_belongs_together():
    entries = [entry(0), entry(1), None, entry(0, 0.5), entry(2), entry(3)]
    found = groups(entries, np.array([0, 1, 2, 3, 4, 2]))
    assert found[0] == found[3] and found[2] == found[5]
    assert found[0] != found[1]


def test_a_fold_within_a_longer_chain_is_the_same_fold():
    assert Neighbour(0, 1, 0.3, 0.5, 0.1).same_fold and Neighbour(0, 1, 0.5, 0.3, 0.1).same_fold
    assert not Neighbour(0, 1, 0.49, 0.49, 0.9).same_fold


def test_what_is_compared_of_a_chain():
    """The residues whose CA atom is known, ten or more of them, and no complex."""
    points, sequence = chains.fold(0)[:12].astype(np.float32), "ACDEFGHIKLMN"
    positions, mask = np.zeros((12, 37, 3), np.float32), np.zeros((12, 37), bool)
    positions[:, CA], mask[:, CA] = points, True
    mask[[0, 5], CA] = False
    chain = lambda **more: Chain("a.pdb", "A", encode(sequence), np.arange(12), positions, mask, 0.0, "", **more)
    found = entry_of("a", chain())
    assert found.sequence == "CDEFHIKLMN" and (found.points == np.delete(points, [0, 5], axis=0)).all()
    assert entry_of("a", chain(lengths=(6, 6))) is None
    mask[1, CA] = False
    assert entry_of("a", chain()) is None


def test_identity_is_of_aligned_residues():
    first, second = (Entry(name, "", "A", name, np.zeros((4, 3), np.float32)) for name in ("ACDE", "CDGG"))
    pairs = lambda *rows: Aligned(0.5, 0.5, np.reshape(rows, (-1, 2)), 1.0, None)
    assert identity(first, second, pairs((1, 0), (2, 1), (3, 3))) == 2 / 3
    assert np.isnan(identity(first, second, pairs()))


def test_what_belongs_together_is_not_compared(monkeypatch):
    """Of homologues, which may be many, it is known already; the alignments are for the others."""
    told = []
    monkeypatch.setattr(neighbours, "compared", lambda asked, others, allowed, *_: told.append(allowed.tolist()) or [])
    assert len(set(groups([entry(0), entry(1), None, entry(2)], np.array([5, 5, 7, 9])).tolist())) == 3
    assert told == [[[False, False, True], [False, False, True], [True, True, False]]]


def test_the_number_of_alignments_is_bounded():
    assert each_for(1) == EACH and each_for(ALIGNMENTS) == 1 and each_for(ALIGNMENTS + 1) == 0
    assert all(number * each_for(number) <= ALIGNMENTS for number in (1, 7, 150, 399))
