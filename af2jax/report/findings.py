"""What is wrong with a data set, as a table and a box for each finding."""

from af2jax.audit.findings import CAUTION, Finding
from af2jax.html.page import Page
from af2jax.words import counted


def write(page: Page, findings: list[Finding]) -> None:
    """A table of all findings, and a box for each."""
    page.section("Warnings, the worst first")
    alarms = sum(finding.threat >= CAUTION for finding in findings)
    page.text(
        f"{counted(len(findings), 'finding')}, {alarms} of them a threat to what will be measured."
        if findings
        else "Nothing was found that threatens a result."
    )
    rows = [[f.threat, f.level, f.kind, f.title, f.advice, len(f.rows)] for f in findings]
    if rows:
        page.table("warnings", ["threat (0 to 100)", "level", "kind", "what", "advice", "rows"], rows)
    for f in findings:
        page.warning(f.level, f.title, f"{f.text}\n\nWhat to do: {f.advice}", f.rows)
