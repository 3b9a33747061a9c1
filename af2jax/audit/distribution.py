"""Numbers of a data set in short."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Distribution:
    """Known values, float [N], and what describes them; NaN where there are none."""

    values: np.ndarray
    mean: float
    spread: float  # the population's standard deviation
    median: float
    least: float
    most: float
    skewness: float


def of(values: np.ndarray) -> Distribution:
    """The distribution of the finite ones among values."""
    x = values[np.isfinite(values)]
    if not len(x):
        return Distribution(x, *[np.nan] * 6)
    skewness = ((x - x.mean()) ** 3).mean() / max(x.std() ** 3, 1e-300)
    return Distribution(x, *map(float, (x.mean(), x.std(), np.median(x), x.min(), x.max(), skewness)))
