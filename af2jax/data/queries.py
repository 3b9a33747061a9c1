"""The queries of a command line: FASTA, tables and alignments, and folders of them."""

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from absl import logging

from af2jax.errors import InputError

FASTA = (".fasta", ".fa", ".faa", ".fas")
TABLES = {".csv": ",", ".tsv": "\t"}
HITS = ".hits.sto"  # what `af2jax search` found among known structures: no query
LISTED = 10  # files that are named where some are ignored


class Job(NamedTuple):
    """One query: its name, and what `af2jax.features` takes."""

    name: str
    query: str | Path  # a sequence (":" joins chains), or the path of an alignment
    source: str = ""  # where it stands, for messages


class Content(NamedTuple):
    """What is in a query."""

    sequence: str  # of all chains
    sha256: str  # of the sequence, or of the alignment's file as it is when unpacked


def read_queries(paths: Sequence[Path], whole_files: bool = False) -> tuple[list[Job], list[tuple[str, str]]]:
    """Every query, and (file or record, reason) of what cannot be read. Each record of a FASTA or a table is a query,
    and each alignment; these are not looked into yet (`content`). With `whole_files` the records of a FASTA file are
    the chains of one complex, called as the file.

    Raises:
        InputError: there is no query at all, or two would write the same files.
    """
    from af2jax.data.parse import printable
    from af2jax.files import file_name

    files, ignored = query_files(paths)
    if not files:
        raise InputError(
            f"no queries: files must end in {', '.join(_suffixes())} (.gz too); ignored: {_few(ignored) or 'none'}"
        )
    if ignored:
        logging.warning("ignored, no queries by their names: %s", _few(ignored))
    jobs, failures = [], []
    for file in files:
        try:
            found, faults = _jobs(file, whole_files)
            jobs += found
            failures += faults
        except InputError as error:
            failures.append((printable(str(file)), str(error)))
    taken: dict[str, Job] = {}
    for job in jobs:
        if other := taken.get(file_name(job.name)):
            raise InputError(
                f"{job.source}: this query and that of {other.source} would write the same files, called "
                f'"{file_name(job.name)}"; rename one'
            )
        taken[file_name(job.name)] = job
    return jobs, failures


def query_files(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The files that hold queries, those given and those inside folders, and the names of others inside folders.

    Raises:
        InputError: a folder cannot be read.
    """
    files, ignored, suffixes = [], [], _suffixes()
    for path in paths:
        try:
            inside = sorted(f for f in path.iterdir() if f.is_file()) if path.is_dir() else [path]
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from None
        for file in inside:
            name = _plain(file)
            if file == path or (name.endswith(suffixes) and not name.startswith(".") and not name.endswith(HITS)):
                files.append(file)
            else:
                ignored.append(file.name)
    return files, ignored


def content(job: Job) -> Content:
    """What is in a query, all of which is read.

    Raises:
        InputError: it cannot be read, or a chain of it is empty.
    """
    from af2jax.data.parse import read_bytes, split_chains
    from af2jax.data.pipeline import read_query

    if isinstance(job.query, Path):
        chains = read_query(job.query).chains
        return Content("".join(chains), hashlib.sha256(read_bytes(job.query)).hexdigest())
    chains = split_chains(job.query, job.source or job.name)
    return Content("".join(chains), hashlib.sha256(job.query.encode()).hexdigest())


def _jobs(file: Path, whole_files: bool) -> tuple[list[Job], list[tuple[str, str]]]:
    """The queries in one file, and (name, reason) of records that cannot be used."""
    from af2jax.data.parse import parse_fasta, printable, read_text
    from af2jax.data.pipeline import ALIGNMENTS

    source, suffix = printable(str(file)), Path(_plain(file)).suffix
    stem = printable(file.name[: len(_plain(file)) - len(suffix)])
    if suffix in ALIGNMENTS:
        if not file.is_file():
            raise InputError(f"{source}: no such file; check the path")
        return [Job(stem, file, source)], []
    if suffix in TABLES:
        return parse_table(read_text(file), source, TABLES[suffix]), []
    faults: list[tuple[str, str]] = []
    records = parse_fasta(read_text(file), source, None if whole_files else faults)
    if whole_files:
        return [Job(stem, ":".join(record.sequence for record in records), source)], []
    called = lambda header: printable((header.split() or ["query"])[0])
    jobs = [Job(called(record.name), record.sequence, f"{source}, line {record.line}") for record in records]
    return jobs, [(called(name), reason) for name, reason in faults]


def parse_table(text: str, source: str, delimiter: str) -> list[Job]:
    """The queries of a table with the columns "id" and "sequence", as ColabFold has it; other columns are left alone.

    Raises:
        InputError: a column is missing, a field is empty, a letter is no amino acid, or two rows have one id.
    """
    from af2jax.data.parse import printable

    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    found: dict[str, Job] = {}
    try:
        header = [cell.strip().lower() for cell in next(rows, [])]
        if missing := {"id", "sequence"} - set(header):
            raise InputError(
                f'{source}, line 1: there is no column "{min(missing)}"; add it: the first line of a table of queries '
                "names the columns id (a name of its own in each row) and sequence"
            )
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            where = f"{source}, line {rows.line_num}"
            cells = {key: cell.strip() for key, cell in zip(header, row, strict=False)}
            name, sequence = printable(cells.get("id", "")), "".join(cells.get("sequence", "").split()).rstrip("*")
            if not name or not sequence:
                raise InputError(f"{where}: the {'sequence' if name else 'id'} is missing; add it or delete the row")
            if odd := re.search("[^A-Za-z:]", sequence):
                raise InputError(
                    f"{where}: {odd[0]!r} at position {odd.start() + 1} of the sequence is not an amino-acid letter"
                )
            if name in found:
                raise InputError(f"{where}: this id is that of {found[name].source} too; rename one")
            found[name] = Job(name, sequence.upper(), where)
    except csv.Error as error:
        raise InputError(f"{source}, line {rows.line_num}: this is no table ({error}); write it anew") from None
    if not found:
        raise InputError(f"{source} is empty: it has no row; give an id and a sequence in each")
    return list(found.values())


def _plain(file: Path) -> str:
    """The name that tells the format."""
    return file.name.lower().removesuffix(".gz")


def _suffixes() -> tuple[str, ...]:
    from af2jax.data.pipeline import ALIGNMENTS

    return (*FASTA, *TABLES, *ALIGNMENTS)


def _few(names: list[str]) -> str:
    from af2jax.data.parse import printable

    shown = ", ".join(printable(name) for name in names[:LISTED])
    return shown + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
