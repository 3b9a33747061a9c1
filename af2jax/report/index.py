"""The page of a folder of predictions: every query that is done with its scores, and what failed."""

import json
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from urllib.parse import quote

import numpy as np

from af2jax.data.parse import printable
from af2jax.files import whole
from af2jax.html import markup
from af2jax.html.page import Page

NAME, DONE = "index.html", ".done.txt"
COLUMNS = {"residues": "residues", "plddt": "mean pLDDT", "ptm": "pTM", "iptm": "ipTM", "notes": "remarks"}
PAE = re.compile(r'"pae": \[[^"]*(?=")')  # nearly all of a file of scores, and slow to parse
SURE = 70  # pLDDT from which the backbone is mostly right


def save_index(out: Path, failures: Path) -> Path | None:
    """Writes `index.html` from what is done in the folder `out`, whole; its path, or None where nothing is done.

    Queries that other processes did count too. What cannot be read is left out.

    Args:
        failures: lines of {"job": name, "error": reason}; the file need not be there.
    """
    done = [row for marker in sorted(out.glob(f"*{DONE}")) if (row := _row(out, marker))]
    if not done:
        return None
    failed = [tuple(printable(str(entry.get(key, ""))) for key in ("job", "error")) for entry in _lines(failures)]
    page = Page(f"Predictions: {len(done)} done, {len(failed)} failed")
    page.section("Done")
    sure = sum(row["plddt"] >= SURE for row in done)
    page.text(
        f"Each row is a query and its prediction of rank 1. {sure} of {len(done)} have a mean pLDDT of {SURE} or more, "
        "where the backbone is mostly right; the page of a query says which residues these are."
    )
    page.raw(_table(done))
    if failed:
        page.section("Failed")
        page.text("The same command tries these again.")
        page.raw(markup.table(("query", "reason"), failed, "", ""))
    with whole(out / NAME) as partial:
        partial.write_bytes(page.html().encode("utf-8", "replace"))
    return out / NAME


def _table(done: list[dict]) -> str:
    """All rows, the names as links to the pages that are there; ipTM where a query has one."""
    kept = [name for name in COLUMNS if name != "iptm" or any(row["iptm"] is not None for row in done)]
    head = "".join(f"<th scope=col>{name}</th>" for name in ("query", *(COLUMNS[name] for name in kept)))
    rows = []
    for row in done:
        name = escape(row["name"])
        link = f'<a href="{escape(quote(row["page"]))}">{name}</a>' if row["page"] else name
        cells = [markup.cell(row[name]) for name in kept]
        rows.append(f"<tr><td>{link}</td>{''.join(cells)}</tr>")
    return f'<div class="box"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _row(out: Path, marker: Path) -> dict | None:
    """What the marker of a query and the scores of its rank 1 say; None where they cannot be read."""
    try:
        found = json.loads(marker.read_text())
        files = [str(file) for file in found["files"]]
        numbers = _scores(out, files)
        plddt = np.array(numbers["plddt"], float)
        pages = [file for file in files if file.endswith(("_report.html", "/report.html")) and (out / file).is_file()]
        return {
            "name": printable(str(found.get("query", marker.name.removesuffix(DONE)))),
            "page": pages[0] if pages else "",
            "residues": len(plddt),
            "plddt": float(plddt.mean()),
            **{name: None if numbers.get(name) is None else float(numbers[name]) for name in ("ptm", "iptm")},
            "notes": printable("; ".join(map(str, numbers.get("notes", ())))),
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return None  # ColabFold's marker, or a file that someone changed


def _scores(out: Path, files: list[str]) -> dict:
    """{"plddt": of each residue, "ptm", "iptm", "notes"} of rank 1, under either naming."""
    found = next(file for file in files if "_scores_rank_001_" in file or file.endswith("/ranking_debug.json"))
    numbers = json.loads(PAE.sub("", (out / found).read_text(), count=1))
    if "_scores_rank_001_" in found:
        return numbers
    best = numbers["order"][0]
    confidence = json.loads((out / found).with_name(f"confidence_{best}.json").read_text())
    scores = {name: numbers.get(name, {}).get(best) for name in ("ptm", "iptm")}
    return {"plddt": confidence["confidenceScore"], **scores, "notes": numbers.get("notes", ())}


def _lines(path: Path) -> Iterator[dict]:
    """The objects of a file of JSON lines; lines that are none are dropped."""
    for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry
