"""The nearest chain of a set by sequence, and what it predicts of a query: a baseline for every network."""

from collections.abc import Mapping
from typing import NamedTuple

import gemmi
import numpy as np

from af2jax.constants.residues import ONE_TO_THREE
from af2jax.data.templates import align
from af2jax.errors import InputError
from af2jax.typing import Bool, Float, Int


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
    own, scoring = _names(query), gemmi.AlignmentScoring("b")
    scoring.mismatch = scoring.gape  # of X, which the table does not have
    scores = {
        other: gemmi.align_string_sequences(own, _names(sequence), [], scoring).score
        for other, sequence in others.items()
    }
    best = max(others, key=scores.get)
    i, j = align(query, others[best])
    same = [query[a] == others[best][b] for a, b in zip(i, j, strict=True)]
    return Nearest(best, np.stack([i, j], axis=1), float(np.mean(same)) if same else np.nan)


def _names(sequence: str) -> list[str]:
    return [ONE_TO_THREE.get(letter, "UNK") for letter in sequence]


def transfer(
    pairs: Int[np.ndarray, "N_pair 2"],
    num: int,
    positions_other: Float[np.ndarray, "M 3"],
    mask_other: Bool[np.ndarray, " M"],
) -> tuple[Float[np.ndarray, "num 3"], Bool[np.ndarray, " num"]]:
    """Positions [num 3], 0 where unknown, and bool [num] of a query: the other's, [M 3] and [M], where they pair."""
    mask = np.zeros(num, bool)
    mask[pairs[:, 0]] = mask_other[pairs[:, 1]]
    positions = np.zeros((num, 3), positions_other.dtype)
    positions[mask] = positions_other[pairs[mask[pairs[:, 0]], 1]]
    return positions, mask
