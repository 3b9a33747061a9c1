"""What follows from the numbers, in plain words: yes, no, or that the data cannot tell and how many families would.

Each sentence is looked up: a table has conditions in their order, the answer, and the words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from af2jax.metrics.judgement import BETTER, EQUAL, NOTHING, TOO_FEW, UNCLEAR, WORSE, Judgement, judge
from af2jax.metrics.statistics import ALPHA, Interval, Paired, fewest, paired
from af2jax.words import chosen, counted

GOOD = 70.0  # lDDT-CA, from which AlphaFold calls a backbone mostly right
NO_FOLD = 30.0  # lDDT-CA, a mark of our own: below it no two structures are seen to be alike
YES, NO, OPEN = "yes", "no", "open"
DIFFERENCE = "difference in "  # begins the label of a number that is one


@dataclass(frozen=True)
class Verdict:
    """An answer of `YES`, `NO` or `OPEN`, and the sentences that say why.

    Attributes:
        text: all sentences.
        sentence: the first of them, which answers.
        decides: the number that the answer rests on, with its interval; None where nothing was measured.
        label: what that number is: "lDDT-CA", or "difference in lDDT-CA".
    """

    answer: str
    text: str
    sentence: str = ""
    decides: Interval | None = None
    label: str = ""

    @property
    def details(self) -> str:
        """What stands after the first sentence."""
        return self.text[len(self.sentence) :].lstrip()


@dataclass(frozen=True)
class Transfer:
    """A network's lDDT-CA on targets that it was not tuned for, against 70."""

    interval: Interval
    judged: Judgement


TRANSFERS = (
    (
        lambda t: not t.interval.count,
        OPEN,
        "The data cannot tell whether the model folds these proteins: no structure is known.",
    ),
    (
        lambda t: t.judged.answer == BETTER,
        YES,
        "The model transfers as it is. {found}, and the whole interval lies above {good:g}, from which a backbone is "
        "mostly right. Tune it for a new property; structures alone have little to gain.",
    ),
    (
        lambda t: t.judged.answer == WORSE and t.interval.high < NO_FOLD,
        NO,
        "The model does not transfer as it is. {found}, and the whole interval lies below {good:g}, from which a "
        "backbone is mostly right. No fold is found at all: look whether these are the weights of a trained network, "
        "and whether it was given alignments, before anything is tuned.",
    ),
    (
        lambda t: t.judged.answer == WORSE,
        NO,
        "The model does not transfer as it is. {found}, and the whole interval lies below {good:g}, from which a "
        "backbone is mostly right. Look at the worst targets first: shallow alignments, chains cut out of a complex "
        "and wrong files are cheaper to fix than weights.",
    ),
    (
        lambda t: t.judged.answer == TOO_FEW,
        OPEN,
        "The data cannot tell whether the model transfers. {found}: {families} families are too few to judge by, "
        "whatever they show. {more}",
    ),
    (
        lambda t: t.interval.low <= GOOD <= t.interval.high,
        OPEN,
        "The data cannot tell whether the model transfers. {found}: the interval holds {good:g}. {more}",
    ),
    (
        lambda t: True,
        OPEN,
        "The data cannot tell whether the model transfers. {found}; {why}. {more}",
    ),
)

COMPARED = (
    (NOTHING, OPEN, "{after} and {before} share no target with a {label}{where}."),
    (EQUAL, OPEN, "No difference between {after} and {before}{where}: {words}; not one target differs."),
    (BETTER, YES, "{after} is better than {before}{where}. {words}; {counts}, {p}."),
    (WORSE, NO, "{after} is worse than {before}{where}. {words}; {counts}, {p}."),
    (
        TOO_FEW,
        OPEN,
        "The data cannot tell {after} from {before}{where}. {words}; {counts}, {p}. {families} families are too few to "
        "judge by: with {tests} comparisons no test of theirs can be significant. {more}",
    ),
    (UNCLEAR, OPEN, "The data cannot tell {after} from {before}{where}. {words}; {counts}, {why}. {more}"),
)

BEATS = (
    (NOTHING, OPEN, "The data cannot tell. No target has a {label} and a label."),
    (EQUAL, OPEN, "It is as good as {before}, and no better. {words}; not one target differs."),
    (BETTER, YES, "It is better than {before}. {words}."),
    (WORSE, NO, "It is worse than {before}. {words}."),
    (TOO_FEW, OPEN, "The data cannot tell. {words}, but {families} families are too few to judge by. {more}"),
    (UNCLEAR, OPEN, "The data cannot tell. {words}, {why}. {more}"),
)


ANY_BEATS = (  # of the judgements of all networks against the best simple baseline: answer, sentence
    (lambda found: BETTER in found, YES, "{after} beats the best simple baseline, {before}, in {label}{where}."),
    (
        lambda found: set(found) <= {WORSE, EQUAL},
        NO,
        "No network beats the best simple baseline, {before}, in {label}{where}.",
    ),
    (
        lambda found: True,
        OPEN,
        "The data cannot tell whether a network beats the best simple baseline, {before}, in {label}{where}.",
    ),
)


def transfers(values: np.ndarray, families: np.ndarray) -> Verdict:
    """Whether a network folds these proteins as it is: the mean lDDT-CA [n] of targets against 70."""
    found = paired(values, np.full(len(values), GOOD), families)
    difference = found.difference
    shifted = (GOOD + x for x in difference[:3])
    interval = Interval(*shifted, *difference[3:])
    (judged,) = judge([found], [True])
    kinds = f" of {counted(interval.families, 'family')}" if interval.families < interval.count else ""
    words = {
        "found": f"Its mean lDDT-CA is {shown(interval)} over {counted(interval.count, 'target')}{kinds}",
        "good": GOOD,
        "families": interval.families,
        "why": _why(found, judged),
        "more": _more(found, judged),
    }
    transfer = Transfer(interval, judged)
    answer, text = chosen(TRANSFERS, transfer)
    return _worded(answer, text, words, interval if interval.count else None, "mean lDDT-CA")


def beats(found: Paired, judged: Judgement, label: str, baseline: str) -> Verdict:
    """Whether a model is better than a simple baseline by the paired difference `found` (model minus baseline)."""
    return _looked_up(BEATS, found, judged, True, label=label, before=baseline)


def compared(
    found: Paired, judged: Judgement, label: str, higher: bool, after: str, before: str, where: str = ""
) -> Verdict:
    """Whether `after` is better than `before`.

    Args:
        higher: whether more is better.
        where: the group of targets that it holds for; "": all.
    """
    where = f" on the targets {where}" if where else ""
    return _looked_up(COMPARED, found, judged, higher, label=label, after=after, before=before, where=where)


def any_beats(
    judgements: Sequence[str], decides: Interval, label: str, after: str, before: str, where: str, more: str
) -> Verdict:
    """Whether any of several networks is better than a baseline.

    Args:
        judgements: of each network.
        decides: the difference of the network `after` from the baseline `before`.
        where: the group of targets that it holds for; "": all.
        more: what is told of each network.
    """
    answer, text = chosen(ANY_BEATS, judgements)
    where = f" on the targets {where}" if where else ""
    sentence = text.format(label=label, after=after, before=before, where=where)
    return Verdict(answer, f"{sentence}\n\n{more}", sentence, decides, f"{DIFFERENCE}{label}")


def _looked_up(table: tuple, found: Paired, judged: Judgement, higher: bool, **words: object) -> Verdict:
    difference = found.difference
    better, worse = (found.wins, found.losses) if higher else (found.losses, found.wins)
    words |= {
        "words": f"{words['label']} {found.after:.3g} against {found.before:.3g}, a difference of "
        f"{shown(difference, '+')} over {counted(difference.count, 'target')}",
        "counts": f"better on {better}, worse on {worse}",
        "p": f"p = {judged.p:.2g} after Holm's correction",
        "families": difference.families,
        "tests": judged.tests,
        "why": _why(found, judged),
        "more": _more(found, judged),
    }
    answer, text = next((answer, text) for kind, answer, text in table if kind == judged.answer)
    known = difference if difference.count else None
    return _worded(answer, text, words, known, f"{DIFFERENCE}{words['label']}")


def _worded(answer: str, text: str, words: dict, decides: Interval | None, label: str) -> Verdict:
    """A verdict of a template, whose first sentence ends before any name in it could end one."""
    first, dot, _ = text.partition(". ")
    return Verdict(answer, text.format(**words), (first + dot.strip()).format(**words), decides, label)


def _why(found: Paired, judged: Judgement) -> str:
    """What keeps a difference of enough families from being decided."""
    if judged.p >= ALPHA:
        return f"p = {judged.p:.2g} (below {ALPHA:g} would decide)"
    missing = "ranks and mean disagree" if found.difference.clear else "the interval holds no difference"
    return f"p = {judged.p:.2g}, but {missing}"


def _more(found: Paired, judged: Judgement) -> str:
    """How many families would tell."""
    if np.isnan(judged.needed):
        return f"Give {fewest(max(judged.tests, 1))} families or more."
    if np.isinf(judged.needed):
        return "No effect is seen, so that no number of families can be named."
    return (
        f"If the effect is what it seems (d = {found.cohen:.2f}), {judged.needed:,.0f} independent families would show "
        "it with a power of 80 %."
    )


def shown(interval: Interval, sign: str = "") -> str:
    """An estimate with its interval, and the remark that it needs."""
    level = "95 %: " if interval.families > 1 else ""
    return f"{interval.value:{sign}.3g} ({level}{interval.ends(f'{sign}.3g')})"
