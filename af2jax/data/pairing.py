"""The joint alignment of a complex, from the alignments of its chains.

Source: R. Evans et al., "Protein complex prediction with AlphaFold-Multimer" (2021), and, where the paper is silent,
what DeepMind's code does. Chains are identical where their sequences are; identical chains follow one another.

ColabFold (commit 3b808f0) leaves pairing to the search, MMseqs2's `pairaln` (1514015). There a taxon has one row, each
chain's first hit, and rows stand in the order of the taxa's numbers. "greedy" takes the taxa of two chains or more, and
a chain without a hit gets a row of gaps; "complete" takes the taxa of all chains. Copies of a sequence count once.
ColabFold joins the files that come back row by row, whatever the headers say, and caps them as AlphaFold does. Unlike
AlphaFold it keeps rows that repeat others; we drop them.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from af2jax.constants.residues import GAP, LETTERS
from af2jax.data.alignment import alone, difference, distinct, take, with_gaps, with_query
from af2jax.data.parse import Alignment, quote
from af2jax.data.species import NONE, by_species, similarity, species_of
from af2jax.errors import InputError
from af2jax.typing import Bool, Int

MODES = ("species", "greedy", "complete", "none")
ROWS = 2048  # of a chain in the joint alignment; half of them at most are paired
HITS = 50_000  # rows that species are looked for in


class Ids(NamedTuple):
    """What tells the residues of several chains apart, each int32 [N_res]."""

    residue_index: np.ndarray  # counts each chain from 0
    asym_id: np.ndarray  # number of the chain, from 1
    entity_id: np.ndarray  # number of its sequence, from 1, in the order of appearance
    sym_id: np.ndarray  # number among the chains of this sequence, from 1


class Joint(NamedTuple):
    """The alignment of a complex and what tells its residues apart. N_res counts all chains."""

    alignment: Alignment  # the chains side by side; first the paired rows, row 0 the queries; then each chain's others
    ids: Ids
    bert_mask: np.ndarray  # bool [N_seq N_res] False: filled with gaps beside an unpaired row; no target of a loss
    order: tuple[int, ...]  # for each chain here, which of the given chains it is, from 0
    pairs: np.ndarray  # int [N_pair N_chain] the rows of the given alignments that the first N_pair rows join; -1 none


class _Entity(NamedTuple):
    """One of the different sequences of a complex, and what was given of it."""

    query: Alignment  # the sequence alone
    unpaired: Alignment | None
    paired: Alignment | None
    copies: int


class _Source(NamedTuple):
    """The rows of an entity that may be joined with rows of others."""

    alignment: Alignment  # the last row is one of gaps: that of `NONE`
    given: np.ndarray  # int [N_row] which of the given rows these are


def pair(
    sequences: Sequence[str],
    unpaired: Sequence[Alignment | None] = (),
    paired: Sequence[Alignment | None] = (),
    mode: str = "species",
    rows: int = ROWS,
) -> Joint:
    """The joint alignment of a complex.

    Args:
        sequences: of each chain, in amino-acid letters.
        unpaired: for each chain the alignment whose rows stand in a block of their own; None, or a shorter list: the
            sequence alone. A further copy of a sequence takes what its first copy has.
        paired: for each chain the alignment whose rows are joined over chains; None: those of `unpaired` if `mode` is
            "species", else no row.
        mode: how. "species": rows of one species, see `species_of` and `by_species`. "greedy" and "complete": the
            alignments in `paired` are aligned row by row already, see `by_row`. "none": not at all.
        rows: the number of rows of a chain, at most; half of them, rounded down, may be paired.

    Of each alignment but those aligned row by row, rows that repeat an earlier row are dropped first, as AlphaFold
    does with the hits of its databases. Where all sequences are the same nothing is paired, and each row of
    `unpaired` stands in all copies at once. A chain's unpaired rows leave out what any paired row has, and there are
    at most `rows` less its paired rows with a residue. Copies are side by side in the unpaired rows too.

    Row 0 is made of `sequences`, whatever the alignments have for letters such as U that are not residue types here.
    Names of paired rows are the names in each of the different sequences' alignments, joined by tabs.

    Raises:
        InputError: there is no chain, or one is empty or has other letters; an alignment is given for a chain that is
            not there, is of another sequence, or differs between copies of one sequence; `mode` is unknown or lacks
            its alignments; these have different numbers of rows; `rows` is less than 2.
    """
    sequences = _checked_chains(sequences)
    if mode not in MODES:
        raise InputError(f"pairing mode {quote(str(mode))} is unknown; give one of {', '.join(MODES)}")
    if rows < 2:
        raise InputError(f"rows={rows}: the query and one row more need rows=2 at least")
    entity, _ = entities_and_copies(sequences)
    order = np.argsort(entity, kind="stable")
    column = entity[order] - 1  # of each chain in this order, the place of its entity
    entities = _entities(sequences, unpaired, paired)
    sources, pairs = _joined_rows(entities, column, mode)
    heads, blocks = [], []
    for place, (one, source) in enumerate(zip(entities, sources, strict=True)):
        taken = pairs[:, np.flatnonzero(column == place)[0]]
        heads.append(take(source.alignment, taken[: rows // 2]))
        blocks.append(_fresh(one, take(source.alignment, taken), rows))
    alignment, own = _side_by_side(heads, blocks, [one.copies for one in entities])
    given = [sources[place].given[part] for place, part in zip(column, pairs[: rows // 2].T, strict=True)]
    return Joint(
        alignment=alignment,
        ids=number([sequences[chain] for chain in order]),
        bert_mask=own,
        order=tuple(map(int, order)),
        pairs=np.stack(given, axis=1),
    )


def separate(
    alignment: Alignment, lengths: Sequence[int], copies: Sequence[int]
) -> tuple[list[str], list[Alignment], list[Alignment]]:
    """The sequences of the chains, their unpaired and their paired rows, out of ColabFold's one alignment of a complex.

    The answer is what `pair` takes, with mode "greedy" or "complete". Rows with residues of two chains or more are
    paired rows, all others belong to one chain.

    Args:
        alignment: over the different sequences side by side, without their copies.
        lengths, copies: of these sequences, as `parse.complex_header` reads them.

    Raises:
        InputError: the lengths do not add up to the width of the alignment.
    """
    width = alignment.codes.shape[1]
    if sum(lengths) != width or len(lengths) != len(copies) or min(*lengths, *copies) < 1:
        raise InputError(
            f"the header declares chains of {', '.join(map(str, lengths))} residues in "
            f"{', '.join(map(str, copies))} copies, the first row has {width} residues; correct one of them"
        )
    ends = np.cumsum(lengths)
    spans = [slice(end - length, end) for end, length in zip(ends, lengths, strict=True)]
    present = np.stack([(alignment.codes[:, span] != GAP).any(axis=1) for span in spans])
    several = present.sum(axis=0) > 1
    sequences, unpaired, paired = [], [], []
    labels = [name.split("\t") for name in alignment.names]
    for place, (span, count) in enumerate(zip(spans, copies, strict=True)):
        names = tuple(label[place] if len(label) == len(spans) else "\t".join(label) for label in labels)
        part = Alignment(names, alignment.codes[:, span], alignment.deletions[:, span], alignment.query[span])
        own, both = present[place] & ~several, several.copy()
        own[0] = both[0] = True
        sequences += [part.query] * count
        unpaired += [take(part, np.flatnonzero(own))] * count
        paired += [take(part, np.flatnonzero(both))] * count
    return sequences, unpaired, paired


def entities_and_copies(
    sequences: Sequence[str],
) -> tuple[Int[np.ndarray, "N_chain"], Int[np.ndarray, "N_chain"]]:
    """For each chain the number of its sequence, and of the chain among those of this sequence; both from 1."""
    entities = {sequence: entity for entity, sequence in enumerate(dict.fromkeys(sequences), start=1)}
    sym = [list(sequences[: chain + 1]).count(sequence) for chain, sequence in enumerate(sequences)]
    return np.array([entities[sequence] for sequence in sequences], int), np.array(sym, int)


def number(sequences: Sequence[str]) -> Ids:
    """The numbers of the residues of chains of these sequences, one chain after the other."""
    lengths = [len(sequence) for sequence in sequences]
    entity, sym = entities_and_copies(sequences)

    def spread(values) -> np.ndarray:
        return np.repeat(np.asarray(values, np.int32), lengths)

    index = np.concatenate([np.arange(length, dtype=np.int32) for length in lengths])
    return Ids(index, spread(range(1, len(lengths) + 1)), spread(entity), spread(sym))


def by_row(present: Bool[np.ndarray, "N_chain N_row"], least: int) -> Int[np.ndarray, "N_pair N_chain"]:
    """The rows in which at least that many chains have a residue, in their order; -1 where a chain has none.

    ColabFold's "greedy" means `least` = 2, "complete" all chains. What its server made for "greedy" has no other rows.
    """
    rows = np.flatnonzero(present.sum(axis=0) >= least)
    return np.where(present[:, rows], rows, NONE).T


def _checked_chains(sequences: Sequence[str]) -> list[str]:
    if isinstance(sequences, str) or not len(sequences):
        raise InputError("no list of chains was given; give the sequence of each chain")
    for chain, sequence in enumerate(sequences, start=1):
        if not sequence:
            raise InputError(f'chain {chain} is empty; put one ":" between two chains, none else')
        if odd := re.search("[^A-Za-z]", sequence):
            raise InputError(f"chain {chain}: {odd[0]!r} at position {odd.start() + 1} is not an amino-acid letter")
    return [sequence.upper() for sequence in sequences]


def _entities(
    sequences: list[str], unpaired: Sequence[Alignment | None], paired: Sequence[Alignment | None]
) -> list[_Entity]:
    """The different sequences in the order of their first chains."""
    others = _of_sequences("unpaired", unpaired, sequences)
    joined = _of_sequences("paired", paired, sequences)
    out = []
    for sequence in dict.fromkeys(sequences):
        other, both = others.get(sequence), joined.get(sequence)
        out.append(_Entity(alone(sequence, both, other), other, both, sequences.count(sequence)))
    return out


def _of_sequences(what: str, given: Sequence[Alignment | None], sequences: list[str]) -> dict[str, Alignment]:
    """For each sequence the alignment that one of its chains has, if any, with the sequence as row 0."""
    found: dict[str, tuple[int, Alignment]] = {}
    for chain, alignment in enumerate(given):
        if alignment is None:
            continue
        if chain >= len(sequences):
            raise InputError(
                f"{what}: an alignment is given for chain {chain + 1}, but there are {len(sequences)} chains; "
                "give one for each chain, in their order"
            )
        _check_query(what, chain, alignment, sequences)
        first, before = found.setdefault(sequences[chain], (chain, alignment))
        if before is not alignment and not (
            np.array_equal(before.codes, alignment.codes) and np.array_equal(before.deletions, alignment.deletions)
        ):
            raise InputError(
                f"{what}: chains {first + 1} and {chain + 1} have one sequence and different alignments; "
                f"leave out that of chain {chain + 1}"
            )
    return {sequence: with_query(alignment, sequence) for sequence, (_, alignment) in found.items()}


def _check_query(what: str, chain: int, alignment: Alignment, sequences: list[str]) -> None:
    wrong = difference(alignment, sequences[chain])
    if wrong is None:
        return
    letters = "".join(LETTERS[code] for code in alignment.codes[0])
    row, sequence = (part[wrong : wrong + 1] or "nothing" for part in (letters, sequences[chain]))
    owners = [str(i) for i, other in enumerate(sequences, start=1) if difference(alignment, other) is None]
    cure = f"it is that of chain {owners[0]}" if owners else "give the chain's own alignment"
    raise InputError(
        f"{what}: the first row ({quote(alignment.names[0])}, {alignment.codes.shape[1]} residues) of the alignment "
        f"for chain {chain + 1} is not its sequence ({len(sequences[chain])}): at position {wrong + 1} it has {row}, "
        f"the chain {sequence}; {cure}"
    )


def _joined_rows(
    entities: list[_Entity], column: Int[np.ndarray, " N_chain"], mode: str
) -> tuple[list[_Source], Int[np.ndarray, "N_pair N_chain"]]:
    """The rows of each entity that may be joined, and those that are."""
    if mode == "none" or len(entities) == 1:
        return [_source(one.query) for one in entities], np.zeros((1, len(column)), int)
    if mode == "species":
        return _by_species(entities, column)
    return _by_row(entities, column, mode)


def _by_species(entities: list[_Entity], column: np.ndarray) -> tuple[list[_Source], np.ndarray]:
    sources, kinds, likeness = [], [], []
    for one in entities:
        given = one.paired or one.unpaired or one.query
        rows, kept = distinct(take(given, np.arange(min(HITS, len(given.codes)))))
        sources.append(_source(rows, kept))
        kinds.append(["", *map(species_of, rows.names[1:])])
        likeness.append(similarity(rows.codes))
    return sources, by_species([kinds[place] for place in column], [likeness[place] for place in column])


def _by_row(entities: list[_Entity], column: np.ndarray, mode: str) -> tuple[list[_Source], np.ndarray]:
    counts = {len(one.paired.codes): place for place, one in enumerate(entities, start=1) if one.paired}
    if len(counts) != 1:
        listed = ", ".join(f"{count} for sequence {place}" for count, place in counts.items())
        wrong = f"their numbers of rows differ ({listed})" if counts else "none is given"
        raise InputError(
            f'pairing mode "{mode}" needs paired alignments that one search has aligned row by row, but {wrong}; '
            'give its files, or use "species"'
        )
    (count,) = counts
    rows = [one.paired or with_gaps(one.query, count - 1) for one in entities]
    present = np.stack([(part.codes != GAP).any(axis=1) for part in rows])
    pairs = by_row(present, len(rows) if mode == "complete" else 2)
    return [_source(part) for part in rows], pairs[:, column]


def _source(rows: Alignment, given: np.ndarray | None = None) -> _Source:
    """Rows with one of gaps behind; `given`: None: they are the given ones."""
    given = np.arange(len(rows.codes)) if given is None else given
    return _Source(with_gaps(rows), np.append(given, NONE))


def _fresh(one: _Entity, paired: Alignment, rows: int) -> Alignment:
    """The unpaired rows that no paired one has, as many as are wanted beside these."""
    block, _ = distinct(one.unpaired or one.query)
    known = {row.tobytes() for row in paired.codes}
    fresh = np.array([i for i, row in enumerate(block.codes) if row.tobytes() not in known], int)
    return take(block, fresh[: rows - (paired.codes[: rows // 2] != GAP).any(axis=1).sum()])


def _side_by_side(heads: list[Alignment], blocks: list[Alignment], copies: list[int]) -> tuple[Alignment, np.ndarray]:
    """The alignment over all chains, first the paired rows, and where its cells belong to the rows."""
    n_pair = len(heads[0].names)
    n_row = n_pair + sum(len(block.names) for block in blocks)
    n_res = sum(len(head.query) * count for head, count in zip(heads, copies, strict=True))
    codes, deletions = np.full((n_row, n_res), GAP, np.int8), np.zeros((n_row, n_res), np.int32)
    own = np.zeros((n_row, n_res), bool)
    row, column = n_pair, 0
    for head, block, count in zip(heads, blocks, copies, strict=True):
        across = slice(column, column + len(head.query) * count)
        down = slice(row, row + len(block.names))
        for part, where in ((head, slice(n_pair)), (block, down)):
            codes[where, across] = np.tile(part.codes, count)
            deletions[where, across] = np.tile(part.deletions, count)
            own[where, across] = True
        row, column = down.stop, across.stop
    names = ["\t".join(parts) for parts in zip(*(head.names for head in heads), strict=True)]
    names += [name for block in blocks for name in block.names]
    query = "".join(head.query * count for head, count in zip(heads, copies, strict=True))
    return Alignment(tuple(names), codes, deletions, query), own
