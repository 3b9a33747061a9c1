"""What is wrong with a data set: a verdict, and a box for each finding."""

from collections.abc import Sequence

from af2jax.audit.findings import CAUTION, SERIOUS, Finding
from af2jax.html.markup import Decision
from af2jax.html.page import Page
from af2jax.words import chosen, counted

READY = (  # are the data ready to train on? By the worst finding: condition, answer, sentence
    (
        lambda worst: worst >= SERIOUS,
        "no",
        "What is measured on these data would be wrong until this is corrected: {title}.",
    ),
    (
        lambda worst: worst >= CAUTION,
        "open",
        "A result may mislead; read these findings before training, first: {title}.",
    ),
    (lambda worst: True, "yes", "Nothing was found that threatens a result."),
)


def decision(findings: Sequence[Finding]) -> Decision:
    """Whether the data are ready to train on; `findings`: the worst first."""
    worst = findings[0].threat if findings else 0
    answer, sentence = chosen(READY, worst)
    alarms = sum(finding.threat >= (SERIOUS if answer == "no" else CAUTION) for finding in findings)
    number = counted(alarms, {"no": "serious finding", "open": "caution", "yes": "threat"}[answer])
    return Decision(answer, number, sentence.format(title=findings[0].title if findings else ""))


def write(page: Page, findings: list[Finding]) -> None:
    """A verdict above the page, and a box for each finding."""
    page.verdict("Are these data ready to train on?", [decision(findings)])
    page.section("Findings, the worst first")
    alarms = sum(finding.threat >= CAUTION for finding in findings)
    page.text(
        f"{counted(len(findings), 'finding')}, {alarms} of them a threat to what will be measured."
        if findings
        else "Nothing was found that threatens a result."
    )
    for f in findings:
        page.warning(f.level, f.title, f"{f.text}\n\nWhat to do: {f.advice}", f.rows)
