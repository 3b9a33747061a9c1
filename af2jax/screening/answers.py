"""`af2jax.answer`: what tuned heads say of many sequences, and how far each may be believed."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from absl import logging

from af2jax.data.pipeline import features
from af2jax.data.queries import Job, content, read_queries
from af2jax.errors import InputError
from af2jax.finetune.run import load, taught
from af2jax.heads import Answer, TrainedOn, summary
from af2jax.model.alphafold import AlphaFold
from af2jax.schema import Features
from af2jax.screening.program import ask

Queries = str | os.PathLike | Sequence[str] | Mapping[str, str]


@dataclass(frozen=True)
class Asked:
    """What the heads answer of one query."""

    name: str
    sequence: str  # of all chains
    heads: Mapping[str, Answer]

    @property
    def rows(self) -> list[dict]:
        """A row for each head (`heads.summary`)."""
        return summary.rows(self.name, self.heads)


@dataclass(frozen=True)
class Answers:
    """What `answer` found.

    Attributes:
        source: the run or the folder that was asked.
        preset: of its network.
        num_recycle: passes before the last.
        queries: in the order in which they were given.
        problems: (name, reason) of queries that could not be answered.
    """

    source: str
    preset: str
    num_recycle: int
    queries: tuple[Asked, ...]
    problems: tuple[tuple[str, str], ...] = ()

    def __getitem__(self, name: str) -> Asked:
        """The query of a name; KeyError where there is none."""
        return {query.name: query for query in self.queries}[name]

    @property
    def rows(self) -> list[dict]:
        """A row for each query and head, as `answers.csv` has it."""
        return [row for query in self.queries for row in query.rows]

    def json(self) -> dict:
        """Every answer in full, as JSON has it."""
        found = {
            query.name: {"sequence": query.sequence, "heads": {n: a.json() for n, a in query.heads.items()}}
            for query in self.queries
        }
        facts = {"source": self.source, "preset": self.preset, "num_recycle": self.num_recycle}
        return facts | {"queries": found, "problems": dict(self.problems)}


def answer(
    source: str | os.PathLike,
    queries: Queries,
    *,
    num_recycle: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Answers:
    """What the tuned heads of a run answer of many sequences; no structures are made.

    The answers are those of `af2jax.predict` with the same features, within rounding.

    Args:
        source: a run directory, or a folder that `af2jax.export` wrote.
        queries: the path of a FASTA file, of a table with the columns id and sequence, of an alignment, or of a folder
            of such files; or sequences, by name or in a list (then called "1", "2" and so on). ":" joins chains.
        num_recycle: None: as the heads were trained, or the preset's.
        seed: of the draw of the MSA.
        progress: called with the queries that are done and their number.

    Raises:
        InputError: there are no heads, or no queries; two have one name; or as of `load`.
        WeightsError: as of `load`.
    """
    model, params = load(source)
    if not model.heads:
        raise InputError(f"{source} has no tuned heads to ask; give a run that trained some, or its exported folder")
    jobs, problems = _jobs(queries)
    num_recycle = model.config.num_recycle if num_recycle is None else num_recycle

    def make(job: Job) -> Features:
        return features(
            job.query, model.config, seed, num_recycle + 1, msa=job.msa or None, templates=job.templates or None
        )

    known, found = taught(source), {}
    for job, sequence, one in answered(model, params, known, jobs, make, num_recycle):
        if isinstance(one, InputError):
            problems.append((job.name, str(one)))
        else:
            found[job.name] = Asked(job.name, sequence, one)
        progress(len(found) + len(problems), len(jobs))
    in_order = tuple(found[job.name] for job in jobs if job.name in found)
    return Answers(str(source), model.config.name, num_recycle, in_order, tuple(problems))


def answered(
    model: AlphaFold,
    params: dict,
    known: TrainedOn | None,
    jobs: Iterable[Job],
    make: Callable[[Job], Features],
    num_recycle: int,
) -> Iterator[tuple[Job, str, dict[str, Answer] | InputError]]:
    """(the query, its sequence, what each head answers, or why not), the shortest first.

    Args:
        known: what taught the heads; None: not known.
        make: the features of a query.
    """
    sequences: dict[str, str] = {}
    refused: list[tuple[Job, str, InputError]] = []
    readable = []
    for job in jobs:
        try:
            sequences[job.name] = content(job).sequence
            readable.append(job)
        except InputError as error:
            refused.append((job, "", error))

    def inputs() -> Iterator[tuple[Job, Features]]:
        for job in sorted(readable, key=lambda job: len(sequences[job.name])):
            try:
                yield job, make(job)
            except InputError as error:
                refused.append((job, sequences[job.name], error))

    with _said_once():
        for job, one in ask(model, params, inputs(), num_recycle):
            sequence = sequences[job.name]
            if known is not None and not isinstance(one, InputError):
                near = known.nearest(sequence)
                one = {name: replace(answer, near=near) for name, answer in one.items()}
            yield job, sequence, one
    yield from refused


@contextmanager
def _said_once() -> Iterator[None]:
    """A warning that every query would repeat, such as that it has no alignment, is given once."""
    said: set[str] = set()

    def new(record) -> bool:
        text = record.getMessage()
        return not (text in said or said.add(text))

    log = logging.get_absl_logger()
    log.addFilter(new)
    try:
        yield
    finally:
        log.removeFilter(new)


def _jobs(queries: Queries) -> tuple[list[Job], list[tuple[str, str]]]:
    """Queries, and (file, reason) of what cannot be read."""
    if not isinstance(queries, str | os.PathLike):
        named = queries if isinstance(queries, Mapping) else {str(i): one for i, one in enumerate(queries, 1)}
        plain = {str(name): "".join(sequence.split()).rstrip("*").upper() for name, sequence in named.items()}
        if empty := [name for name, sequence in plain.items() if not sequence]:
            raise InputError(f'sequence "{empty[0]}" is empty; give its residues, or leave it out')
        if not plain:
            raise InputError("there is no sequence to ask of; give one or more")
        return [Job(name, sequence, f'sequence "{name}"') for name, sequence in plain.items()], []
    jobs, unread = read_queries([Path(queries)])
    for name, reason in unread:
        logging.warning("%s", reason if reason.startswith(name) else f"{name}: {reason}")
    if not jobs:
        raise InputError(unread[0][1])
    return jobs, unread
