"""What each column of a table holds: its type, what is missing, values that stand for missing, and what to do."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from af2jax.audit import cells as written
from af2jax.audit.cells import number as _number
from af2jax.audit.findings import Finding
from af2jax.audit.look import DATE, DATES, Seen
from af2jax.audit.spellings import spellings
from af2jax.constants.residues import RESTYPES
from af2jax.data.dataset import COLUMNS
from af2jax.data.labels import MISSING
from af2jax.data.parse import printable
from af2jax.words import counted

WORDS = ("-", "--", "unknown", "missing", "undefined", "not available", "nd", "n.d.", "n/d", "#n/a", "inf", "-inf")
WORDS += ("#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!")  # faults of spreadsheets
MOSTLY = 0.9  # of the cells, that make a column of a type
CLASSES = 30  # different words, at most, of a classification
INTEGERS = 10  # different whole numbers from 0 or 1 on, at most, of a classification
HALF, SOME = 0.5, 0.1  # missing: a threat, and worth a word
# Columns that describe a protein and are not measured on it, by name: no targets unless a user says so.
ABOUT = re.compile(
    r"resolution|method|year|length|source|organism|species|cluster|file|path|chain|seqres|uniprot|accession|"
    r"^pdb|cath|scop|pfam|ident|native|templ|^n_|^num|missing|_frac$|family|^group|^batch|comment|note|title|positions",
    re.IGNORECASE,
)
UNLIKE = ("date", "sequence", "identifier", "text")  # kinds of columns that are not labels
LABELS = ("number", "class", "residue classes", "residue numbers")


@dataclass(frozen=True)
class Column:
    """A column beside those that every table may have.

    Attributes:
        name: as the table has it.
        kind: "empty", "constant", "number", "class", "residue classes", "residue numbers", "date", "sequence", "file",
            "list", "identifier" or "text".
        cells: by item, "" where nothing is known, sentinels included.
        missing: cells without a value, sentinels left out of account.
        sentinels: cells that stand for missing, and how many there are of each.
        odd: items whose cell is of another type than the others.
    """

    name: str
    kind: str
    cells: tuple[str, ...]
    missing: int
    sentinels: dict[str, int]
    odd: tuple[int, ...] = ()

    @property
    def unknown(self) -> float:
        """The share of cells that say nothing."""
        return sum(not cell for cell in self.cells) / len(self.cells)

    @property
    def empty(self) -> float:
        """The share of cells without a value, sentinels left out of account."""
        return self.missing / len(self.cells)

    @property
    def numbers(self) -> np.ndarray:
        """float [N_item], NaN where unknown or no number."""
        return np.array([_number(cell) for cell in self.cells])

    @property
    def counts(self) -> Counter:
        """How often each value occurs; of residues, each letter."""
        if self.kind == "residue classes":
            return Counter(part for cell in self.cells for part in parts(cell) if part.lower() not in (*MISSING, "-"))
        return Counter(cell for cell in self.cells if cell)

    @property
    def strategy(self) -> str:
        """What to do about cells that say nothing."""
        if self.kind == "empty":
            return "drop the column"
        marks = f"empty the cells {', '.join(self.sentinels)}; then " if self.sentinels else ""
        if not self.unknown:
            return "nothing to do"
        if self.unknown > HALF:
            return marks + "measure more, or leave the column out: most is unknown"
        if self.kind in LABELS:
            return marks + "leave them empty: a label that is unknown is left out of the loss, nothing is made up"
        return marks + "leave them empty"


def own(seen: Sequence[Seen]) -> dict[str, int]:
    """How many items have something in each column that every table may have; those without any left out."""
    usual = {"weight": 1.0}
    counts = {name: [getattr(one.item, name) for one in seen] for name in COLUMNS}
    counts = {name: sum(bool(x) and x != usual.get(name) for x in values) for name, values in counts.items()}
    return {name: count for name, count in counts.items() if count}


def describe(seen: Sequence[Seen]) -> list[Column]:
    """Each column of the table."""
    names = dict.fromkeys(name for one in seen for name in one.item.values)
    lengths = np.array([one.length for one in seen])
    observed = [round(one.structure.observed * one.length) if one.structure else 0 for one in seen]
    return [_column(name, [one.item.values.get(name, "").strip() for one in seen], lengths, observed) for name in names]


def choose(columns: Sequence[Column], targets: Sequence[str]) -> list[Column]:
    """The columns to learn: those named, or without names all that look like a label."""
    if targets:
        return [column for column in columns if column.name in targets]
    return [column for column in columns if column.kind in LABELS and not about(column.name)]


def about(name: str) -> bool:
    """Whether a column of this name describes a protein and is not measured on it."""
    return bool(ABOUT.search(name) or DATES.search(name))


def parts(cell: str) -> list[str]:
    """The values of a cell for residues, as `data.labels.read_label` reads it."""
    split = cell.replace(";", " ").split()
    return list(cell) if len(split) == 1 else split


def _column(name: str, cells: list[str], lengths: np.ndarray, observed: list[int]) -> Column:
    empty = [cell.lower() in MISSING for cell in cells]
    words = Counter(cell for cell, none in zip(cells, empty, strict=True) if not none and cell.lower() in WORDS)
    kept = ["" if none or cell in words else cell for cell, none in zip(cells, empty, strict=True)]
    kind, fits = _kind(kept, lengths, observed)
    sentinels = Counter(words)
    if kind == "number":
        marks = written.sentinels(np.array([_number(cell) for cell in kept]))
        sentinels.update(cell for cell in kept if cell and _number(cell) in marks)
        kept = ["" if cell in sentinels else cell for cell in kept]
        values = {_number(cell) for cell in kept if np.isfinite(_number(cell))}
        kind = "constant" if len(values) == 1 and all(np.isfinite(_number(cell)) for cell in kept if cell) else kind
    odd = tuple(i for i, cell in enumerate(kept) if cell and not fits(i, cell))
    return Column(name, kind, tuple(kept), sum(empty), dict(sentinels), odd)


def _kind(cells: list[str], lengths: np.ndarray, observed: list[int]) -> tuple[str, Callable[[int, str], bool]]:
    """The type of a column, and whether a cell is of it."""
    rows = [i for i, cell in enumerate(cells) if cell]
    known = [cells[i] for i in rows]
    distinct = set(known)
    always = lambda i, cell: True
    if not known:
        return "empty", always
    if len(distinct) == 1 and len(cells) > 1:
        return "constant", always
    share = lambda test: sum(test(i, cells[i]) for i in rows) / len(rows)
    number = lambda i, cell: np.isfinite(_number(cell))
    values = {_number(cell) for cell in distinct if np.isfinite(_number(cell))}
    if share(number) >= MOSTLY or (share(number) >= HALF and len(values) > INTEGERS):
        whole = all(value == int(value) for value in values)
        few = len(values) <= INTEGERS and len(known) > 3 * len(values) and min(values) in (0, 1)
        return ("class" if whole and few else "number"), number
    date = lambda i, cell: bool(DATE.match(cell))
    file = lambda i, cell: bool(re.search(r"[\w)]\.(npy|cif|pdb|a3m|gz|tsv|csv|sto)$|/.*\.\w{2,4}$", cell))
    residues = lambda i, cell: len(parts(cell)) in (lengths[i], observed[i]) and len(parts(cell)) > 1
    if share(date) >= MOSTLY:
        return "date", date
    if share(file) >= MOSTLY:
        return "file", file
    few = len(distinct) <= min(CLASSES, max(2, len(known) / 2))
    if share(lambda i, cell: written.meant_as_number(cell)) >= MOSTLY and (values or not few):
        return "number", number
    if share(residues) >= MOSTLY:
        letters = {part for cell in known for part in parts(cell)}
        if all(np.isfinite(_number(letter)) or letter.lower() in (*MISSING, "-") for letter in letters):
            return ("residue numbers" if len(letters) > INTEGERS else "residue classes"), residues
        return ("residue classes" if len(letters) <= CLASSES and not _protein(known) else "sequence"), residues
    if _protein(known):
        return "sequence", always
    if share(lambda i, cell: len(parts(cell)) > 1 and all(np.isfinite(_number(p)) for p in parts(cell))) >= MOSTLY:
        return "list", always
    if few:
        return "class", always
    return ("identifier" if len(distinct) == len(known) else "text"), always


def _protein(cells: list[str]) -> bool:
    """Whether cells are sequences of amino acids."""
    text = "".join(cells)
    letters = sum(text.count(letter) for letter in RESTYPES)
    return letters >= MOSTLY * len(text) and len(set(text)) > 12 and len(text) >= 5 * len(cells)


def findings(columns: Sequence[Column], targets: Sequence[Column], seen: Sequence[Seen]) -> list[Finding]:
    """What is wrong with columns."""
    found = []
    where = lambda rows: tuple(f"{seen[i].item.where} ({seen[i].item.id})" for i in rows)
    for column in columns:
        name, learnt = printable(column.name), column in targets
        unused = tuple(seen[i].item.id for i in column.odd) if learnt else ()
        raw = [one.item.values.get(column.name, "").strip() for one in seen]
        if column.sentinels:
            marked = ", ".join(
                f"{printable(mark)} ({counted(count, 'time')})" for mark, count in column.sentinels.items()
            )
            found.append(
                Finding(
                    "sentinel",
                    85 if learnt else 20 if about(column.name) else 45,
                    f'"{name}" has values that seem to mean "missing": {marked}',
                    "They are not measurements, or lie far outside all others. A training would learn them as labels.",
                    f"Empty {counted(sum(column.sentinels.values()), 'cell')}; prepared.csv has them empty.",
                    where(i for i, cell in enumerate(raw) if cell in column.sentinels),
                    tuple(
                        one.item.id
                        for one, cell in zip(seen, raw, strict=True)
                        if learnt and cell in column.sentinels and not np.isfinite(_number(cell))
                    ),
                )
            )
        if column.kind == "constant":
            found.append(
                Finding(
                    "constant",
                    85 if learnt else 20 if about(column.name) else 40,
                    f'"{name}" has one value alone, in {counted(sum(map(bool, column.cells)), "row")}',
                    "A constant says nothing: nothing can be learnt from it, and nothing predicted.",
                    "Leave the column out." if not learnt else "Choose another target; this one has one value.",
                )
            )
        if learnt and column.kind in UNLIKE and 2 * len(column.counts) > (known := sum(map(bool, column.cells))):
            what = f"{len(column.counts)} different values in {counted(known, 'cell')}"
            first = printable(next(iter(column.counts))[:40])
            found.append(
                Finding(
                    "no label",
                    85,
                    f'"{name}" is neither numbers nor classes: {what}, such as {first}',
                    "A head learns numbers, or classes of which each has many examples.",
                    "Write numbers as 1234.5, or choose another column.",
                    where(i for i, cell in enumerate(column.cells) if cell),
                )
            )
        if column.odd and column.kind == "number":
            found.append(_no_numbers(column, name, learnt, where, unused))
        elif column.odd and column.kind in LABELS:
            found.append(
                Finding(
                    "odd cell",
                    75 if learnt else 40,
                    f'"{name}" is of type {column.kind}, but {counted(len(column.odd), "cell is", "cells are")} not',
                    "Items with such a label are left out of a training.",
                    "Correct these cells, or empty them.",
                    tuple(
                        f"{row}: {printable(column.cells[i][:40])}"
                        for row, i in zip(where(column.odd), column.odd, strict=True)
                    ),
                    unused,
                )
            )
        if column.kind == "class" and (same := spellings(counts := column.counts)):
            shown = lambda names, counts=counts: ", ".join(f"{printable(one)} ({counts[one]})" for one in names)
            found.append(
                Finding(
                    "spellings of one class",
                    75 if learnt else 40,
                    f'"{name}" seems to spell {len(same)} of its classes in several ways: {shown(same[0])}',
                    "Each spelling would be a class of its own, learnt from fewer examples and judged as an error.",
                    "Write each class one way in all rows, if they are one.",
                    tuple(shown(names) for names in same),
                )
            )
        if learnt and column.unknown > SOME:
            threat = 80 if column.unknown > HALF else 40
            found.append(
                Finding(
                    "missing",
                    threat,
                    f'the target "{name}" is missing in {column.unknown:.0%} of the items',
                    "Items without it teach nothing, and those that have it may not be like the others.",
                    f"Compare the {sum(map(bool, column.cells))} items that have it with the others by group before "
                    "training; choose a small head if few are left.",
                    where(i for i, cell in enumerate(column.cells) if not cell),
                )
            )
    return found


def _no_numbers(column: Column, name: str, learnt: bool, where: Callable, unused: tuple[str, ...]) -> Finding:
    """Cells of a column of numbers that are none."""
    odd = written.oddities(column.cells)
    known, count = sum(map(bool, column.cells)), len(column.odd)
    first = printable(odd[0].examples[0][:40])
    what = "text" if odd[0].kind == "text" else f"{odd[0].kind}?"
    rows = [
        f"{one.kind}: {counted(len(one.rows), 'cell')}, such as {', '.join(printable(x[:40]) for x in one.examples)}"
        for one in odd
    ]
    cells = zip(where(column.odd), column.odd, strict=True)
    return Finding(
        "cells that are not numbers",
        85 if learnt and count > SOME * known else 75 if learnt else 40,
        f'{count} of {known} cells of "{name}" are not numbers, such as {first}: {what}',
        "Items with such a label are left out of a training, and what is left may be of one kind: small numbers where "
        "thousands have separators, measurable ones where bounds are given.",
        "; ".join(f"{one.kind}: {one.cure}" for one in odd) + ".",
        (*rows, *(f"{row}: {printable(column.cells[i][:40])}" for row, i in cells)),
        unused,
    )
