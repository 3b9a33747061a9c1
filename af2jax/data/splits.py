"""Which items are homologues, and parts of a data set that share none."""

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from af2jax.errors import InputError

IDENTITY, COVERAGE, E_VALUE = 0.3, 0.5, 0.01
DATABASE = 1000  # sequences that the E-value counts on, however many there are: a pair is judged alike in every set
WORD, SHARED, EQUAL = 5, 0.7, 0.5  # letters of a word; parts of words and of places that make a variant
SMALL, FRACTION = ("test", "valid"), 0.1  # of the items, each; the others are "train"


def clusters(sequences: Sequence[str], identity: float = IDENTITY, coverage: float = COVERAGE) -> np.ndarray:
    """A number for each sequence, equal for homologues and homologues of homologues: int [N].

    Two are homologues where phmmer (E-value 0.01) aligns them with `identity` over `coverage` of the shorter one, or
    where they are variants of one protein: 70 % of the words of five letters of one are in the other, or they are
    equally long and equal in half of their places. (Thousands of variants would take hours to align.) Chains joined by
    "/" are compared as one.
    """
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


def split(sequences: Sequence[str], groups: np.ndarray, seed: int = 0) -> list[str]:
    """ "train", "valid" or "test" for each sequence, about 80, 10 and 10 %: homologues always in one part.

    Groups fill test, then valid, in an order that a hash gives, so that one more item moves few of the others. A group
    that does not fit is trained on.

    Raises:
        InputError: there are fewer than three groups.
    """
    members: dict[int, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(int(group), []).append(index)
    if len(members) < len(SMALL) + 1:
        raise InputError(
            f"{len(sequences)} items cannot be split: they are {len(members)} group(s) of homologues; say in a column "
            '"split" which are train, valid and test'
        )
    name = lambda group: min(sequences[index] for index in members[group])
    order = sorted(members, key=lambda group: hashlib.sha256(f"{seed} {name(group)}".encode()).digest())
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
