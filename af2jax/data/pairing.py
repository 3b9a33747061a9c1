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

from af2jax.constants.residues import GAP, LETTERS, RESTYPES
from af2jax.data.msa import deduplicate
from af2jax.data.parse import CODE_OF_BYTE, Alignment, quote
from af2jax.errors import InputError
from af2jax.typing import Bool, Float, Int

MODES = ("species", "greedy", "complete", "none")
ROWS = 2048  # of a chain in the joint alignment; half of them at most are paired
HITS = 50_000  # rows that species are looked for in
CROWD = 600  # a species with more rows in one chain says nothing about which belong together
NONE = -1  # the row of a chain that has none


class Joint(NamedTuple):
    """The alignment of a complex and what tells its residues apart. N_res counts all chains."""

    alignment: Alignment  # the chains side by side; first the paired rows, row 0 the queries; then each chain's others
    asym_id: np.ndarray  # int32 [N_res] number of the chain, from 1
    entity_id: np.ndarray  # int32 [N_res] number of its sequence, from 1, in the order of appearance
    sym_id: np.ndarray  # int32 [N_res] number among the chains of one sequence, from 1
    residue_index: np.ndarray  # int32 [N_res] from 0 in each chain
    bert_mask: np.ndarray  # bool [N_seq N_res] False: filled with gaps beside an unpaired row; no target of a loss
    order: tuple[int, ...]  # for each chain here, which of the given chains it is, from 0
    pairs: np.ndarray  # int [N_pair N_chain] the rows of the given alignments that the first N_pair rows join; -1 none


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
        mode: how. "species": rows of one species, see `species` and `by_species`. "greedy" and "complete": the
            alignments in `paired` are aligned row by row already, see `by_row`. "none": not at all.
        rows: the number of rows of a chain, at most; half of them, rounded down, may be paired.

    Of each alignment but those aligned row by row, rows that repeat an earlier row are dropped first, as AlphaFold
    does with the hits of its databases. Where all sequences are the same nothing is paired, and each row of
    `unpaired` stands in all copies at once. A chain's unpaired rows leave out what any paired row has, and there are
    at most `rows` less its paired rows with a residue. Copies are side by side in the unpaired rows too.

    Row 0 is made of `sequences`, whatever the alignments have for letters such as U that are no residue type of ours.
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
    entity, sym = number(sequences)
    order = np.argsort(entity, kind="stable")
    distinct = list(dict.fromkeys(sequences))
    others = _of_entities("unpaired", unpaired, sequences, distinct)
    joined = _of_entities("paired", paired, sequences, distinct)

    bare = [alone(*parts) for parts in zip(distinct, joined, others, strict=True)]
    column = entity[order] - 1  # of each chain, the place of its sequence in these lists
    sources, kept, pairs = _pairs(bare, others, joined, column, mode)
    blocks = [_distinct(other or one)[0] for other, one in zip(others, bare, strict=True)]
    taken = [pairs[:, list(column).index(place)] for place in range(len(distinct))]
    blocks = [_fresh(*parts, rows) for parts in zip(blocks, sources, taken, strict=True)]
    pairs = pairs[: rows // 2]
    copies = [list(column).count(place) for place in range(len(distinct))]
    alignment, own = _joint(sources, [part[: rows // 2] for part in taken], blocks, copies)
    lengths = [len(sequences[chain]) for chain in order]
    spread = lambda values: np.repeat(np.asarray(values, np.int32), lengths)
    return Joint(
        alignment=alignment,
        asym_id=spread(range(1, len(order) + 1)),
        entity_id=spread(entity[order]),
        sym_id=spread(sym[order]),
        residue_index=np.concatenate([np.arange(length, dtype=np.int32) for length in lengths]),
        bert_mask=own,
        order=tuple(map(int, order)),
        pairs=np.stack(
            [np.append(kept[place], NONE)[part] for place, part in zip(column, pairs.T, strict=True)], axis=1
        ),
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


def number(sequences: Sequence[str]) -> tuple[Int[np.ndarray, "N_chain"], Int[np.ndarray, "N_chain"]]:
    """For each chain the number of its sequence, and of the chain among those of this sequence; both from 1."""
    entities = {sequence: entity for entity, sequence in enumerate(dict.fromkeys(sequences), start=1)}
    sym = [list(sequences[: chain + 1]).count(sequence) for chain, sequence in enumerate(sequences)]
    return np.array([entities[sequence] for sequence in sequences], int), np.array(sym, int)


def species(header: str) -> str:
    """The species that a row's header names, or "".

    - UniProt, as AlphaFold reads it: "tr|A0A146SKV9|A0A146SKV9_FUNHE/1-99 ..." is FUNHE; databases tr and sp only.
    - UniRef with the number of a taxon, as files for pairing have it: "UniRef100_A0A0S7JZT1_188132/ ..." is 188132.
    - UniRef with its description: "... n=2 Tax=Xenopus TaxID=8353 RepID=A0A1L8HNI8_XENLA" is XENLA, since the row is
      the representative's; a cluster of one whose representative has no such code is its TaxID.

    The last two are ours. Codes and numbers of one species do not meet.
    """
    words = header.split(maxsplit=1)
    name = words[0].partition("/")[0] if words else ""
    if found := _UNIPROT.fullmatch(name) or _TAXON.fullmatch(name):
        return found[1]
    if not name.startswith("UniRef") or len(words) < 2:
        return ""
    found = _REPRESENTATIVE.search(words[1]) or _ALONE.search(words[1])
    return found[1] if found else ""


_UNIPROT = re.compile(r"(?:sp|tr)\|[A-Za-z0-9]{6,10}(?:_\d)?\|[A-Za-z0-9]+_([A-Za-z0-9]{1,5})(?:_\d+)?")
_TAXON = re.compile(r"UniRef\d+_[A-Za-z0-9-]+_(\d+)")
_REPRESENTATIVE = re.compile(r"\bRepID=[A-Z0-9]+_([A-Z0-9]{1,5})(?!\S)")
_ALONE = re.compile(r"\bn=1 .*\bTaxID=(\d+)")


def similarity(codes: Int[np.ndarray, "N_row N_res"]) -> Float[np.ndarray, "N_row"]:
    """The fraction of positions at which each row has the letter of row 0."""
    return (codes == codes[0]).mean(axis=1)


def by_species(
    kinds: Sequence[Sequence[str]], likeness: Sequence[Float[np.ndarray, "..."]]
) -> Int[np.ndarray, "N_pair N_chain"]:
    """The rows of each chain that belong together since they are of one species; -1 where a chain has none.

    Args:
        kinds: for each chain the species of its rows, "" where unknown; of row 0, the query, always "".
        likeness: for each chain how near its rows are to the query, as `similarity` says.

    Within a species the rows that are most like the query are joined, then the second, and so on, as many as the
    chain with the fewest has; chains that do not know the species have none. Left out are species of one chain only,
    and those of more than 600 rows in any. The first row joins the queries. Rows of all chains come first, then those
    of all but one, and so on; among these the smaller product of row numbers comes first, in absolute value.

    DeepMind leaves the order of equals to an unstable sort, which depends on the machine; here equally similar rows
    keep their order, and equal products that of the species' names. Products of many chains overflow as DeepMind's do.
    """
    members: list[dict[str, list[int]]] = []
    for chain, names in enumerate(kinds):
        members.append({})
        for row in np.argsort(-likeness[chain], kind="stable"):
            members[chain].setdefault(names[row], []).append(int(row))
    found: dict[int, list[list[int]]] = {len(kinds): [[0] * len(kinds)]}
    for kind in sorted(set().union(*members) - {""}):
        sizes = [len(chain[kind]) for chain in members if kind in chain]
        if len(sizes) > 1 and max(sizes) <= CROWD:
            absent = [NONE] * min(sizes)
            together = zip(*(chain.get(kind, absent)[: min(sizes)] for chain in members), strict=True)
            found.setdefault(len(sizes), []).extend(map(list, together))
    ordered = []
    for count in sorted(found, reverse=True):
        group = np.array(found[count], np.int64)
        ordered.append(group[np.argsort(np.abs(np.prod(group, axis=1)), kind="stable")])
    return np.concatenate(ordered)


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


def _of_entities(
    what: str, given: Sequence[Alignment | None], sequences: list[str], distinct: list[str]
) -> list[Alignment | None]:
    """For each of the different sequences the alignment that one of its chains has, with the sequence as row 0."""
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
    return [_with_query(found[sequence][1], sequence) if sequence in found else None for sequence in distinct]


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


def difference(alignment: Alignment, sequence: str) -> int | None:
    """The first position at which row 0 is not the sequence; not at U, O, J, ..., which MMseqs2 renames."""
    first, wanted = alignment.codes[0], _encoded(sequence)
    common = min(len(first), len(wanted))
    ours = np.array([letter in RESTYPES for letter in sequence[:common]], bool)
    differ = np.flatnonzero((first[:common] != wanted[:common]) & ours)
    return int(differ[0]) if len(differ) else None if len(first) == len(wanted) else common


def _encoded(sequence: str) -> np.ndarray:
    return CODE_OF_BYTE[np.frombuffer(sequence.encode(), np.uint8)]


def _with_query(alignment: Alignment, sequence: str) -> Alignment:
    codes, deletions = alignment.codes.astype(np.int8), alignment.deletions.astype(np.int32)
    codes[0], deletions[0] = _encoded(sequence), 0
    return alignment._replace(codes=codes, deletions=deletions, query=sequence)


def alone(sequence: str, *given: Alignment | None) -> Alignment:
    """The sequence without hits, under the name that an alignment has for it."""
    name = next((alignment.names[0] for alignment in given if alignment), "query")
    codes = _encoded(sequence)[None]
    return Alignment((name,), codes, np.zeros(codes.shape, np.int32), sequence)


def take(alignment: Alignment, index: np.ndarray) -> Alignment:
    """The rows `index` of an alignment."""
    names = tuple(alignment.names[i] for i in index)
    return Alignment(names, alignment.codes[index], alignment.deletions[index], alignment.query)


def _distinct(alignment: Alignment) -> tuple[Alignment, np.ndarray]:
    """The first row of each kind, and which they are."""
    kept = deduplicate(alignment.codes)
    return take(alignment, kept), kept


def _with_gaps(alignment: Alignment, count: int = 1) -> Alignment:
    """`alignment` with rows of gaps behind."""
    more = ((0, count), (0, 0))
    codes, deletions = np.pad(alignment.codes, more, constant_values=GAP), np.pad(alignment.deletions, more)
    return Alignment(alignment.names + ("",) * count, codes, deletions, alignment.query)


def _pairs(
    bare: list[Alignment],
    others: list[Alignment | None],
    joined: list[Alignment | None],
    column: np.ndarray,
    mode: str,
) -> tuple[list[Alignment], list[np.ndarray], np.ndarray]:
    """For each sequence the alignment to join rows of, a row of gaps at its end, and which of the given rows those are;
    and the rows that are joined, [N_pair N_chain]."""
    if mode == "none" or len(bare) == 1:
        pairs = np.zeros((1, len(column)), int)
        return list(map(_with_gaps, bare)), [np.zeros(1, int)] * len(bare), pairs
    if mode == "species":
        found = []
        for choice in zip(joined, others, bare, strict=True):
            given = next(alignment for alignment in choice if alignment)
            found.append(_distinct(take(given, np.arange(min(HITS, len(given.codes))))))
        kinds = [["", *map(species, source.names[1:])] for source, _ in found]
        likeness = [similarity(source.codes) for source, _ in found]
        pairs = by_species([kinds[place] for place in column], [likeness[place] for place in column])
        return [_with_gaps(source) for source, _ in found], [kept for _, kept in found], pairs
    counts = {len(source.codes): place for place, source in enumerate(joined, start=1) if source}
    if len(counts) != 1:
        listed = ", ".join(f"{count} for sequence {place}" for count, place in counts.items())
        wrong = f"their numbers of rows differ ({listed})" if counts else "none is given"
        raise InputError(
            f'pairing mode "{mode}" needs paired alignments that one search has aligned row by row, but {wrong}; '
            'give its files, or use "species"'
        )
    (count,) = counts
    sources = [source or _with_gaps(one, count - 1) for source, one in zip(joined, bare, strict=True)]
    present = np.stack([(source.codes != GAP).any(axis=1) for source in sources])
    pairs = by_row(present, len(sources) if mode == "complete" else 2)
    return list(map(_with_gaps, sources)), [np.arange(count)] * len(sources), pairs[:, column]


def _fresh(block: Alignment, source: Alignment, taken: np.ndarray, rows: int) -> Alignment:
    """The rows of `block` that the paired ones do not have, as many as are wanted beside these."""
    paired = source.codes[taken]
    known = {row.tobytes() for row in paired}
    fresh = np.array([i for i, row in enumerate(block.codes) if row.tobytes() not in known], int)
    return take(block, fresh[: rows - (paired[: rows // 2] != GAP).any(axis=1).sum()])


def _joint(
    sources: list[Alignment], taken: list[np.ndarray], blocks: list[Alignment], copies: list[int]
) -> tuple[Alignment, np.ndarray]:
    """The alignment over all chains, and where its cells belong to the rows."""
    heads = [take(source, rows) for source, rows in zip(sources, taken, strict=True)]
    n_pair = len(taken[0])
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
