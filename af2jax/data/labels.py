"""Labels: what the cells of a column hold, as numbers for the residues of a chain."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from af2jax.data.formats import locate
from af2jax.data.parse import printable, read_text
from af2jax.data.structure import Chain
from af2jax.errors import InputError
from af2jax.typing import Float, Int
from af2jax.words import counted

SUFFIXES = (".npy", ".csv")  # of files of labels that a cell is too small for
BOUND = {">": 1, "<": -1, "": 0}
LIMIT = re.compile(r"([<>]?)=?\s*(\S+)")
MISSING = ("", ".", "na", "n/a", "nan", "none", "null", "?")


@dataclass(frozen=True)
class Label:
    """How the cells of a column are read.

    Attributes:
        residue: one value for each residue; else one for the whole, or for each pair.
        classes: number of classes; 0: numbers.
        names: of the classes, where cells are words, or for residues letters.
        pair: one value for each pair of residues.
        outputs: numbers in place of each value.
        limits: a cell may be a limit (`limit`), of which the number is read.
    """

    residue: bool
    classes: int = 0
    names: tuple[str, ...] = ()
    pair: bool = False
    outputs: int = 1
    limits: bool = False

    @property
    def axes(self) -> int:
        """Axes of residues: 0, 1, or 2 of pairs."""
        return 2 if self.pair else int(self.residue)


def read_label(
    cell: str, what: Label, known: Chain, folder: Path, where: str
) -> Float[np.ndarray, "..."] | Int[np.ndarray, "..."]:
    """What a cell of a table holds: int32 (-1: unknown) or float32 (NaN: unknown), [], of residues [N_res], of pairs
    [N_res N_res] over its full sequence; of several numbers with a last axis of them.

    A cell holds one value; for residues a letter for each, or values between spaces or ";"; several numbers of the
    whole between spaces or ";". Or it is the path of a file (`read_array`), which pairs, and several numbers of
    residues, need. There is a value for each residue of the full sequence or for each that is observed.

    Raises:
        InputError: a value is neither a number nor a class, or there are not as many as residues or outputs.
    """
    cell = limit(cell)[1] if what.limits else cell.strip()
    unknown = np.int32(-1) if what.classes else np.float32(np.nan)
    num, observed, axes = len(known.aatype), known.observed, what.axes
    tail = (what.outputs,) if what.outputs > 1 else ()
    out = np.full((num,) * axes + tail, unknown)
    if cell.lower() in MISSING:
        return out
    if axes and is_label_file(cell):
        given = _counted(read_array(locate(folder, cell), where), what)
    elif axes == 2 or (axes and tail):
        of = "pairs" if axes == 2 else "several numbers for each residue"
        raise InputError(f"{where}: labels of {of} are in a file: give the path of a .npy or .csv, not {cell[:40]!r}")
    elif axes or tail:
        parts = cell.replace(";", " ").split()
        given = np.array(list(cell) if axes and len(parts) == 1 else parts)
    else:
        given = np.array(cell)
    if given.shape not in [(size,) * axes + tail for size in (num, int(observed.sum()))]:
        raise InputError(f"{where}: {_shapes(given.shape, num, observed, axes, tail)}")
    place = np.arange(num) if given.shape[:1] == (num,) else np.flatnonzero(observed)
    out[np.ix_(*[place] * axes) if axes else ...] = _values(given, what, where)
    return out


def limit(cell: str) -> tuple[int, str]:
    """(bound, number) of a cell: 1 of ">5", which is known to be 5 or more, -1 of "<5", 0 of what was measured."""
    sign, number = found.groups() if (found := LIMIT.fullmatch(cell.strip())) else ("", cell.strip())
    return BOUND[sign], number


def _counted(given: np.ndarray, what: Label) -> np.ndarray:
    """The text of a file as numbers, where it has no name of a class: named classes may be counted from 0 there."""
    if given.dtype.kind != "U" or not what.names or np.isin(given, what.names).any():
        return given
    try:
        return np.where(np.isin(np.char.lower(given), (*MISSING, "-")), "nan", given).astype(float)
    except ValueError:
        return given


def _shapes(found: tuple, num: int, observed: np.ndarray, axes: int, tail: tuple) -> str:
    """What is wrong with so many values."""
    shown = " x ".join(map(str, found)) or "1"
    if not axes:
        return f"{shown} values for {tail[0]} outputs; give one for each"
    there = f" ({observed.sum()} observed)" if observed.any() else ""
    if axes + len(tail) == 1:
        return f"{shown} values for {num} residues{there}; give one for each"
    wanted = " x ".join(map(str, (num,) * axes + tail))
    return f"{shown} values for {num} residues{there}; give {wanted}"


def _values(given: np.ndarray, what: Label, where: str) -> np.ndarray:
    """Text or numbers as labels."""
    if given.dtype.kind == "U":
        texts, place = np.unique(given, return_inverse=True)
        return np.array([_value(text, what, where) for text in texts.tolist()])[place.ravel()].reshape(given.shape)
    if not what.classes:
        values = given.astype(np.float64)
        wrong = ~(np.isnan(values) | (abs(values) < float(np.finfo(np.float32).max)))
    else:
        values = np.where(np.isnan(given), -1, given) if given.dtype.kind == "f" else given.astype(np.int64)
        wrong = (values != np.floor(values)) | (values < -1) | (values >= what.classes)
    if wrong.any():
        kind = f"none of the classes (0 to {what.classes - 1})" if what.classes else "not a number"
        raise InputError(f"{where}: {str(given[wrong][0])!r} is {kind}")
    return values.astype(np.int32 if what.classes else np.float32)


def _value(text: str, what: Label, where: str) -> np.int32 | np.float32:
    if what.names and text in what.names:
        return np.int32(what.names.index(text))
    if text.lower() in MISSING or text == "-":
        return np.int32(-1) if what.classes else np.float32(np.nan)
    try:
        number = float(text)
    except ValueError:
        number = np.nan
    if not abs(number) < float(np.finfo(np.float32).max):
        cure = f"known classes: {', '.join(what.names)}" if what.names else "give a number, or name the classes"
        raise InputError(f"{where}: {text[:40]!r} is not a {'class' if what.names else 'number'}; {cure}")
    if not what.classes:
        return np.float32(number)
    if what.names or number != int(number) or not 0 <= number < what.classes:
        known = ", ".join(what.names) or f"0 to {what.classes - 1}"
        raise InputError(f"{where}: {text[:40]!r} is none of the classes ({known})")
    return np.int32(number)


def is_label_file(cell: str) -> bool:
    """Whether a cell names such a file."""
    return cell.strip().lower().endswith(SUFFIXES)


def read_array(path: str | os.PathLike, where: str) -> np.ndarray:
    """What a file holds: numbers of a .npy; of a .csv its cells as text, [rows columns], or [rows] of one column.

    A .csv has no header; ",", ";", a tab or spaces stand between cells, whichever of these its first line has.

    Raises:
        InputError: it cannot be read, holds no numbers, or its rows differ in length.
    """
    if str(path).lower().endswith(".npy"):
        return _npy(path, where)
    rows, lines = [], read_text(path).splitlines()
    mark = next((mark for mark in ",;\t" if mark in "".join(lines[:1])), None)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        cells = line.split() if mark is None else re.split(mark, line)
        if rows and len(cells) != len(rows[0]):
            raise InputError(
                f"{where}: {printable(str(path))}, line {number}: {counted(len(cells), 'cell')}, where the first "
                f"line has {len(rows[0])}; give a matrix without a header"
            )
        rows.append([cell.strip() for cell in cells])
    found = np.array(rows, str)
    return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found


def _npy(path: str | os.PathLike, where: str) -> np.ndarray:
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{where}: {path} cannot be read ({type(error).__name__}); give a .npy of numbers") from None
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
        raise InputError(f"{where}: {path} is not an array of numbers")
    return values
