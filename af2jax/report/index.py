"""The page of a folder: every query that was predicted, or every structure that was scored, and what failed."""

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
from af2jax.scoring import FILES, TABLE

NAME = "index.html"
COLUMNS = {"plddt": "mean pLDDT", "residues": "residues", "ptm": "pTM", "iptm": "ipTM", "notes": "remarks"}
SCORES = {  # of scored structures: columns of their table, and their headings here
    "pair": "chains",
    "rmsd": "RMSD to the input (angstrom)",
    "pae_interaction": "pae_interaction (angstrom)",
    "ipsae_min": "ipSAE",
    "plddt": "mean pLDDT",
    "iptm": "ipTM",
    "ptm": "pTM",
    "tm_score": "TM-score",
    "composite": "composite",
    "pdockq2_min": "pDockQ2",
    "lis_min": "LIS",
    "clis_min": "cLIS",
    "pair_actifptm": "actifpTM",
    "pdockq": "pDockQ",
    "contacts": "contacts",
    "residues": "residues",
}
WAYS = ("protocol", "target", "cyclic", "network", "seed", "recycles")  # stand above the table where all rows agree
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
    scored = all(row.protocol and row.scores for row in rows)
    page = (_scored if scored else _predicted)(rows, _pictures(out, rows), f"{len(rows)} done, {len(lost)} failed")
    if lost:
        page.section("Failed")
        page.text("Run the same command to try these again.")
        page.raw(markup.table(("structure" if scored else "query", "reason"), lost, "", ""))
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


def _remarks(rows: Sequence[Done]) -> list[str]:
    """What every row remarks, where all remark the same."""
    shared = rows[0].notes if len({row.notes for row in rows}) == 1 else ""
    return [printable(shared)] if shared else []


def _predicted(rows: Sequence[Done], pictures: Sequence[str], count: str) -> Page:
    """The page of predictions: ipTM where there is one, remarks where they differ."""
    shared = _remarks(rows)
    page = Page(f"Predictions: {count}", shared)
    page.section("Done")
    sure = sum(row.plddt >= SURE for row in rows)
    page.text(
        f"Each row is a query and its prediction of rank 1, coloured by AlphaFold DB's bands of pLDDT. {sure} of "
        f"{len(rows)} have a mean pLDDT of {SURE} or more, where the backbone that DeepMind's parameters predict is "
        "mostly right; the page of a query says which residues these are. A click on a heading sorts by that column."
    )
    if any(row.scores for row in rows):
        _link(page)
    kept = [name for name in COLUMNS if name != "iptm" or any(row.iptm is not None for row in rows)]
    kept = [name for name in kept if name != "notes" or (not shared and any(row.notes for row in rows))]
    value = lambda row, key: printable(row.notes) if key == "notes" else getattr(row, key)
    cells = [[value(row, key) for key in kept] for row in rows]
    _table(page, "query", [COLUMNS[name] for name in kept], list(map(_name, rows, pictures)), cells)
    return page


def _scored(rows: Sequence[Done], pictures: Sequence[str], count: str) -> Page:
    """The page of scored structures: every row of their table, of which some columns."""
    every = [
        (_name(row, "" if i else picture), one)
        for row, picture in zip(rows, pictures, strict=True)
        for i, one in enumerate(row.scores)
    ]
    known = lambda key: {str(one.get(key, "")) for _, one in every}
    same = [f"{key}: {min(known(key))}" for key in WAYS if len(known(key)) == 1 and known(key) != {""}]
    page = Page(f"Scores of given structures: {count}", [printable("; ".join(same)), *_remarks(rows)])
    page.section("Done")
    measured = {row.protocol for row in rows} != {FILES}
    page.text(
        f"Each row is a structure{', and a pair of its chains' if known('pair') != {''} else ''}"
        f"{', by each network and seed' if len(every) > len(rows) else ''}. "
        + ("RMSD and TM-score compare it with what the network makes of it. " if measured else "")
        + "ipSAE, pDockQ2, LIS and cLIS are the smaller of both directions. Their authors tested the scores with "
        "DeepMind's parameters; of other weights they mean nothing until they are. A click on a heading sorts by that "
        "column."
    )
    _link(page)
    differ = [key for key in WAYS if len(known(key)) > 1]
    kept = [key for key in (*SCORES, *differ) if known(key) != {""}]
    text = lambda value: printable(value) if isinstance(value, str) else value
    cells = [[text(one.get(key, "")) for key in kept] for _, one in every]
    _table(page, "structure", [SCORES.get(key, key) for key in kept], [name for name, _ in every], cells)
    return page


def _link(page: Page) -> None:
    """To the table of scores."""
    page.raw(f'<div class="files">{markup.links([(TABLE, f"{TABLE}: every column")])}</div>')


def _name(row: Done, picture: str) -> str:
    """The first cell of a row: a thumbnail and the name, as a link to the page where that is there."""
    name = escape(printable(row.name))
    shown = f'<img alt="" width="{WIDTH}" height="{HEIGHT}" src="{picture}">' if picture else ""
    return f'<a href="{escape(quote(row.page))}">{shown}{name}</a>' if row.page else f"{shown}{name}"


def _table(page: Page, first: str, headings: Sequence[str], names: Sequence[str], cells: Sequence[Sequence]) -> None:
    """All rows, which begin with `names`."""
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in (first, *headings))
    rows = [f"<tr><td>{name}</td>{own}</tr>" for name, own in zip(names, markup.cells(headings, cells), strict=True)]
    page.raw(markup.box(f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"), markup.SORT)
