"""Tables as people save them: commas, semicolons or tabs between the cells, told by the header; quotes as in CSV."""

import csv
import io
import re
from collections.abc import Iterator

from af2jax.data import formats
from af2jax.data.parse import UNSEEN, printable
from af2jax.errors import InputError
from af2jax.words import counted

DELIMITERS = ",\t;"


def rows(text: str, source: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table with their lines: {column: cell}, without blanks around both; empty rows are left out.

    A first line "sep=;", as Excel reads it, names the delimiter; else it is that which makes most columns of the
    header. A row may be shorter than the header; longer only by empty cells.

    Raises:
        InputError: two columns have one name, a row has more cells than the header, or this is not a table.
    """
    formats.refuse(text, source)
    if "\0" in text:
        raise InputError(f"{source}: this is not a table (it has NUL bytes); write it again")
    reader, above = _reader(text)

    def where():
        return f"{source}, line {reader.line_num + above}"

    try:
        columns = _header(reader)
        if twice := {name for name in columns if name and columns.count(name) > 1}:
            raise InputError(f'{where()}: two columns are called "{printable(min(twice))}"; rename one')
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells[len(columns) :]):
                what = f"{counted(len(row), 'cell')} under {counted(len(columns), 'column')}"
                raise InputError(f"{where()}: {what}; put quotes around cells")
            if any(cells):
                yield reader.line_num + above, dict.fromkeys(columns, "") | dict(zip(columns, cells, strict=False))
    except csv.Error as error:
        raise InputError(f"{where()}: this is not a table ({error}); write it again") from None


def header(text: str) -> list[str]:
    """The columns of a table, which may have no row."""
    try:
        return _header(_reader(text)[0])
    except csv.Error:  # which `rows` tells of
        return []


def _reader(text: str):
    """A reader of the rows, and the number of lines above that it does not see."""
    text, above = text.translate(UNSEEN), 0
    if stated := re.match(r'"?sep=(\\t|.)"?[ \t]*(\r\n|\r|\n)', text, re.IGNORECASE):
        text, above = text[stated.end() :], 1
    delimiter = stated[1].replace("\\t", "\t") if stated else delimiter_of(text)
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), above


def _header(reader) -> list[str]:
    return next(([cell.strip() for cell in row] for row in reader if any(row)), [])


def delimiter_of(text: str) -> str:
    """What stands between the cells of a table, by its first line that is not empty."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    try:
        return max(DELIMITERS, key=lambda sign: len(next(csv.reader([line], delimiter=sign), [])))
    except csv.Error:
        return DELIMITERS[0]
