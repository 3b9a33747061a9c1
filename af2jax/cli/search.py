"""`af2jax search`: sequences to alignments and template hits."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import OmitArgPrefixes, Positional, arg

from af2jax.cli.alignments import SearchOptions, alignment_for, template_hits_for
from af2jax.cli.batch import note_failures
from af2jax.cli.progress import bar
from af2jax.errors import InputError, machine
from af2jax.words import counted

if TYPE_CHECKING:
    from af2jax.data.queries import Job


@dataclass
class Search:
    """Search sequence databases: NAME.a3m for each query, NAME.hits.sto of templates; finished ones are skipped."""

    query: Positional[tuple[Path, ...]]
    """FASTA files (.gz too), or folders of them; with --seqres A3M files too."""
    out: Path
    """Folder for the results."""
    seqres: Path | None = None
    """FASTA of the chains of known structure, such as pdb_seqres.txt, to search for templates."""
    sources: OmitArgPrefixes[SearchOptions] = field(default_factory=SearchOptions)
    quiet: bool = False
    """Print nothing but errors and warnings."""
    debug: Annotated[bool, arg(help="Show a traceback for every error.")] = False

    def run(self) -> int:
        from af2jax.data.queries import read_queries

        self.sources.check()
        if not (self.sources.asked() or self.seqres):
            raise InputError("nothing to search: give --db FASTA, --hhblits-db, --mmseqs-db, --msa-server or --seqres")
        if self.seqres and not self.seqres.is_file():
            raise InputError(f"--seqres {self.seqres}: no such file; check the path")
        if self.out.exists() and not self.out.is_dir():
            raise InputError(f"--out {self.out} is a file, not a folder")
        jobs, failures = read_queries(self.query)
        if not jobs and len(failures) == 1:
            raise InputError(failures[0][1])
        for _, reason in failures:
            print(f"failed: {reason}", file=sys.stderr)
        done = 0
        for job in jobs:
            try:
                print(f"{job.name}: {self.search(job)}")
                done += 1
            except (InputError, OSError) as error:
                if self.debug:
                    raise
                reason = machine(error) if isinstance(error, OSError) else str(error)
                failures.append((job.name, reason))
                print(f"failed: {job.name}: {reason}", file=sys.stderr)
        if failures:
            note_failures(self.out / "failures.jsonl", failures)
        return 0 if not failures else 3 if done else 4

    def search(self, job: "Job") -> str:
        """The files of one query; says what is in them."""
        if job.fault:
            raise InputError(job.fault)
        if isinstance(job.query, Path) and not self.seqres:
            raise InputError(f"{job.query} is an alignment already; give a FASTA file, or --seqres to find templates")
        with bar(job.name, self.quiet, "notes") as update:

            def progress(source: str, sequences: int, part: float) -> None:
                update(part, 1.0, f"{job.name} {source}", f"{sequences:,} sequences" if sequences else "")

            alignment = alignment_for(job, self.sources, self.out, progress)
            found = counted(_count(alignment, ">"), "row")
            if self.seqres:
                hits = template_hits_for(job, alignment, self.seqres, self.sources, self.out, progress)
                found += f", {counted(_count(hits, '#=GS '), 'template hit')}"
        return found


def _count(path: Path, start: str) -> int:
    from af2jax.data.parse import read_text

    return sum(line.startswith(start) for line in read_text(path).splitlines())
