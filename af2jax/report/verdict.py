"""What follows from the numbers, in plain words: yes, no, or that the data cannot tell and how many targets would."""

from dataclasses import dataclass

import numpy as np

from af2jax.metrics.statistics import FEWEST, Interval, Paired, bootstrap, needed

GOOD = 70.0  # lDDT-CA, from which AlphaFold calls a backbone mostly right
NO_FOLD = 30.0  # lDDT-CA, a mark of our own: below it no two structures are seen to be alike
YES, NO, OPEN = "yes", "no", "open"


@dataclass(frozen=True)
class Verdict:
    """An answer of `YES`, `NO` or `OPEN`, and the sentences that say why."""

    answer: str
    text: str


def transfers(values: np.ndarray, families: np.ndarray) -> Verdict:
    """Whether a network folds these proteins as it is: the mean lDDT-CA [n] of targets against 70."""
    families = families[np.isfinite(values)]
    values = values[np.isfinite(values)]
    if not len(values):
        return Verdict(OPEN, "The data cannot tell whether the model folds these proteins: no structure is known.")
    interval = bootstrap(values, families)
    kinds = len(np.unique(families))
    found = f"Its mean lDDT-CA is {_interval(interval)} over {len(values)} targets"
    found += f" of {kinds} families" if kinds < len(values) else ""
    if kinds >= FEWEST and interval.low >= GOOD:
        return Verdict(
            YES,
            f"The model transfers as it is. {found}, and the whole interval lies above {GOOD:g}, from which a backbone "
            "is mostly right. Tune it for a new property; structures alone have little to gain.",
        )
    if kinds >= FEWEST and interval.high < GOOD:
        return Verdict(
            NO,
            f"The model does not transfer as it is. {found}, and the whole interval lies below {GOOD:g}, from which a "
            "backbone is mostly right. "
            + (
                "No fold is found at all: look whether these are the weights of a trained network, and whether it was "
                "given alignments, before anything is tuned."
                if interval.high < NO_FOLD
                else "Look at the worst targets first: shallow alignments, chains cut out of a complex and wrong files "
                "are cheaper to mend than weights."
            ),
        )
    why = f"{kinds} families are too few to judge by, whatever they show" if kinds < FEWEST else "the interval holds 70"
    return Verdict(OPEN, f"The data cannot tell whether the model transfers. {found}: {why}. {_wanted(values - GOOD)}")


def beats(found: Paired, what: str, rival: str, higher: bool, families: int) -> Verdict:
    """Whether a model is better than a rival by the paired difference `found` (model minus rival) of `what`."""
    interval, sign = found.difference, 1 if higher else -1
    low, high = sorted((sign * interval.low, sign * interval.high))
    shown = f"{what}: {_interval(interval, '+')} against {rival}"
    if families < FEWEST:
        return Verdict(
            OPEN, f"The data cannot tell. {shown}, but {families} families are too few to judge by. {_more(found)}"
        )
    if low > 0:
        return Verdict(YES, f"It is better. {shown}; the whole interval is on its side.")
    if high < 0:
        return Verdict(NO, f"It is worse. {shown}; the whole interval is against it.")
    return Verdict(OPEN, f"The data cannot tell. {shown}; the interval holds 0. {_more(found)}")


def compared(found: Paired, p: float, label: str, higher: bool, after: str, before: str, families: int) -> Verdict:
    """Whether `after` is better than `before`: it takes the interval and the corrected `p` to say so."""
    interval, sign = found.difference, 1 if higher else -1
    if not interval.count:
        return Verdict(OPEN, f"{after} and {before} share no target with a {label}.")
    words = f"{label} of {after} minus {before}: {_interval(interval, '+')} over {interval.count} targets"
    if not found.wins and not found.losses:
        return Verdict(OPEN, f"No difference: {words}, not one differs. They answer alike on these targets.")
    better, worse = (found.wins, found.losses) if higher else (found.losses, found.wins)
    words += f"; better on {better}, worse on {worse}, p = {p:.2g} after Holm's correction"
    if families >= FEWEST and p < 0.05 and interval.clear:
        gained = sign * interval.value > 0
        return Verdict(YES if gained else NO, f"{after} is {'better' if gained else 'worse'} than {before}. {words}.")
    if families < FEWEST:
        words += f"; {families} families are too few to judge by"
    return Verdict(OPEN, f"The data cannot tell {after} from {before}. {words}. {_more(found)}")


def _more(found: Paired) -> str:
    """How many targets would tell."""
    if not np.isfinite(found.needed):
        return "No effect is seen, so that no number of targets can be named."
    return (
        f"If the effect is what it seems (d = {found.cohen:.2f}), {found.needed:,.0f} independent targets would "
        "show it with a power of 80 %."
    )


def _wanted(difference: np.ndarray) -> str:
    """How many targets would tell a mean from 70."""
    spread = difference.std(ddof=1) if len(difference) > 1 else 0.0
    if not spread:
        return f"Give {FEWEST} families or more."
    count = needed(float(difference.mean() / spread))
    if not np.isfinite(count):
        return "The mean is 70 itself: no number of targets can be named."
    return f"At this spread {max(count, FEWEST):,.0f} independent targets would tell, with a power of 80 %."


def _interval(interval: Interval, sign: str = "") -> str:
    return f"{interval.value:{sign}.3g} (95 %: {interval.low:{sign}.3g} to {interval.high:{sign}.3g})"
