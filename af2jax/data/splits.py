"""Which items are homologues, and parts of a data set that share none."""

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from af2jax.errors import InputError
from af2jax.typing import Int
from af2jax.words import counted

IDENTITY, COVERAGE, E_VALUE = 0.3, 0.5, 0.01
DATABASE = 1000  # sequences that the E-value counts on, however many there are: a pair is judged alike in every set
WORD, SHARED, EQUAL = 5, 0.7, 0.5  # letters of a word; parts of words and of places that make a variant
PEPTIDE, FEWEST = 40, 10  # residues of a peptide at most, complexes of a set of them at least
SINGLE = 0.8  # of the variants with one mutation, that are split by position
SMALL, FRACTION = ("test", "valid"), 0.1  # of the items, each; the others are "train"
PARTS = len(SMALL) + 1  # groups that can be split, at least


def split_scan(variants: Sequence[Sequence[int]], seed: int = 0) -> list[str]:
    """ "train", "valid", "test" or "" for each variant of a scan, by the positions that it changes: int [N][M].

    Where four of five have one mutation, or all as many, by position: about 10 % of the positions each are test and
    valid, the wild type is trained on, and variants that change positions of several parts have no split. Else by
    number of mutations: those with the most are test, 10 % or more, the next valid.
    """
    count = Counter(len(positions) for positions in variants)
    if not by_position(variants):
        order = sorted(count)
        part_of: dict = {}
        for part in SMALL:
            held = 0
            while held < FRACTION * len(variants) and len(order) > len(SMALL) - SMALL.index(part):
                part_of[number := order.pop()] = part
                held += count[number]
        return [part_of.get(len(positions), "train") for positions in variants]
    places = sorted({position for positions in variants for position in positions})
    order = sorted(places, key=lambda place: hashlib.sha256(f"{seed} {place}".encode()).digest())
    size = max(1, round(FRACTION * len(order)))
    part_of = dict.fromkeys(order, "train") | dict.fromkeys(order[:size], "test")
    part_of |= dict.fromkeys(order[size : 2 * size], "valid")
    found = [{part_of[position] for position in positions} or {"train"} for positions in variants]
    return [next(iter(parts)) if len(parts) == 1 else "" for parts in found]


def by_position(variants: Sequence[Sequence[int]]) -> bool:
    """Whether `split_scan` splits these variants by position, and not by number of mutations."""
    count = Counter(len(positions) for positions in variants)
    return len(count) <= len(SMALL) or count[1] >= SINGLE * (len(variants) - count[0])


def clusters(sequences: Sequence[str], identity: float = IDENTITY, coverage: float = COVERAGE) -> Int[np.ndarray, " N"]:
    """A number for each sequence, equal for homologues and homologues of homologues: int [N].

    Two are homologues where phmmer (E-value 0.01) aligns them with `identity` over `coverage` of the shorter one, or
    where they are variants of one protein: 70 % of the words of five letters of one are in the other, or they are
    equally long and equal in half of their places. (Thousands of variants would take hours to align.) Chains joined by
    "/" are compared as one; but of many peptides with few partners (`peptides`) the peptides alone: they are homologues
    where they are equally long and equal in 70 % of their places.
    """
    if (found := peptides(sequences)) is not None:
        return _alike(found)
    joined = [sequence.replace("/", "") for sequence in sequences]
    distinct = list(dict.fromkeys(joined))
    parent = _variants(distinct)

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j in _homologues(distinct, [i for i in range(len(distinct)) if parent[i] == i], root, identity, coverage):
        parent[root(j)] = root(i)
    index = {sequence: root(i) for i, sequence in enumerate(distinct)}
    return np.array([index[sequence] for sequence in joined], int)


def peptides(sequences: Sequence[str]) -> list[str] | None:
    """The shortest chain of each complex, where this is a peptide and there are at least twice as many of them as of
    families of partners, as in sets of peptides and MHC molecules; None: it is no such set."""
    chains = [sequence.split("/") for sequence in sequences]
    if len(chains) < FEWEST or min(map(len, chains)) < 2:
        return None
    short = [min(own, key=len) for own in chains]
    if not all(short) or max(map(len, short)) > PEPTIDE:
        return None
    partners = list({"".join(sorted(own, key=len)[1:]) for own in chains})
    return short if 2 * len(set(clusters(partners).tolist())) <= len(set(short)) else None


def meaning(sequences: Sequence[str]) -> str:
    """What makes homologues of them, in words."""
    return "30 % identity or more" if peptides(sequences) is None else "peptides that are equal in 70 % of their places"


def _alike(sequences: list[str]) -> np.ndarray:
    """A number for each of [N] peptides, equal for those that differ in less than 30 % of their places, and so on."""
    distinct = list(dict.fromkeys(sequences))
    group = np.arange(len(distinct))
    for size in {len(one) for one in distinct}:
        rows = np.array([i for i, one in enumerate(distinct) if len(one) == size])
        letters = np.array([list(distinct[i].encode()) for i in rows])
        for place, row in enumerate(rows):
            near = rows[(letters == letters[place]).mean(axis=1) >= SHARED]
            own = group[near].min()
            group[np.isin(group, group[near])] = own
            group[row] = own
    index = dict(zip(distinct, group.tolist(), strict=True))
    return np.array([index[one] for one in sequences], int)


def _variants(sequences: list[str]) -> list[int]:
    """For each sequence the index of one at least as long of which it is a variant, or its own."""
    owner: dict[str, int] = {}  # the first sequence with a word
    alike: dict[int, list[int]] = {}  # those of a length that are variants of none
    out = list(range(len(sequences)))
    letters = [np.frombuffer(sequence.encode(), np.uint8) for sequence in sequences]
    for i in sorted(out, key=lambda i: -len(sequences[i])):
        words = {sequences[i][j : j + WORD] for j in range(len(sequences[i]) - WORD + 1)}
        for other, count in Counter(owner[word] for word in words if word in owner).most_common(1):
            if count >= SHARED * len(words):
                out[i] = other
        others = alike.setdefault(len(sequences[i]), [])
        if out[i] == i and others:
            equal = (np.stack([letters[other] for other in others]) == letters[i]).mean(axis=1)
            out[i] = others[int(equal.argmax())] if equal.max() >= EQUAL else i
        if out[i] == i:
            others.append(i)
            for word in words:
                owner.setdefault(word, i)
    return out


def _homologues(sequences: list[str], chosen: list[int], root, identity: float, coverage: float):
    """Pairs of the sequences `chosen` that phmmer finds related, without those that have one root already."""
    import pyhmmer

    alphabet = pyhmmer.easel.Alphabet.amino()
    texts = [pyhmmer.easel.TextSequence(name=str(i).encode(), sequence=sequences[i]) for i in chosen]
    block = pyhmmer.easel.DigitalSequenceBlock(alphabet, [text.digitize(alphabet) for text in texts])
    for i, hits in zip(chosen, pyhmmer.hmmer.phmmer(block, block, E=E_VALUE, Z=DATABASE), strict=True):
        for hit in hits:
            j = int(hit.name)
            if root(i) == root(j):
                continue
            pairs = _aligned(hit.best_domain.alignment)
            same = sum(a.upper() == b.upper() for a, b in pairs)
            shorter = min(len(sequences[i]), len(sequences[j]))
            if len(pairs) >= coverage * shorter and same >= identity * len(pairs):
                yield i, j


def _aligned(alignment) -> list[tuple[str, str]]:
    """The pairs of letters of an alignment, without gaps."""
    pairs = zip(alignment.hmm_sequence, alignment.target_sequence, strict=True)
    return [(a, b) for a, b in pairs if a.isalpha() and b.isalpha()]


def split(sequences: Sequence[str], groups: Int[np.ndarray, " N"], seed: int = 0) -> list[str]:
    """ "train", "valid" or "test" for each sequence, about 80, 10 and 10 %: homologues always in one part.

    Groups fill test, then valid, in an order that a hash gives, so that one more item moves few of the others. A group
    that does not fit is trained on.

    Raises:
        InputError: there are fewer than three groups.
    """
    members: dict[int, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(int(group), []).append(index)
    if len(members) < PARTS:
        raise InputError(
            f"{counted(len(sequences), 'item')} cannot be split: they are {counted(len(members), 'group')} of "
            'homologues; say in a column "split" which are train, valid and test'
        )
    names = {group: min(sequences[index] for index in indices) for group, indices in members.items()}
    order = sorted(members, key=lambda group: hashlib.sha256(f"{seed} {names[group]}".encode()).digest())
    size = {group: len(indices) for group, indices in members.items()}
    room = max(1, round(FRACTION * len(sequences)))
    room = min(room, max(1, sum(n for n in size.values() if n <= room) // 2))  # small groups are for both
    part_of: dict[int, str] = {}
    for part in SMALL:
        filled = 0
        for group in order:
            if group not in part_of and filled + size[group] <= room:
                part_of[group], filled = part, filled + size[group]
        if not filled:  # no group is so small
            part_of[min((group for group in order if group not in part_of), key=size.get)] = part
    return [part_of.get(int(group), "train") for group in groups]


def joined(first: Int[np.ndarray, " N"], second: Int[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
    """A number for each item, equal where `first` or `second` is, and so on from item to item: int [N]."""
    rows, columns = (np.unique(numbers, return_inverse=True)[1] for numbers in (first, second))
    columns = rows.max() + 1 + columns
    return linked(np.stack([rows, columns], axis=1), int(columns.max()) + 1)[rows]


def linked(pairs: Int[np.ndarray, "N_pair 2"], size: int) -> Int[np.ndarray, " size"]:
    """A number for each of `size` things, equal for those that pairs link, and so on from thing to thing."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = coo_array((np.ones(len(pairs)), pairs.T), shape=(size, size))
    return connected_components(edges, directed=False)[1]
