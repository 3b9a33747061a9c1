"""The local distance difference test (Mariani et al., Bioinformatics 29, 2722-2728, 2013) of one point per residue."""

import jax.numpy as jnp

from af2jax.typing import Array, Bool, Float

THRESHOLDS = (0.5, 1.0, 2.0, 4.0)  # angstrom


def distances(points: Float[Array, "N_pt 3"]) -> Float[Array, "N_pt N_pt"]:
    """Of every pair, in angstrom; 1e-5 where points coincide, with gradient 0."""
    return between(points, points)


def between(a: Float[Array, "N_a 3"], b: Float[Array, "N_b 3"]) -> Float[Array, "N_a N_b"]:
    """The distances of the points of `a` to those of `b`, in angstrom; 1e-5 where they coincide, with gradient 0."""
    return jnp.sqrt(1e-10 + sum((a[:, None, i] - b[None, :, i]) ** 2 for i in range(3)))  # several at once


def conserved(
    found: Float[Array, "N_a N_b"], true: Float[Array, "N_a N_b"], pairs: Bool[Array, "N_a N_b"], cutoff: float = 15.0
) -> tuple[Float[Array, " N_a"], Float[Array, " N_a"]]:
    """For each row of distances, how many are kept, and how many count: of those in `pairs` and truly below `cutoff`.

    A distance is kept by a quarter for each of four thresholds (0.5, 1, 2 and 4 angstrom) that its error stays below.
    """
    scored = pairs & (true < cutoff)
    error = jnp.abs(found - true)
    kept = sum((error < threshold).astype(found.dtype) for threshold in THRESHOLDS) / len(THRESHOLDS)
    return jnp.sum(jnp.where(scored, kept, 0), axis=-1), jnp.sum(scored.astype(found.dtype), axis=-1)


def lddt(
    points: Float[Array, "N_pt 3"],
    true_points: Float[Array, "N_pt 3"],
    mask: Bool[Array, " N_pt"],
    cutoff: float = 15.0,
) -> Float[Array, " N_pt"]:
    """The lDDT of each point, 0 to 1: the share of its true distances below `cutoff` that are kept within a threshold.

    The mean over four thresholds (0.5, 1, 2 and 4 angstrom), and over the other points in `mask`. Points that have no
    neighbour, or are not in `mask`, count as perfect (1). There is no term for bad geometry. `points` may be moved
    rigidly; a mirror image scores as well as the original.
    """
    pairs = mask[:, None] & mask[None] & ~jnp.eye(len(mask), dtype=bool)
    kept, count = conserved(distances(points), distances(true_points), pairs, cutoff)
    return (1e-10 + kept) / (1e-10 + count)
