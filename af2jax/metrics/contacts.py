"""How many of the contacts that a network is surest of are there, as CASP counts them."""

import numpy as np

from af2jax.metrics.distogram import CONTACT
from af2jax.typing import Bool, Float


def precision(
    probability: Float[np.ndarray, "N_res N_res"],
    positions_cb: Float[np.ndarray, "N_res 3"],
    mask: Bool[np.ndarray, " N_res"],
    separation: int = 24,
    divisor: int = 5,
) -> float:
    """The share, 0 to 1, of the L / `divisor` most probable pairs that are in contact; NaN where no pair exists.

    A contact is two CB (CA of glycine) closer than 8 angstrom, and pairs are residues of `mask` at least `separation`
    places apart in the arrays: 24 or more is CASP's long range (Shrestha et al., Proteins 87, 1058-1068, 2019). L is
    the number of residues in `mask`; L / `divisor` is rounded down, but at least 1, and at most all pairs. Of the
    symmetric `probability` (`distogram.contacts`) the upper half is read.
    """
    points, present = np.asarray(positions_cb, np.float64), np.flatnonzero(mask)
    i, j = (present[index] for index in np.triu_indices(len(present), 1))
    far = j - i >= separation
    i, j = i[far], j[far]
    top = np.argsort(-np.asarray(probability)[i, j], kind="stable")[: max(len(present) // divisor, 1)]
    return float(np.mean(np.linalg.norm(points[i[top]] - points[j[top]], axis=-1) < CONTACT)) if len(top) else np.nan
