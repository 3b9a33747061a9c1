"""Sequence databases as streams: FASTA files, plain or packed, of any size, in blocks that pyhmmer can compare."""

import io
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from absl import logging

from af2jax.data.formats import DAMAGED, PACKERS
from af2jax.data.parse import printable, quote
from af2jax.errors import InputError
from af2jax.words import counted

Progress = Callable[[str, int, float], None]
"""Is told the name of a database, how many sequences are read, and what part of the file that is (0 to 1)."""

_BLOCK = 1_000_000  # residues that one thread compares at a time
_CLEAN = bytes(c if 32 <= c < 127 or c in b"\t\n\r" else ord("?") for c in range(256))
_HEADER = re.compile(rb"^>[^\n]*", re.MULTILINE)
_NAMELESS = re.compile(rb"^>\s*$", re.MULTILINE)
_LEGAL = bytes(c for c in range(256) if chr(c).isascii() and (chr(c).isalpha() or chr(c).isspace())) + b"*"
_LONGEST = 100_000  # residues that HMMER compares
_OTHERS = "record that is not a protein", "records that are not proteins"
_EMPTY = "is empty: a database is FASTA, with a header and a sequence for each record"


def blocks(path: str | os.PathLike, progress: Progress | None = None) -> Iterator:
    """The sequences of a database as `pyhmmer.easel.DigitalSequenceBlock`s, in the order of the file.

    Records that HMMER cannot compare are skipped, and a warning counts them: those with other characters than letters
    and "*", such as gaps and digits, without a name, or of more than 100,000 residues. `progress` is called when a
    block has been used.

    Raises:
        InputError: the file is missing, empty, damaged, not FASTA, has no protein, or ends in a header. What follows
            the fault is not read, and what was given out before must not be used.
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
            if not stream.fault and not stream.skipped:
                raise InputError(f"{source}{_reason(stream.start, str(error))}") from None
        if stream.fault:
            reason = " ".join(str(stream.fault).split())
            raise InputError(
                f"{source} cannot be read to its end ({reason}), only {counted(count, 'sequence')}; "
                "copy or download it again"
            )
        if stream.skipped:
            logging.warning("%s: skipped %s, %s first", source, counted(stream.skipped, *_OTHERS), quote(stream.first))
            if not count:
                raise InputError(f"{source} has no protein: it is skipped whole, {counted(stream.skipped, 'record')}")
    if not count:
        raise InputError(f"{source} {_EMPTY}")
    if not len(last):
        raise InputError(f"{source} is cut off: it ends in the header {quote(last.name)}; copy or download it again")


class _Stream(io.RawIOBase):
    """The proteins of a plain or packed file. A fault ends the stream and is kept, as pyhmmer does not pass it on."""

    def __init__(self, path: Path):
        self.name = str(path)
        self.fault: Exception | None = None
        self.start = b""
        self.skipped, self.first = 0, ""  # records, and the name of the first of them
        self._file = io.BufferedReader(io.FileIO(path))
        self._size = os.fstat(self._file.fileno()).st_size
        begin = self._file.peek(6)[:6]
        opened = next((stream(self._file) for start, _, _, stream in PACKERS if begin.startswith(start)), self._file)
        self._bytes, self._rest, self._ready = opened, b"", io.BytesIO()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        data = self._ready.read(len(buffer))
        while not data and (more := self._records()):
            self._ready = io.BytesIO(self._proteins(more))
            data = self._ready.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _records(self) -> bytes:
        """The next records, whole; nothing at the end."""
        while True:
            try:
                data = self._bytes.read(1 << 20).translate(_CLEAN)
            except DAMAGED as error:
                self.fault, data = error, b""
            self._rest += data
            self.start = self.start or self._rest.lstrip()[:20]
            end = self._rest.rfind(b"\n>") + 1 if data else len(self._rest)
            if end or not data:
                found, self._rest = self._rest[:end], self._rest[end:]
                return found

    def _proteins(self, records: bytes) -> bytes:
        """The records that HMMER can compare; what is not FASTA as it is."""
        odd = _HEADER.sub(b"", records).translate(None, _LEGAL) or _NAMELESS.search(records)
        if not self.start.startswith(b">") or not (odd or max(map(len, records.split(b"\n>"))) > _LONGEST):
            return records
        kept = []
        for record in re.split(rb"^(?=>)", records, flags=re.MULTILINE):
            header, _, sequence = record.partition(b"\n")
            if not header[1:].strip() or sequence.translate(None, _LEGAL) or len(sequence) > _LONGEST:
                self.skipped += bool(header)
                self.first = self.first or header[1:].decode().strip().split(" ")[0]
            else:
                kept.append(record)
        return b"".join(kept)

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
        reason = getattr(error, "strerror", None) or "the name is not a path"
        raise InputError(f"{source} cannot be read: {reason}") from None


def _reason(start: bytes, error: str) -> str:
    """What is wrong with a file whose content begins with `start`, to be put behind its name; pyhmmer says `error`."""
    if not start:
        return f" {_EMPTY}"
    if not start.startswith(b">"):
        return f' is not FASTA: it begins with {quote(start.decode())}, not with ">"; give FASTA, plain or packed'
    return f": {printable(error)}"
