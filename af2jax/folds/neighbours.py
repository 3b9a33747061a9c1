"""Structural neighbours: proteins of one fold, on either side of a split, that sequences may not show."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from af2jax.constants.atoms import CA
from af2jax.data.splits import linked
from af2jax.data.structure import Chain
from af2jax.folds.compare import aligned
from af2jax.folds.find import SAME_FOLD, identity
from af2jax.folds.index import LEAST, Entry
from af2jax.folds.prints import fingerprint, similarity
from af2jax.typing import Bool, Int

EACH = 20  # chains that are aligned to one, at most
ALIGNMENTS = 400  # in all, at most; some 30 seconds of a CPU core
Progress = Callable[[int, int], object]


class Neighbour(NamedTuple):
    """One chain aligned to another; by place among those that were given."""

    first: int
    second: int
    tm_first: float  # 0 to 1, by the length of the first
    tm_second: float
    identity: float  # 0 to 1, of aligned residues

    @property
    def same_fold(self) -> bool:
        """Whether the fold of either is in the other."""
        return max(self.tm_first, self.tm_second) >= SAME_FOLD


def entry_of(name: str, chain: Chain) -> Entry | None:
    """The CA atoms of a chain; None where it is a complex, or fewer than 10 are known."""
    seen = chain.atom_mask[:, CA]
    if chain.lengths or seen.sum() < LEAST:
        return None
    sequence = "".join(one for one, there in zip(chain.sequence, seen.tolist(), strict=True) if there)
    return Entry(name, chain.source, chain.name, sequence, chain.positions[seen, CA])


def each_for(asked: int) -> int:
    """How many chains are aligned to each of so many, so that all stay within `ALIGNMENTS`; 0: that is too many."""
    return min(EACH, ALIGNMENTS // max(asked, 1))


def compared(
    asked: Sequence[Entry],
    others: Sequence[Entry],
    allowed: Bool[np.ndarray, "N M"],
    each: int,
    progress: Progress = lambda done, total: None,
) -> list[Neighbour]:
    """Each of `asked` aligned to those of `others` that are most like it by fingerprint, where `allowed`: to `each`
    of them, so that a neighbour with another fingerprint may be missed."""
    prints = np.stack([fingerprint(entry.points) for entry in others]) if others else np.zeros((0, 1))
    found = []
    for i, one in enumerate(asked):
        progress(i, len(asked))
        places = np.flatnonzero(allowed[i])
        if not len(places) or not each:
            continue
        alike = similarity(fingerprint(one.points), prints)[places]
        chosen = places[np.argsort(-alike, kind="stable")[:each]].tolist()
        for j, other in zip(chosen, aligned(one.points, [others[j].points for j in chosen]), strict=True):
            found.append(Neighbour(i, j, other.tm_first, other.tm_second, identity(one, others[j], other)))
    return found


def groups(
    entries: Sequence[Entry | None], together: Int[np.ndarray, " N"], progress: Progress = lambda done, total: None
) -> Int[np.ndarray, " N"]:
    """A number for each chain, equal for those of one fold, for those that are `together`, and neighbours of
    neighbours.

    Two chains are of one fold where the TM-score by the length of either is 0.5 or more; each is aligned to the
    `EACH` that are most like it. Chains without a structure (None) are with their `together` alone.
    """
    group = np.unique(together, return_inverse=True)[1]
    known = [i for i, entry in enumerate(entries) if entry is not None]
    chains, own = [entries[i] for i in known], group[known]
    found = compared(chains, chains, own[:, None] != own[None], EACH, progress)
    pairs = [(own[one.first], own[one.second]) for one in found if one.same_fold]
    return linked(np.reshape(pairs, (-1, 2)).astype(int), int(group.max()) + 1)[group]
