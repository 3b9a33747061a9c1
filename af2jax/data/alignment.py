"""The rows of an alignment: some, the different ones, more of gaps, as A3M text, and whether row 0 is a sequence."""

import numpy as np

from af2jax.constants.residues import GAP, LETTERS, RESTYPES
from af2jax.data.msa import deduplicate
from af2jax.data.parse import CODE_OF_BYTE, Alignment, printable
from af2jax.typing import Int


def alone(sequence: str, *given: Alignment | None) -> Alignment:
    """The sequence without hits, under the name that an alignment has for it."""
    name = next((alignment.names[0] for alignment in given if alignment), "query")
    codes = _codes(sequence)[None]
    return Alignment((name,), codes, np.zeros(codes.shape, np.int32), sequence)


def take(alignment: Alignment, index: Int[np.ndarray, " N_taken"]) -> Alignment:
    """The rows `index` of an alignment."""
    names = tuple(alignment.names[i] for i in index)
    return Alignment(names, alignment.codes[index], alignment.deletions[index], alignment.query)


def distinct(alignment: Alignment) -> tuple[Alignment, Int[np.ndarray, " N_kept"]]:
    """The first row of each kind, and which they are."""
    kept = deduplicate(alignment.codes)
    return take(alignment, kept), kept


def with_gaps(alignment: Alignment, count: int = 1) -> Alignment:
    """`alignment` with rows of gaps behind."""
    more = ((0, count), (0, 0))
    codes, deletions = np.pad(alignment.codes, more, constant_values=GAP), np.pad(alignment.deletions, more)
    return Alignment(alignment.names + ("",) * count, codes, deletions, alignment.query)


def with_query(alignment: Alignment, sequence: str) -> Alignment:
    """`alignment` with the sequence as row 0."""
    codes, deletions = alignment.codes.astype(np.int8), alignment.deletions.astype(np.int32)
    codes[0], deletions[0] = _codes(sequence), 0
    return alignment._replace(codes=codes, deletions=deletions, query=sequence)


def difference(alignment: Alignment, sequence: str) -> int | None:
    """The first position at which row 0 is not the sequence; not at U, O, J, ..., which MMseqs2 renames."""
    first, wanted = alignment.codes[0], _codes(sequence)
    common = min(len(first), len(wanted))
    ours = np.array([letter in RESTYPES for letter in sequence[:common]], bool)
    differ = np.flatnonzero((first[:common] != wanted[:common]) & ours)
    return int(differ[0]) if len(differ) else None if len(first) == len(wanted) else common


def to_a3m(alignment: Alignment) -> str:
    """The rows as A3M text, which reads as the same rows; an insertion, of which the length alone is known, is of x."""
    written = lambda codes, deletions: "".join("x" * n + LETTERS[c] for c, n in zip(codes, deletions, strict=True))
    rows = map(written, alignment.codes[1:].tolist(), alignment.deletions[1:].tolist())
    named = zip(alignment.names, [alignment.query, *rows], strict=True)
    return "".join(f">{printable(name)}\n{row}\n" for name, row in named)


def _codes(sequence: str) -> np.ndarray:
    return CODE_OF_BYTE[np.frombuffer(sequence.encode(), np.uint8)]
