"""Searching sequence databases inside the process, by pyhmmer: rows equal to those of HMMER's own programs.

`jackhmmer` for alignments, `template_hits` (hmmbuild, then hmmsearch) for templates, each with the settings of
AlphaFold's data pipeline.
"""

import io
import os
import re
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from af2jax.data.parse import a3m_rows, parse_a3m, printable, quote
from af2jax.data.search import a3m
from af2jax.data.search.database import Progress, blocks
from af2jax.errors import InputError

JACKHMMER = dict(F1=0.0005, F2=0.00005, F3=0.0000005, E=0.0001, incE=0.0001, incdomE=0.001)  # the last is HMMER's
HMMSEARCH = dict(F1=0.1, F2=0.1, F3=0.1, E=100.0, incE=100.0, domE=100.0, incdomE=100.0)
MAX_ROWS = 10_000  # of one database, query included: AlphaFold's limit for UniRef90
MAX_ROWS_OF = {"mgy": 501, "mgnify": 501, "bfd": None}  # and for those whose file name begins so; None: no limit
NO_HITS = "# STOCKHOLM 1.0\n//\n"


def jackhmmer(
    name: str,
    sequence: str,
    databases: Sequence[str | os.PathLike],
    *,
    cpus: int | None = None,
    progress: Progress | None = None,
) -> str:
    """The alignment that jackhmmer finds in one iteration, as A3M text.

    Args:
        name: the header of the first row.
        sequence: one chain, in letters.
        databases: FASTA files, plain or gzip; they are read as streams and need not fit in memory.
        cpus: threads; None: one for each core.
        progress: is called after each block of a database.

    The first row is the query; then come the hits of each database in turn, the best first, not more than AlphaFold
    takes (`MAX_ROWS`). Every row has a letter or "-" for each residue of the query, and lower-case letters between.

    Raises:
        InputError: the sequence has characters that are not amino-acid letters; a database is missing, empty, damaged
            or not FASTA.
    """
    from pyhmmer import easel, plan7

    alphabet, sequence = easel.Alphabet.amino(), a3m.checked_query(name, sequence)
    query = easel.TextSequence(name="query", sequence=sequence).digitize(alphabet)
    hmm, _, _ = plan7.Builder(alphabet).build(query, plan7.Background(alphabet))
    trace = plan7.Trace.from_sequence(query)
    rows: list[str] = []
    for path in databases:
        hits = _scan(hmm, path, JACKHMMER, cpus, progress)
        start = Path(path).name.lower()
        limit = next((limit for begin, limit in MAX_ROWS_OF.items() if start.startswith(begin)), MAX_ROWS)
        _leave_out_behind(hits, limit)
        rows += _a3m_rows(_aligned(hits, [query], [trace], digitize=True))[1:limit]
    return a3m.join(name, sequence, rows)


def template_hits(
    alignment: str,
    seqres: str | os.PathLike,
    *,
    cpus: int | None = None,
    progress: Progress | None = None,
) -> str:
    """The chains of known structure that an alignment's profile finds, as Stockholm text.

    Args:
        alignment: A3M text; the first row is the query.
        seqres: FASTA of the chains, plain or gzip, such as the PDB's pdb_seqres.txt.
        cpus: threads; None: one for each core.
        progress: is called after each block of `seqres`.

    The text is what AlphaFold-Multimer saves as pdb_hits.sto: hits alone, without the query; in each row a capital
    letter or "-" for each residue of the query, lower-case letters and "." between.

    Raises:
        InputError: the alignment is not well-formed; `seqres` is missing, empty, damaged or not FASTA.
    """
    from pyhmmer import easel, plan7

    alphabet = easel.Alphabet.amino()
    msa = _marked(_distinct_rows(alignment)).digitize(alphabet)
    hmm, _, _ = plan7.Builder(alphabet, architecture="hand").build_msa(msa, plan7.Background(alphabet))
    hits = _scan(_as_written(hmm), seqres, HMMSEARCH, cpus, progress)
    if not any(hit.domains.included for hit in hits.included):
        return NO_HITS
    found = _aligned(hits)
    found.name, found.author = "query", "hmmsearch (pyhmmer)"
    text = io.BytesIO()
    found.write(text, "stockholm")
    return text.getvalue().decode()


def _scan(hmm, path: str | os.PathLike, settings: dict[str, float], cpus: int | None, progress: Progress | None):
    """The hits of a profile in a database, with the E-values and thresholds of one search of the whole."""
    from pyhmmer.plan7 import Pipeline

    def scan(block):
        try:
            return Pipeline(hmm.alphabet, **settings).search_hmm(hmm, block)
        except (ValueError, ArithmeticError, RuntimeError, SystemError) as error:
            between = f"between {quote(block[0].name)} and {quote(block[-1].name)}"
            raise InputError(
                f"{printable(str(path))}: HMMER cannot compare a sequence {between} ({error}); delete it"
            ) from None

    threads = cpus or os.cpu_count() or 1
    found, waiting = [], deque()
    with ThreadPoolExecutor(threads) as pool:
        for block in blocks(path, progress):
            waiting.append(pool.submit(scan, block))
            if len(waiting) > 2 * threads:
                found.append(waiting.popleft().result())
        found += [result.result() for result in waiting]
    return found[0].merge(*found[1:])


def _aligned(hits, *extra: list, digitize: bool = False):
    """The alignment of hits in a database, behind the extra sequences with their traces."""
    from pyhmmer.easel import Alphabet

    return hits.to_msa(Alphabet.amino(), *extra, all_consensus_cols=True, digitize=digitize)


def _leave_out_behind(hits, limit: int | None) -> None:
    """Excludes the hits behind the first `limit` rows from the alignment, which might not fit in memory else."""
    rows = 0
    for hit in hits.included:
        if limit and rows >= limit:
            hit.included = False
        rows += len(hit.domains.included)


def _a3m_rows(msa) -> list[str]:
    """The rows of an alignment of pyhmmer as A3M records; where row 0 has no residue, the others have insertions."""
    text = msa.textize()
    joined = "".join(text.alignment).translate({ord("*"): "X", ord("~"): "-"})
    letters = np.array(bytearray(joined.encode())).reshape(len(text.alignment), -1)
    inserted = letters[0] == ord("-")
    kept = ~inserted | (letters != ord("-"))
    letters[:, inserted] |= 0x20  # lower case
    headers = (f"{sequence.name} {sequence.description}".strip() for sequence in text.sequences)
    rows = (row[keep].tobytes().decode() for row, keep in zip(letters, kept, strict=True))
    return [f">{header}\n{row}" for header, row in zip(headers, rows, strict=True)]


def _distinct_rows(alignment: str) -> list[str]:
    """The rows of an A3M text but those that repeat an earlier one in the query's columns, as AlphaFold does."""
    parse_a3m(alignment, "the alignment")  # raises where it is not well-formed
    first: dict[str, str] = {}
    for block in a3m_rows(alignment, "the alignment"):
        row = block.sequence.replace(".", "")
        first.setdefault(re.sub("[a-z]", "", row), row)
    return list(first.values())


def _marked(rows: list[str]):
    """A3M rows as alignment of pyhmmer: the query's columns are marked, insertions stand in columns between."""
    from pyhmmer.easel import TextMSA, TextSequence

    letters = [np.frombuffer(row.encode(), np.uint8) for row in rows]
    inserted = [row >= ord("a") for row in letters]
    sites = [np.cumsum(~new) - ~new for new in inserted]  # how many of the query's columns are before each letter
    width = len(rows[0])
    counts = [np.bincount(site[new], minlength=width + 1) for site, new in zip(sites, inserted, strict=True)]
    room = np.max(counts, axis=0)  # columns for insertions, before each of the query's columns and behind the last
    begin = np.arange(width + 1) + np.cumsum(room) - room
    aligned = np.full((len(rows), width + room.sum()), ord("-"), np.uint8)
    for line, row, new, site in zip(aligned, letters, inserted, sites, strict=True):
        index = np.arange(len(row))
        before = np.maximum.accumulate(np.where(new, -1, index))  # the last letter that is not an insertion
        line[begin[site] + np.where(new, index - before - 1, room[site])] = row
    mark = np.full(aligned.shape[1], ord("."), np.uint8)
    mark[(begin + room)[:-1]] = ord("x")
    sequences = [TextSequence(name=str(n), sequence=line.tobytes().decode()) for n, line in enumerate(aligned)]
    msa = TextMSA(name="query", sequences=sequences)
    msa.reference = mark.tobytes().decode()
    return msa


def _as_written(hmm):
    """A profile as hmmsearch reads it from hmmbuild's file, rounded: it decides the order of hits of equal score."""
    from pyhmmer.plan7 import HMMFile

    file = io.BytesIO()
    hmm.write(file)
    file.seek(0)
    with HMMFile(file) as profiles:
        return profiles.read()
