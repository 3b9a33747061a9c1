"""Known structures of the query, over its residues: what models are compared with."""

import itertools
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from af2jax.constants.atoms import CA
from af2jax.data.nearest import nearest, transfer
from af2jax.data.structure import read_chain
from af2jax.errors import InputError
from af2jax.files import path_and_chain
from af2jax.metrics.superposition import tm_score

SAME, COVERED = 0.9, 0.5  # shares of the aligned residues that agree, of the shorter sequence that is aligned


class Reference(NamedTuple):
    """The CA atoms of a known structure."""

    name: str
    points: np.ndarray  # float [N_res 3], angstrom, 0 where unknown
    mask: np.ndarray  # bool [N_res]


def read_reference(item: str | os.PathLike, sequence: str) -> Reference:
    """A structure "FILE" or "FILE:CHAIN" over the residues of a query; tags, gaps and single mutations may differ.

    Raises:
        InputError: it cannot be read, or is another protein: of the residues that are aligned fewer than nine in ten
            agree, or fewer than half of the shorter sequence are aligned.
    """
    path, chain = path_and_chain(item)
    known = read_chain(path, chain)
    aligned = nearest(sequence, {known.source: known.sequence})
    pairs = aligned.pairs
    if len(pairs) < COVERED * min(len(sequence), len(known.sequence)) or not aligned.identity >= SAME:
        raise InputError(f"{known.source}, chain {known.name}: {_difference(sequence, known.sequence, pairs)}")
    points, mask = transfer(pairs, len(sequence), known.positions[:, CA], known.atom_mask[:, CA])
    if not mask.any():
        raise InputError(f"{known.source}, chain {known.name}: no residue of the query has a CA atom; give another")
    return Reference(f"{path.name}:{chain}" if chain else path.name, points.astype(np.float64), mask)


def between(references: Sequence[Reference]) -> np.ndarray:
    """float [N N]: the TM-score of each two, over the residues that both have; NaN where there are none."""
    out = np.ones((len(references), len(references)))
    for (i, one), (j, other) in itertools.combinations(enumerate(references), 2):
        out[i, j] = out[j, i] = tm_score(one.points, other.points, one.mask & other.mask)
    return out


def _difference(sequence: str, other: str, pairs: np.ndarray) -> str:
    """What tells another protein from the query, in one line."""
    differ = [(int(i), int(j)) for i, j in pairs if sequence[i] != other[j]]
    where = "no residue of it is aligned with the query"
    if differ:
        i, j = differ[0]
        where = f"the first difference is at residue {i + 1} of the query, {sequence[i]}, where it has {other[j]}"
    elif len(pairs):
        where = "the others are aligned with nothing"
    same = len(pairs) - len(differ)
    return (
        f"this is another protein ({len(other)} residues, of which {same} agree with the {len(sequence)} of the query; "
        f"{where}); give a structure of the query"
    )
