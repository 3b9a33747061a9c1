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
    tail = stats.norm.cdf(np.sqrt(40 / 39) * stats.t.ppf(0.025, 39))  # Hesterberg's expanded percentiles
    theirs = stats.bootstrap(
        (BEFORE,), np.mean, method="percentile", rng=1, n_resamples=10_000, confidence_level=1 - 2 * tail
    ).confidence_interval
    np.testing.assert_allclose(found[:3], [BEFORE.mean(), *theirs], atol=0.15)
    assert found.count == 40 and found.clear and str(found) == f"{found[0]:.3g} ({found[1]:.3g} to {found[2]:.3g})"
    assert found == statistics.bootstrap(BEFORE) != statistics.bootstrap(BEFORE, seed=1)


def test_homologues_are_no_independent_witnesses():
    families = np.repeat(np.arange(5), 8)
    values = np.repeat(RNG.normal(size=5), 8)
    alone, together = statistics.bootstrap(values), statistics.bootstrap(values, families)
    assert together.high - together.low > 2 * (alone.high - alone.low) and together.value == alone.value
    np.testing.assert_allclose(together, (*statistics.bootstrap(values[::8])[:3], 40, 5), atol=1e-9)
    with pytest.raises(ValueError, match="3 clusters for 40 values"):
        statistics.bootstrap(values, [1, 2, 3])


def test_one_family_has_no_interval():
    """No ends are shown of it, in words or in tables, and few families carry a warning."""
    one, two = (statistics.bootstrap(BEFORE, np.arange(40) % families) for families in (1, 2))
    assert str(one) == f"{BEFORE.mean():.3g} (no interval, of one family)" and one.cells == (one.value, None, None)
    assert one.ends("+.2f") == "no interval, of one family" and not one.clear
    assert str(two).endswith("; too narrow, of 2 families)") and two.cells == two[:3]
    assert two.ends("+.1f") == f"{two.low:+.1f} to {two.high:+.1f}; too narrow, of 2 families"
    assert str(statistics.bootstrap([np.nan])) == "nan (nothing is known)"


def test_of_95_percent_intervals_95_percent_hold_the_truth():
    held = [(i := statistics.bootstrap(RNG.normal(size=60))).low <= 0 <= i.high for _ in range(60)]
    assert 0.85 < np.mean(held) <= 1


@pytest.mark.parametrize("num", [5, 40, 80, 120])
def test_wilcoxon_is_scipys(num):
    difference = RNG.normal(0.3, 1, num)
    assert statistics.wilcoxon(difference) == pytest.approx(
        stats.wilcoxon(difference, method="exact" if num <= 100 else "asymptotic", correction=num > 100).pvalue
    )
    with_zeros = np.append(difference, np.zeros(3))
    assert statistics.wilcoxon(with_zeros) == statistics.wilcoxon(difference)


def test_the_fewest_pairs_that_can_be_significant():
    rising = lambda n: statistics.wilcoxon(np.arange(1.0, n + 1))
    assert rising(statistics.fewest() - 1) > statistics.ALPHA > rising(statistics.fewest())


def test_holm():
    np.testing.assert_allclose(statistics.holm([0.01, 0.04, 0.03, np.nan]), [0.03, 0.06, 0.06, np.nan])
    np.testing.assert_allclose(statistics.holm([0.9, 0.8]), [1, 1])  # never above 1, never below a smaller one
    assert statistics.holm([0.02]) == 0.02 and len(statistics.holm([])) == 0


def test_a_model_beside_itself():
    found = statistics.paired(BEFORE, BEFORE)
    assert found.difference == (0, 0, 0, 40, 40) and (found.wins, found.ties, found.losses) == (0, 40, 0)
    assert found.p == 1 and found.cohen == found.rank_biserial == 0
    assert not found.difference.clear


def test_a_known_effect():
    found, back = statistics.paired(AFTER, BEFORE), statistics.paired(BEFORE, AFTER)
    difference = AFTER - BEFORE
    assert found.difference.low > 0 and found.p < 1e-3 and found.wins + found.losses == 40
    assert found.difference.value == pytest.approx(difference.mean())
    assert found.cohen == pytest.approx(difference.mean() / difference.std(ddof=1))
    assert (found.wins, found.losses) == (back.losses, back.wins) and found.cohen == pytest.approx(-back.cohen)
    assert found.rank_biserial == pytest.approx(-back.rank_biserial)


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


def of_a_t_test(effect: float, level: float) -> int:
    """Pairs with which a paired t-test finds an effect with a power of 80 %."""
    power = lambda n: stats.nct.sf(stats.t.ppf(1 - level / 2, n - 1), n - 1, effect * np.sqrt(n))
    return next(n for n in range(3, 1000) if power(n) >= 0.8)


@pytest.mark.parametrize("effect, published", [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_families_that_would_be_needed(effect, published):
    """Those of a paired t-test (at 0.05 in Cohen's tables, and of G*Power) by the efficiency of Wilcoxon's test."""
    assert of_a_t_test(effect, 0.05) == published
    assert statistics.needed(effect) == statistics.needed(-effect)
    assert statistics.needed(effect) == pytest.approx(np.pi / 3 * of_a_t_test(effect, statistics.ALPHA), abs=1)
    assert np.isnan(statistics.needed(float("nan"))) and statistics.needed(0.0) == np.inf
    assert statistics.needed(0.01) == pytest.approx(np.pi / 3 * (3.168 / 0.01) ** 2, rel=1e-3)


@pytest.mark.parametrize("tests, least", [(1, 7), (2, 8), (7, 10)])
def test_what_is_needed_knows_that_the_test_is_discrete_and_corrected(tests, least):
    """The largest effect needs as many families as it takes for any p-value to be significant."""
    assert statistics.fewest(tests) == statistics.needed(50.0, tests) == least
    rising = lambda n: statistics.wilcoxon(np.arange(1.0, n + 1)) * tests
    assert rising(least - 1) >= statistics.ALPHA > rising(least)


@pytest.mark.parametrize("num, effect, tests", [(7, 1.9, 1), (12, 1.1, 1), (15, 1.2, 4), (40, 0.55, 1), (120, 0.34, 2)])
def test_a_power_near_80_percent_is_that_of_a_simulation(num, effect, tests):
    rng = np.random.default_rng(0)
    found = [statistics.wilcoxon(rng.normal(effect, 1, num)) < statistics.ALPHA / tests for _ in range(2000)]
    assert statistics.power(num, effect, tests) == pytest.approx(np.mean(found), abs=0.05)


def test_ties_are_counted_and_not_approximated():
    """Six equal differences: 2 of 64 choices of signs are as extreme; the normal approximation says 0.02."""
    assert statistics.wilcoxon(np.ones(6)) == 2 / 64
    flips = np.array(np.meshgrid(*[[-1, 1]] * 7)).reshape(7, -1)
    difference = np.array([1.0, 1, 2, 2, 2, 3, -1])
    ranks = stats.rankdata(np.abs(difference))
    sums = np.abs((flips * ranks[:, None]).sum(0))
    extreme = (sums >= abs((np.sign(difference) * ranks).sum()) - 1e-9).mean()
    assert statistics.wilcoxon(difference) == pytest.approx(extreme)


def test_a_test_sees_one_number_for_each_family():
    """Forty targets of four families are four: no test of theirs can be significant."""
    families, rng = np.repeat(np.arange(4), 10), np.random.default_rng(0)
    found = statistics.paired(5 + rng.normal(size=40), np.zeros(40), families)
    assert found.p == 2 / 2**4 and found.wins == 40 and found.difference.families == 4
    assert "too narrow, of 4 families" in str(found.difference)
    assert statistics.paired(np.ones(40), np.zeros(40), 0 * families).difference.clear is False


def test_intervals_over_few_families_hold_the_truth():
    """Percentiles that are not expanded hold it in 84 % of samples of six."""
    rng = np.random.default_rng(0)
    held = [(i := statistics.bootstrap(rng.normal(size=6))).low <= 0 <= i.high for _ in range(400)]
    assert np.mean(held) > 0.9


def test_rank_correlation_is_spearmans():
    x = np.repeat(RNG.normal(size=40), 5)
    y, families = x + RNG.normal(size=200), np.repeat(np.arange(40), 5)
    found = statistics.rank_correlation(x, y, families)
    assert found.value == pytest.approx(stats.spearmanr(x, y).statistic) and found[3:] == (200, 40)
    rng = np.random.default_rng(0)  # each draw ranked anew, without the short cut
    drawn = [
        stats.spearmanr(x[rows], y[rows]).statistic
        for rows in (
            np.concatenate([np.flatnonzero(families == f) for f in rng.integers(40, size=40)]) for _ in range(400)
        )
    ]
    np.testing.assert_allclose(found[1:3], np.quantile(drawn, [0.022, 0.978]), atol=0.03)
    assert np.isnan(statistics.rank_correlation(x, np.ones(200)).value)
