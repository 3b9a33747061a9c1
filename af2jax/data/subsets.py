"""Parts of an alignment that may show a network another conformation: clusters of rows, random rows, masked columns.

Codes are those of `data.msa`. Row 0 is the query, which every part keeps as it is. A random function takes the
generator that it draws from.
"""

import numpy as np

from af2jax.constants.residues import GAP, UNKNOWN
from af2jax.typing import Bool, Float, Int

LEAST = 3  # rows that lie near a row of the middle of a cluster, itself included
RADII = np.arange(3, 20.1, 0.5)  # that are tried, Euclidean distances of one-hot rows
GAPS = 0.25  # of a row that is clustered, at most
MOST = 3000  # rows that are clustered, the first of the alignment


def clusters(codes: Int[np.ndarray, "N_seq N_res"]) -> list[Int[np.ndarray, " N_in"]]:
    """The rows of each cluster of alike rows, in rising order, the largest cluster first; rows may be in none.

    AF-Cluster's way (Wayment-Steele et al., Nature 625, 832, 2024): DBSCAN (Ester et al., KDD 1996) of one-hot rows, by
    the radius of 3 to 20 that gives most clusters (the smallest such), without rows of more than 25 % gaps. Here the
    radius is chosen on all rows and not on a quarter of them.
    """
    rows = 1 + np.flatnonzero((codes[1:] == GAP).mean(axis=1) <= GAPS)[:MOST]
    apart = mismatches(codes[rows])
    best: list[np.ndarray] = []
    for radius in RADII:
        found = dense(2 * apart <= radius**2)  # two one-hot rows are the root of twice their mismatches apart
        if len(found) > len(best):
            best = found
        if [len(one) for one in found] == [len(rows)]:
            break  # a larger radius finds the same one
    return sorted((rows[one] for one in best), key=lambda one: (-len(one), one[0]))


def mismatches(codes: Int[np.ndarray, "N_seq N_res"]) -> Float[np.ndarray, "N_seq N_seq"]:
    """In how many columns two rows differ; a gap is a character like others."""
    same = np.zeros((len(codes), len(codes)), np.float32)
    for code in np.unique(codes):
        here = (codes == code).astype(np.float32)
        same += here @ here.T
    return codes.shape[1] - same


def dense(near: Bool[np.ndarray, "N N"]) -> list[Int[np.ndarray, " N_in"]]:
    """The clusters of DBSCAN, in the order of their first core point; `near`: which points lie within the radius.

    A core point has three points near it, itself included; core points near each other are of one cluster, and any
    other point is of the cluster of the first core point near it, or of none.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    core = np.flatnonzero(near.sum(axis=1) >= LEAST)
    if not len(core):
        return []
    label = np.full(len(near), -1)
    count, label[core] = connected_components(csr_array(near[np.ix_(core, core)]), directed=False)
    edge = np.flatnonzero((label < 0) & near[:, core].any(axis=1))
    label[edge] = label[core[near[np.ix_(edge, core)].argmax(axis=1)]]
    return [np.flatnonzero(label == one) for one in range(count)]


def uniform(rng: np.random.Generator, n_rows: int, size: int) -> Int[np.ndarray, " N_in"]:
    """`size` rows of `n_rows`, each as likely as any other, in rising order; the query is not counted and not drawn."""
    return 1 + np.sort(rng.choice(n_rows - 1, size, replace=False))


def mask_columns(
    rng: np.random.Generator, codes: Int[np.ndarray, "N_seq N_res"], fraction: float
) -> Int[np.ndarray, "N_seq N_res"]:
    """The rows with a `fraction` of the columns unknown (X) in all of them but the query.

    AFsample2's way (Kalakoti and Wallner, Communications Biology 8, 373, 2025).
    """
    hidden = rng.choice(codes.shape[1], round(fraction * codes.shape[1]), replace=False)
    masked = codes.copy()
    masked[1:, hidden] = UNKNOWN
    return masked


def depths(n_rows: int, count: int) -> Int[np.ndarray, " count"]:
    """Numbers of rows from 1 to all but the query, each about the same multiple of the one before.

    Shallow alignments are the way of del Alamo et al. (eLife 11, e75751, 2022).
    """
    return np.round(np.geomspace(1, n_rows - 1, count)).astype(int)
