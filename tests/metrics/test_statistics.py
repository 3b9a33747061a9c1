"""Intervals and tests equal SciPy's; a model beside itself shows nothing, a known effect is found."""

import numpy as np
import pytest
from scipy import stats

from af2jax.metrics import statistics

RNG = np.random.default_rng(0)
BEFORE = RNG.normal(60, 15, 40)
AFTER = BEFORE + RNG.normal(3, 4, 40)


def test_the_interval_is_scipys():
    found = statistics.bootstrap(BEFORE)
    theirs = stats.bootstrap((BEFORE,), np.mean, method="percentile", rng=1, n_resamples=10_000).confidence_interval
    np.testing.assert_allclose(found[:3], [BEFORE.mean(), *theirs], atol=0.15)
    assert found.count == 40 and found.clear and str(found) == f"{found[0]:.3g} ({found[1]:.3g} to {found[2]:.3g})"
    assert found == statistics.bootstrap(BEFORE) != statistics.bootstrap(BEFORE, seed=1)


def test_relatives_are_no_independent_witnesses():
    families = np.repeat(np.arange(5), 8)
    values = np.repeat(RNG.normal(size=5), 8)
    alone, together = statistics.bootstrap(values), statistics.bootstrap(values, families)
    assert together.high - together.low > 2 * (alone.high - alone.low) and together.value == alone.value
    np.testing.assert_allclose(together, (*statistics.bootstrap(values[::8])[:3], 40), atol=1e-9)
    with pytest.raises(ValueError, match="3 clusters for 40 values"):
        statistics.bootstrap(values, [1, 2, 3])


def test_of_95_percent_intervals_95_percent_hold_the_truth():
    held = [(i := statistics.bootstrap(RNG.normal(size=60))).low <= 0 <= i.high for _ in range(60)]
    assert 0.85 < np.mean(held) <= 1


@pytest.mark.parametrize("num", [5, 40, 80])
def test_wilcoxon_is_scipys(num):
    difference = RNG.normal(0.3, 1, num)
    assert statistics.wilcoxon(difference) == pytest.approx(
        stats.wilcoxon(difference, method="exact" if num <= 50 else "asymptotic", correction=num > 50).pvalue
    )
    with_zeros = np.append(difference, np.zeros(3))
    assert statistics.wilcoxon(with_zeros) == statistics.wilcoxon(difference)


def test_the_fewest_pairs_that_can_be_significant():
    rising = lambda n: statistics.wilcoxon(np.arange(1.0, n + 1))
    assert rising(statistics.FEWEST - 1) > 0.05 > rising(statistics.FEWEST)


def test_holm():
    np.testing.assert_allclose(statistics.holm([0.01, 0.04, 0.03, np.nan]), [0.03, 0.06, 0.06, np.nan])
    np.testing.assert_allclose(statistics.holm([0.9, 0.8]), [1, 1])  # never above 1, never below a smaller one
    assert statistics.holm([0.02]) == 0.02 and len(statistics.holm([])) == 0


def test_a_model_beside_itself():
    found = statistics.paired(BEFORE, BEFORE)
    assert found.difference == (0, 0, 0, 40) and (found.wins, found.ties, found.losses) == (0, 40, 0)
    assert found.p == 1 and found.cohen == found.rank_biserial == 0 and found.needed == np.inf
    assert not found.difference.clear


def test_a_known_effect():
    found, back = statistics.paired(AFTER, BEFORE), statistics.paired(BEFORE, AFTER)
    difference = AFTER - BEFORE
    assert found.difference.low > 0 and found.p < 1e-3 and found.wins + found.losses == 40
    assert found.difference.value == pytest.approx(difference.mean())
    assert found.cohen == pytest.approx(difference.mean() / difference.std(ddof=1))
    assert (found.wins, found.losses) == (back.losses, back.wins) and found.cohen == pytest.approx(-back.cohen)
    assert found.rank_biserial == pytest.approx(-back.rank_biserial) and found.needed == back.needed


def test_rank_biserial_by_hand():
    assert statistics.rank_biserial(np.array([1.0, 2.0, -3.0, 0.0])) == pytest.approx((1 + 2 - 3) / 6)
    assert statistics.rank_biserial(np.array([1.0, 2.0])) == 1


def test_what_is_not_finite_does_not_count():
    after, before = AFTER.copy(), BEFORE.copy()
    after[0], before[1], after[2] = np.nan, np.inf, -np.inf
    assert statistics.paired(after, before)[1:] == statistics.paired(AFTER[3:], BEFORE[3:])[1:]
    assert statistics.paired(after, before).difference.count == 37
    nothing = statistics.paired([np.nan], [1.0])
    assert nothing.difference.count == 0 and np.isnan([nothing.difference.value, nothing.p]).all()
    with pytest.raises(ValueError, match="2 values are paired with 3"):
        statistics.paired(np.ones(2), np.ones(3))


@pytest.mark.parametrize("effect, published", [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_targets_that_would_be_needed(effect, published):
    """For a paired t-test the numbers of Cohen's tables, and of G*Power."""
    assert statistics.needed(effect) == statistics.needed(-effect) == np.ceil(np.pi / 3 * published)
    assert (
        np.isnan(statistics.needed(float("nan"))) and statistics.needed(0.0) == np.inf and statistics.needed(9.0) == 6
    )
    assert statistics.needed(0.01) == pytest.approx(np.pi / 3 * (2.8016 / 0.01) ** 2, rel=1e-3)


def test_so_many_targets_find_the_effect():
    """By simulation: 80 % of experiments of that size, give or take."""
    num = int(statistics.needed(0.6))
    found = [statistics.wilcoxon(RNG.normal(0.6, 1, num)) < 0.05 for _ in range(400)]
    assert 0.74 < np.mean(found) < 0.9
