"""How well the neighbourhood of each residue is predicted, and whether the network knew: lDDT, and pLDDT against it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from af2jax.geometry.lddt import between, conserved
from af2jax.typing import Array, Bool, Float


class Lddt(NamedTuple):
    """Scores of 0 to 100 over all distances that count; NaN where there is none."""

    overall: Any  # float []
    per_residue: Any  # float [N_res]


class PlddtCalibration(NamedTuple):
    """pLDDT against lDDT, both 0 to 100; NaN over no residue, in bins too, and correlations also over equal values."""

    edges: np.ndarray  # [bins + 1] of pLDDT; a bin has its lower edge, the last one both
    count: np.ndarray  # int [bins] residues
    predicted: np.ndarray  # [bins] mean pLDDT
    found: np.ndarray  # [bins] mean lDDT
    error: float  # the expected calibration error: |found - predicted| of the bins, each counting by its residues
    pearson: float
    spearman: float


@jax.jit
def lddt(
    positions: Float[Array, "N_res N_at 3"],
    true_positions: Float[Array, "N_res N_at 3"],
    mask: Bool[Array, "N_res N_at"],
) -> Lddt:
    """The lDDT over all atoms, 0 to 100 (Mariani et al., Bioinformatics 29, 2722-2728, 2013); as biotite's `lddt`.

    Any layout of atoms serves, the same for both structures; only atoms in `mask` count, those that both have. Pairs
    inside one residue do not count. Atoms with two names for one molecule (OD1 and OD2 of aspartate) are taken by name.
    """
    flat = lambda x: x.reshape(-1, *x.shape[2:])
    everywhere, truly, present = flat(positions), flat(true_positions), flat(mask)
    residues = jnp.arange(len(mask))
    owner = jnp.repeat(residues, mask.shape[1])

    def one(residue):  # row by row: all pairs of atoms at once would need gigabytes
        found, true, mask, index = residue
        pairs = mask[:, None] & (present & (owner != index))[None]
        kept, count = conserved(between(found, everywhere), between(true, truly), pairs)
        return jnp.sum(kept), jnp.sum(count)

    kept, count = jax.lax.map(one, (positions, true_positions, mask, residues))
    share = lambda kept, count: jnp.where(count > 0, 100 * kept / jnp.maximum(count, 1), jnp.nan)
    return Lddt(share(jnp.sum(kept), jnp.sum(count)), share(kept, count))


def lddt_ca(points: Float[Array, "N_res 3"], true_points: Float[Array, "N_res 3"], mask: Bool[Array, " N_res"]) -> Lddt:
    """The lDDT of one point per residue, by custom CA, 0 to 100: what pLDDT predicts."""
    return lddt(points[:, None], true_points[:, None], mask[:, None])


def calibration(
    plddt: Float[np.ndarray, " N_res"],
    lddt: Float[np.ndarray, " N_res"],
    mask: Bool[np.ndarray, " N_res"],
    bins: int = 10,
) -> PlddtCalibration:
    """How pLDDT, in `bins` equal bins of 0 to 100, compares with the lDDT found, over the residues in `mask`.

    Residues may be of many structures. A residue whose lDDT is NaN, having no neighbour, does not count.
    """
    mask = mask & ~np.isnan(lddt)
    predicted, found = (np.asarray(x, np.float64)[mask] for x in (plddt, lddt))
    edges = np.linspace(0, 100, bins + 1)
    place = np.clip(np.searchsorted(edges, predicted, side="right") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    sums = (np.bincount(place, x, bins) for x in (predicted, found))
    means = [np.where(count > 0, total / np.maximum(count, 1), np.nan) for total in sums]
    gap = np.abs(np.bincount(place, found - predicted, bins))
    return PlddtCalibration(
        edges=edges,
        count=count,
        predicted=means[0],
        found=means[1],
        error=float(np.sum(gap) / len(found)) if len(found) else np.nan,
        pearson=_correlation(predicted, found),
        spearman=_correlation(_ranks(predicted), _ranks(found)),
    )


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's; NaN where all values of one are equal."""
    if not len(x) or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan
    x, y = x - np.mean(x), y - np.mean(y)
    return float(np.sum(x * y) / np.sqrt(np.sum(x**2) * np.sum(y**2)))


def _ranks(x: np.ndarray) -> np.ndarray:
    """Places in increasing order; equal values share the mean of theirs."""
    _, index, count = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[index]
