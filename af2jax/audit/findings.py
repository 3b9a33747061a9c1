"""What is wrong with a data set, as findings ranked by how much they threaten a result."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

SERIOUS, CAUTION = 70, 40  # threat from which a finding is called so


@dataclass(frozen=True)
class Finding:
    """One thing that a user should know before training.

    Attributes:
        kind: a word for it that stays the same, such as "leak".
        threat: to the result, 0 to 100: from 70 on what is measured would be wrong, from 40 on it may mislead.
        title: in one line, with the number that shows it.
        text: why it matters here.
        advice: what to do.
        rows: what is behind it.
        unused: ids of the items that a training leaves out because of it.
    """

    kind: str
    threat: int
    title: str
    text: str
    advice: str
    rows: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    @property
    def level(self) -> str:
        """As `page.LEVELS` has it."""
        return "serious" if self.threat >= SERIOUS else "caution" if self.threat >= CAUTION else "note"


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """The worst first."""
    return sorted(findings, key=lambda finding: (-finding.threat, finding.kind, finding.title))


def phrase(table: Iterable[tuple[Callable[..., bool], str]], of, **words) -> str:
    """The words of the first condition of a table of (condition, words) that holds for `of`; "" where none does."""
    return next((text for holds, text in table if holds(of)), "").format(**words)
