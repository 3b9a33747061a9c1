"""What the features of a query are made of: what the user gives of it, and what a search finds."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from af2jax.cli.alignments import Progress, SearchOptions, alignment_for, template_hits_for
from af2jax.cli.options import Inputs
from af2jax.data.cyclic import names
from af2jax.data.formats import PACKED, plain
from af2jax.data.queries import HITS, Job
from af2jax.errors import InputError
from af2jax.files import file_name

SUFFIXES_OF_HITS = (".hhr", HITS, ".m8", ".sto")
TEMPLATE_HITS = ("pdb_hits", "pdb70_hits", "pdb100_hits", "hmm_output")  # hmmsearch's, in Stockholm too
ALPHAFOLD = ("uniref90", "bfd", "small_bfd", "mgnify", "uniprot")  # in the order in which it joins them


class Given(NamedTuple):
    """The arguments of `af2jax.features` that do not depend on the network."""

    query: str | Path
    msa: tuple[Path, ...] | None
    templates: tuple[str, ...] | None
    template_dir: Path | None
    max_template_date: str | None
    pairing: str
    cyclic: tuple[str, ...] = ()


def given(job: Job, inputs: Inputs) -> Given:
    """What the user gives of a query. Folders of alignments are for queries that are sequences.

    Raises:
        InputError: what was given by name is not there, or a folder has nothing for this query.
    """
    from af2jax.data.pipeline import ALIGNMENTS

    if missing := [path for path in job.msa if not path.is_file()]:
        raise InputError(f"{job.source}: its alignment {missing[0]} is not there; check the path")
    folders_alone = all(path.is_dir() for path in inputs.msa)
    msa = None
    if not (folders_alone and isinstance(job.query, Path)):
        places = [] if job.msa and folders_alone else inputs.msa
        msa = (*job.msa, *_named(places, job, ALIGNMENTS, "--msa")) or None
    hits = _named([inputs.template_hits] if inputs.template_hits else [], job, SUFFIXES_OF_HITS, "--template-hits")
    templates = (*job.templates, *inputs.templates, *map(str, hits)) or None
    of_templates = inputs.custom_template_path, inputs.max_template_date
    return Given(job.query, msa, templates, *of_templates, inputs.pairing, job.cyclic or names(inputs.cyclic))


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


def _named(places: Iterable[Path], job: Job, suffixes: tuple[str, ...], flag: str) -> tuple[Path, ...]:
    """The files among `places`, and those in folders among them that belong to the query.

    Raises:
        InputError: a folder has none.
    """
    found: list[Path] = []
    for place in places:
        inside = _inside(place, job, suffixes) if place.is_dir() else [place]
        if not inside:
            name = file_name(job.name)
            raise InputError(
                f"{flag} {place} has nothing for {job.name}: no {name}{suffixes[0]} or the like, and no folder {name} "
                f"of AlphaFold's or OpenFold's; add it, or leave {flag} out"
            )
        found += inside
    return tuple(found)


def _inside(place: Path, job: Job, suffixes: tuple[str, ...]) -> list[Path]:
    """The files of a query in a folder: called as the query, or in a folder of AlphaFold's or OpenFold's layout."""
    name = file_name(job.name)
    known = [place / f"{name}{suffix}{end}" for suffix in suffixes for end in ("", *PACKED)]
    if found := [file for file in known if file.is_file()]:
        return found
    stem = Path(plain(job.source.split(", line ")[0])).stem  # AlphaFold calls its folder as the FASTA file
    folders = [place / name, *([place / file_name(stem)] if stem else []), place]
    for folder in folders:
        patterns = ("*_hits.*", "msas/*") if folder == place else ("*", "msas/*", "msas/*/*")
        files = [file for pattern in patterns for file in folder.glob(pattern) if _fits(file, job, suffixes)]
        if files:
            return sorted(files, key=lambda file: (_order(file.name), str(file)))
    return []


def _fits(file: Path, job: Job, suffixes: tuple[str, ...]) -> bool:
    """Whether a file of AlphaFold's layout is one of alignments, or of template hits, whichever the suffixes mean."""
    name = plain(file.name.lower())
    of_templates = name.endswith((".hhr", ".m8", HITS)) or name.startswith(TEMPLATE_HITS)
    paired = name.startswith("uniprot_hits") and ":" not in str(job.query)  # AlphaFold reads it of complexes alone
    return file.is_file() and name.endswith(suffixes) and of_templates == (suffixes is SUFFIXES_OF_HITS) and not paired


def _order(name: str) -> int:
    """The place of a file among those that AlphaFold joins."""
    return next((i for i, start in enumerate(ALPHAFOLD) if name.startswith(start)), len(ALPHAFOLD))


def ready(job: Job, inputs: Inputs, query):
    """A query that was read with the structure that is given of it (`scoring.Ready`); None: there is none.

    Raises:
        InputError: the structure cannot be read, or is of another sequence.
    """
    from af2jax.data.given import read_given
    from af2jax.scoring import GUESS, prepared

    item = job.structure or inputs.initial_guess
    if not item:
        return None
    return prepared(query, read_given(item, query.query.chains), job.protocol or GUESS, job.target)
