"""`af2jax.find`: proteins of the shape of a query among the structures of a folder."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import logging

from af2jax.data.parse import printable
from af2jax.data.traces import Trace, read_traces
from af2jax.errors import InputError
from af2jax.files import path_and_chain
from af2jax.folds.compare import Aligned, aligned
from af2jax.folds.index import LEAST, Entry, Index, index, named, too_short
from af2jax.folds.prints import fingerprint, similarity
from af2jax.typing import Float
from af2jax.words import counted

CANDIDATES = 200  # chains of the folder that are aligned to a query
SAME_FOLD = 0.5  # TM-score from which two chains have one fold, mostly (Xu and Zhang 2010)
SAME_CHAIN = 0.1  # RMSD in angstrom, below which a chain of the sequence of the query is a copy of it
NAMED = 5  # chains in a warning
Progress = Callable[[str, int, int], object]


@dataclass(frozen=True)
class Hit:
    """A chain of the folder, aligned to the query.

    Attributes:
        entry: the chain.
        similarity: of the fingerprints, -1 to 1.
        alignment: the query's residues first; its motion moves the chain onto the query.
        identity: 0 to 1, of the aligned residues; NaN without any.
    """

    entry: Entry
    similarity: float
    alignment: Aligned
    identity: float

    @property
    def superposed(self) -> Float[np.ndarray, "N_res 3"]:
        """The CA atoms of the chain, in angstrom, on the query."""
        motion = self.alignment.motion
        return self.entry.points @ motion.rot.T + motion.trans


class Row(NamedTuple):
    """A hit as `hits.csv` has it."""

    query: str
    hit: str
    tm_query: float  # by the length of the query
    tm_hit: float
    aligned: int  # residues
    identity: float  # 0 to 1
    rmsd: float  # angstrom
    length_query: int
    length_hit: int
    similarity: float
    file: str
    chain: str


@dataclass(frozen=True)
class Found:
    """What one query found.

    Attributes:
        query: what was searched for.
        hits: by falling TM-score (of the query's length).
        itself: names of chains that are the query itself, which are not hits.
    """

    query: Entry
    hits: tuple[Hit, ...]
    itself: tuple[str, ...] = ()

    @property
    def rows(self) -> list[dict]:
        """A row for each hit, as `hits.csv` has it."""
        return [
            Row(
                self.query.name,
                hit.entry.name,
                hit.alignment.tm_first,
                hit.alignment.tm_second,
                len(hit.alignment.pairs),
                hit.identity,
                hit.alignment.rmsd,
                len(self.query),
                len(hit.entry),
                hit.similarity,
                hit.entry.file,
                hit.entry.chain,
            )._asdict()
            for hit in self.hits
        ]


@dataclass(frozen=True)
class Search:
    """What `find` found.

    Attributes:
        folder: that was searched.
        entries: chains in it that can be found.
        candidates: of these, how many were aligned to each query at most.
        queries: in the order in which they were given.
        unread: (file, reason) of files of the folder that cannot be read.
        short: (file, chain, residues) of its chains of fewer than 10 residues, which cannot be found.
        problems: (query, reason) of those that could not be searched for.
    """

    folder: str
    entries: int
    candidates: int
    queries: tuple[Found, ...]
    unread: tuple[tuple[str, str], ...] = ()
    short: tuple[tuple[str, str, int], ...] = ()
    problems: tuple[tuple[str, str], ...] = ()

    @property
    def exhaustive(self) -> bool:
        """Whether every chain was aligned."""
        return self.candidates >= self.entries

    @property
    def rows(self) -> list[dict]:
        """A row for each query and hit."""
        return [row for found in self.queries for row in found.rows]

    def json(self) -> dict:
        """All of it but coordinates, as JSON has it."""
        facts = {name: getattr(self, name) for name in ("folder", "entries", "candidates", "rows", "short")}
        itself = {found.query.name: found.itself for found in self.queries if found.itself}
        return facts | {"itself": itself, "unread": dict(self.unread), "problems": dict(self.problems)}


def find(
    query: str | os.PathLike | Sequence[str | os.PathLike],
    db: str | os.PathLike | Index,
    *,
    candidates: int = CANDIDATES,
    index_file: str | os.PathLike | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Search:
    """Searches a folder of structures for chains of the shape of each query.

    The chains whose fingerprints are most like the query's are aligned to it as TM-align does
    (`metrics.structural_alignment`). Only CA atoms are read, and the sequence plays no part but in telling the query
    itself, which is not a hit: a chain of its sequence that is in its file, or that lies on it within 0.1 angstrom.

    Args:
        query: structures (mmCIF or PDB, .gz too): FILE, or FILE:A for one of its chains; every chain is a query.
        db: a folder of structures and folders in it, or its index.
        candidates: chains that are aligned to each query; 0: all.
        index_file: of the folder; None: `af2jax_find.npz` in it.
        progress: is told what is done, how much of it, and how much there is.

    Raises:
        InputError: the only query cannot be read, or has fewer than 10 residues; no query can be searched for; or as
            of `folds.index.index`.
    """
    if candidates < 0:
        raise InputError(f"candidates = {candidates} must be 0 (all) or more")
    given = [query] if isinstance(query, str | os.PathLike) else list(query)
    asked, problems = _queries(given)
    known = db if isinstance(db, Index) else index(db, index_file, lambda done, all_: progress("indexing", done, all_))
    for _, reason in known.unread[:1]:  # which names the file
        logging.warning("%s of the folder cannot be read; the first: %s", counted(len(known.unread), "file"), reason)
    if known.short:
        logging.warning("%s", short_chains(known.short, "found"))
    most = min(candidates or len(known.entries), len(known.entries))
    found = []
    for number, one in enumerate(asked):
        told = lambda what, done, number=number: progress(what, number * most + done, len(asked) * most)
        found.append(search(one, known, most, told))
    return Search(str(known.folder), len(known.entries), most, tuple(found), known.unread, known.short, tuple(problems))


def search(query: Entry, known: Index, candidates: int, progress: Callable = lambda what, done: None) -> Found:
    """The chains of an index that are nearest to a query by fingerprint, aligned to it."""
    alike = similarity(fingerprint(query.points), known.prints)
    chosen = np.argsort(-alike, kind="stable")[:candidates]
    entries = [known.entries[i] for i in chosen]
    alignments = aligned(query.points, [entry.points for entry in entries], progress)
    every = [
        Hit(entry, float(alike[i]), one, identity(query, entry, one))
        for i, entry, one in zip(chosen, entries, alignments, strict=True)
    ]
    every.sort(key=lambda hit: (-hit.alignment.tm_first, hit.entry.name))
    own = [_is_query(query, hit, known.folder) for hit in every]
    hits = tuple(hit for hit, same in zip(every, own, strict=True) if not same)
    return Found(query, hits, tuple(hit.entry.name for hit, same in zip(every, own, strict=True) if same))


def _is_query(query: Entry, hit: Hit, folder: Path) -> bool:
    """Whether a chain is the query itself, or a copy of it."""
    if hit.entry.sequence != query.sequence:
        return False
    copied = len(hit.alignment.pairs) == len(query) and hit.alignment.rmsd < SAME_CHAIN
    return copied or (folder / hit.entry.file).resolve() == Path(query.file)


def short_chains(short: Sequence[tuple[str, str, int]], what: str) -> str:
    """A sentence: so many chains of fewer than 10 residues cannot be `what` ("found"), with the names of the first."""
    named = ", ".join(f"{printable(file)}:{printable(chain)} ({residues})" for file, chain, residues in short[:NAMED])
    more = f" and {len(short) - NAMED} more" if len(short) > NAMED else ""
    count = counted(len(short), "chain", "chains")
    return f"{count} of fewer than {LEAST} residues cannot be {what}: {named}{more}"


def identity(first: Entry, second: Entry, alignment: Aligned) -> float:
    """The share of aligned residues that are equal; NaN without any."""
    same = [first.sequence[i] == second.sequence[j] for i, j in alignment.pairs.tolist()]
    return float(np.mean(same)) if same else np.nan


def _queries(given: Sequence[str | os.PathLike]) -> tuple[list[Entry], list[tuple[str, str]]]:
    """The chains to search for, and (query, reason) of those that cannot be."""
    if not given:
        raise InputError("there is no query; give one structure or more")
    found: list[Entry] = []
    problems: list[tuple[str, str]] = []
    for one in given:
        try:
            found += _of_file(one)
        except InputError as error:
            problems.append((printable(str(one)), str(error)))
    if not found:
        raise InputError(problems[0][1])
    return found, problems


def _of_file(given: str | os.PathLike) -> list[Entry]:
    path, chain = path_and_chain(given)
    traces = read_traces(path)
    if traces[0].models > 1:
        logging.warning("%s has %d models; the first is searched for", printable(str(path)), traces[0].models)
    if chain is not None:
        traces = [_chosen(traces, part, str(path)) for part in chain.split(",")]
    entries = named(path.name, traces, chosen=chain is not None)
    if not entries:
        longest = max(map(len, traces))
        raise InputError(
            f"{printable(str(given))}: {longest} residues with a CA atom are too few to search for; give a chain of "
            f"{LEAST} or more"
        )
    if short := too_short(path.name, traces):
        logging.warning("%s", short_chains(short, "searched for"))
    return [replace(entry, file=str(path.resolve())) for entry in entries]


def _chosen(traces: Sequence[Trace], chain: str, source: str) -> Trace:
    for trace in traces:
        if trace.chain == chain:
            return trace
    names = ", ".join(trace.chain for trace in traces)
    raise InputError(f'{printable(source)} has no chain "{printable(chain)}"; its protein chains are: {names}')
