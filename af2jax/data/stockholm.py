"""Alignments whose rows are of one width: Stockholm, as HMMER and Pfam write it, CLUSTAL, and PSICOV's .aln.

`source` is the name that messages show, a file name as a rule. Lines and columns count from 1.
"""

from collections import Counter

import numpy as np
from absl import logging

from af2jax.data import formats
from af2jax.data.parse import CODE_OF_BYTE, Alignment, Block, lines, odd_letter, quote, sequences
from af2jax.errors import InputError

SUFFIXES = (".sto", ".sth", ".stk", ".stockholm")

_RESIDUE, _GAP, _OTHER = range(3)
_KIND = np.full(256, _OTHER, np.uint8)
_KIND[ord("A") : ord("Z") + 1] = _KIND[ord("a") : ord("z") + 1] = _RESIDUE
_KIND[ord("*")] = _RESIDUE  # a stop codon, in translated genomes: X
_KIND[[ord(letter) for letter in "-._~"]] = _GAP


def parse_stockholm(text: str, source: str) -> Alignment:
    """The rows of a Stockholm text; the first is the query, as AlphaFold takes it.

    Columns where the query has a gap are not positions: the residues that other rows have there are counted in
    `deletions` at the next position. Small letters are residues, "*" is X; "-", ".", "_" and "~" are gaps. Names keep
    their "/start-end".

    Raises:
        InputError: see `rows`; or there is no row, a row is of another width than the first, a letter is not an amino
            acid, or the query row has no residue.
    """
    return _aligned(rows(text, source)[0], source)


def parse_psicov(text: str, source: str) -> Alignment:
    """The rows of PSICOV's .aln, one a line without names; the rest as in `parse_stockholm`.

    Raises:
        InputError: as `parse_stockholm`.
    """
    formats.refuse(text, source)
    found = [(number, line) for number, line in lines(text, source) if line.strip()]
    return _aligned([Block(f"row {row}", line[0], [line]) for row, line in enumerate(found, start=1)], source)


def parse_clustal(text: str, source: str) -> Alignment:
    """The rows of a CLUSTAL text, as Clustal, MAFFT and MUSCLE write it; the rest as in `parse_stockholm`.

    Lines of marks, which begin with a blank, and the numbers behind rows are left out.

    Raises:
        InputError: as `parse_stockholm`.
    """
    found: dict[str, Block] = {}
    for number, line in lines(text, source):
        words = line.split()
        if not words or line[0].isspace():
            continue
        if formats.is_format(line, "CLUSTAL") and len(words) > 2:
            if found:
                raise InputError(f"{source}, line {number}: a second alignment begins; give one in each file")
            continue
        words = words[:-1] if len(words) > 2 and words[-1].isdigit() else words
        if len(words) != 2:
            raise InputError(f"{source}, line {number}: a row of a CLUSTAL alignment is a name and its residues")
        part = " " * line.rindex(words[1]) + words[1]
        found.setdefault(words[0], Block(words[0], number, [])).parts.append((number, part))
    return _aligned(list(found.values()), source)


def rows(text: str, source: str) -> tuple[list[Block], dict[str, str]]:
    """The rows of a Stockholm text, blocks of one name joined, and the descriptions ("#=GS name DE ...") by name.

    A text that does not end in "//" gives a warning, since it may be cut off.

    Raises:
        InputError: a line is neither a comment nor a name and residues, or a second alignment follows.
    """
    found: dict[str, Block] = {}
    descriptions: dict[str, str] = {}
    ended = False
    formats.refuse(text, source, "Stockholm")
    for number, line in lines(text, source):
        words = line.split(maxsplit=3)
        if not words:
            continue
        if ended:
            raise InputError(f'{source}, line {number}: something follows the "//"; give one alignment in each file')
        if words[0] == "//":
            ended = True
        elif words[0] == "#=GS" and len(words) > 3 and words[2] == "DE":
            descriptions[words[1]] = words[3].strip()
        elif not words[0].startswith("#"):
            if len(words) < 2:
                raise InputError(
                    f"{source}, line {number}: a row of a Stockholm alignment is a name and its residues; correct it"
                )
            name, letters = line.split(maxsplit=1)
            part = " " * line.rindex(letters) + letters  # so that a letter stands in its column of the file
            found.setdefault(name, Block(name, number, [])).parts.append((number, part))
    if found and not ended:
        logging.warning('%s: there is no "//" at the end; is the file complete?', source)
    return list(found.values()), descriptions


def _aligned(blocks: list[Block], source: str) -> Alignment:
    if not blocks:
        raise InputError(f"{source} is empty: it has no row; the first row is the query")
    blocks = sequences(blocks, source)
    letters = [block.letters for block in blocks]
    width = Counter(len(row) for row in letters).most_common(1)[0][0]
    for block, row in zip(blocks, letters, strict=True):
        if len(row) != width:
            raise InputError(
                f"{source}, line {block.line}: row {quote(block.name)} has {len(row)} columns, other rows {width}; "
                "align it again or delete it, and give each row a name of its own"
            )
    table = np.frombuffer("".join(letters).encode("ascii", "replace"), np.uint8).reshape(len(blocks), -1)
    kind = _KIND[table]
    if (kind == _OTHER).any():
        row, column = (int(index[0]) for index in np.nonzero(kind == _OTHER))
        raise InputError(f"{source}, {blocks[row].place(column)}: {odd_letter(letters[row][column])}")
    residues = kind == _RESIDUE
    columns = np.flatnonzero(residues[0])
    if not len(columns):
        raise InputError(f"{source}, line {blocks[0].line}: the query row has no residue; the first row is the query")
    begin = np.concatenate([[0], columns[:-1] + 1])  # of the gaps before each position
    inserted = residues[:, : columns[-1] + 1] & ~residues[0, : columns[-1] + 1]
    return Alignment(
        names=tuple(block.name for block in blocks),
        codes=np.where(table == ord("*"), CODE_OF_BYTE[ord("X")], CODE_OF_BYTE[table])[:, columns],
        deletions=np.add.reduceat(inserted, begin, axis=1, dtype=np.int32),
        query=table[0, columns].tobytes().decode().upper().replace("*", "X"),
    )
