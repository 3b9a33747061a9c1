"""What a folder of predictions has: the queries that are done, and those that failed."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from af2jax.constants.atoms import CA
from af2jax.data.protein import read_protein
from af2jax.errors import InputError

ENDS = ("/ranking_debug.json", "_scores.json")  # of files of scores: AlphaFold's naming, a structure without a network
MARKER = ".done.txt"  # ends the name of the file that says that a query is done
PAE = re.compile(r'"pae": \[[^"]*(?=")')  # nearly all of a file of scores, and slow to parse
STRUCTURE = re.compile(r"relaxed_rank_001_.*\.(cif|pdb)$|(^|/)ranked_0\.(cif|pdb)$")


@dataclass(frozen=True)
class Done:
    """A query that is done, with the scores of its rank 1."""

    name: str
    page: str  # its file below the folder; "": none
    structure: str  # that of rank 1; "": none
    residues: int
    plddt: float  # mean
    ptm: float | None
    iptm: float | None
    notes: str
    protocol: str = ""  # that a given structure was scored by; "": it was predicted
    scores: tuple[dict, ...] = ()  # rows of `scores.csv`


def done(out: Path) -> list[Done]:
    """What is done in the folder `out`, by name; what cannot be read is left out."""
    return [row for marker in sorted(out.glob(f"*{MARKER}")) if (row := _read(out, marker))]


def failed(file: Path) -> list[tuple[str, str]]:
    """(query, reason) of the lines {"job": ..., "error": ...} of a file, which need not be there."""
    return [tuple(str(entry.get(key, "")) for key in ("job", "error")) for entry in _lines(file)]


def _read(out: Path, marker: Path) -> Done | None:
    """What a marker and the scores of rank 1 say; None where they cannot be read."""
    try:
        found = json.loads(marker.read_text())
        files = [str(file) for file in found["files"]]
        numbers = _scores(out, files)
        plddt = np.array(numbers["plddt"], float)
        pages = [file for file in files if file.endswith(("_report.html", "/report.html")) and (out / file).is_file()]
        return Done(
            str(found.get("query", marker.name.removesuffix(MARKER))),
            pages[0] if pages else "",
            _structure(out, files),
            len(plddt),
            float(plddt.mean()),
            *(None if numbers.get(name) is None else float(numbers[name]) for name in ("ptm", "iptm")),
            "; ".join(map(str, numbers.get("notes", ()))),
            *_scored(found),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, StopIteration):
        return None  # ColabFold's marker, or a file that someone changed


def _scored(found: dict) -> tuple[str, tuple[dict, ...]]:
    """(the protocol, the rows) of a marker; ("", ()) where no structure was given."""
    given = found.get("settings", {}).get("structure") or (None, None, "", ())
    return str(given[2]), tuple(row for row in found.get("scores", ()) if isinstance(row, dict))


def trace(out: Path, row: Done) -> tuple[np.ndarray, np.ndarray] | None:
    """CA atoms float [N_res 3], angstrom, NaN where there is none, and pLDDT [N_res] of rank 1; None: unreadable."""
    try:
        protein = read_protein(out / row.structure) if row.structure else None
    except (InputError, OSError):
        return None
    if protein is None:
        return None
    return np.where(protein.atom_mask[:, CA, None] > 0, protein.positions[:, CA], np.nan), protein.plddt


def _structure(out: Path, files: list[str]) -> str:
    """The structure of rank 1 among the files of a query, relaxed where it was."""
    found = [file for file in files if STRUCTURE.search(file) and (out / file).is_file()]
    return min(found, key=lambda file: ("unrelaxed" in file, not file.endswith(".cif")), default="")


def _scores(out: Path, files: list[str]) -> dict:
    """{"plddt": of each residue, "ptm", "iptm", "notes"} of rank 1, under either naming."""
    found = next(file for file in files if "_scores_rank_001_" in file or file.endswith(ENDS))
    numbers = json.loads(PAE.sub("", (out / found).read_text(), count=1))
    if not found.endswith(ENDS[0]):
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
