"""Files that appear whole or not at all, under names that stay in their folder; what goes into one as JSON."""

import csv
import hashlib
import io
import math
import os
import platform
import re
import tokenize
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path

LONGEST_NAME = 120  # bytes
_MACHINE = f"{zlib.crc32(platform.node().encode()):08x}"

DAMAGED = (  # what reading an .npz raises that was cut short or changed
    *(OSError, ValueError, KeyError, EOFError, RuntimeError, SyntaxError),
    *(tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)


@contextmanager
def whole(path: str | os.PathLike) -> Iterator[Path]:
    """A path beside `path` to write to; it becomes `path` when the block ends, and disappears when it fails."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{_MACHINE}-{os.getpid()}.part")
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:  # what fails while it writes, as where the disk is full, names no file
        if error.errno and error.filename is None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        partial.unlink(missing_ok=True)


def write(path: str | os.PathLike, text: str) -> Path:
    """Writes a text file whole or not at all."""
    with whole(path) as partial:
        partial.write_text(text)
    return Path(path)


def write_table(path: str | os.PathLike, columns: Sequence[str], rows: Iterable[Mapping]) -> Path | None:
    """Writes the `columns` of rows as CSV, whole or not at all, "" where a row has none; None: there is no row."""
    rows = list(rows)
    if not rows:
        return None
    text = io.StringIO()
    table = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore", restval="")
    table.writeheader()
    table.writerows(rows)
    return write(path, text.getvalue())


def plain(value):
    """`value` as JSON has it: arrays as lists, dataclasses by field, null for what is not finite."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if is_dataclass(value):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if hasattr(value, "tolist"):  # of NumPy or jax
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float | None) else str(value)


def sha256(path: str | os.PathLike) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tidy(folder: Path) -> None:
    """Removes what killed processes of this machine left half-written in a folder, and in the folders in it."""
    for path in [*folder.glob(".*.part"), *folder.glob("*/.*.part")]:
        owner = re.search(rf"\.{_MACHINE}-(\d{{1,9}})\.part$", path.name)
        if owner and not _lives(int(owner[1])):
            path.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        pass
    return True


def file_name(job: str) -> str:
    """`job` as a file name that stays in its folder: letters and digits of any script, "_", "-", "." and at most 120
    bytes; of ASCII alone where the file system has no other."""
    letters = unicodedata.normalize("NFC", job)
    name = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" or c in "_.-" else "_" for c in letters)
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        name = re.sub("[^ -~]", "_", name)
    return name.encode()[:LONGEST_NAME].decode(errors="ignore").lstrip(".") or "query"


def path_and_chain(item: str | os.PathLike) -> tuple[Path, str | None]:
    """The file of a structure, and its chain where FILE:CHAIN says which."""
    path, chain = os.fspath(item), None
    if ":" in path and not os.path.exists(path):
        path, _, chain = path.rpartition(":")
    return Path(path), chain
