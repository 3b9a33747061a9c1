"""From what a user has, a sequence, alignments and templates, to the features of the network."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import logging

from af2jax import schema
from af2jax.config import Config
from af2jax.constants.residues import LETTERS, UNKNOWN, encode
from af2jax.data import formats, inputs, stockholm
from af2jax.data import msa as msa_ops
from af2jax.data.alignment import difference
from af2jax.data.assembly import Assembly, assemble
from af2jax.data.cyclic import names
from af2jax.data.cyclic import ring as cyclic_ring
from af2jax.data.pairing import separate
from af2jax.data.parse import (
    Alignment,
    bare,
    complex_header,
    parse_a3m,
    parse_fasta,
    printable,
    quote,
    read_text,
    split_chains,
)
from af2jax.data.templates import Paths, load_templates
from af2jax.data.transforms import assembled, draw_msa, stack_draws
from af2jax.errors import InputError
from af2jax.protein.record import chain_name
from af2jax.typing import Bool

NO_ALIGNMENT = "single sequence without an alignment: AlphaFold is poor without one"
ALIGNMENTS = (".a3m", ".a2m", ".aln", ".clustal", ".clw", *stockholm.SUFFIXES)  # suffixes; `formats.PACKED` may follow


class Query(NamedTuple):
    """What is to be folded: its chains, in the order in which they were given, and what is known of them."""

    name: str
    chains: tuple[str, ...]  # sequences
    unpaired: tuple[Alignment | None, ...]  # of each chain
    paired: tuple[Alignment | None, ...] = ()  # of each chain, where one file joins rows of several

    @property
    def nbytes(self) -> int:
        """What the arrays of its alignments take."""
        return sum(rows.codes.nbytes + rows.deletions.nbytes for rows in (*self.unpaired, *self.paired) if rows)


def features(
    query: str | os.PathLike,
    config: Config,
    seed: int = 0,
    cycles: int | None = None,
    *,
    msa: Paths | None = None,
    templates: Paths | None = None,
    template_dir: str | os.PathLike | None = None,
    max_template_date: str | None = None,
    pairing: str = "auto",
    cyclic: str | Sequence[str] = (),
) -> schema.Features:
    """What the network reads about one chain or a complex, with one draw of the MSA per recycling pass.

    Args:
        query: path of a FASTA file or of an alignment (.gz too), or the sequence itself. ":" joins the chains of a
            complex, and so do the records of a FASTA file (headers of Chai and Boltz, "protein|..." and
            "A|protein|alignment", mean what they mean there), and ColabFold's first line "#lengths<TAB>copies" of an
            A3M.
        config: of the preset that will read the features.
        seed: the same seed makes the same features, bit for bit; draw k does not depend on the number of draws.
        cycles: number of draws; `config.num_recycle + 1` if None.
        msa: one alignment or several, where `query` is a FASTA or a sequence: A3M, Stockholm or PSICOV's .aln, in each
            of which the first row is the query; of a complex, one of its chains, or all of them in ColabFold's form.
            Rows of one chain follow one another. Without an alignment, or where none has a row, the query stands alone.
        templates: known structures ("1abc.cif:A") and hits of a search; see `templates.load_templates`. Each is
            aligned to the chain that it is most like, and to its copies. None: none.
        template_dir: folder of the mmCIF files that hits name.
        max_template_date: hits that were released later are left out: "2021-09-30".
        pairing: how rows of the chains of a complex are joined, see `assembly.assemble`; of no meaning for one chain.
        cyclic: the chains of which the last residue is bound to the first, "A" or "A,C", by their order; see
            `embed.around`.

    Rows that repeat an earlier row are dropped, as AlphaFold does with the hits of its databases. If the query is all
    that is left, a warning says so. With `templates` there are as many places as the preset takes, some of them empty;
    without, one empty place.

    Raises:
        InputError: a file is missing, no text, or not well-formed; a chain is empty; an alignment or hits belong to
            another query; `seed` is negative or `cycles` not positive; `pairing` is unknown; no
            chain has a name of `cyclic`, or it cannot be a ring.
    """
    of_templates = {"template_dir": template_dir, "max_template_date": max_template_date}
    return draw(
        read(query, msa=msa, templates=templates, pairing=pairing, cyclic=cyclic, **of_templates), seed, config, cycles
    )


@dataclass(frozen=True)
class Read:
    """A query of which every file is read; `draw` makes the features of any network and seed of it."""

    query: Query
    assembly: Assembly  # of all chains
    profile: np.ndarray  # float32 [N_res 22] of the assembled alignment
    templates: Callable[[Config], schema.Templates] | None  # those of a network
    ring: np.ndarray | None = None  # int32 [N_res] of `Features.ring`

    @property
    def alignment(self) -> Alignment:
        """What is known of the query, its letters in `Alignment.query`: of one chain all rows, those too that repeat
        others."""
        return self.query.unpaired[0] if len(self.query.chains) == 1 else self.assembly.alignment


def read(
    query: str | os.PathLike | Query,
    *,
    msa: Paths | None = None,
    templates: Paths | None = None,
    template_dir: str | os.PathLike | None = None,
    max_template_date: str | None = None,
    pairing: str = "auto",
    cyclic: str | Sequence[str] = (),
    alone: bool = False,
) -> Read:
    """Reads a query once, for `draw`; arguments and errors are those of `features`. Templates are read when a network
    first asks for them, once for all networks that take as many in the same way.

    `alone`: the query is meant to have no alignment, so that no warning says that it has none.
    """
    known = query if isinstance(query, Query) else read_query(query, msa)
    found = assemble(known.chains, known.unpaired, known.paired, pairing)
    codes = found.alignment.codes
    if not alone and (len(codes) == 1 or not (codes[1:] != codes[:1])[found.own[1:]].any()):
        logging.warning(NO_ALIGNMENT)
    kept: dict[tuple, schema.Templates] = {}

    def of(config: Config) -> schema.Templates:
        kind = config.template.fusion if config.template else config.name, config.data.max_templates
        if kind not in kept:
            kept[kind] = load_templates(templates, known.chains, config, template_dir, max_template_date)
        return kept[kind]

    ring = None
    if closed := names(cyclic):
        letters = [chain_name(i) for i in range(len(known.chains))]
        ring = cyclic_ring(found.ids.residue_index, letters, list(map(len, known.chains)), closed, known.name)
    return Read(known, found, msa_ops.profile(codes), None if templates is None else of, ring)


def draw(
    known: Read,
    seed: int,
    config: Config,
    cycles: int | None = None,
    hidden: Bool[np.ndarray, " N_res"] | None = None,
) -> schema.Features:
    """The features of a query for a network and a seed; see `features`.

    Args:
        hidden: residues of the query that are hidden in all that the network reads, as `mask_target` hides them in
            training; the others are not masked in the query's row. Templates are left as they are. None: the query's
            row is masked at random, as published.

    Raises:
        InputError: `seed` is negative or `cycles` not positive; a template cannot be used.
    """
    cycles = config.num_recycle + 1 if cycles is None else cycles
    if cycles < 1:
        raise InputError(f"cycles={cycles}: at least one draw of the MSA is needed")
    if seed < 0:
        raise InputError(f"seed={seed} is negative; give 0 or more")
    found = known.assembly
    codes, profile = found.alignment.codes, known.profile
    if hidden is not None:
        codes = np.concatenate([np.where(hidden, UNKNOWN, codes[:1]), codes[1:]]).astype(codes.dtype)
        profile = msa_ops.profile(codes)
    rows = codes, found.alignment.deletions, profile
    draws = [
        draw_msa(np.random.default_rng([seed, cycle]), *rows, config.data, found.own, hidden).msa
        for cycle in range(cycles)
    ]
    aatype = encode(found.alignment.query)
    out = assembled(aatype, found.ids, stack_draws(draws), config, hidden).replace(ring=known.ring)
    return schema.check_features(out if known.templates is None else out.replace(templates=known.templates(config)))


def read_query(query: str | os.PathLike, msa: Paths | None = None) -> Query:
    """What `features` is given; the one chain of a query without an alignment is an alignment of its own.

    Raises:
        InputError: as in `features`.
    """
    if _is_alignment(query):
        if msa is not None:
            files = ", ".join(map(str, [msa] if isinstance(msa, str | os.PathLike) else msa))
            raise InputError(
                f"{printable(str(query))} is an alignment already, and {printable(files)} is given beside it; give one"
            )
        text, source = read_text(query), printable(str(query))
        if found := _separated(text, source):
            return found
        alignment = _parse(text, source)
        return Query(alignment.names[0], (alignment.query,), (alignment,))
    name, chains, own = _read_chains(query)
    if own and msa is not None:
        raise InputError(f"{printable(str(query))}: its headers name alignments; give either these or msa, not both")
    msa = own or msa
    if len(chains) > 1:
        return Query(name, chains, *by_chain(() if msa is None else msa, chains))
    alone = parse_a3m(f">{name}\n{chains[0]}", printable(str(query)))
    return Query(name, chains, (alone if msa is None else join_alignments(msa, alone),))


def by_chain(msa: Paths, chains: Sequence[str]) -> tuple[tuple[Alignment | None, ...], tuple[Alignment | None, ...]]:
    """For each chain of a complex its unpaired and its paired rows, out of files of single chains and of complexes.

    A file of one chain is that of the chain that its first row is. What belongs to several chains of one sequence
    stands with the first of them.

    Raises:
        InputError: a file cannot be read, or is of no chain of these; two have paired rows.
    """
    own: list[list[Alignment]] = [[] for _ in chains]
    paired: list[Alignment | None] = [None] * len(chains)
    for path in [msa] if isinstance(msa, str | os.PathLike) else msa:
        text, source = read_text(path), printable(str(path))
        if _empty(text, source):
            continue
        if found := _separated(text, source):
            if found.chains != tuple(chains):
                raise InputError(
                    f"{source}: an alignment of {_lengths(found.chains)}, the query has {_lengths(chains)}, or the "
                    "sequences differ; give the complex's own alignment"
                )
            for place, chain in enumerate(chains):
                if chains.index(chain) == place:
                    own[place].append(found.unpaired[place])
            if any(len(rows.codes) > 1 for rows in found.paired):
                if any(rows is not None for rows in paired):
                    raise InputError(f"{source}: paired rows were given before; give one file that has them")
                paired = list(found.paired)
            continue
        alignment = _parse(text, source)
        places = [place for place, chain in enumerate(chains) if difference(alignment, chain) is None]
        if not places:
            raise InputError(
                f"{source}: its first row ({quote(alignment.names[0])}, {alignment.codes.shape[1]} residues) is none "
                f"of the query's {_lengths(chains)}; give alignments of chains that are there"
            )
        own[places[0]].append(alignment)
    return tuple(_stacked(rows, rows[0].query) if rows else None for rows in own), tuple(paired)


def _lengths(chains: Sequence[str]) -> str:
    return f"{len(chains)} chains of {', '.join(str(len(chain)) for chain in chains)} residues"


def _separated(text: str, source: str) -> Query | None:
    """The chains of ColabFold's one alignment of a complex; None: the text is none."""
    header = complex_header(text)
    if not header or (len(header[0]) == 1 and max(header[1]) == 1):
        return None
    alignment = parse_a3m(text, source)
    try:
        return Query(source, *map(tuple, separate(alignment, *header)))
    except InputError as error:
        raise InputError(f"{source}, line 1: {error}") from None


def join_alignments(msa: Paths, alone: Alignment | None = None) -> Alignment | None:
    """The rows of one alignment or of several, in this order, in each of which the first row is the query.

    Files without a row add nothing, and a warning says so.

    Args:
        alone: the query as an alignment of its own, which is the answer where no file has a row; None: the query is
            what the first row of the first file says.

    Raises:
        InputError: a file cannot be read, or is of another query.
    """
    found: list[Alignment] = []
    for path in [msa] if isinstance(msa, str | os.PathLike) else msa:
        text, source = read_text(path), printable(str(path))
        if _empty(text, source):
            continue
        found.append(_parse(text, source))
        _check_first_row(found[-1], source, alone or found[0])
    if not found:
        return alone
    return _stacked(found, (alone or found[0]).query)


def _empty(text: str, source: str) -> bool:
    """Whether a file has no row; a warning says so."""
    empty = all(not line.strip() or line.startswith(("#", "//")) for line in text.split("\n"))
    if empty:
        logging.warning("%s has no row: it adds nothing to the query", source)
    return empty


def _stacked(found: Sequence[Alignment], query: str) -> Alignment:
    """The rows of several alignments of one query."""
    return Alignment(
        names=sum((one.names for one in found), ()),
        codes=np.concatenate([one.codes for one in found]),
        deletions=np.concatenate([one.deletions for one in found]),
        query=query,
    )


def read_alignment(path: str | os.PathLike) -> Alignment:
    """One alignment, A3M, Stockholm, CLUSTAL or PSICOV's .aln, which may be packed.

    Raises:
        InputError: the file is missing, damaged, not well-formed or of several chains.
    """
    return _parse(read_text(path), printable(str(path)))


# Formats of alignments but A3M: whether (text, name of the file in lower case) is one, and its parser (text, source).
PARSERS: tuple[tuple[Callable[[str, str], bool], Callable[[str, str], Alignment]], ...] = (
    (lambda text, name: formats.is_format(text, "CLUSTAL"), stockholm.parse_clustal),
    (lambda text, name: formats.is_format(text, "Stockholm"), stockholm.parse_stockholm),
    (lambda text, name: name.endswith(stockholm.SUFFIXES) and text.lstrip()[:1] != ">", stockholm.parse_stockholm),
    (lambda text, name: name.endswith(".aln") and text.lstrip()[:1] not in (">", "#"), stockholm.parse_psicov),
)


def _parse(text: str, source: str) -> Alignment:
    """The content tells the format; the suffix does where there is neither a header nor a name."""
    name = formats.plain(source.lower())
    for is_one, parse in PARSERS:
        if is_one(text, name):
            return parse(text, source)
    header = complex_header(text)
    if header and (len(header[0]) > 1 or max(header[1]) > 1):
        raise InputError(f"{source}, line 1: an alignment of several chains, where one chain is asked for")
    return parse_a3m(text, source)


def _is_alignment(query: str | os.PathLike) -> bool:
    return formats.plain(os.fspath(query).lower()).endswith(ALIGNMENTS)


def _read_chains(query: str | os.PathLike) -> tuple[str, tuple[str, ...], tuple[Path, ...]]:
    """The name and the chains in a FASTA file or in a plain sequence, and the alignments that its headers name."""
    if isinstance(query, str) and not os.path.exists(query):
        name, source, sequence = "query", "the query sequence", bare(query).rstrip("*")
        if not sequence:
            raise InputError("the query is empty; give a FASTA or A3M file or a sequence")
        if odd := re.search("[^A-Za-z:]", sequence):
            where = f"{odd[0]!r} at position {odd.start() + 1}"
            raise InputError(
                f"{quote(query, 200)}: no such file, and no sequence of amino-acid letters either ({where})"
            )
        return name, tuple(split_chains(sequence.upper(), source)), ()
    source = printable(str(query))
    records = parse_fasta(read_text(query), source)
    headers = [inputs.header(record.name) for record in records]
    for record, (_, other, _) in zip(records, headers, strict=True):
        if other:
            raise InputError(f"{source}, line {record.line}: {inputs.no_protein(other)}")
    chains = [chain for r in records for chain in split_chains(r.sequence, f"{source}, line {r.line}")]
    named = dict.fromkeys(inputs.locate(Path(query).parent, path) for _, _, path in headers if path)
    return headers[0][0], tuple(chains), tuple(named)


def _check_first_row(alignment: Alignment, source: str, alone: Alignment) -> None:
    first, wanted = alignment.codes[0], alone.codes[0]
    common = min(len(first), len(wanted))
    differ = np.nonzero(first[:common] != wanted[:common])[0]
    position = int(differ[0]) if len(differ) else common
    if len(first) != len(wanted) or len(differ):
        row, query = (LETTERS[codes[position]] if position < len(codes) else "nothing" for codes in (first, wanted))
        raise InputError(
            f"{source}: its first row ({len(first)} residues) is not the query {quote(alone.names[0])} "
            f"({len(wanted)}): at position {position + 1} it has {row}, the query {query}; "
            "give the query's own alignment"
        )
