"""Alignments and template hits of the queries of a command: searched for once, kept as files, used again."""

import glob
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import UseAppendAction

from af2jax.cli.batch import identity
from af2jax.errors import InputError

if TYPE_CHECKING:
    from af2jax.data.queries import Job

Progress = Callable[[str, int, float], None]  # the name of a database, the sequences done, the part done (0 to 1)


@dataclass
class SearchOptions:
    """Where alignments come from; several sources follow each other in one alignment."""

    db: Annotated[tuple[Path, ...], UseAppendAction] = ()
    """FASTA database (.gz too) to search with jackhmmer, inside the program; may be given several times. Of a file
    whose name begins with mgy or mgnify 501 rows are taken, of bfd all, of others 10,000, as AlphaFold does."""
    hhblits_db: Annotated[tuple[Path, ...], UseAppendAction] = ()
    """HH-suite database, without _cs219.ffdata, for hhblits where it is installed."""
    mmseqs_db: Annotated[tuple[Path, ...], UseAppendAction] = ()
    """Database made by mmseqs createdb, for mmseqs where it is installed."""
    msa_server: str = ""
    """URL of a ColabFold-compatible server; the sequences are sent there. Never contacted else."""
    cpus: int | None = None
    """Threads of a search; default one for each core."""

    def asked(self) -> bool:
        """Whether there is a source."""
        return bool(self.db or self.hhblits_db or self.mmseqs_db or self.msa_server)

    def check(self) -> None:
        """Raises InputError where a file is missing, so that no query waits for nothing."""
        for path in self.db:
            if not path.is_file():
                raise InputError(f"--db {path}: no such file; check the path of the database")
        if self.cpus is not None and self.cpus < 1:
            raise InputError(f"--cpus {self.cpus}: at least one thread is needed")


def alignment_for(job: "Job", options: SearchOptions, folder: Path, progress: Progress | None = None) -> Path:
    """The A3M file of a query: its own, or the one in `folder`, searched for unless it was before.

    Beside the file lies a .json that says what it was made from; where that differs it is made again.

    Raises:
        InputError: a search fails, or the file is there and was not made by a search.
    """
    if isinstance(job.query, Path):
        return job.query
    sources = {
        "db": [identity(path) for path in options.db],
        "hhblits_db": [_database(path) for path in options.hhblits_db],
        "mmseqs_db": [_database(path) for path in options.mmseqs_db],
        "msa_server": options.msa_server,
    }
    return _kept(job, folder, ".a3m", {"query": job.query} | sources, lambda: _searched(job, options, progress))


def template_hits_for(
    job: "Job",
    alignment: Path,
    seqres: Path,
    options: SearchOptions,
    folder: Path,
    progress: Progress | None = None,
) -> Path:
    """The Stockholm file of hits of an alignment among chains of known structure, searched for unless it was before.

    Raises:
        InputError: as of `alignment_for`; the alignment is that of a complex.
    """
    from af2jax.data.parse import complex_header, read_text
    from af2jax.data.search.hmmer import template_hits

    text = read_text(alignment)
    if complex_header(text):
        raise InputError(f"{alignment} is the alignment of a complex; templates are searched for one chain at a time")
    made_from = {"alignment": identity(alignment), "seqres": identity(seqres)}
    make = lambda: template_hits(text, seqres, cpus=options.cpus, progress=progress)
    return _kept(job, folder, ".hits.sto", made_from, make)


def _searched(job: "Job", options: SearchOptions, progress: Progress | None) -> str:
    from af2jax.data.parse import split_chains
    from af2jax.data.search import a3m

    chains = [(chain, len(list(copies))) for chain, copies in groupby(split_chains(job.query, job.name))]
    found = {chain: _hits(job.name, chain, options, progress or (lambda *state: None)) for chain, _ in chains}
    if chains == [(job.query, 1)]:
        return a3m.join(job.name, job.query, found[job.query])
    return a3m.join_chains([(chain, copies, found[chain]) for chain, copies in chains])


def _hits(name: str, sequence: str, options: SearchOptions, progress: Progress) -> list[str]:
    """The hits of one chain from every source."""
    from importlib.metadata import version

    from af2jax.data.search import a3m, programs, server
    from af2jax.data.search.hmmer import jackhmmer

    texts = []
    if options.db:
        texts.append(jackhmmer(name, sequence, options.db, cpus=options.cpus, progress=progress))
    if options.hhblits_db:
        progress("hhblits", 0, 0.0)
        texts.append(programs.hhblits(name, sequence, options.hhblits_db, cpus=options.cpus))
    if options.mmseqs_db:
        progress("mmseqs", 0, 0.0)
        texts.append(programs.mmseqs(name, sequence, options.mmseqs_db, cpus=options.cpus))
    if options.msa_server:
        told = lambda state: progress(f"server: {state}", 0, 0.0)
        agent = f"af2jax/{version('af2jax')}"
        texts.append(server.fetch(name, sequence, options.msa_server, user_agent=agent, progress=told))
    return [hit for text in texts for hit in a3m.hits(text, sequence, name)]


def _kept(job: "Job", folder: Path, suffix: str, made_from: dict, make: Callable[[], str]) -> Path:
    """The file of a job in `folder`, written by `make` unless it is there and was made from the same."""
    from af2jax.files import file_name, write

    path = folder / f"{file_name(job.name)}{suffix}"
    note = path.with_name(f"{path.name}.json")
    made_from = json.dumps(made_from)
    if path.exists() and not note.exists():
        raise InputError(f"{path} was not made by a search (there is no {note.name} beside it); move it or delete it")
    if path.exists() and note.read_bytes() == made_from.encode():
        return path
    text = make()
    note.unlink(missing_ok=True)  # the note never stands beside what it does not describe
    write(path, text)
    write(note, made_from)
    return path


def _database(prefix: Path) -> list:
    """What tells a database of several files, `prefix` and more, from another."""
    return [prefix.name, *(identity(file) for file in sorted(prefix.parent.glob(f"{glob.escape(prefix.name)}*")))]
