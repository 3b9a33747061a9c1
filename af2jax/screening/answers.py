"""`af2jax.answer`: what tuned heads say of many sequences, and how far each may be believed."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import tee
from pathlib import Path
from typing import NamedTuple

import jax
from absl import logging

from af2jax.data.pipeline import Read, draw, read
from af2jax.data.queries import Job, content, read_queries
from af2jax.errors import InputError
from af2jax.finetune.run import load, taught
from af2jax.heads import Answer, TrainedOn, agree, summary, together
from af2jax.model.alphafold import AlphaFold
from af2jax.schema import Features
from af2jax.screening.program import ask

NONE = "has no tuned heads to ask; give a run that trained some, or its exported folder"
Sources = str | os.PathLike | Sequence[str | os.PathLike]
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
        source: the run or the folder that was asked; of several all, joined by ", ".
        preset: of its network; likewise.
        num_recycle: passes before the last; None: the networks differ in it.
        queries: in the order in which they were given.
        problems: (name, reason) of queries that could not be answered.
    """

    source: str
    preset: str
    num_recycle: int | None
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


class Member(NamedTuple):
    """A network with a seed, one of those whose answers are averaged."""

    model: AlphaFold
    params: dict
    taught: TrainedOn | None  # None: not known
    num_recycle: int
    seed: int  # of the draw of the MSA


def answer(
    source: Sources,
    queries: Queries,
    *,
    num_recycle: int | None = None,
    seed: int = 0,
    num_seeds: int = 1,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Answers:
    """What the tuned heads of a run answer of many sequences; no structures are made.

    The answers are those of `af2jax.predict` with the same features, within rounding.

    Args:
        source: a run directory, or a folder that `af2jax.export` wrote; of several, and of several seeds, heads of one
            name answer with their mean and its spread.
        queries: the path of a FASTA file, of a table with the columns id and sequence, of an alignment, or of a folder
            of such files; or sequences, by name or in a list (then called "1", "2" and so on). ":" joins chains.
        num_recycle: None: as the heads were trained, or the preset's.
        seed: the first of the draw of the MSA.
        num_seeds: how many seeds for each query and source.
        progress: called with the queries that are done and their number.

    Raises:
        InputError: there are no heads, or no queries; two have one name; heads of one name are different ones; or as of
            `load`.
        WeightsError: as of `load`.
    """
    sources = [source] if isinstance(source, str | os.PathLike) else list(source)
    if not sources or num_seeds < 1:
        raise InputError("there is nothing to ask; give one run or more, and num_seeds of 1 or more")
    loaded = {str(place): (*load(place), taught(place)) for place in sources}
    asked = members(loaded, num_recycle, range(seed, seed + num_seeds))
    jobs, problems = _jobs(queries)
    found: dict[str, Asked] = {}
    for job, sequence, one in answered(asked, jobs, _read):
        if isinstance(one, InputError):
            problems.append((job.name, str(one)))
        else:
            found[job.name] = Asked(job.name, sequence, one)
        progress(len(found) + len(problems), len(jobs))
    in_order = tuple(found[job.name] for job in jobs if job.name in found)
    presets = dict.fromkeys(member.model.config.name for member in asked)
    recycles = {member.num_recycle for member in asked}
    each = recycles.pop() if len(recycles) == 1 else None
    return Answers(", ".join(loaded), ", ".join(presets), each, in_order, tuple(problems))


def members(
    loaded: Mapping[str, tuple[AlphaFold, dict, TrainedOn | None]], num_recycle: int | None, seeds: Iterable[int]
) -> list[Member]:
    """Those that are asked: each (network, parameters, what taught its heads), by its source, with each seed.

    Raises:
        InputError: one has no heads, or heads of one name are different ones.
    """
    for source, (model, _, _) in loaded.items():
        if not model.heads:
            raise InputError(f"{source} {NONE}")
        if all(head.kind == "variant" for _, head in model.heads):
            raise InputError(f"{source} has heads of variants alone, which answer of mutations: ask af2jax scan")
    agree({source: dict(model.heads) for source, (model, _, _) in loaded.items()})
    seeds, found = list(seeds), []
    for model, params, known in loaded.values():
        params = jax.device_put(params)  # once for all seeds
        recycles = model.config.num_recycle if num_recycle is None else num_recycle
        found += [Member(model, params, known, recycles, seed) for seed in seeds]
    return found


def answered(
    asked: Sequence[Member], jobs: Iterable[Job], take: Callable[[Job], Read]
) -> Iterator[tuple[Job, str, dict[str, Answer] | InputError]]:
    """(the query, its sequence, what each head answers, or why not), the shortest first.

    Each query is asked of all networks before the next, so that an answer is whole when it is there.

    Args:
        take: reads a query, once for all networks.
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

    def inputs() -> Iterator[tuple[Job, list[Features]]]:
        for job in sorted(readable, key=lambda job: len(sequences[job.name])):
            try:
                known = take(job)
                yield job, [draw(known, m.seed, m.model.config, m.num_recycle + 1) for m in asked]
            except InputError as error:
                refused.append((job, sequences[job.name], error))

    def stream(place: int, queries: Iterator[tuple[Job, list[Features]]]):
        member = asked[place]
        return ask(member.model, member.params, ((job, own[place]) for job, own in queries), member.num_recycle)

    streams = [stream(place, queries) for place, queries in enumerate(tee(inputs(), len(asked)))]
    with _shown_once():
        for found in zip(*streams, strict=True):
            job, sequence = found[0][0], sequences[found[0][0].name]
            yield job, sequence, _together(asked, [answers for _, answers in found], sequence)
    yield from refused


def _together(
    asked: Sequence[Member], several: Sequence[dict[str, Answer] | InputError], sequence: str
) -> dict[str, Answer] | InputError:
    """The answers of all networks to one query as one, with how near it is to what taught each; or the first error."""
    told, near = [], {}
    for member, answers in zip(asked, several, strict=True):
        if isinstance(answers, InputError):
            return answers
        if id(member.taught) not in near:
            near[id(member.taught)] = member.taught and member.taught.nearest(sequence)
        told.append({name: replace(one, near=near[id(member.taught)]) for name, one in answers.items()})
    return together(told)


@contextmanager
def _shown_once() -> Iterator[None]:
    """A warning that every query would repeat, such as that it has no alignment, is given once."""
    shown: set[str] = set()

    def new(record) -> bool:
        text = record.getMessage()
        return not (text in shown or shown.add(text))

    log = logging.get_absl_logger()
    log.addFilter(new)
    try:
        yield
    finally:
        log.removeFilter(new)


def _read(job: Job) -> Read:
    return read(job.query, msa=job.msa or None, templates=job.templates or None)


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
