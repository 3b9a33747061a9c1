"""The precision of contacts in cases worked out by hand."""

import jax.numpy as jnp
import numpy as np

from af2jax.metrics.contacts import precision
from af2jax.metrics.distogram import CENTERS, contacts

ALL = np.ones(30, bool)
PAIRS = [(0, 24), (0, 25), (1, 26), (2, 29), (3, 28), (4, 29)]  # the six that are tried: 30 / 5


def structure(touching):
    """CB atoms [30 3] 100 angstrom apart, but for pairs at 7.9."""
    points = np.zeros((30, 3), np.float32)
    points[:, 0] = 100 * np.arange(30)
    for i, j in touching:
        points[j] = points[i] + np.array([0, 7.9, 0], np.float32)
    return points


def sure_of(pairs, others=0.0):
    """Probabilities [30 30], falling in the order of `pairs`."""
    out = np.full((30, 30), others, np.float32)
    for rank, (i, j) in enumerate(pairs):
        out[i, j] = out[j, i] = 0.9 - 0.01 * rank
    return out


def test_of_the_top_pairs_some_touch():
    assert precision(sure_of(PAIRS), structure([(0, 24), (1, 26), (3, 28)]), ALL) == 0.5
    assert precision(sure_of(PAIRS), structure([(0, 24), (1, 26), (3, 28)]), ALL, divisor=10) == 2 / 3
    assert precision(sure_of(PAIRS), structure([(0, 24), (1, 26), (3, 28)]), ALL, divisor=100) == 1
    assert precision(sure_of(PAIRS), structure([]), ALL) == 0


def test_what_comes_after_the_top_does_not_count():
    assert precision(sure_of([*PAIRS, (5, 29)]), structure([(5, 29)]), ALL) == 0
    assert precision(sure_of([(5, 29), *PAIRS]), structure([(5, 29)]), ALL) == 1 / 6


def test_near_pairs_do_not_count():
    """The surest pair is 23 apart and does not touch; where pairs of that range count, it does."""
    probability, points = sure_of([(6, 29), *PAIRS]), structure([(0, 24), (1, 26), (3, 28), (4, 29)])
    assert precision(probability, points, ALL) == 4 / 6
    assert precision(probability, points, ALL, separation=23) == 3 / 6


def test_contacts_are_closer_than_8_angstrom():
    points = structure([])
    for distance, expected in ((7.99, 1.0), (8.0, 0.0)):
        points[24] = points[0] + np.array([0, distance, 0], np.float32)
        assert precision(sure_of(PAIRS), points, ALL, divisor=30) == expected


def test_masked_residues_may_hold_anything():
    mask = ALL.copy()
    mask[[0, 29]] = (
        False  # four of the six are out; L is 28, so five pairs are tried, of which three are sure of nothing
    )
    probability, points = sure_of(PAIRS), structure([(1, 26)])
    points[~mask], probability[~mask], probability[:, ~mask] = np.nan, np.nan, np.nan
    assert precision(probability, points, mask) == 1 / 5


def test_of_no_pair_it_is_nan():
    short = np.zeros((24, 3), np.float32)
    with np.errstate(all="raise"):
        assert np.isnan(precision(np.zeros((24, 24), np.float32), short, np.ones(24, bool)))
        assert np.isnan(precision(sure_of([]), structure([]), ~ALL))
        assert np.isnan(precision(np.zeros((0, 0), np.float32), short[:0], np.ones(0, bool)))


def test_fewer_pairs_than_the_top_all_count():
    """25 residues have one pair of this range, and not the five of L / 5."""
    assert precision(sure_of([])[:25, :25], structure([(0, 24)])[:25], ALL[:25]) == 1


def test_a_distogram_that_knows_has_precision_1():
    points = structure(PAIRS[:1] + PAIRS[2:5])
    distance = np.linalg.norm(points[:, None] - points, axis=-1)
    logits = -np.abs(distance[..., None] - CENTERS) * 20
    assert precision(np.asarray(contacts(jnp.asarray(logits, jnp.float32))), points, ALL, divisor=6) == 4 / 5
    assert precision(np.asarray(contacts(jnp.asarray(logits, jnp.float32))), points, ALL, divisor=8) == 1
