"""Whether two models differ on the same targets: intervals, tests, effect sizes, and how many targets would be needed.

A value that is not finite does not count, and every answer says how many did. Targets of one family are no independent
witnesses: with `clusters` whole families are drawn again, which widens the interval.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Values = Sequence[float] | np.ndarray

RESAMPLES = 10_000
BLOCK = 2**22  # numbers drawn at a time
LEVEL = 0.95  # of intervals
ALPHA, POWER = 0.05, 0.8  # of the number of targets that would be needed
FEWEST = 6  # pairs, below which Wilcoxon's test cannot give a p-value under 0.05 (two-sided: 2 / 2^5 = 0.0625)
EXACT = 50  # pairs without ties or zeros, up to which the p-value is counted and not approximated
EQUAL = 1e-9  # differences below this share of the largest value are rounding


class Interval(NamedTuple):
    """An estimate with the interval that holds 95 % of its bootstrap; NaN over nothing."""

    value: float
    low: float
    high: float
    count: int  # values that counted

    def __str__(self) -> str:
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"

    @property
    def clear(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


class Paired(NamedTuple):
    """`after` minus `before` on the same targets."""

    difference: Interval
    wins: int  # targets on which `after` is higher
    ties: int
    losses: int
    p: float  # Wilcoxon's signed-rank test, two-sided; 1 where no pair differs, NaN without pairs
    cohen: float  # mean of the differences in units of their standard deviation; NaN where that is 0 and the mean not
    rank_biserial: float  # -1 to 1: the share of rank sums for `after` minus that against it
    needed: float  # targets for a power of 80 % at this effect; infinite without an effect


def bootstrap(values: Values, clusters: Sequence | np.ndarray | None = None, seed: int = 0) -> Interval:
    """The mean and its percentile interval over `values` [n] drawn again, 10,000 times.

    Args:
        clusters: [n], equal for relatives, which are drawn together.

    Raises:
        ValueError: there are not as many clusters as values.
    """
    values = np.asarray(values, np.float64)
    keep = np.isfinite(values)
    if clusters is not None and len(clusters) != len(values):
        raise ValueError(f"{len(clusters)} clusters for {len(values)} values")
    values, count = values[keep], int(keep.sum())
    if not count:
        return Interval(np.nan, np.nan, np.nan, 0)
    labels = np.arange(count) if clusters is None else np.unique(np.asarray(clusters)[keep], return_inverse=True)[1]
    sums, sizes = np.bincount(labels, values), np.bincount(labels)
    rng, means = np.random.default_rng(seed), []
    for start in range(0, RESAMPLES, step := max(BLOCK // len(sums), 1)):
        drawn = rng.integers(len(sums), size=(min(step, RESAMPLES - start), len(sums)))
        means.append(sums[drawn].sum(1) / sizes[drawn].sum(1))
    low, high = np.quantile(np.concatenate(means), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(values.mean()), float(low), float(high), count)


def paired(after: Values, before: Values, clusters: Sequence | np.ndarray | None = None, seed: int = 0) -> Paired:
    """How `after` [n] differs from `before` [n] on the same targets; only pairs of finite values count.

    Raises:
        ValueError: the lengths differ.
    """
    after, before = (np.asarray(x, np.float64) for x in (after, before))
    if after.shape != before.shape:
        raise ValueError(f"{len(after)} values are paired with {len(before)}")
    with np.errstate(invalid="ignore"):
        difference = after - before
    keep = np.isfinite(difference)
    difference[keep & (np.abs(difference) <= EQUAL * np.maximum(np.abs(after), np.abs(before)))] = 0
    interval = bootstrap(difference, clusters, seed)
    difference = difference[keep]
    effect = cohen(difference)
    return Paired(
        interval,
        int((difference > 0).sum()),
        int((difference == 0).sum()),
        int((difference < 0).sum()),
        wilcoxon(difference),
        effect,
        rank_biserial(difference),
        needed(effect),
    )


def wilcoxon(difference: np.ndarray) -> float:
    """The two-sided p-value of the signed-rank test (Wilcoxon, Biometrics Bulletin 1, 80-83, 1945), by SciPy.

    Pairs without a difference are left out, as Wilcoxon does: 1 where none is left, NaN where there was no pair.
    """
    from scipy import stats

    if not len(difference):
        return np.nan
    left = difference[difference != 0]
    if not len(left):
        return 1.0
    exact = len(left) <= EXACT and len(np.unique(np.abs(left))) == len(left)
    return float(stats.wilcoxon(left, method="exact" if exact else "asymptotic", correction=not exact).pvalue)


def holm(p: Values) -> np.ndarray:
    """p-values [n] corrected for being several (Holm, Scandinavian Journal of Statistics 6, 65-70, 1979); NaN stays."""
    p = np.asarray(p, np.float64)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    out = np.full(len(p), np.nan)
    out[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return out


def cohen(difference: np.ndarray) -> float:
    """Cohen's d of paired values: the mean of `difference` in units of its standard deviation; 0 where all are 0."""
    difference = np.asarray(difference, np.float64)
    if not difference.any():
        return 0.0 if len(difference) else np.nan
    spread = difference.std(ddof=1) if len(difference) > 1 else 0.0
    return float(difference.mean() / spread) if spread > 0 else np.nan


def rank_biserial(difference: np.ndarray) -> float:
    """The matched-pairs rank-biserial correlation, -1 to 1 (Kerby, Comprehensive Psychology 3, 2014), or 0."""
    from scipy import stats

    left = np.asarray(difference, np.float64)
    left = left[left != 0]
    if not len(left):
        return 0.0
    ranks = stats.rankdata(np.abs(left))
    return float((ranks * np.sign(left)).sum() / ranks.sum())


def needed(effect: float) -> float:
    """The number of targets at which a paired t-test finds Cohen's `effect` with a power of 80 % at 0.05, two-sided.

    By the noncentral t distribution; times pi / 3 for the lower efficiency of Wilcoxon's test on normal differences.
    """
    from scipy import stats

    if np.isnan(effect):
        return np.nan
    if abs(effect) < 1e-4:  # a hundred million targets and more
        return np.inf

    def power(n: int) -> float:
        edge = stats.t.ppf(1 - ALPHA / 2, n - 1)
        return float(stats.nct.sf(edge, n - 1, abs(effect) * np.sqrt(n)))

    low, high = 1, 2
    while high < 1000 and power(high) < POWER:
        low, high = high, 2 * high
    if power(high) < POWER:  # so many that t is normal
        z = stats.norm.ppf(1 - ALPHA / 2) + stats.norm.ppf(POWER)
        return float(np.ceil(np.pi / 3 * (z / effect) ** 2))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return float(max(np.ceil(np.pi / 3 * high), FEWEST))
