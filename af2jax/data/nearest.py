"""The nearest chain of a set by sequence, and what it says of a query: a rival that every network has to beat."""

from collections.abc import Mapping
from typing import NamedTuple

import gemmi
import numpy as np

from af2jax.constants.residues import ONE_TO_THREE
from af2jax.data.templates import align
from af2jax.errors import InputError


class Nearest(NamedTuple):
    """One chain aligned to the query."""

    id: str
    pairs: np.ndarray  # int [N 2] positions in the query and in the other, from 0, both rising
    identity: float  # 0 to 1, of the pairs; NaN without pairs


def nearest(query: str, others: Mapping[str, str]) -> Nearest:
    """The one of `others`, sequences by id, with the highest score of a global alignment: BLOSUM62, affine gaps.

    There is always one, related or not; of equal scores it is the first. Pairs are those of `templates.align`, in which
    what is over at the ends costs less than in the score.

    Raises:
        InputError: `others` is empty.
    """
    if not others:
        raise InputError("there is no chain to be the nearest; give at least one other sequence")
    names = lambda sequence: [ONE_TO_THREE.get(letter, "UNK") for letter in sequence]
    own, scoring = names(query), gemmi.AlignmentScoring("b")
    scoring.mismatch = scoring.gape  # of X, which the table does not have
    score = lambda other: gemmi.align_string_sequences(own, names(others[other]), [], scoring).score
    best = max(others, key=score)
    i, j = align(query, others[best])
    same = [query[a] == others[best][b] for a, b in zip(i, j, strict=True)]
    return Nearest(best, np.stack([i, j], axis=1), float(np.mean(same)) if same else np.nan)


def transfer(
    pairs: np.ndarray, num: int, positions_other: np.ndarray, mask_other: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Positions [num 3], 0 where unknown, and bool [num] of a query: the other's, [M 3] and [M], where they pair."""
    mask = np.zeros(num, bool)
    mask[pairs[:, 0]] = mask_other[pairs[:, 1]]
    positions = np.zeros((num, 3), positions_other.dtype)
    positions[mask] = positions_other[pairs[mask[pairs[:, 0]], 1]]
    return positions, mask
