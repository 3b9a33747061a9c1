"""Comparisons whose truth is known, and what is said of each: no page, no network."""

import numpy as np
import pytest

from af2jax.metrics.judgement import BETTER, EQUAL, NOTHING, TOO_FEW, UNCLEAR, WORSE, judge
from af2jax.metrics.statistics import ALPHA, fewest, needed, paired


def noise(num: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=num)


def judged(difference, families=None, higher=True, beside=()):
    """The judgement of the first of several differences."""
    many = [paired(d, np.zeros(len(d)), families) for d in (np.asarray(difference, float), *beside)]
    return judge(many, [higher] * len(many))[0], many[0]


GROUPS = np.repeat(np.arange(4), 10)
MADE = {
    "better": (2 + noise(20), None, True, BETTER),
    "worse": (noise(20) - 2, None, True, WORSE),
    "better, where lower is better": (noise(20) - 2, None, False, BETTER),
    "equal in every target": (np.zeros(20), None, True, EQUAL),
    "equal but for noise": (noise(40, 1) - noise(40, 1).mean(), None, True, UNCLEAR),
    "six that agree": (np.full(6, 9.0) + noise(6), None, True, TOO_FEW),
    "too few": (np.full(5, 9.0) + noise(5), None, True, TOO_FEW),
    "one family": (2 + noise(40), np.zeros(40, int), True, TOO_FEW),
    "forty targets of four families": (2 + noise(4)[GROUPS] + 0.1 * noise(40), GROUPS, True, TOO_FEW),
    "discrete, with ties": (np.array([0.2] * 4 + [-0.2] + [0.0] * 20), None, True, UNCLEAR),
    "discrete, seven of one size": (np.full(7, 0.2), None, True, BETTER),
    "opposite groups, pooled": (np.concatenate([15 + noise(7), noise(7) - 57]), None, True, UNCLEAR),
    "many small losses, few large gains": (
        np.append(np.full(18, -1.0) + 0.1 * noise(18), [40, 40]),
        None,
        True,
        UNCLEAR,
    ),
    "one outlier": (np.append(noise(19, 3) - noise(19, 3).mean(), 1000), None, True, UNCLEAR),
    "nothing shared": (np.full(3, np.nan), None, True, NOTHING),
}


@pytest.mark.parametrize("name", MADE)
def test_comparisons_of_known_truth(name):
    difference, families, higher, answer = MADE[name]
    assert judged(difference, families, higher)[0].answer == answer


@pytest.mark.parametrize("name", MADE)
def test_the_other_way_round(name):
    """After and before exchanged: better becomes worse, everything else stays."""
    difference, families, higher, answer = MADE[name]
    other = {BETTER: WORSE, WORSE: BETTER}.get(answer, answer)
    assert judged(-difference, families, higher)[0].answer == other
    assert judged(difference, families, not higher)[0].answer == other


@pytest.mark.parametrize("name", MADE)
def test_what_is_needed_is_more_than_what_did_not_do(name):
    """ "6 needed" where 6 are there cannot be."""
    difference, families, higher, answer = MADE[name]
    answer, found = judged(difference, families, higher)
    if answer.answer in (TOO_FEW, UNCLEAR) and not np.isnan(answer.needed):
        assert answer.needed > found.difference.families and answer.needed >= fewest()


def test_opposite_groups_apart_are_two_answers():
    difference = MADE["opposite groups, pooled"][0]
    found = [paired(part, np.zeros(7)) for part in (difference[:7], difference[7:])]
    assert [one.answer for one in judge(found[:1], [True])] == [BETTER]
    assert [one.answer for one in judge(found[1:], [True])] == [WORSE]


def test_holm_makes_seven_families_too_few():
    """The same seven differences alone are clear, among seven comparisons they cannot be."""
    seven = np.full(7, 0.2)
    others = [noise(7, seed) for seed in range(6)]
    answer, _ = judged(seven, beside=others)
    assert answer.answer == TOO_FEW and answer.tests == 7 and answer.p == pytest.approx(7 * 2 / 128)
    assert answer.needed >= fewest(7) == 10
    assert judged(seven)[0].answer == BETTER


def test_equal_networks_are_seldom_called_better():
    """A few of `benchmarks/verdicts.py`: families of many sizes, whose targets share most of their noise."""
    rng, sizes = np.random.default_rng(0), [12, 6, 3, 3, 1, 1, 1, 1]
    families, found = np.repeat(np.arange(8), sizes), []
    for _ in range(200):
        difference = rng.normal(size=8)[families] + 0.3 * rng.normal(size=28)
        found.append(judge([paired(difference, np.zeros(28), families)], [True])[0].answer)
    assert found.count(BETTER) <= 0.06 * len(found) and found.count(WORSE) <= 0.06 * len(found)


@pytest.mark.medium("judges 1,200 pairs")
def test_skewed_differences_of_mean_0_are_seldom_called_better():
    """Four pairs of ten families, skewed as an exponential: two tests at 0.05 would call 8 % better."""
    rng, better = np.random.default_rng(0), 0
    for _ in range(300):
        pairs = [paired(1 - rng.exponential(size=10), np.zeros(10)) for _ in range(4)]
        better += BETTER in [one.answer for one in judge(pairs, [True] * 4)]
    assert better <= 0.05 * 300


def test_the_mean_has_to_agree_and_more_is_asked_for_where_it_does_not():
    """Two long tails: Wilcoxon's test and the interval are sure, the test that knows of skewness is not.

    By normal differences of that size nine families would do in the second, where twelve are there and do not.
    """
    first = [0.8, 0.4, 0.5, 0.9, 0.2, 1.0, 0.6, 0.8, 0.9, 0.6, 0.5, -0.6]
    second = [0.4, 0.6, 0.8, 0.2, 0.7, 0.9, 0.8, 0.9, 0.4, 0.7, 0.9, -0.3]
    for difference in (first, second):
        answer, found = judged(difference)
        assert found.p < ALPHA < found.p_mean == answer.p and found.difference.clear
        assert answer.answer == UNCLEAR and answer.needed > 12
    assert needed(found.cohen) == 9
