"""The table of columns."""

from collections.abc import Sequence

from af2jax.audit.columns import Column
from af2jax.audit.look import Seen
from af2jax.data.dataset import COLUMNS
from af2jax.html.page import Page
from af2jax.words import counted


def write(page: Page, columns: Sequence[Column], targets: Sequence[Column], seen: Sequence[Seen]) -> None:
    """The table of columns."""
    page.section("Columns")
    own = [[name, "of the data set", _own(seen, name), None, None, "", "", ""] for name in COLUMNS]
    rows = [row for row in own if row[2]] + [
        [
            column.name,
            column.kind,
            len(column.cells) - column.missing,
            column.missing / len(column.cells),
            len(column.counts),
            ", ".join(f"{mark} ({count})" for mark, count in column.sentinels.items()),
            "target" if column in targets else "",
            column.strategy,
        ]
        for column in columns
    ]
    heads = [
        "column",
        "type",
        "known",
        "missing (share)",
        "different",
        "sentinels (cells)",
        "role",
        "proposed strategy",
    ]
    page.table("columns", heads, rows, f"{counted(len(rows), 'column')} of {counted(len(seen), 'item')}")


def _own(seen: Sequence[Seen], name: str) -> int:
    """How many items have something in a column that every table may have."""
    usual = 1.0 if name == "weight" else None
    return sum(bool(getattr(one.item, name)) for one in seen if getattr(one.item, name) != usual)
