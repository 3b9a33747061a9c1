"""Numbers that seem to be measured in two units: two populations a known factor apart."""

import math
from dataclasses import dataclass

import numpy as np

FACTORS = (  # of one unit to the other, and which they may be
    (4.184, "kJ and kcal"),
    (10.0, "angstrom and nm, or a decimal point that slipped"),
    (60.0, "seconds and minutes, or minutes and hours"),
    (100.0, "percent and shares"),
    (1e3, "nM and µM, µM and mM, or such"),
    (4184.0, "J and kcal"),
    (1e6, "nM and mM, or such"),
    (1e9, "nM and M"),
)
KELVIN = 273.15  # degrees Celsius and kelvin differ by
TOLERANCE, WIDER = 0.12, 0.1  # of the logarithm of a factor; up to this share of it, where medians are less certain
KELVINS = 8.0  # tolerance of the difference of two medians
# Difference of the means in standard deviations within (Ashman's D): halves of a normal distribution have 2.6, of a
# uniform one 3.5, and more by chance where values are few: APART + CHANCE / sqrt(N) are wanted.
APART, CHANCE = 3.8, 4.0
FEWEST, SHARE = 4, 0.05  # of the values, in the smaller population


@dataclass(frozen=True)
class Populations:
    """Two populations in one column.

    Attributes:
        rows: of the smaller one.
        factor: how many times larger the larger values are; of kelvin NaN.
        units: which two these may be.
        medians: of the larger and the smaller population.
        near: whether the factor is that of the units within 12 %; else the medians are too uncertain to tell.
    """

    rows: tuple[int, ...]
    factor: float
    units: str
    medians: tuple[float, float]
    near: bool


def two_populations(values: np.ndarray) -> Populations | None:
    """Two populations of [N] values that a usual factor separates, or 273.15; None: there are none."""
    known = np.flatnonzero(np.isfinite(values))
    x = values[known]
    if len(x) < 2 * FEWEST:
        return None
    sign = np.sign(np.median(x))
    if sign and (np.sign(x) == sign).all():
        size = np.log(np.abs(x))
        if (upper := _parted(size)) is not None:
            step = float(np.median(size[upper]) - np.median(size[~upper]))
            near = min(FACTORS, key=lambda known: abs(step - math.log(known[0])))
            error = 1.25 * math.sqrt(sum(size[part].var() / part.sum() for part in (upper, ~upper)))  # of `step`
            wanted = math.log(near[0])
            if abs(step - wanted) < max(TOLERANCE, min(3 * error, WIDER * wanted)):
                return _populations(known, x, upper, math.exp(step), near[1], abs(step - wanted) < TOLERANCE)
    if (upper := _parted(x)) is not None:
        step = float(np.median(x[upper]) - np.median(x[~upper]))
        if abs(step - KELVIN) < KELVINS:
            return _populations(known, x, upper, math.nan, "degrees Celsius and kelvin", True)
    return None


def _populations(
    known: np.ndarray, x: np.ndarray, upper: np.ndarray, factor: float, units: str, near: bool
) -> Populations:
    few = upper if upper.sum() <= (~upper).sum() else ~upper
    medians = (float(np.median(x[~few])), float(np.median(x[few])))
    return Populations(tuple(known[few].tolist()), factor, units, medians, near)


def _parted(x: np.ndarray) -> np.ndarray | None:
    """Which values lie in the upper of two populations, bool [N], where two are clearly apart (Otsu's threshold)."""
    ordered = np.sort(x)
    least = max(FEWEST, math.ceil(SHARE * len(x)))
    cuts = np.arange(least, len(x) - least + 1)
    if not len(cuts):
        return None
    total = np.cumsum(ordered)
    below, above = total[cuts - 1] / cuts, (total[-1] - total[cuts - 1]) / (len(x) - cuts)
    between = cuts * (len(x) - cuts) * (above - below) ** 2
    cut = int(cuts[np.argmax(between)])
    low, high = ordered[:cut], ordered[cut:]
    within = math.sqrt((low.var(ddof=1) + high.var(ddof=1)) / 2)
    if high[0] == low[-1] or high.mean() - low.mean() < (APART + CHANCE / math.sqrt(len(x))) * within:
        return None
    return x >= high[0]
