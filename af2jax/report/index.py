"""The page of a folder of predictions: every query that is done with its scores, and what failed."""

from html import escape
from pathlib import Path
from urllib.parse import quote

from af2jax.data.parse import printable
from af2jax.files import whole
from af2jax.html import markup
from af2jax.html.page import Page
from af2jax.results.done import Done, done, failed
from af2jax.results.reading import SURE

NAME = "index.html"
COLUMNS = {"residues": "residues", "plddt": "mean pLDDT", "ptm": "pTM", "iptm": "ipTM", "notes": "remarks"}


def save_index(out: Path, failures: Path) -> Path | None:
    """Writes `index.html` from what is done in the folder `out`, whole; its path, or None where nothing is done.

    Queries that other processes did count too. What cannot be read is left out.

    Args:
        failures: lines of {"job": name, "error": reason}; the file need not be there.
    """
    rows, lost = done(out), [tuple(map(printable, line)) for line in failed(failures)]
    if not rows:
        return None
    page = Page(f"Predictions: {len(rows)} done, {len(lost)} failed")
    page.section("Done")
    sure = sum(row.plddt >= SURE for row in rows)
    page.text(
        f"Each row is a query and its prediction of rank 1. {sure} of {len(rows)} have a mean pLDDT of {SURE} or more, "
        "where the backbone is mostly right; the page of a query says which residues these are."
    )
    page.raw(_table(rows))
    if lost:
        page.section("Failed")
        page.text("The same command tries these again.")
        page.raw(markup.table(("query", "reason"), lost, "", ""))
    with whole(out / NAME) as partial:
        partial.write_bytes(page.html().encode("utf-8", "replace"))
    return out / NAME


def _table(rows: list[Done]) -> str:
    """All rows, the names as links to the pages that are there; ipTM where a query has one."""
    kept = [name for name in COLUMNS if name != "iptm" or any(row.iptm is not None for row in rows)]
    head = "".join(f"<th scope=col>{name}</th>" for name in ("query", *(COLUMNS[name] for name in kept)))
    lines = []
    for row in rows:
        name = escape(printable(row.name))
        link = f'<a href="{escape(quote(row.page))}">{name}</a>' if row.page else name
        cells = [markup.cell(printable(row.notes) if key == "notes" else getattr(row, key)) for key in kept]
        lines.append(f"<tr><td>{link}</td>{''.join(cells)}</tr>")
    return f'<div class="box"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
