"""How numbers stand on pages: each by what it is, which the words beside it say, so that a column has one form."""

import math
import re
from collections.abc import Sequence

SHARE, TENTH, HUNDREDTH, P, ANY = "share", "tenth", "hundredth", "p", ""
KINDS = (  # of a name: the first pattern that is found in it
    (r"^p$|^p \(", P),
    (r"\(%|^% |% of ", TENTH),
    (r"\(share\)|^share\b|accuracy|within \d+ degrees", SHARE),
    (r"[lL]DDT|GDT|PAE|true error", TENTH),
    (r"TM\b|TM-score|DockQ|\bROC\b|precision|recall|\bF1\b|Cohen|rank-biserial|correlation|fnat", HUNDREDTH),
    (r"angstrom|RMSD|\bmean pTM\b", HUNDREDTH),
)
LEAST_P = 1e-4  # a smaller one is only called smaller
DIGITS = 3  # significant ones of the median of a column whose kind is not known


def kind(*names: str) -> str:
    """What numbers of these names are, by the first that tells; `ANY` where none does."""
    return next((found for name in names for pattern, found in KINDS if re.search(pattern, name)), ANY)


def decimals(values: Sequence[float]) -> int:
    """Digits after the point that suit all of a column: three significant ones of its median, at most four."""
    sizes = sorted(abs(value) for value in values if math.isfinite(value) and value)
    if not sizes or all(float(value).is_integer() for value in sizes):
        return 0
    return min(max(DIGITS - 1 - math.floor(math.log10(sizes[len(sizes) // 2])), 0), 4)


def text(value: float, kind: str = ANY, places: int | None = None, sign: str = "") -> str:
    """A finite number as pages have it; what is not 0 is never shown as 0.

    Args:
        kind: `SHARE`: a percentage of a number from 0 to 1; `TENTH`, `HUNDREDTH`: digits after the point; `P`: two
            significant digits; `ANY`: four significant digits, or `places` after the point.
        sign: "+" writes one before what is positive.
    """
    if kind == P:
        return f"<{LEAST_P:g}" if 0 <= value < LEAST_P else f"{value:.2g}"
    if kind == SHARE:
        return text(100 * value, TENTH, sign=sign) + "%"
    places = {TENTH: 1, HUNDREDTH: 2}.get(kind, places)
    if places is None:
        return f"{value:{sign},.4g}" if abs(value) < 1e4 else f"{value:{sign},.0f}"
    small = value and abs(value) < 0.5 * 10**-places
    return f"{value:{sign}.1g}" if small else f"{value:{sign},.{places}f}"
