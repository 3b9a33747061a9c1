"""What heads answer of many queries as one table: a row for each query and head, and why it may be believed.

`answers.csv` has these; `answers_residues.csv` has every residue, where no other table of a query has them.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from af2jax.files import write
from af2jax.heads.answer import Answer

TABLE, RESIDUES = "answers.csv", "answers_residues.csv"

COLUMNS = (
    "query",
    "head",
    "kind",
    "output",  # of a head with several numbers, from 1
    "class",
    "probability",
    "value",
    "unit",
    "spread",  # sample standard deviation of the probability or the value, over seeds or runs
    "summary",  # of heads of residues and pairs, which answer many times
    "table",  # the file that has all these answers
    "calibrated",
    "nearest",
    "identity",  # 0 to 1, of the nearest training sequence
    "length",
    "length_in_range",
)
RESIDUE_COLUMNS = ("query", "head", "residue", "letter", "output", "class", "probability", "value", "spread")


def rows(query: str, answers: Mapping[str, Answer], tables: Mapping[str, str] | None = None) -> list[dict]:
    """The rows of one query, for each head one (for a head of several numbers one for each), as JSON has them.

    A head of the whole has its class with the probability, or its value. A head of residues or pairs has the shares of
    its most probable classes in `summary`, or the mean as `value`; `tables` says by head which file has the rest.
    """
    return [row for answer in answers.values() for row in _rows(query, answer, (tables or {}).get(answer.head, ""))]


def _rows(query: str, answer: Answer, table: str) -> list[dict]:
    row = dict.fromkeys(COLUMNS, "") | {"query": query, "head": answer.head, "kind": answer.kind, "table": table}
    row |= {"unit": answer.unit}
    if answer.classes:
        row["calibrated"] = "yes" if answer.calibrated else "no"
    if near := answer.near:
        row |= {"nearest": near.id, "identity": round(near.identity, 3), "length": near.length}
        row["length_in_range"] = "yes" if near.length_in_range else "no"
    many = answer.values.ndim - 1  # axes of places
    places = f"of {answer.values.shape[0]} residues" if many == 1 else f"of {answer.values[..., 0].size} pairs"
    if answer.classes and many:
        shares = ((name, float((answer.best == name).mean())) for name in answer.classes)
        return [row | {"summary": "; ".join(f"{name} {share:.3f}" for name, share in shares) + f" {places}"}]
    if answer.classes:
        best = int(answer.values.argmax())
        spread = "" if answer.spread is None else float(answer.spread[best])
        return [row | {"class": answer.classes[best], "probability": float(answer.values[best]), "spread": spread}]
    over = tuple(range(many))
    values = answer.values.mean(over).tolist()
    spreads = [""] * len(values) if answer.spread is None else answer.spread.mean(over).tolist()
    several = len(values) > 1
    return [
        row
        | {"output": i if several else "", "value": value, "spread": spread}
        | ({"summary": f"mean {places}"} if many else {})
        for i, (value, spread) in enumerate(zip(values, spreads, strict=True), 1)
    ]


def in_one_table(answers: Mapping[str, Answer]) -> dict[str, str]:
    """The file of each head of residues where `residues` are written: `answers_residues.csv`."""
    return {name: RESIDUES for name, answer in answers.items() if answer.kind == "residue"}


def residues(query: str, sequence: str, answers: Mapping[str, Answer]) -> Iterator[list]:
    """The rows of `answers_residues.csv` of one query, residues counted from 1 along all chains of `sequence`."""
    for name, answer in answers.items():
        if answer.kind != "residue":
            continue

        def short(values):
            return [[float(f"{x:.6g}") for x in row] for row in values.tolist()]

        values, several, best = short(answer.values), answer.values.shape[-1] > 1, answer.values.argmax(-1).tolist()
        spreads = [[""] * len(row) for row in values] if answer.spread is None else short(answer.spread)
        for i, (letter, row, spread) in enumerate(zip(sequence, values, spreads, strict=True)):
            place = [query, name, i + 1, letter]
            if answer.classes:
                yield [*place, "", answer.classes[best[i]], row[best[i]], "", spread[best[i]]]
                continue
            for j, value in enumerate(row):
                yield [*place, j + 1 if several else "", "", "", value, spread[j]]


def save(out: Path, rows: Iterable[Mapping], residues: Iterable[list]) -> list[Path]:
    """Writes `answers.csv` of what `rows` made, and `answers_residues.csv` of `residues`; a table without rows is not
    written."""
    tables = {TABLE: (COLUMNS, [[row.get(name, "") for name in COLUMNS] for row in rows])}
    tables[RESIDUES] = (RESIDUE_COLUMNS, list(residues))
    return [write(out / name, _csv(header, found)) for name, (header, found) in tables.items() if found]


def _csv(header, rows) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    table.writerows([f"{x:.6g}" if isinstance(x, float) else x for x in row] for row in rows)
    return text.getvalue()
