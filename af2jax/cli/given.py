"""What the features of a query are made of: what the user gives of it, and what a search finds."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from absl import logging

from af2jax.cli.alignments import Progress, SearchOptions, alignment_for, template_hits_for
from af2jax.cli.options import Inputs
from af2jax.data.queries import HITS, Job
from af2jax.errors import InputError


class Given(NamedTuple):
    """The arguments of `af2jax.features` that do not depend on the network."""

    query: str | Path
    msa: tuple[Path, ...] | None
    templates: tuple[str, ...] | None
    template_dir: Path | None
    max_template_date: str | None
    pairing: str


def given(job: Job, inputs: Inputs) -> Given:
    """What the user gives of a query. Folders of alignments are for queries that are sequences."""
    from af2jax.data.pipeline import ALIGNMENTS

    folders_alone = all(path.is_dir() for path in inputs.msa)
    msa = None if folders_alone and isinstance(job.query, Path) else _named(inputs.msa, job, ALIGNMENTS) or None
    hits = _named([inputs.template_hits] if inputs.template_hits else [], job, (".hhr", HITS, ".m8"))
    templates = (*inputs.templates, *map(str, hits)) or None
    return Given(job.query, msa, templates, inputs.custom_template_path, inputs.max_template_date, inputs.pairing)


def searched(
    job: Job, known: Given, sources: SearchOptions, seqres: Path | None, out: Path, progress: Progress
) -> Given:
    """The same with the alignment and the template hits that searches find, where they are asked for; see `alignments`.

    Raises:
        InputError: a search fails, or templates are to be searched for without an alignment.
    """
    if sources.asked() and not isinstance(job.query, Path):
        known = known._replace(msa=(*(known.msa or ()), alignment_for(job, sources, out, progress)))
    if seqres:
        alignments = [job.query] if isinstance(job.query, Path) else list(known.msa or ())
        if not alignments:
            raise InputError("--seqres needs an alignment of the query: give an A3M file, --msa or --db")
        hits = template_hits_for(job, alignments[-1], seqres, sources, out, progress)
        known = known._replace(templates=(*(known.templates or ()), str(hits)))
    return known


def _named(places: Iterable[Path], job: Job, suffixes: tuple[str, ...]) -> tuple[Path, ...]:
    """The files among `places`, and those in folders among them that are called as the query."""
    from af2jax.files import file_name

    found: list[Path] = []
    for place in places:
        names = [f"{file_name(job.name)}{suffix}{gz}" for suffix in suffixes for gz in ("", ".gz")]
        inside = [place / name for name in names if (place / name).is_file()] if place.is_dir() else [place]
        if not inside:
            logging.warning("%s has no file %s", place, names[0])
        found += inside
    return tuple(found)
