"""From what a user has, a sequence, alignments and templates, to the features of the network."""

import os
import re

import numpy as np
from absl import logging

from af2jax import schema
from af2jax.config import Config
from af2jax.constants.residues import LETTERS, encode
from af2jax.data import msa as msa_ops
from af2jax.data import stockholm
from af2jax.data.parse import (
    Alignment,
    complex_header,
    parse_a3m,
    parse_fasta,
    printable,
    quote,
    read_text,
    split_chains,
)
from af2jax.data.templates import Paths, load_templates
from af2jax.data.transforms import draw_msa, single_chain, stack_draws
from af2jax.errors import InputError

NO_ALIGNMENT = "single sequence without an alignment: AlphaFold is poor without one"
ALIGNMENTS = (".a3m", ".a2m", ".aln", *stockholm.SUFFIXES)  # suffixes; .gz may follow
_COMPLEX = "complexes are not supported by this function yet; give one chain"


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
) -> schema.Features:
    """What the network reads about one chain, with one draw of the MSA per recycling pass.

    Args:
        query: path of a FASTA file or of an alignment (.gz too), or the sequence itself.
        config: of the preset that will read the features.
        seed: the same seed makes the same features, bit for bit; draw k does not depend on the number of draws.
        cycles: number of draws; `config.num_recycle + 1` if None.
        msa: one alignment or several, where `query` is a FASTA or a sequence: A3M, Stockholm or PSICOV's .aln, in each
            of which the first row is the query. Their rows follow one another. Without an alignment, or where none has
            a row, the query stands alone.
        templates: known structures ("1abc.cif:A") and hits of a search; see `templates.load_templates`. None: none.
        template_dir: folder of the mmCIF files that hits name.
        max_template_date: hits that were released later are left out: "2021-09-30".

    Rows that repeat an earlier row are dropped, as AlphaFold does with the hits of its data bases. If the query is all
    that is left, a warning says so. With `templates` there are as many places as the preset takes, some of them empty;
    without, one empty place.

    Raises:
        InputError: a file is missing, no text, or not well-formed; there are several chains; an alignment or hits
            belong to another query; `seed` is negative or `cycles` not positive.
    """
    cycles = config.num_recycle + 1 if cycles is None else cycles
    if cycles < 1:
        raise InputError(f"cycles={cycles}: at least one draw of the MSA is needed")
    if seed < 0:
        raise InputError(f"seed={seed} is negative; give 0 or more")
    alignment = load_alignment(query, msa)
    kept = msa_ops.deduplicate(alignment.codes)
    if len(kept) == 1:
        logging.warning(NO_ALIGNMENT)
    codes, deletions = alignment.codes[kept], alignment.deletions[kept]
    profile = msa_ops.profile(codes)
    draws = [
        draw_msa(np.random.default_rng([seed, cycle]), codes, deletions, profile, config.data).msa
        for cycle in range(cycles)
    ]
    found = single_chain(encode(alignment.query), stack_draws(draws), config)
    if templates is not None:
        laid = load_templates(templates, alignment.query, config, template_dir, max_template_date)
        found = found.replace(templates=laid)
    return schema.check(found)


def load_alignment(query: str | os.PathLike, msa: Paths | None = None) -> Alignment:
    """The alignment that `query` and `msa` stand for, `Alignment.query` in the letters of `query`; see `features`."""
    if _is_alignment(query):
        if msa is not None:
            raise InputError(f"{str(query)!r} is an alignment already; give either it or msa={str(msa)!r}, not both")
        return read_alignment(query)
    name, sequence = _read_query(query)
    alone = parse_a3m(f">{name}\n{sequence}", printable(str(query)))
    return alone if msa is None else join_alignments(msa, alone)


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
        if all(not line.strip() or line.startswith(("#", "//")) for line in text.split("\n")):
            logging.warning("%s has no row: it adds nothing to the query", source)
            continue
        found.append(_parse(text, source))
        _check_first_row(found[-1], source, alone or found[0])
    if not found:
        return alone
    return Alignment(
        names=sum((one.names for one in found), ()),
        codes=np.concatenate([one.codes for one in found]),
        deletions=np.concatenate([one.deletions for one in found]),
        query=(alone or found[0]).query,
    )


def read_alignment(path: str | os.PathLike) -> Alignment:
    """One alignment, A3M, Stockholm or PSICOV's .aln (.gz too).

    Raises:
        InputError: the file is missing, damaged, not well-formed or of several chains.
    """
    return _parse(read_text(path), printable(str(path)))


def _parse(text: str, source: str) -> Alignment:
    """The content tells the format; the suffix does where there is neither a header nor a name."""
    name = source.lower().removesuffix(".gz")
    if stockholm.is_stockholm(text) or (name.endswith(stockholm.SUFFIXES) and not text.lstrip().startswith(">")):
        return stockholm.parse_stockholm(text, source)
    if name.endswith(".aln") and not text.lstrip().startswith((">", "#")):
        return stockholm.parse_psicov(text, source)
    header = complex_header(text)
    if header and (len(header[0]) > 1 or max(header[1]) > 1):
        raise InputError(f"{source}, line 1: an alignment of several chains; {_COMPLEX}")
    return parse_a3m(text, source)


def _is_alignment(query: str | os.PathLike) -> bool:
    return os.fspath(query).lower().removesuffix(".gz").endswith(ALIGNMENTS)


def _read_query(query: str | os.PathLike) -> tuple[str, str]:
    """The name and the letters of the one chain in a FASTA file or in a plain sequence."""
    if isinstance(query, str) and not os.path.exists(query):
        name, source, sequence = "query", "the query sequence", "".join(query.split()).rstrip("*").upper()
        if not sequence:
            raise InputError("the query is empty; give a FASTA or A3M file or a sequence")
        if odd := re.search("[^A-Z:]", sequence):
            where = f"{odd[0]!r} at position {odd.start() + 1}"
            raise InputError(
                f"{quote(query, 200)}: no such file, and no sequence of amino-acid letters either ({where})"
            )
    else:
        source = printable(str(query))
        records = parse_fasta(read_text(query), source)
        if len(records) > 1:
            raise InputError(f"{source} has {len(records)} records; {_COMPLEX}")
        name, sequence, line = records[0]
        source = f"{source}, line {line}"
    chains = split_chains(sequence, source)
    if len(chains) > 1:
        raise InputError(f'{source}: {len(chains)} chains joined by ":"; {_COMPLEX}')
    return name, sequence


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
