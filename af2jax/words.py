"""Words for what is counted and for times, in messages and on pages."""

import re
from collections.abc import Iterable

ENDINGS = ((r"([^aeiou])y$", r"\1ies"), (r"(s|x|ch|sh)$", r"\1es"), (r"$", "s"))  # of plurals; the first that fits
SLOW = 600  # seconds that are worth a word before they pass


def counted(number: int, one: str, many: str = "") -> str:
    """A number with what it counts: "1 family", "2 families"; "1 cell is", "2 cells are".

    Args:
        one: what is counted, in the singular; a verb may follow, and then `many` is wanted too.
        many: the same in the plural; "": by rule.
    """
    if number == 1:
        return f"{number} {one}"
    ending, plural = next((ending, plural) for ending, plural in ENDINGS if re.search(ending, one))
    return f"{number} {many or re.sub(ending, plural, one, count=1)}"


def duration(seconds: float) -> str:
    """A time as people say it: "40 s", "12 min", "5 h", "3 days"."""
    for unit, size, most in (("s", 1, 90), ("min", 60, 90), ("h", 3600, 48)):
        if seconds < most * size:
            return f"{round(seconds / size)} {unit}"
    return f"{round(seconds / 86400)} days"


def chosen(table: Iterable[tuple], *of) -> tuple:
    """What stands beside the first condition of a table that holds for `of`: rows are (condition, ...)."""
    return next(tuple(rest) for holds, *rest in table if holds(*of))
