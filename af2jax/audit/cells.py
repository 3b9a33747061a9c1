"""Cells that should hold numbers: which do not and why, codes that stand for "missing", and values far from all others.

Nothing here uses a range or a variance of all values: one wrong value among them would hide the others.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CODES = tuple(map(float, (-1, -9, -99, -999, -9999, -99999, 99, 999, 9999, 99999, 1e6, 1e9, -1e9, 0)))  # "missing"
OUTLIER = 6.0  # robust standard deviations from the median
BULK = (0.05, 0.95)  # quantiles between which values are taken to be measurements

NUMBER = r"[-+\u2212]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
UNIT = (
    r"(?:%|°\s?[CFK]?|[CK]|[fpnuµμm]?M|[mkµμ]?g/m?[lL]|k?cal(?:/mol)?|k?J(?:/mol)?|Å|A|nm|k?Da|[mµμn]?s|min|h|d|days?"
    r"|hours?|kcal mol-1|kJ mol-1|x|fold)"
)
DATE, MONTH = "a date", "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
KINDS = (  # name, what such a cell is, as a question, and what to do; the first that fits counts
    (
        "a bound",
        rf"[<>≤≥~≈]=?\s*{NUMBER}\s*{UNIT}?",
        "write the number alone, or leave it out: a bound is not a measurement, and heads of variants alone read one",
    ),
    ("thousands", r"[-+\u2212]?\d{1,3}(?:[,' \u00a0\u202f]\d{3})+(?:\.\d+)?", "write numbers without separators"),
    (
        "decimal comma",
        r"[-+\u2212]?(?:\d*|\d{1,3}(?:[.' \u00a0\u202f]\d{3})+),\d+(?:[eE][-+]?\d+)?",
        "write a point where the comma is, and nothing between thousands",
    ),
    ("a point of another kind", r"[-+\u2212]?\d+[\u00b7\u2022\u066b\u201a\uff0e]\d+", "write a point, or full stop"),
    ("an error", rf"{NUMBER}\s*(?:±|\+/-|\+-|\()\s*{NUMBER}\)?\s*{UNIT}?", "give the error a column of its own"),
    ("a unit", rf"{NUMBER}\s*{UNIT}", "put the unit into the name of the column, and bring all cells to one"),
    ("a minus of typography", r"\u2212[\d.].*", "write -"),
    (
        DATE,
        rf"\d{{1,2}}[-/. ]?{MONTH}(?:[-/. ]?\d{{2,4}})?|{MONTH}[-/. ]\d{{1,4}}",
        "a spreadsheet took numbers for dates: enter these again",
    ),
    ("a range", rf"{NUMBER}\s*(?:-|–|to)\s*{NUMBER}", "give its middle, or leave it out"),
)


@dataclass(frozen=True)
class Oddity:
    """Cells that are not numbers for one reason.

    Attributes:
        kind: as in `KINDS`, or "text".
        rows: which cells.
        examples: the first few that differ.
        cure: what to do.
    """

    kind: str
    rows: tuple[int, ...]
    examples: tuple[str, ...]
    cure: str


def number(cell: str) -> float:
    """NaN where a cell is not a number."""
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def meant_as_number(cell: str) -> bool:
    """Whether a cell is a number, or is written as people write one."""
    return bool(np.isfinite(number(cell))) or _kind(cell) not in ("text", DATE)


def _kind(cell: str) -> str:
    return next((name for name, pattern, _ in KINDS if re.fullmatch(pattern, cell.strip())), "text")


def oddities(cells: Sequence[str]) -> list[Oddity]:
    """What is not a number among the cells that are not empty, the most frequent reason first.

    "1,459" is a number with thousands, unless another cell of the column shows that the comma is a decimal one.
    """
    kinds = {i: _kind(cell) for i, cell in enumerate(cells) if cell and not np.isfinite(number(cell))}
    if "decimal comma" in kinds.values():
        comma = lambda i: kinds[i] == "thousands" and cells[i].count(",") == 1 and "." not in cells[i]
        kinds = {i: "decimal comma" if comma(i) else kind for i, kind in kinds.items()}
    rows: dict[str, list[int]] = defaultdict(list)
    for i, kind in kinds.items():
        rows[kind].append(i)
    cure = {name: what for name, _, what in KINDS} | {"text": "correct these cells, or empty them"}
    found = [
        Oddity(kind, tuple(own), tuple(dict.fromkeys(cells[i] for i in own))[:3], cure[kind])
        for kind, own in rows.items()
    ]
    return sorted(found, key=lambda one: -len(one.rows))


def outliers(values: np.ndarray) -> np.ndarray:
    """bool [N] more than 6 robust standard deviations (interquartile range / 1.349) from the median; where all values
    are positive, as logarithms too, so that a long tail is none."""
    known = np.isfinite(values)
    far = _far(values)
    if known.any() and values[known].min() > 0:
        far &= _far(np.log(values, where=known, out=np.full(len(values), np.nan)))
    return far


def _far(values: np.ndarray) -> np.ndarray:
    known = values[np.isfinite(values)]
    if not len(known):
        return np.zeros(len(values), bool)
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    if low == high:
        return np.zeros(len(values), bool)
    return np.nan_to_num(np.abs(values - middle)) > OUTLIER * (high - low) / 1.349


def usual(values: np.ndarray) -> np.ndarray:
    """The known values without outliers, of which a mean or a variance says something."""
    return values[np.isfinite(values) & ~outliers(values)]


def sentinels(values: np.ndarray) -> set[float]:
    """Codes for "missing": farther from the middle 90 % of the other values than these from each other.

    Positive ones count where that holds of logarithms too; one that stands alone, from 99 on; and a negative one that
    occurs twice, where next to nothing else is negative.
    """
    others = values[np.isfinite(values) & ~np.isin(values, CODES)]
    if len(np.unique(others)) < 3:
        return set()
    found = set()
    for code in CODES:
        count = int((values == code).sum())
        beyond = _beyond(code, others)
        if code > 0 and np.quantile(others, BULK[0]) > 0:
            beyond &= _beyond(float(np.log(code)), np.log(others[others > 0]))
        alone = code < -1 and (others >= 0).mean() > 0.98
        if (count and beyond and (count > 1 or abs(code) >= 99)) or (count > 1 and alone):
            found.add(code)
    return found


def _beyond(code: float, others: np.ndarray) -> bool:
    low, high = np.quantile(others, BULK)
    return bool(code < low - (high - low) or code > high + (high - low))
