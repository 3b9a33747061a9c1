"""`af2jax predict`: sequences and alignments to structures."""

import dataclasses
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tyro.conf import OmitArgPrefixes, Positional

from af2jax.cli import batch, states
from af2jax.cli.alignments import SearchOptions
from af2jax.cli.fold import fold, relax
from af2jax.cli.locks import locked
from af2jax.cli.networks import Member, Networks, device, members
from af2jax.cli.options import Conformations, Inputs, Network, Results, Sampling
from af2jax.cli.progress import Progress, cost
from af2jax.cli.warnings import show_warnings, warn
from af2jax.errors import InputError, WeightsError, internal, machine, one_line
from af2jax.files import path_and_chain, tidy
from af2jax.profile.memory import is_out_of_memory
from af2jax.words import counted

if TYPE_CHECKING:
    from af2jax.cli.given import Given
    from af2jax.data.queries import Job

SKIPPED = "already done, skipped"
LISTED = 5  # residues that a remark names
ROOM = 1 << 30  # bytes of alignments that are kept from looking at the queries until these are folded


class Task(NamedTuple):
    """A query, and all that decides its results: one that was done with the same settings is not done again."""

    job: "Job"
    sequence: str
    given: "Given"
    settings: dict
    read: Any  # `pipeline.Query` of its alignment, where it is one; None: to be read when it is folded


@dataclass
class Predict:
    """Fold sequences (FASTA, CSV) or alignments (A3M, Stockholm): structures, scores, plots, a page for each query.

    Queries that are done are skipped, so that the same command resumes a batch that was stopped. Several processes
    may work on one folder. failures.jsonl lists what failed. Exit codes: 0 all done, 2 bad input, nothing was begun, 3
    some queries failed, 4 all did.
    """

    query: Positional[tuple[Path, ...]]
    """FASTA, tables (id, sequence), A3M, Stockholm or CLUSTAL files (packed too), or folders of them; proteins of
    AlphaFold Server, AlphaFold 3 (JSON) and Boltz (YAML), each file by its name."""
    out: Path
    """Folder for the results."""
    network: OmitArgPrefixes[Network] = field(default_factory=Network)
    sampling: OmitArgPrefixes[Sampling] = field(default_factory=Sampling)
    inputs: OmitArgPrefixes[Inputs] = field(default_factory=Inputs)
    sources: OmitArgPrefixes[SearchOptions] = field(default_factory=SearchOptions)
    results: OmitArgPrefixes[Results] = field(default_factory=Results)
    conformations: OmitArgPrefixes[Conformations] = field(default_factory=Conformations)
    answers_only: bool = False
    """Ask the tuned heads of --params alone: no structures, one table (answers.csv), many queries a minute."""
    overwrite_existing_results: bool = False
    """Fold finished queries again."""
    shard: str = ""
    """Do part i of n of the queries, i/n, such as 1/4."""
    quiet: bool = False
    """Print nothing but errors and warnings."""
    debug: bool = False
    """Show a traceback for every error."""

    def check(self) -> None:
        """Raises InputError where options are out of range or contradict each other."""
        for options in (self.network, self.sampling, self.inputs, self.sources, self.results, self.conformations):
            options.check()
        self.check_out()

    def check_out(self) -> None:
        """Raises InputError where the folder is a file."""
        if self.out.exists() and not self.out.is_dir():
            raise InputError(f"--out {self.out} is a file, not a folder")
        if self.conformations.states:
            states.check(self)

    def run(self) -> int:
        self.check()
        if self.answers_only:
            from af2jax.cli.screen import screen

            return screen(self)
        from af2jax.data.queries import query_files, read_queries

        chosen, networks = self.networks()
        jobs, unread = read_queries(self.query, self.inputs.one_complex)
        files = {str(file) for file in query_files(self.query)[0]}
        return self.fold_jobs(chosen, networks, jobs, unread, files)

    def networks(self) -> tuple[list[Member], Networks]:
        """What the queries are folded by.

        Raises:
            InputError: a preset is unknown, does not predict what is ranked by, or heads of one name differ.
        """
        chosen, networks = members(self.network), Networks(self.network, self.sampling)
        check_rank(self.results.rank, [member.preset for member in chosen])
        networks.check_heads(chosen)
        return chosen, networks

    def fold_jobs(
        self,
        chosen: list[Member],
        networks: Networks,
        jobs: list["Job"],
        unread: list[tuple[str, str]],
        files: set[str],
    ) -> int:
        """Folds the queries of `files`, of which some could not be read (name, reason); the exit code."""
        jobs, unread = batch.shard(jobs, self.shard), batch.shard(unread, self.shard)
        if not jobs and len(unread) == 1:
            raise InputError(unread[0][1])
        weights = {m.name: networks.fingerprint(m) for m in chosen}  # damage is found before anything is computed
        chip = device(self.network.device)
        print(f"device: {chip.device_kind} ({chip.platform}); presets: {', '.join(weights)}", flush=True)

        tidy(self.out)
        batch.note(self.out, {}, files - {name for name, _ in unread})
        failed, tasks, room = {}, [], ROOM
        for name, reason in unread:
            self.fail(failed, name, reason)
        for job in jobs:
            show_warnings(job.name)
            try:
                task = self.task(job, weights)
            except InputError as error:
                self.fail(failed, job.name, str(error))
                continue
            if self.is_done(task):
                print(f"{job.name}: {SKIPPED}", flush=True)
            else:
                room -= task.read.nbytes if task.read else 0
                tasks.append(task if room >= 0 else task._replace(read=None))
        self.warn_of_complexes(jobs, [member.preset for member in chosen])
        self.fold_all(tasks, chosen, networks, failed, chip.platform == "cpu")
        self.index()
        bad = len(unread) + sum(job.name in failed for job in jobs)  # two of one name have both failed
        return batch.exit_code(bad, len(jobs) + len(unread), len(tasks))

    def fail(self, failed: dict[str, str], name: str, reason: str) -> None:
        """Says and notes that a query failed."""
        failed[name] = reason
        print(f"failed: {reason}" if reason.startswith(name) else f"failed: {name}: {reason}", file=sys.stderr)
        try:
            batch.note(self.out, {name: reason})
        except OSError as error:  # the disk is full, or may not be written to
            warn("%s does not say so: %s", self.out / batch.FAILURES, machine(error))

    def index(self) -> None:
        """Writes the page of all that is done in the folder, and the tables of answers, scores and states; one process
        at a time, so that the last has seen all."""
        from af2jax import scoring
        from af2jax.cli.screen import collect
        from af2jax.conformations import record
        from af2jax.heads.summary import TABLE
        from af2jax.report.index import NAME, save_index

        try:
            collect(self.out)
        except OSError as error:
            warn("%s is not written: %s", self.out / TABLE, machine(error))
        writers = {
            scoring.TABLE: lambda: scoring.save(self.out, batch.rows(self.out, "scores")),
            record.TABLE: lambda: record.save(self.out, batch.rows(self.out, "states")),
            NAME: lambda: save_index(self.out, self.out / batch.FAILURES),
        }
        for name, write in writers.items():
            try:
                with locked(self.out / f".{name}.lock", wait=True):
                    write()
            except OSError as error:
                warn("%s is not written: %s", self.out / name, machine(error))

    def task(self, job: "Job", weights: dict[str, str]) -> Task:
        """A query with all that decides its results.

        Raises:
            InputError: it cannot be read.
        """
        from af2jax.cli.given import given
        from af2jax.data.queries import content

        found, known = content(job), given(job, self.inputs)
        sources = dataclasses.asdict(self.sources) | {"cpus": None}
        templates = [path_and_chain(item)[0] for item in known.templates or ()]
        files = [*(known.msa or ()), *templates, self.inputs.seqres, *self.sources.db]
        settings = {
            "query": found.sha256,
            "presets": weights,
            "bfloat16": self.network.bfloat16,
            "sampling": dataclasses.asdict(self.sampling),
            "templates": known.templates,
            "template_dir": str(known.template_dir),
            "max_template_date": known.max_template_date,
            "pairing": known.pairing,
            "sources": {name: str(value) for name, value in sources.items()},
            "files": [batch.identity(path) for path in files if path is not None],
            "results": dataclasses.asdict(self.results),
        }
        if item := job.structure or self.inputs.initial_guess:
            path, chains = path_and_chain(item)
            settings["structure"] = [batch.identity(path), chains, job.protocol, list(job.target)]
        if known.cyclic:
            settings["cyclic"] = list(known.cyclic)
        if self.conformations.states:
            settings |= states.settings(self, job, found, known, weights)
        return Task(job, found.sequence, known, settings, found.read)

    def is_done(self, task: Task) -> bool:
        """Whether nothing is to do."""
        return not self.overwrite_existing_results and batch.is_done(self.out, task.job.name, task.settings)

    def fold_all(self, tasks: list[Task], chosen: list[Member], networks: Networks, failed: dict[str, str], cpu: bool):
        """The queries one after the other, the shortest first, so that those of one length follow each other."""
        from af2jax.compilation import make_room
        from af2jax.data.transforms import bucket

        tasks = sorted(tasks, key=lambda task: (len(task.sequence), task.job.name))
        with Progress({t.job.name: cost(bucket(len(t.sequence))) for t in tasks}, self.quiet, cpu) as progress:
            for task in tasks:
                make_room()
                show_warnings(task.job.name)
                try:
                    line = self.one(task, chosen, networks, progress)
                except WeightsError:
                    raise
                except Exception as error:
                    if self.debug:
                        raise
                    self.fail(failed, task.job.name, _reason(error))
                    progress.done(task.job.name)
                else:
                    print(f"{task.job.name}: {line}", flush=True)

    def one(self, task: Task, chosen: list[Member], networks: Networks, progress: Progress) -> str:
        """One query, unless another process is at it or has just done it; what to say of it.

        Raises:
            InputError: it failed.
        """
        from af2jax.cli.given import searched
        from af2jax.data.pipeline import read

        name = task.job.name
        with locked(batch.lock_of(self.out, name)) as ours:
            if not ours or self.is_done(task):
                progress.drop(name)
                return SKIPPED if ours else "in progress in another process, skipped"
            query = task.job.query
            remarks = self.remarks(task.sequence, query.split(":") if isinstance(query, str) else ())
            remarks += tuple(f"chain {name} is cyclic: its ends are joined" for name in task.given.cyclic)
            search = lambda source, _, part: progress.at(name, 0, f"{source} {part:.0%}")
            given = searched(task.job, task.given, self.sources, self.inputs.seqres, self.out, search)
            if task.read and not given.msa:  # an alignment beside an alignment is an error, which reading says
                given = given._replace(query=task.read)
            known = read(**given._asdict(), alone=bool(task.job.structure))
            told = lambda part, text: progress.at(name, part, text)
            if self.conformations.states:
                line = states.sample(self, task, known, chosen, networks, told, remarks)
            else:
                line = self.predicted(task, known, chosen, networks, told, remarks)
            batch.note(self.out, {}, [name])
            progress.done(name)
            left = progress.left()
            return f"{line}; {left}" if left else line

    def predicted(self, task: Task, known, chosen: list[Member], networks: Networks, told, remarks) -> str:
        """A query that was read, folded and written; what to say of it."""
        from af2jax.cli.given import ready
        from af2jax.scoring import named

        start = ready(task.job, self.inputs, known)
        known, guess = (start.query, start.guess) if start else (known, None)
        for note in start.notes if start else ():
            warn("%s", note)
        remarks += start.notes if start else ()
        sampling, keep = self.sampling, self.results.keep()
        found = fold(task.job.name, task.sequence, known, chosen, networks, sampling, keep, told, remarks, guess)
        if task.job.structure:
            found = [(named(one, start.given), seed) for one, seed in found]
        notes = tuple(dict.fromkeys(note for member in chosen for note in networks.notes(member)))
        return self.save(task, known, found, notes, all(map(networks.calibrated, chosen)), start)

    def remarks(self, sequence: str, chains: Sequence[str] = ()) -> tuple[str, ...]:
        """What files and page state about a sequence, with a warning before it is folded: characters that stand
        for no single amino acid have no atoms, and what reads as a nucleic acid is folded as a protein."""
        from af2jax.constants.residues import ONE_TO_THREE, RESTYPES

        found = []
        if odd := [f"{letter}{place}" for place, letter in enumerate(sequence, 1) if letter not in RESTYPES]:
            some = ", ".join(odd[:LISTED]) + (f" and {len(odd) - LISTED} more" if len(odd) > LISTED else "")
            chain = "; the chain is relaxed in the parts between" if self.results.relaxed(1) else ""
            these = counted(len(odd), "residue of unknown type has", "residues of unknown type have")
            found.append(f"{these} no atoms ({some}){chain}")
        for number, chain in enumerate(chains or (sequence,), 1):
            if len(chain) >= 10 and set(chain) <= set("ACGTUN") and len(set(chain)) > 2:
                which = f"chain {number}, " if len(chains) > 1 else ""
                found.append(
                    f"{which}A, C, G, T, U and N alone: this reads as a nucleic acid, and is folded as a protein"
                )
        threes = {sequence[i : i + 3] for i in range(0, len(sequence), 3)}
        if len(sequence) >= 9 and threes <= set(ONE_TO_THREE.values()):
            found.append("this reads as three-letter names of residues, and each character is folded as a residue")
        for remark in found:
            warn("%s", remark)
        return tuple(found)

    def warn_of_complexes(self, jobs: list["Job"], names: list[str]) -> None:
        """Says where the records of a file are folded one by one by a network that was trained for complexes, or have
        headers of programs that fold the records of a file together."""
        from af2jax.config import preset
        from af2jax.data.inputs import header

        of_complexes = next((f" by {name}" for name in names if preset(name).relpos == "chain"), "")
        alone = [job for job in jobs if job.header and ":" not in str(job.query)]
        where = lambda job: job.source.rpartition(", line ")[0]
        together = {where(job) for job in alone if header(job.header)[0] != job.header}
        for file, count in Counter(map(where, alone)).items():
            if count > 1 and (of_complexes or file in together):
                show_warnings()
                warn(
                    "%s: its %d records are folded one by one%s; if they are the chains of one complex%s, give "
                    "--one-complex",
                    file,
                    count,
                    of_complexes,
                    ", as they are for Chai and Boltz" if file in together else "",
                )

    def save(self, task: Task, known, found: list, notes: tuple[str, ...], calibrated: bool, start) -> str:
        """Ranks, relaxes and writes the predictions of a query, and how near they are to the structure that was given
        of it (`start`); what to say of it."""
        from af2jax.heads import summary
        from af2jax.report.given import TITLES
        from af2jax.report.prediction import save_page
        from af2jax.results import answers, ranked, save_job, table_names

        order = ranked(found, self.results.rank)
        relaxed = relax(order, self.results.relaxed(len(order)), self.results.use_gpu_relax, task.given.cyclic)
        alignment = known.alignment.codes
        if task.job.structure and len(alignment) == 1:
            alignment = None  # it is meant to have none
        scores = start.judge(order) if start else []
        batch.clear(self.out, task.job.name)
        files = save_job(
            found,
            self.out,
            naming=self.results.naming,
            plots=self.results.plots,
            arrays=self.results.save_all,
            alignment=alignment,
            relaxed=relaxed,
            by=self.results.rank,
        )
        title = TITLES[task.job.protocol]
        files.append(save_page(order, files, self.out, self.results.naming, alignment, calibrated, scores, title))
        heads = answers([prediction for prediction, _ in order])
        tables = table_names(heads, task.job.name, self.results.naming)
        rows = summary.rows(task.job.name, heads, tables), [row for score in scores for row in score.rows]
        batch.finish(self.out, task.job.name, task.settings, files, *rows)
        best = order[0][0]
        ptm = "" if best.ptm is None else f", pTM {best.ptm:.2f}"
        ptm += "" if best.iptm is None else f", ipTM {best.iptm:.2f}"
        remark = "".join(f" ({note})" for note in notes)
        answered = "".join(f"; {answer}" for answer in heads.values())
        answered += f"; {scores[0].rmsd:.2f} A from the given structure" if scores else ""
        return f"{counted(len(best.plddt), 'residue')}, mean pLDDT {best.plddt.mean():.1f}{ptm}{answered}{remark}"


def check_rank(rank: str, names: list[str]) -> None:
    """Raises InputError where a preset does not predict what is ranked by."""
    from af2jax.config import preset

    for name in names:
        if rank in ("ptm", "iptm") and not preset(name).heads.pae:
            raise InputError(f"--rank {rank}: {name} predicts no pTM; choose presets that end in _ptm")


def _reason(error: Exception) -> str:
    """Why a query failed, in one line."""
    if isinstance(error, InputError):
        return str(error)
    if is_out_of_memory(error):
        return f"out of memory ({one_line(error)}); try --max-msa with fewer rows, or a shorter query"
    if isinstance(error, OSError) and error.strerror:
        return machine(error)
    return internal(error)
