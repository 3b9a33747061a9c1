"""The table of columns."""

from af2jax.audit.explore import Audit
from af2jax.html.page import Page
from af2jax.words import counted


def write(page: Page, audit: Audit) -> None:
    """The table of columns."""
    page.section("Columns")
    learnt = [label.column for label in audit.targets]
    rows = [[name, "of the data set", known, None, None, "", "", ""] for name, known in audit.own.items()] + [
        [
            column.name,
            column.kind,
            len(column.cells) - column.missing,
            column.empty,
            len(column.counts),
            ", ".join(f"{mark} ({count})" for mark, count in column.sentinels.items()),
            "target" if column in learnt else "",
            column.strategy,
        ]
        for column in audit.columns
    ]
    heads = ["column", "type", "known", "missing (share)", "different", "sentinels (cells)", "role"]
    page.table(
        "columns",
        [*heads, "proposed strategy"],
        rows,
        f"{counted(len(rows), 'column')} of {counted(len(audit.seen), 'item')}",
    )
