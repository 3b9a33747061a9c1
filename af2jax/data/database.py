"""Sequence databases as streams: FASTA files, plain or gzip, of any size, in blocks that pyhmmer can compare."""

import gzip
import io
import os
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from af2jax.data.parse import printable, quote
from af2jax.errors import InputError

Progress = Callable[[str, int, float], None]
"""Is told the name of a database, how many sequences are read, and what part of the file that is (0 to 1)."""

_BLOCK = 1_000_000  # residues that one thread compares at a time
_CLEAN = bytes(c if 32 <= c < 127 or c in b"\t\n\r" else ord("?") for c in range(256))
_EMPTY = "is empty: a database is FASTA, with a header and a sequence for each record"


def blocks(path: str | os.PathLike, progress: Progress | None = None) -> Iterator:
    """The sequences of a database as `pyhmmer.easel.DigitalSequenceBlock`s, in the order of the file.

    Characters that are not printable ASCII are read as "?". `progress` is called when a block has been used.

    Raises:
        InputError: the file is missing, empty, damaged gzip, not FASTA, has an illegal letter, or ends in a header.
            What follows the fault is not read, and what was given out before must not be used.
    """
    from pyhmmer.easel import Alphabet, SequenceFile

    path, source = Path(path), printable(str(path))
    count, last = 0, None
    with _open(path, source) as stream:
        try:
            with SequenceFile(stream, "fasta", digital=True, alphabet=Alphabet.amino()) as file:
                while block := file.read_block(residues=_BLOCK):
                    count, last = count + len(block), block[-1]
                    yield block
                    if progress:
                        progress(path.name, count, stream.part())
        except (ValueError, EOFError) as error:
            if not stream.fault:
                raise InputError(f"{source}{_reason(path, stream.start, str(error))}") from None
        if stream.fault:
            reason = " ".join(str(stream.fault).split())
            raise InputError(
                f"{source} cannot be read to its end ({reason}), only {count} sequences; copy or download it again"
            )
    if not count:
        raise InputError(f"{source} {_EMPTY}")
    if not len(last):
        raise InputError(f"{source} is cut off: it ends in the header {quote(last.name)}; copy or download it again")


class _Stream(io.RawIOBase):
    """The bytes of a plain or gzip file. A fault ends the stream and is kept, because pyhmmer does not pass it on."""

    def __init__(self, path: Path):
        self.name = str(path)
        self.fault: Exception | None = None
        self.start = b""
        self._file = io.BufferedReader(io.FileIO(path))
        self._size = os.fstat(self._file.fileno()).st_size
        packed = self._file.peek(2)[:2] == b"\x1f\x8b"
        self._bytes = gzip.GzipFile(fileobj=self._file) if packed else self._file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        try:
            data = self._bytes.read(len(buffer)).translate(_CLEAN)
        except (OSError, EOFError, zlib.error) as error:  # gzip.BadGzipFile is an OSError
            self.fault, data = error, b""
        self.start = self.start or data.lstrip()[:20]
        buffer[: len(data)] = data
        return len(data)

    def part(self) -> float:
        """The part of the file that has been read, 0 to 1."""
        return self._file.tell() / self._size if self._size else 0.0

    def close(self) -> None:
        self._file.close()
        super().close()


def _open(path: Path, source: str) -> _Stream:
    try:
        return _Stream(path)
    except FileNotFoundError:
        raise InputError(f"{source}: no such file; check the path of the database") from None
    except IsADirectoryError:
        raise InputError(f"{source} is a folder; give one FASTA file in it") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or "the name is no path"
        raise InputError(f"{source} cannot be read: {reason}") from None


def _reason(path: Path, start: bytes, error: str) -> str:
    """What is wrong with a file whose content begins with `start`, to be put behind its name; pyhmmer says `error`."""
    if not start:
        return f" {_EMPTY}"
    if not start.startswith(b">"):
        return f' is not FASTA: it begins with {quote(start.decode())}, not with ">"; give plain or gzip FASTA'
    with _Stream(path) as stream, io.TextIOWrapper(io.BufferedReader(stream), encoding="ascii") as lines:
        for number, line in enumerate(lines, start=1):
            if line.startswith(">"):
                if not line[1:].strip():
                    return f", line {number}: a header without a name"
            elif found := re.search(r"[^A-Za-z*~.\s]", line):
                where = f", line {number}, column {found.start() + 1}"
                return f"{where}: {found[0]!r} is not an amino-acid letter; a database holds no alignments"
    return f": {printable(error)}"
