"""Verdicts as the boxes above a page: a badge, the number that decides, one sentence, the rest folded away."""

from collections.abc import Iterable

from af2jax.evaluation.verdict import DIFFERENCE, Verdict
from af2jax.html import numbers
from af2jax.html.markup import Decision


def decision(verdict: Verdict, lead: str = "") -> Decision:
    """A verdict for `Page.verdict`; `lead` stands before its sentence."""
    return Decision(verdict.answer, deciding(verdict), lead + (verdict.sentence or verdict.text), rest(verdict))


def decisions(verdicts: Iterable[Verdict]) -> list[Decision]:
    """Several."""
    return [decision(verdict) for verdict in verdicts]


def rest(verdict: Verdict) -> str:
    """What stands after the sentence of a verdict."""
    return verdict.details if verdict.sentence else ""


def deciding(verdict: Verdict) -> str:
    """The number that decides with its interval: "lDDT-CA +38.4 (95 %: +18.0 to +57.1)"."""
    if (of := verdict.decides) is None:
        return ""
    label = verdict.label.removeprefix(DIFFERENCE)
    kind, sign = numbers.kind(label), "+" if label != verdict.label else ""
    points = kind == numbers.SHARE and sign  # of two percentages
    places = numbers.decimals([of.value])

    def shown(value: float) -> str:
        return numbers.text(100 * value if points else value, numbers.TENTH if points else kind, places, sign)

    ends = f" (95 %: {shown(of.low)} to {shown(of.high)})" if of.families > 1 else ""
    return f"{label} {shown(of.value)}{' points' if points else ''}{ends}"
