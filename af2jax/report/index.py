"""The page of a folder of predictions: every query that is done with its scores, and what failed."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from af2jax.data.parse import printable
from af2jax.files import whole
from af2jax.html import markup
from af2jax.html.page import Page
from af2jax.html.thumbnail import HEIGHT, WIDTH, thumbnail
from af2jax.results.done import Done, done, failed, trace
from af2jax.results.reading import SURE

NAME = "index.html"
COLUMNS = {"plddt": "mean pLDDT", "residues": "residues", "ptm": "pTM", "iptm": "ipTM", "notes": "remarks"}
PICTURES = 600_000  # bytes of all thumbnails; later queries have none


def save_index(out: Path, failures: Path) -> Path | None:
    """Writes `index.html` from what is done in the folder `out`, whole; its path, or None where nothing is done.

    Queries that other processes did count too. What cannot be read is left out.

    Args:
        failures: lines of {"job": name, "error": reason}; the file need not be there.
    """
    rows, lost = done(out), [tuple(map(printable, line)) for line in failed(failures)]
    if not rows:
        return None
    shared = rows[0].notes if len({row.notes for row in rows}) == 1 else ""
    page = Page(f"Predictions: {len(rows)} done, {len(lost)} failed", [printable(shared)] if shared else [])
    page.section("Done")
    sure = sum(row.plddt >= SURE for row in rows)
    page.text(
        f"Each row is a query and its prediction of rank 1, coloured by AlphaFold DB's bands of pLDDT. {sure} of "
        f"{len(rows)} have a mean pLDDT of {SURE} or more, where the backbone is mostly right; the page of a query "
        "says which residues these are. A click on a heading sorts by that column."
    )
    page.raw(_table(rows, _pictures(out, rows), bool(shared)), markup.SORT)
    if lost:
        page.section("Failed")
        page.text("Run the same command to try these again.")
        page.raw(markup.table(("query", "reason"), lost, "", ""))
    with whole(out / NAME) as partial:
        partial.write_bytes(page.html().encode("utf-8", "replace"))
    return out / NAME


def _pictures(out: Path, rows: Sequence[Done]) -> list[str]:
    """A thumbnail of each query as a data URI, while there is room; else ""."""
    pictures, room = [], PICTURES
    for row in rows:
        found = trace(out, row) if room > 0 else None
        pictures.append(markup.source(thumbnail(*found)) if found else "")
        room -= len(pictures[-1])
    return pictures


def _table(rows: Sequence[Done], pictures: Sequence[str], shared: bool) -> str:
    """All rows, the names as links to the pages that are there; ipTM where there is one, remarks where they differ."""
    kept = [name for name in COLUMNS if name != "iptm" or any(row.iptm is not None for row in rows)]
    kept = [name for name in kept if name != "notes" or (not shared and any(row.notes for row in rows))]
    headings = [COLUMNS[name] for name in kept]
    head = "".join(f"<th scope=col>{name}</th>" for name in ("query", *headings))
    value = lambda row, key: printable(row.notes) if key == "notes" else getattr(row, key)
    cells = markup.cells(headings, [[value(row, key) for key in kept] for row in rows])
    lines = []
    for row, picture, own in zip(rows, pictures, cells, strict=True):
        name = escape(printable(row.name))
        shown = f'<img alt="" width="{WIDTH}" height="{HEIGHT}" src="{picture}">' if picture else ""
        link = f'<a href="{escape(quote(row.page))}">{shown}{name}</a>' if row.page else f"{shown}{name}"
        lines.append(f"<tr><td>{link}</td>{own}</tr>")
    return markup.box(f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>")
