"""From paired numbers to an answer: better, worse, equal, too few, or not to be told; no words, no page.

Three things must agree before an answer is "better" or "worse": over the means of families Wilcoxon's test, exact, and
a test of their mean that knows of skewness, both corrected by Holm; and the bootstrap interval of the mean over
targets. Each alone misleads: Wilcoxon's test asks of ranks, which skewed differences of mean 0 fail; that of the mean
is too sure of itself over few families; the interval is not corrected.

The tests are asked for 0.02. Equal networks that could change places differ symmetrically, and Wilcoxon's test keeps
any level. Networks of equal means may differ in a skewed way, of which few families show nothing: six draws of
1 - exponential all have one sign in 6 %. At 0.02, as skewed as that, up to four pairs judged together are called
better in at most 5 % of comparisons, at 0.05 in 8 %; what is more skewed is not held (`benchmarks/verdicts.py`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from af2jax.metrics.statistics import ALPHA, Paired, fewest, holm, needed

BETTER, WORSE, EQUAL, TOO_FEW, NOTHING, UNCLEAR = "better", "worse", "equal", "too few", "nothing", "unclear"


class Judgement(NamedTuple):
    """What follows from one pair among several."""

    answer: str  # BETTER, WORSE, EQUAL (not one differs), TOO_FEW families for any test, NOTHING shared, or UNCLEAR
    p: float  # corrected, the larger of the two tests
    needed: float  # families at which the effect seen would be found with a power of 80 %; NaN where none is known
    tests: int  # that Holm's correction was over


def judge(found: Sequence[Paired], higher: Sequence[bool]) -> list[Judgement]:
    """The answer for each of several comparisons that are looked at together.

    Args:
        higher: for each, whether more is better.
    """
    corrected = np.fmax(holm([one.p for one in found]), holm([one.p_mean for one in found]))
    tests = int(np.isfinite(corrected).sum())
    return [_one(one, float(p), tests, up) for one, p, up in zip(found, corrected, higher, strict=True)]


def _one(found: Paired, p: float, tests: int, higher: bool) -> Judgement:
    difference, families = found.difference, found.difference.families
    more = needed(found.cohen, max(tests, 1))
    if not difference.count:
        return Judgement(NOTHING, p, np.nan, tests)
    if not found.wins and not found.losses:
        return Judgement(EQUAL, p, np.inf, tests)
    if p < ALPHA and difference.clear and (difference.value > 0) == (found.rank_biserial > 0):
        return Judgement(BETTER if (difference.value > 0) == higher else WORSE, p, more, tests)
    more = max(more, families + 1)  # these were not enough; NaN stays
    if families < fewest(tests):
        return Judgement(TOO_FEW, p, max(more, fewest(tests)), tests)
    return Judgement(UNCLEAR, p, more, tests)
