"""Whether two models differ on the same targets: intervals, tests, effect sizes, and how many families would be needed.

A value that is not finite does not count, and every answer says how many did. Targets of one family are not
independent: with `clusters` whole families are drawn again for intervals, and tests see one number for each family.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from af2jax.typing import Float

Values = Sequence[float] | np.ndarray

RESAMPLES = 10_000
BLOCK = 2**22  # numbers drawn at a time
LEVEL = 0.95  # of intervals
ALPHA, POWER = 0.02, 0.8  # of tests; at 0.05 skewed differences of mean 0 are called real too often
NARROW = 5  # families, below which a bootstrap interval is too narrow, whatever its level
EXACT = 100  # differing pairs up to which the p-value is counted and not approximated
EQUAL = 1e-9  # differences below this share of the largest value are rounding


class Interval(NamedTuple):
    """An estimate with the interval that holds 95 % of its bootstrap; NaN over nothing."""

    value: float
    low: float
    high: float
    count: int  # values that counted
    families: int  # clusters that they are of

    def __str__(self) -> str:
        return f"{self.value:.3g} ({self.ends()})"

    def ends(self, form: str = ".3g") -> str:
        """The interval in words, each number in this form, with what has to be said of it."""
        return f"{self.low:{form}} to {self.high:{form}}{self.caveat}" if self.families > 1 else self.caveat[2:]

    @property
    def cells(self) -> tuple[float, float | None, float | None]:
        """The estimate and the ends of its interval, for a table: None, where one family has no interval."""
        return (self.value, self.low, self.high) if self.families > 1 else (self.value, None, None)

    @property
    def clear(self) -> bool:
        """Whether the interval excludes 0; one family has no interval."""
        return self.families > 1 and (self.low > 0 or self.high < 0)

    @property
    def caveat(self) -> str:
        """What has to be said of the interval where it cannot be taken at its level; else ""."""
        if self.families >= NARROW:
            return ""
        if self.families > 1:
            return f"; too narrow, of {self.families} families"
        return "; no interval, of one family" if self.families else "; nothing is known"


class Paired(NamedTuple):
    """`after` minus `before` on the same targets. Tests and effect sizes are over the means of families."""

    difference: Interval
    after: float  # mean over the targets that both have
    before: float
    wins: int  # targets on which `after` is higher
    ties: int
    losses: int
    p: float  # Wilcoxon's signed-rank test, two-sided; 1 where nothing differs, NaN without pairs
    p_mean: float  # `mean_test`, two-sided; as `p` where nothing differs, NaN of one family
    cohen: float  # mean of the differences in units of their standard deviation; NaN where that is 0 and the mean not
    rank_biserial: float  # -1 to 1: the share of rank sums for `after` minus that against it


def bootstrap(values: Values, clusters: Sequence | np.ndarray | None = None, seed: int = 0) -> Interval:
    """The mean of `values` [n] and its expanded percentile interval, by drawing again 10,000 times.

    A percentile interval over few families is too narrow. The expanded one (Hesterberg, The American Statistician 69,
    371-386, 2015) takes the quantiles with which it is as wide as Student's t would be.

    Args:
        clusters: [n], equal for homologues, which are drawn together.

    Raises:
        ValueError: there are not as many clusters as values.
    """
    values = np.asarray(values, np.float64)
    keep = np.isfinite(values)
    labels = _labels(clusters, keep)
    values, count = values[keep], int(keep.sum())
    if not count:
        return Interval(np.nan, np.nan, np.nan, 0, 0)
    sums = np.stack([np.bincount(labels, values), np.bincount(labels)], axis=1)
    means = np.concatenate([drawn[:, 0] / drawn[:, 1] for drawn in _drawn(sums, seed)])
    return Interval(float(values.mean()), *_ends(means, len(sums)), count, len(sums))


def spearman(x: Values, y: Values) -> float:
    """Spearman's rank correlation of `x` and `y` [n]; NaN where one of them is constant."""
    from scipy import stats

    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan
    return float(stats.spearmanr(x, y).statistic)


def rank_correlation(x: Values, y: Values, clusters: Sequence | np.ndarray | None = None, seed: int = 0) -> Interval:
    """Spearman's correlation of `x` and `y` [n] with its interval; NaN where one of them is constant.

    Families are drawn again as in `bootstrap`; each value keeps its rank among all, so that no draw is sorted.

    Raises:
        ValueError: the lengths differ.
    """
    from scipy import stats

    x, y = (np.asarray(values, np.float64) for values in (x, y))
    if x.shape != y.shape:
        raise ValueError(f"{len(x)} values are ranked beside {len(y)}")
    keep = np.isfinite(x) & np.isfinite(y)
    labels = _labels(clusters, keep)
    if not keep.any() or np.ptp(x[keep]) == 0 or np.ptp(y[keep]) == 0:
        return Interval(np.nan, np.nan, np.nan, int(keep.sum()), len(np.unique(labels)))
    ranks = (stats.rankdata(values[keep]) for values in (x, y))
    a, b = ((rank - rank.mean()) / len(rank) for rank in ranks)
    sums = np.stack([np.bincount(labels, column) for column in (np.ones(len(a)), a, b, a * a, b * b, a * b)], axis=1)

    def correlation(total: np.ndarray) -> np.ndarray:
        n, a, b, aa, bb, ab = total.T
        with np.errstate(invalid="ignore", divide="ignore"):
            return (ab - a * b / n) / np.sqrt(np.maximum(aa - a * a / n, 0) * np.maximum(bb - b * b / n, 0))

    found = np.concatenate([correlation(drawn) for drawn in _drawn(sums, seed)])
    value = spearman(x[keep], y[keep])
    return Interval(value, *_ends(found[np.isfinite(found)], len(sums)), int(keep.sum()), len(sums))


def _labels(clusters: Sequence | np.ndarray | None, keep: np.ndarray) -> np.ndarray:
    """int [kept], from 0 and without gaps: the family of each value that counts."""
    if clusters is None:
        return np.arange(keep.sum())
    if len(clusters) != len(keep):
        raise ValueError(f"{len(clusters)} clusters for {len(keep)} values")
    return np.unique(np.asarray(clusters)[keep], return_inverse=True)[1]


def _drawn(sums: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """float [some k]: the totals of `sums` [families k] over families drawn with replacement, 10,000 in all."""
    few = len(sums) * RESAMPLES <= BLOCK
    for counts in _kept(len(sums), seed) if few else _counts(len(sums), seed):
        yield counts @ sums


def _counts(families: int, seed: int) -> Iterator[np.ndarray]:
    """float [some families]: how often each family is drawn."""
    rng = np.random.default_rng(seed)
    for start in range(0, RESAMPLES, step := max(BLOCK // families, 1)):
        rows = min(step, RESAMPLES - start)
        drawn = rng.integers(families, size=(rows, families)) + families * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * families).reshape(rows, families).astype(np.float64)


@functools.lru_cache(maxsize=2)
def _kept(families: int, seed: int) -> tuple[np.ndarray, ...]:
    """The counts of `_counts`, as a page has many intervals over the same families."""
    return tuple(_counts(families, seed))


def _ends(found: np.ndarray, families: int) -> tuple[float, float]:
    """The ends of the expanded percentile interval."""
    from scipy import stats

    tail = (1 - LEVEL) / 2
    if families > 1:
        tail = stats.norm.cdf(np.sqrt(families / (families - 1)) * stats.t.ppf(tail, families - 1))
    low, high = np.quantile(found, [tail, 1 - tail])
    return float(low), float(high)


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
    labels, difference = _labels(clusters, keep), difference[keep]
    means = np.bincount(labels, difference) / np.bincount(labels) if len(labels) else difference
    both = (float(values[keep].mean()) if keep.any() else np.nan for values in (after, before))
    return Paired(
        interval,
        *both,
        int((difference > 0).sum()),
        int((difference == 0).sum()),
        int((difference < 0).sum()),
        wilcoxon(means),
        mean_test(means),
        cohen(means),
        rank_biserial(means),
    )


def wilcoxon(difference: Float[np.ndarray, " n"]) -> float:
    """The two-sided p-value of the signed-rank test (Wilcoxon, Biometrics Bulletin 1, 80-83, 1945).

    Pairs without a difference are left out, as Wilcoxon does: 1 where none is left, NaN where there was no pair. Up to
    100 pairs all signs are counted, ties included, as the normal approximation gives p-values that no signs reach.
    """
    from scipy import stats

    if not len(difference):
        return np.nan
    left = difference[difference != 0]
    if not len(left):
        return 1.0
    if len(left) > EXACT:
        return float(stats.wilcoxon(left, method="asymptotic", correction=True).pvalue)
    ranks = np.rint(2 * stats.rankdata(np.abs(left))).astype(int)  # twice, so that those of ties are whole
    positive = ranks[left > 0].sum()
    return float(min(2 * _sums(ranks)[: min(positive, ranks.sum() - positive) + 1].sum(), 1))


def mean_test(difference: Float[np.ndarray, " n"]) -> float:
    """The two-sided p-value of a mean of 0, by Student's t with Hall's correction for skewness.

    Few large gains beside many small losses make a median of another sign than the mean, which Wilcoxon's test takes
    for an effect, and Student's t is too sure on the side of the long tail (Hall, J. R. Stat. Soc. B 54, 221, 1992).
    """
    from scipy import stats

    num = len(difference)
    if num and not difference.any():
        return 1.0
    if num < 2:
        return np.nan
    mean, spread = difference.mean(), difference.std(ddof=1)
    if spread <= EQUAL * abs(mean):
        return 0.0
    skew = float(((difference - mean) ** 3).mean() / difference.std() ** 3)
    t, root = np.sqrt(num) * mean / spread, np.sqrt(num)
    t += skew * t**2 / (3 * root) + skew**2 * t**3 / (27 * num) + skew / (6 * root)
    return float(2 * stats.t.sf(abs(t), num - 1))


def _sums(ranks: Sequence[int] | np.ndarray) -> np.ndarray:
    """The probability of each sum, 0 and more, of those of `ranks` whose coin shows heads."""
    ways = np.ones(1)
    for rank in ranks:
        more = np.zeros(len(ways) + rank)
        more[: len(ways)] = ways / 2
        more[rank:] += ways / 2
        ways = more
    return ways


def holm(p: Values) -> Float[np.ndarray, " n"]:
    """p-values [n] corrected for being several (Holm, Scandinavian Journal of Statistics 6, 65-70, 1979); NaN stays."""
    p = np.asarray(p, np.float64)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    out = np.full(len(p), np.nan)
    out[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return out


def cohen(difference: Float[np.ndarray, " n"]) -> float:
    """Cohen's d of paired values: the mean of `difference` in units of its standard deviation; 0 where all are 0."""
    difference = np.asarray(difference, np.float64)
    if not difference.any():
        return 0.0 if len(difference) else np.nan
    spread = difference.std(ddof=1) if len(difference) > 1 else 0.0
    return float(difference.mean() / spread) if spread > 0 else np.nan


def rank_biserial(difference: Float[np.ndarray, " n"]) -> float:
    """The matched-pairs rank-biserial correlation, -1 to 1 (Kerby, Comprehensive Psychology 3, 2014), or 0."""
    from scipy import stats

    left = np.asarray(difference, np.float64)
    left = left[left != 0]
    if not len(left):
        return 0.0
    ranks = stats.rankdata(np.abs(left))
    return float((ranks * np.sign(left)).sum() / ranks.sum())


def fewest(tests: int = 1) -> int:
    """Families with which the least p-value of Wilcoxon's test, 2 / 2^n, is below 0.02 after Holm's correction."""
    return int(np.floor(np.log2(2 * tests / ALPHA))) + 1


def needed(effect: float, tests: int = 1) -> float:
    """Families with which Wilcoxon's test finds Cohen's `effect` with a power of 80 %; infinite without an effect.

    For normal differences, two-sided, at 0.02 / `tests`, the strictest level that Holm's correction asks for. At
    least `fewest(tests)`.
    """
    if np.isnan(effect):
        return np.nan
    if abs(effect) < 1e-4:  # a hundred million families and more
        return np.inf
    low, high = fewest(tests) - 1, fewest(tests)
    while power(high, effect, tests) < POWER:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle, effect, tests) >= POWER else (middle, high)
    return float(high)


def power(num: int, effect: float, tests: int = 1) -> float:
    """The power of Wilcoxon's test over `num` normal differences of Cohen's `effect`, at a level of 0.02 / `tests`.

    By the mean and variance of the signed-rank sum (Lehmann, Nonparametrics, 1975, section 4.2), taken as normal, and
    at least the probability that all signs agree; the critical sum is exact for up to 100 differences. Within 0.05 at
    a power of 0.8, for which it is made; of few differences that seldom suffice it is too low, by up to 0.1.
    """
    from scipy import special

    effect, level = abs(effect), ALPHA / tests / 2
    if num <= EXACT:
        edge = _edge(num, level)
        if edge < 0:
            return 0.0
    else:
        spread = np.sqrt(num * (num + 1) * (2 * num + 1) / 24)
        edge = num * (num + 1) / 4 + special.ndtri(level) * spread - 0.5
    one, two = special.ndtr(effect), special.ndtr(effect * np.sqrt(2))
    three = two - 2 * special.owens_t(effect * np.sqrt(2), 1 / np.sqrt(3))  # two normals correlated by 0.5, both
    pairs = num * (num - 1)
    mean = num * (1 - one) + pairs / 2 * (1 - two)  # of the sum of ranks against the effect
    variance = num * one * (1 - one) + pairs / 2 * (2 * (one - two) ** 2 + 3 * two * (1 - two))
    variance += pairs * (num - 2) * (three - two**2)
    found = special.ndtr((edge + 0.5 - mean) / np.sqrt(max(variance, 1e-12)))
    return float(max(found, one**num))  # where all signs agree it is significant


@functools.lru_cache(maxsize=1024)
def _edge(num: int, level: float) -> int:
    """The largest signed-rank sum against an effect that is significant, one-sided; -1: none is."""
    return int(np.searchsorted(np.cumsum(_sums(range(1, num + 1))), level, side="left")) - 1
