"""The queries of a command line: FASTA, tables, alignments, other programs' inputs, and folders of them."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from absl import logging

from af2jax.data import formats, inputs, tables
from af2jax.data.formats import plain
from af2jax.data.inputs import header, locate, no_protein
from af2jax.data.parse import (
    FastaRecord,
    bare,
    odd_letter,
    parse_fasta,
    printable,
    read_bytes,
    read_text,
    split_chains,
)
from af2jax.errors import InputError, few

FASTA = (".fasta", ".fa", ".faa", ".fas")
TABLES = (".csv", ".tsv")
HITS = ".hits.sto"  # what `af2jax search` found among known structures: no query
LISTED = 10  # files that are named where some are ignored


class Job(NamedTuple):
    """One query: its name, and what `af2jax.features` takes."""

    name: str
    query: str | Path | None  # a sequence (":" joins chains), or the path of an alignment; None: it could not be read
    source: str = ""  # where it stands, for messages
    header: str = ""  # all of its name, where `name` is a part of it
    msa: tuple[Path, ...] = ()  # alignments that it names itself
    templates: tuple[str, ...] = ()  # structures that it names itself
    structure: str = ""  # FILE or FILE:CHAINS that is judged, whose chains keep their names
    protocol: str = ""  # how it is judged, see `af2jax.scoring`; "": as an initial guess
    target: tuple[str, ...] = ()  # its chains that are shown as a template
    cyclic: tuple[str, ...] = ()  # its chains that are cyclic, "A" the first
    fault: str = ""  # why it cannot be folded


class Content(NamedTuple):
    """What is in a query."""

    sequence: str  # of all chains
    sha256: str  # of the sequence, or of the alignment's file as it is when unpacked
    read: Any  # `pipeline.Query`: what the alignment's file holds; None: it is a sequence


def read_queries(paths: Sequence[Path], whole_files: bool = False) -> tuple[list[Job], list[tuple[str, str]]]:
    """Every query, and (file or record, reason) of what cannot be read. Each record of a FASTA or a table is a query,
    and each alignment; these are not looked into yet (`content`). With `whole_files` the records of a FASTA file are
    the chains of one complex, called as the file.

    Raises:
        InputError: there is no query at all.
    """
    files, ignored = query_files(paths)
    ignored = [printable(name) for name in ignored]
    if not files:
        raise InputError(
            f"no queries: files must end in {', '.join(_suffixes())} (.gz, .bz2, .xz too); ignored: "
            f"{few(ignored, LISTED) or 'none'}"
        )
    if ignored:
        logging.warning("ignored, no queries by their names: %s", few(ignored, LISTED))
    found: list[Job] = []
    for file in files:
        try:
            found += _jobs(file, whole_files)
        except InputError as error:
            found.append(Job(printable(str(file)), None, fault=str(error)))
    found = told_apart(found)
    unread = [(job.name, job.fault) for job in found if job.query is None]
    return [job for job in found if job.query is not None], unread


def told_apart(jobs: Sequence[Job]) -> list[Job]:
    """The queries, no two of which write the same files: where short names clash, the whole header names the query,
    and where that is cut to the same file name a number follows. Those of one whole name have a fault.
    What could not be read counts, so that the others keep their names when it is corrected."""
    from af2jax.files import LONGEST_NAME, file_name

    short = Counter(file_name(job.name) for job in jobs)
    named = [job if short[file_name(job.name)] == 1 else job._replace(name=job.header or job.name) for job in jobs]
    whole: dict[str, list[Job]] = {}
    for job in named:
        whole.setdefault(job.name, []).append(job)
    taken: set[str] = set()
    out = []
    for job in named:
        if len(same := whole[job.name]) > 1:
            other = same[0] if job is not same[0] else same[1]
            fault = f'{job.source}: this query and that of {other.source} have one name, "{job.name}"; rename one'
            out.append(job._replace(fault=job.fault or fault))
            continue
        number, name = 1, job.name
        while job.query is not None and file_name(name) in taken:
            number += 1
            start = file_name(job.name).encode()[: LONGEST_NAME - 10].decode(errors="ignore")
            name = f"{start}_{number}"
        taken.add(file_name(name))
        out.append(job._replace(name=name))
    return out


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
        InputError: it cannot be read or folded, or a chain of it is empty.
    """
    if job.fault:
        raise InputError(job.fault)
    from af2jax.data.pipeline import read_query

    if isinstance(job.query, Path):
        known = read_query(job.query)
        return Content("".join(known.chains), hashlib.sha256(read_bytes(job.query)).hexdigest(), known)
    chains = split_chains(job.query, job.source or job.name)
    return Content("".join(chains), hashlib.sha256(job.query.encode()).hexdigest(), None)


def _jobs(file: Path, whole_files: bool) -> list[Job]:
    """The queries in one file, and records of it that cannot be read, which have a fault and no `query`."""
    from af2jax.data.pipeline import ALIGNMENTS

    source, suffix = printable(str(file)), Path(_plain(file)).suffix
    stem = printable(file.name[: len(_plain(file)) - len(suffix)])
    if suffix in ALIGNMENTS:
        if not file.is_file():
            raise InputError(f"{source}: no such file; check the path")
        return [Job(stem, file, source)]
    text = read_text(file)
    for name, parse in (("JSON", inputs.parse_json), ("YAML", inputs.parse_yaml)):
        if formats.is_format(text, name):
            entries = parse(text, source)
            return [_job_of(entry, stem, f"{source}, query {n}", file.parent) for n, entry in enumerate(entries, 1)]
    if suffix in TABLES:
        return parse_table(text, source, file.parent)
    faults: list[tuple[FastaRecord, str]] = []
    records = parse_fasta(text, source, None if whole_files else faults)
    parts = [_record(record, source, file.parent) for record in records]
    if whole_files:
        fault = next((part.fault for part in parts if part.fault), "")
        msa = tuple(dict.fromkeys(path for part in parts for path in part.msa))
        return [Job(stem, ":".join(record.sequence for record in records), source, msa=msa, fault=fault)]
    for record, reason in faults:
        part = _record(record, source, file.parent)
        parts.append(part._replace(query=None, fault=part.fault or reason))
    return parts


def _record(record, source: str, folder: Path) -> Job:
    """The query that one record of a FASTA file is."""
    label, other, msa = header(record.name)
    where = f"{source}, line {record.line}"
    short, long = (printable(name) for name in ((label.split() or ["query"])[0], record.name or "query"))
    fault = f"{where}: {no_protein(other)}" if other else ""
    return Job(short, record.sequence, where, long, (locate(folder, msa),) if msa else (), fault=fault)


def _job_of(entry, stem: str, where: str, folder: Path) -> Job:
    """The query that an entry of another program's file is."""
    sequence = ":".join(bare(chain).rstrip("*") for chain in entry.chains)
    fault = f"{where}: {entry.fault}" if entry.fault else ""
    if not fault and (odd := re.search("[^A-Za-z:]", sequence)):
        fault = f"{where}, position {odd.start() + 1} of the sequence: {odd_letter(odd[0])}"
    msa = tuple(locate(folder, path) for path in entry.msa)
    return Job(printable(entry.name) or stem, sequence.upper(), where, msa=msa, fault=fault)


def parse_table(text: str, source: str, folder: Path = Path()) -> list[Job]:
    """The queries of a table with the columns "id" and "sequence", as ColabFold has it, and where they are there
    "a3mpath", an alignment, and "templatepath", a structure or a folder of them; other columns are left alone.

    Args:
        folder: of the table; paths are relative to it, or else to the current folder.

    Raises:
        InputError: a column is missing, a field is empty, a letter is not an amino acid, or two rows have one id.
    """

    found: dict[str, Job] = {}
    rows = [(line, {name.lower(): cell for name, cell in row.items()}) for line, row in tables.rows(text, source)]
    header = rows[0][1].keys() if rows else set(map(str.lower, tables.header(text)))
    if missing := {"id", "sequence"} - set(header):
        raise InputError(
            f'{source}, line 1: there is no column "{min(missing)}"; add it: the first line of a table of queries '
            "names the columns id (a name of its own in each row) and sequence"
        )
    for line, row in rows:
        where = f"{source}, line {line}"
        name, sequence = printable(row["id"]), bare(row["sequence"]).rstrip("*")
        if not name or not sequence:
            raise InputError(f"{where}: the {'sequence' if name else 'id'} is missing; add it or delete the row")
        if odd := re.search("[^A-Za-z:]", sequence):
            raise InputError(f"{where}, position {odd.start() + 1} of the sequence: {odd_letter(odd[0])}")
        if name in found:
            raise InputError(f"{where}: this id is that of {found[name].source} too; rename one")
        msa = (locate(folder, row["a3mpath"]),) if row.get("a3mpath") else ()
        job = Job(name, sequence.upper(), where, msa=msa)
        try:
            templates = _structures(locate(folder, row["templatepath"])) if row.get("templatepath") else ()
        except InputError as error:
            job = job._replace(fault=f"{where}: {error}")
        else:
            job = job._replace(templates=templates)
        found[name] = job
    if not found:
        raise InputError(f"{source} is empty: it has no row; give an id and a sequence in each")
    return list(found.values())


def _structures(place: Path) -> tuple[str, ...]:
    """The chains of a structure, or of all those in a folder, as templates.

    Raises:
        InputError: there is none.
    """
    from af2jax.data.dataset import STRUCTURES
    from af2jax.data.structure import protein_chains

    if not place.exists():
        raise InputError(f"templatepath {place}: no such file or folder; check the path")
    files = (
        sorted(f for f in place.iterdir() if plain(f.name.lower()).endswith(STRUCTURES)) if place.is_dir() else [place]
    )
    if not files:
        raise InputError(f"templatepath {place} has no structure ({', '.join(STRUCTURES)}); give one, or leave it out")
    found: list[str] = []
    for file in files:
        chains = protein_chains(file)
        several = sum(map(len, chains.values())) > 1
        found += [f"{file}:{names[0]}" for names in chains.values()] if several else [str(file)]
    return tuple(found)


def _plain(file: Path) -> str:
    """The name that tells the format."""
    return plain(file.name.lower())


def _suffixes() -> tuple[str, ...]:
    from af2jax.data.pipeline import ALIGNMENTS

    return (*FASTA, *TABLES, *ALIGNMENTS)
