"""Template hits of a search, from the files of HHsearch (.hhr), hmmsearch (Stockholm) and MMseqs2 (.m8).

`source` is the name that messages show, a file name as a rule. Positions of a query count from 0 in arrays, from 1 in
messages.
"""

import os
import re
from typing import NamedTuple

import numpy as np

from af2jax.constants.residues import UNKNOWN
from af2jax.data import formats, stockholm
from af2jax.data.parse import CODE_OF_BYTE, lines, printable, quote, read_text
from af2jax.errors import InputError
from af2jax.typing import Int

SUFFIXES = (".hhr", ".m8", *stockholm.SUFFIXES)


class Hit(NamedTuple):
    """One alignment of the query with a chain of known structure."""

    name: str  # as the file has it, such as "4hhb_A"
    entry: str  # of the structure: the name without the chain, small letters
    chain: str | None  # its author's identifier; None: the name has none
    query: np.ndarray  # int [N] positions of the query
    target: np.ndarray  # int [N] the position in `sequence` that each of them is aligned with
    sequence: str  # of the aligned part of the chain, capitals; "": not in the file, `target` counts the full sequence
    sum_probs: float | None  # the expected number of correctly aligned residues; None: the search does not say it
    identity: float | None  # part of the aligned residues that are equal, where there is no sequence


def read_hits(path: str | os.PathLike, query: str) -> list[Hit]:
    """The hits in a file (.gz too), in its order; the suffix tells the format.

    Args:
        query: the sequence of the query, one letter for each residue.

    Raises:
        InputError: the file is missing, damaged, or of another query.
    """
    text, source = read_text(path), printable(str(path))
    name = formats.plain(str(path).lower())
    parse = parse_hhr if name.endswith(".hhr") else parse_m8 if name.endswith(".m8") else parse_hmmsearch
    return parse(text, query, source)


def parse_hhr(text: str, query: str, source: str) -> list[Hit]:
    """The hits of HHsearch or HHblits, hh-suite 2 or 3.

    Raises:
        InputError: a hit is damaged or cut off, or aligns residues that `query` does not have.
    """
    found: list[Hit] = []
    start, body = 0, []
    for number, line in [*lines(text, source), (0, "No 0")]:
        if re.match(r"No \d", line):
            if start:
                found.append(_hhr_hit(body, query, f"{source}, line {start}"))
            start, body = number, []
        else:
            body.append(line)
    return found


def _hhr_hit(body: list[str], query: str, where: str) -> Hit:
    """The hit under one line "No ..."."""
    name = next((line[1:].split()[0] for line in body if re.match(r">\S", line)), None)
    sums = next((m[1] for line in body if (m := re.search(r"Sum_probs= *(\d+\.?\d*)", line))), None)
    if name is None or sums is None:
        raise InputError(f"{where}: the hit has no name or no Sum_probs; is the .hhr file damaged?")
    rows, positions = {"Q": "", "T": ""}, []
    for line in body:
        row = re.match(r"([QT]) (?!(?:Consensus|ss_\w+) )\S+ +(\d{1,9}) ([A-Za-z*-]+) +(\d{1,9}) +\(\d+\)", line)
        if not row:
            if re.match(r"[QT] (?!Consensus |ss_)", line):
                raise InputError(f"{where}: the hit has a row that cannot be read: {quote(line)}; correct it")
            continue
        letters, first, last = row[3].upper(), int(row[2]), int(row[4])
        count = len(letters.replace("-", ""))
        if count and count != last - first + 1:
            raise InputError(
                f"{where}: the hit has a row of {count} residues that counts {last - first + 1}; correct it"
            )
        rows[row[1]] += letters
        if row[1] == "Q":
            positions += range(first - 1, first - 1 + count)
    q, t = (np.frombuffer(rows[side].encode(), np.uint8) != ord("-") for side in "QT")
    if len(q) != len(t):
        raise InputError(f"{where}: the hit is cut off; search again, or delete it")
    positions = np.array(positions, int)
    _check_query(query, positions, rows["Q"].replace("-", ""), where)
    target = (np.cumsum(t) - 1)[q & t]
    return _hit(name, positions[t[q]], target, rows["T"].replace("-", "").replace("*", "X"), float(sums))


def _check_query(query: str, positions: np.ndarray, letters: str, where: str) -> None:
    """Raises where the row of the query has another letter than the query, or a position that it has not."""
    ours, theirs = (CODE_OF_BYTE[np.frombuffer(x.encode("ascii", "replace"), np.uint8)] for x in (query, letters))
    here = ours[np.minimum(positions, len(ours) - 1)]
    wrong = (positions >= len(ours)) | ((here != theirs) & (here != UNKNOWN) & (theirs != UNKNOWN))
    if wrong.any():
        raise InputError(
            f"{where}: the hit has another query, which differs from this one ({len(ours)} residues) at position "
            f"{positions[wrong][0] + 1}; give the query's own hits"
        )


def parse_hmmsearch(text: str, query: str, source: str) -> list[Hit]:
    """The hits of hmmsearch, the best first, as AlphaFold-Multimer and `search.template_hits` save them.

    Each row is a hit, "4hhb_A/2-140"; capital letters and "-" are the positions of the query, small letters between
    them insertions. Hits whose description names another molecule than a protein ("mol:na") are left out.

    Raises:
        InputError: the text is not a Stockholm alignment, or has another number of positions than `query`.
    """
    blocks, descriptions = stockholm.rows(text, source)
    found = []
    for block in blocks:
        if re.search(r"\bmol:(?!protein)", descriptions.get(block.name, "")):
            continue
        row = np.frombuffer(block.letters.replace(".", "").encode("ascii", "replace"), np.uint8)
        small = (row >= ord("a")) & (row <= ord("z"))
        gap = row == ord("-")
        where = f"{source}, line {block.line}"
        if not (small | gap | (row >= ord("A")) & (row <= ord("Z")) | (row == ord("*"))).all():
            raise InputError(
                f"{where}: row {quote(block.name)} has characters that are not amino-acid letters; correct it"
            )
        if (~small).sum() != len(query):
            raise InputError(
                f"{where}: row {quote(block.name)} has {(~small).sum()} positions, the query {len(query)} residues; "
                "give the query's own hits"
            )
        aligned = ~small & ~gap
        positions = (np.cumsum(~small) - 1)[aligned]
        target = (np.cumsum(~gap) - 1)[aligned]
        sequence = row[~gap].tobytes().decode().upper().replace("*", "X")
        found.append(_hit(re.sub(r"/\d+-\d+$", "", block.name), positions, target, sequence, None))
    return found


def parse_m8(text: str, query: str, source: str) -> list[Hit]:
    """The hits of MMseqs2 in ColabFold's columns, of which the 13th is the alignment as CIGAR.

    Raises:
        InputError: a line has other columns, contradicts itself, or goes beyond the query; there are several queries.
    """
    found, queries = [], set()
    for number, line in lines(text, source):
        if not line.strip():
            continue
        where, fields = f"{source}, line {number}", line.split("\t")
        numbers = [fields[i].strip() for i in (6, 7, 8, 9)] if len(fields) > 12 else []
        cigar = fields[12].strip() if numbers else ""
        if not all(re.fullmatch(r"[1-9]\d{0,8}", x) for x in numbers) or not re.fullmatch(r"(\d{1,6}[MID])+", cigar):
            raise InputError(
                f"{where}: 13 columns are needed, as ColabFold has them: the last is a CIGAR string; search again"
            )
        if not re.fullmatch(r"[01](\.\d*)?", fields[2]):
            raise InputError(f"{where}: the part of equal residues is {quote(fields[2])}; give a number from 0 to 1")
        q, q_end, t, t_end = (int(x) for x in numbers)
        steps = [(int(length), kind) for length, kind in re.findall(r"(\d+)([MID])", cigar)]
        ends = [start - 1 + sum(n for n, kind in steps if kind in both) for start, both in ((q, "MI"), (t, "MD"))]
        if ends != [q_end, t_end] or q_end > len(query):
            raise InputError(
                f"{where}: the alignment does not fit its ends or the query of {len(query)} residues; delete it"
            )
        queries.add(fields[0])
        if len(queries) > 1:
            raise InputError(f"{where}: the hits of a second query begin; give the hits of one chain")
        positions, targets = pairs(steps, q - 1, t - 1)
        found.append(_hit(fields[1].strip(), positions, targets, "", None, float(fields[2])))
    return found


def pairs(
    steps: list[tuple[int, str]], i: int, j: int
) -> tuple[Int[np.ndarray, " N_pair"], Int[np.ndarray, " N_pair"]]:
    """The pairs of positions, from i and j on, that the steps of a CIGAR string align: M both, I the first alone, D the
    second alone."""
    found = []
    for length, kind in steps:
        if kind == "M":
            found += [(i + k, j + k) for k in range(length)]
        i += length if kind != "D" else 0
        j += length if kind != "I" else 0
    return tuple(np.array(found, int).reshape(-1, 2).T)


def _hit(name: str, query, target, sequence: str, sum_probs: float | None, identity: float | None = None) -> Hit:
    entry, _, chain = name.rpartition("_") if "_" in name else (name, "", "")
    return Hit(name, entry.lower(), chain or None, query, target, sequence, sum_probs, identity)
