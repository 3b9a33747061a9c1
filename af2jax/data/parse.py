"""Reading FASTA and A3M: from a path or a text to records and aligned codes, with one clear line for each fault.

`source` is the name that messages show, a file name as a rule. Lines, columns, rows and positions count from 1.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import logging

from af2jax.constants.residues import GAP, MSA_CODES
from af2jax.data import formats
from af2jax.errors import InputError
from af2jax.words import counted

_LETTER, _GAP, _INSERTION, _FILL, _OTHER = range(5)  # the first two have a column
_KIND = np.full(256, _OTHER, np.uint8)
_KIND[ord("A") : ord("Z") + 1] = _LETTER
_KIND[ord("a") : ord("z") + 1] = _INSERTION
_KIND[ord("-")] = _GAP
_KIND[ord(".")] = _FILL

CODE_OF_BYTE = np.full(256, GAP, np.int8)  # of the letters of alignments, capital and small
for _letter, _code in MSA_CODES.items():
    CODE_OF_BYTE[[ord(_letter), ord(_letter.lower())]] = _code

UNSEEN = {ord(c): None for c in "\ufeff\u200b\u2060"}  # of no meaning in any text; the first marks its beginning
JOINERS = {ord(c): None for c in "\u00ad\u200c\u200d\u200e\u200f"}  # nor these in a sequence
# What HH-suite and the PDB put beside sequences: structure, its prediction, its confidence, the consensus.
BESIDE = re.compile(r"((ss|sa|aa)_(dssp|pred|conf)|Consensus)\b|\S+_consensus\b|\S+:secstr\b")
ROWS = "row that is not a sequence", "rows that are not sequences"
CURES = (  # characters that are not amino acids, and what they may mean
    ("/|", 'put ":" between chains, and nothing else'),
    ("-.~", "if it is an alignment, call the file .a3m"),
    ("()=#[]@+\\", "if it is SMILES, leave it out: proteins alone are folded"),
    ("0123456789", "leave out numbers and names"),
)


class FastaRecord(NamedTuple):
    """One sequence of a FASTA file."""

    name: str  # the whole header behind ">"
    sequence: str  # upper case; ":" joins chains
    line: int  # of the header


class Alignment(NamedTuple):
    """Sequences aligned to a query, which is row 0."""

    names: tuple[str, ...]
    codes: np.ndarray  # int8 [N_seq N_res] 0 to 19, 20 X, 21 gap
    deletions: np.ndarray  # int32 [N_seq N_res] residues that were left out before each position
    query: str  # upper case, one letter per position


class Block(NamedTuple):
    """A name and the lines of its sequence, as they stand in the file."""

    name: str
    line: int
    parts: list[tuple[int, str]]  # line number, line

    @property
    def letters(self) -> str:
        """The lines as one, without blanks of any kind, with what marks the end of a sequence."""
        return bare("".join(part for _, part in self.parts))

    @property
    def sequence(self) -> str:
        return self.letters.rstrip("*")

    def place(self, index: int) -> str:
        """Where letter `index` of the sequence stands: "line 3, column 17"."""
        for number, part in self.parts:
            columns = [column for column, letter in enumerate(part, 1) if bare(letter)]
            if index < len(columns):
                return f"line {number}, column {columns[index]}"
            index -= len(columns)
        raise IndexError(index)


def bare(sequence: str) -> str:
    """A sequence without blanks of any kind: spaces, tabs, line ends, those that do not break, those of no width."""
    sequence = "".join(sequence.split())
    return sequence if sequence.isascii() else sequence.translate(UNSEEN | JOINERS)


def odd_letter(letter: str) -> str:
    """What a message says of a character that is not an amino acid, with what to do where that is known."""
    cure = next((cure for letters, cure in CURES if letter in letters), "")
    return f"{letter!r} is not an amino-acid letter{cure and '; '}{cure}"


def read_bytes(path: str | os.PathLike) -> bytes:
    """The content of a file, plain or packed by gzip, bzip2 or xz.

    Raises:
        InputError: the file is missing, damaged, or of a binary format that is not read.
        OSError, ValueError: it cannot be read for another reason.
    """
    source = printable(str(path))
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{source}: no such file; check the path") from None
    return formats.unpacked(data, source)


def read_text(path: str | os.PathLike) -> str:
    """The text of a file, plain or packed, in UTF-8, or in UTF-16 where its first bytes say so.

    Raises:
        InputError: the file is missing, a folder, unreadable, damaged, or no text.
    """
    source = printable(str(path))
    try:
        data = read_bytes(path)
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except InputError:  # a ValueError too
        raise
    except IsADirectoryError:
        raise InputError(f"{source} is a folder; give one file in it") from None
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        where, number = f"byte 0x{byte:02x} at offset {error.start}", data[: error.start].count(b"\n") + 1
        if not re.search(rb"[\0-\x08\x0e-\x1f]", data) and (letter := bytes([byte]).decode("cp1252", "ignore")):
            raise InputError(
                f"{source}, line {number}: this is not UTF-8 ({where}, {letter!r} in the encoding of Windows); save it "
                "as UTF-8"
            ) from None
        raise InputError(f"{source} is not a text file ({where}); give plain text in UTF-8") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or "the name is not a path"
        raise InputError(f"{str(path)!r} cannot be read: {reason}") from None


def parse_fasta(text: str, source: str, faults: list[tuple[FastaRecord, str]] | None = None) -> list[FastaRecord]:
    """The records of a FASTA text in their order: wrapped lines joined, letters upper case, a trailing "*" dropped.

    B, J, O, U, X and Z count as amino-acid letters. ":" is kept: it joins the chains of a complex (`split_chains`).

    Args:
        faults: gains (record without its sequence, reason) of each that cannot be used; None: such is an error.

    Raises:
        InputError: no record, a header without sequence or a sequence without header, a letter that is not an amino
            acid, two records of one name, or, in any case, an alignment: records of one width, some with gaps.
    """
    records: list[FastaRecord] = []
    lines: dict[str, int] = {}
    blocks = list(_split(text, source))
    widths = {len(re.sub("[a-z.]", "", block.sequence)) for block in blocks}  # insertions have no column
    aligned = len(widths) == 1 and any("-" in block.sequence for block in blocks)
    for block in blocks:
        if block.name in lines:
            raise InputError(
                f"{source}, lines {lines[block.name]} and {block.line}: two records are called "
                f"{quote(block.name)}; rename one"
            )
        lines[block.name] = block.line
        try:
            records.append(_record(block, source))
        except InputError as error:
            if faults is None or aligned:
                raise
            faults.append((FastaRecord(block.name, "", block.line), str(error)))
    return records


def _record(block: Block, source: str) -> FastaRecord:
    sequence = _checked(block, source).sequence
    if found := re.search("[^A-Za-z:]", sequence):
        raise InputError(f"{source}, {block.place(found.start())}: {odd_letter(found[0])}")
    return FastaRecord(block.name, sequence.upper(), block.line)


def split_chains(sequence: str, source: str) -> list[str]:
    """The chains that ":" joins.

    Raises:
        InputError: a chain is empty.
    """
    chains = sequence.split(":")
    if "" in chains:
        raise InputError(f'{source}: chain {chains.index("") + 1} is empty; put one ":" between two chains, none else')
    return chains


def parse_a3m(text: str, source: str) -> Alignment:
    """The rows of an A3M text; the first that is a sequence is the query. Lines that begin with "#" are comments.

    Lower-case letters are insertions: no column of their own, counted in `deletions` at the next position. "." fills
    insert columns and counts for nothing.

    Raises:
        InputError: no record, a header without sequence or a sequence without header, a letter that is not an amino
            acid, a query row with gaps or insertions, or a row of another width than the query.
    """
    blocks = a3m_rows(text, source)
    rows = [block.sequence for block in blocks]
    buffer = np.frombuffer("".join(rows).encode("ascii", "replace"), np.uint8)
    ends = np.cumsum([len(row) for row in rows])
    starts = np.concatenate([[0], ends[:-1]])
    kind = _KIND[buffer]

    if (kind == _OTHER).any():
        index = int(np.argmax(kind == _OTHER))
        row = int(np.searchsorted(ends, index, side="right"))
        index -= int(starts[row])
        raise InputError(f"{source}, {blocks[row].place(index)}: {odd_letter(rows[row][index])}")

    gap = "delete this column from every row"
    if header := complex_header(text):
        gap = (
            f"line 1 says chains of {', '.join(map(str, header[0]))} residues: put before it a row of their sequences, "
            "joined and without gaps, as ColabFold has it"
        )
    for unwanted, what, cure in (
        (_GAP, "gap", gap),
        (_INSERTION, "lower-case letter", "write the query in capitals, with a column for each of its residues"),
    ):
        if (found := kind[: ends[0]] == unwanted).any():
            index = int(np.argmax(found))
            raise InputError(f"{source}, {blocks[0].place(index)}: a {what} in the query row; {cure}")

    aligned = kind <= _GAP
    before = np.concatenate([[0], np.cumsum(aligned)])
    width = before[ends] - before[starts]
    if width[0] == 0:
        raise InputError(f"{source}, line {blocks[0].line}: the query row has no residue; the first row is the query")
    if (width != width[0]).any():
        row = int(np.argmax(width != width[0]))
        second = row > 1 and row + 1 < len(width) and (width[row:] == width[row]).all()
        cure = "are these two alignments? give one in each file" if second else "align it again or delete it"
        raise InputError(
            f"{source}, line {blocks[row].line}: row {row + 1} ({quote(blocks[row].name)}) has {width[row]} aligned "
            f"columns, the query has {width[0]}; {cure}"
        )

    shape = (len(rows), int(width[0]))
    insertions = np.concatenate([[0], np.cumsum(kind == _INSERTION)])  # in front of each letter of the buffer
    seen = insertions[:-1][aligned].reshape(shape)
    return Alignment(
        names=tuple(block.name for block in blocks),
        codes=CODE_OF_BYTE[buffer[aligned]].reshape(shape),
        deletions=np.diff(seen, axis=1, prepend=insertions[starts][:, None]).astype(np.int32),
        query=rows[0].replace(".", ""),
    )


def a3m_rows(text: str, source: str) -> list[Block]:
    """The rows of an A3M text as they stand, but those that are not sequences.

    Raises:
        InputError: as `parse_a3m`; a second alignment begins.
    """
    found = sequences((_checked(block, source) for block in _split(text, source, alignment=True)), source)
    if re.search("\0\\s*>", text):
        raise InputError(f"{source}: a second alignment begins behind a NUL byte; give one in each file")
    return found


def sequences(blocks: Iterable[Block], source: str) -> list[Block]:
    """The rows of an alignment but those that HH-suite puts beside sequences (`BESIDE`); one line says how many.

    Raises:
        InputError: no other is there.
    """
    blocks = list(blocks)
    kept = [block for block in blocks if not BESIDE.match(block.name)]
    if blocks and not kept:
        raise InputError(f"{source}: no row is a sequence, only {quote(blocks[0].name)} and such; put the query first")
    if len(kept) < len(blocks):
        names = ", ".join(dict.fromkeys(printable(b.name.split()[0]) for b in blocks if BESIDE.match(b.name)))
        logging.warning("%s: left out %s: %s", source, counted(len(blocks) - len(kept), *ROWS), names[:200])
    return kept


def complex_header(text: str) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The lengths and the numbers of copies of the chains in ColabFold's first line, such as "#191,60\t1,2"."""
    found = re.match(r"#(\d{1,9}(?:,\d{1,9})*)\s+(\d{1,9}(?:,\d{1,9})*)\s*(?:[\r\n]|$)", text)
    return tuple(tuple(int(n) for n in group.split(",")) for group in found.groups()) if found else None


def quote(name: str, limit: int = 40) -> str:
    """`name` in quotation marks, fit for one line of a message: cut at `limit`, unprintable characters as "?"."""
    shown = printable(name)
    return f'"{shown}"' if len(shown) <= limit else f'"{shown[:limit]}…"'


def printable(text: str) -> str:
    """`text` fit for one line of a message: unprintable characters as "?"."""
    return "".join(c if c.isprintable() else "?" for c in text)


def lines(text: str, source: str) -> Iterator[tuple[int, str]]:
    """The lines of a text with their numbers, without what cannot be seen; of NUL bytes a warning says so."""
    if "\0" in text:
        logging.warning("%s: dropped %s", source, counted(text.count("\0"), "NUL byte"))
        text = text.replace("\0", "")
    text = text if text.isascii() else text.translate(UNSEEN)
    return enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1)


def _split(text: str, source: str, alignment: bool = False) -> Iterator[Block]:
    """The records of a text as they stand, without comments: lines that begin with "#" or ";"."""
    formats.refuse(text, source, "FASTA")
    if not alignment and complex_header(text):
        raise InputError(f"{source}, line 1: this is ColabFold's alignment of a complex; call the file .a3m")
    block = None
    for number, line in lines(text, source):
        content = line.strip()
        if content.startswith(">"):
            if block:
                yield block
            block = Block(content[1:].strip(), number, [])
        elif not content:
            continue
        elif content.startswith(("#", ";")):
            if block and complex_header(f"{content}\n"):
                raise InputError(f"{source}, line {number}: a second alignment begins; give one in each file")
        elif block:
            block.parts.append((number, line))
        else:
            raise InputError(f'{source}, line {number}: a sequence without a header; put a line ">name" before it')
    if block is None:
        raise InputError(f"{source} is empty: it has no record; give a header line and a sequence")
    yield block


def _checked(block: Block, source: str) -> Block:
    if not block.sequence:
        raise InputError(
            f"{source}, line {block.line}: the header {quote(block.name)} has no sequence; add it or delete the header"
        )
    return block
