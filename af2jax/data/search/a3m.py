"""An A3M text put together: one query, and the hits of several searches with it."""

import re
from collections.abc import Iterable, Sequence

from af2jax.constants.residues import RESTYPES
from af2jax.data.parse import a3m_rows, parse_a3m, printable, quote
from af2jax.errors import InputError


def checked_query(name: str, sequence: str) -> str:
    """A sequence in capitals.

    Raises:
        InputError: it is not one chain of amino-acid letters.
    """
    if not re.fullmatch("[A-Za-z]+", sequence):
        raise InputError(f"{quote(name)}: a search needs the sequence of one chain, in amino-acid letters only")
    return sequence.upper()


def join(name: str, sequence: str, hits: Iterable[str]) -> str:
    """The text of a query and its hits, each a header and a row."""
    return "\n".join([f">{printable(name)}\n{sequence}", *hits]) + "\n"


def hits(text: str, sequence: str, source: str) -> list[str]:
    """The records behind the query in an A3M text that another program made.

    Raises:
        InputError: the text is not well-formed, or its first row is another sequence.
    """
    text = text.replace("\0", "")  # MMseqs2 ends the part of each query by NUL
    first = parse_a3m(text, source).query.upper()
    same = (a == b or b not in RESTYPES for a, b in zip(first, sequence, strict=False))  # MMseqs2 renames U, O, J, ...
    if len(first) != len(sequence) or not all(same):
        raise InputError(f"{source}: its first row is not the query; this is the result of another sequence")
    return [f">{block.name}\n{block.sequence}" for block in a3m_rows(text, source)[1:]]


def join_chains(chains: Sequence[tuple[str, int, list[str]]]) -> str:
    """The text of a complex as ColabFold writes it, for chains of (sequence, copies, hits); hits are not paired.

    The first line has the chains' lengths and copies, the first row their sequences; the hits of a chain follow its
    sequence alone, with gaps for the other chains.
    """
    lengths = [len(sequence) for sequence, _, _ in chains]
    numbers = [str(101 + number) for number in range(len(chains))]
    copies = (str(count) for _, count, _ in chains)
    lines = [f"#{','.join(map(str, lengths))}\t{','.join(copies)}", ">" + "\t".join(numbers)]
    lines.append("".join(sequence for sequence, _, _ in chains))
    for number, (sequence, _, found) in enumerate(chains):
        before, behind = "-" * sum(lengths[:number]), "-" * sum(lengths[number + 1 :])
        for record in (f">{numbers[number]}\n{sequence}", *found):
            header, _, row = record.partition("\n")
            lines += [header, before + "".join(row.split()) + behind]
    return "\n".join(lines) + "\n"
