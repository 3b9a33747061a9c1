"""Labels that a cell of a table is too small for: an array in a file of its own, .npy or .csv."""

import os
import re

import numpy as np

from af2jax.data.parse import printable, read_text
from af2jax.errors import InputError
from af2jax.words import counted

SUFFIXES = (".npy", ".csv")


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
        raise InputError(f"{where}: {path} is no array of numbers")
    return values
