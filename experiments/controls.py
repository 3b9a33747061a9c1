"""What a prediction is compared with where a fold is to be known: chains that know none of it.

All are CA atoms, float [N_res 3] in angstrom, and are scored as predictions are.
"""

import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize
from scipy.spatial.distance import pdist, squareform

from af2jax.constants.atoms import CA
from af2jax.data.nearest import nearest, transfer
from af2jax.data.structure import Chain
from af2jax.data.transforms import bucket
from af2jax.metrics import quality
from af2jax.metrics.superposition import tm_score

AWAY = 1000.0  # angstrom between residues that a control does not place, so that no distance of theirs is right
NEAR = 5.0  # angstrom, up to which distances count alike


def scores(points: np.ndarray, truth: np.ndarray, seen: np.ndarray) -> dict[str, float]:
    """lDDT-CA (0 to 100) and TM-score (0 to 1) against the residues that were observed."""
    more = bucket(len(truth)) - len(truth)
    pad = lambda x: jnp.asarray(np.pad(x, [(0, more)] + [(0, 0)] * (x.ndim - 1)))
    local = quality.lddt_ca(pad(points.astype(np.float32)), pad(truth), pad(seen))
    return {"lddt_ca": float(local.overall), "tm": float(tm_score(points, truth, seen))}


def compact(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A chain in which every pair has the distance of another pair of `points` as far apart in the sequence.

    It is as compact and locally as regular, and knows nothing of which residues meet: multidimensional scaling of the
    shuffled distances, then least squares on them, near ones counting for more.
    """
    num = len(points)
    wanted = squareform(pdist(points.astype(np.float64)))
    for apart in range(2, num):
        i = np.arange(num - apart)
        wanted[i, i + apart] = wanted[j := rng.permutation(i), j + apart]
    wanted = np.triu(wanted, 1) + np.triu(wanted, 1).T
    centred = wanted**2 - (wanted**2).mean(0) - (wanted**2).mean(1)[:, None] + (wanted**2).mean()
    values, vectors = np.linalg.eigh(-centred / 2)
    start = vectors[:, -3:] * np.sqrt(np.maximum(values[-3:], 1.0))
    weight = 1 / np.maximum(wanted, NEAR) ** 2

    def energy(flat: np.ndarray) -> tuple[float, np.ndarray]:
        x = flat.reshape(num, 3)
        step = x[:, None] - x[None]
        apart = np.sqrt((step**2).sum(-1) + 1e-9)
        error = apart - wanted
        gradient = 2 * np.einsum("ij,ijx->ix", weight * error / apart, step)
        return float((weight * error**2).sum() / 2), gradient.ravel()

    return minimize(energy, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x.reshape(num, 3)


def copied(known: Chain, others: dict[str, Chain], states: dict[str, str]) -> tuple[np.ndarray, str]:
    """(CA atoms, states) of the chain of `others` with the nearest sequence, as aligned; elsewhere far away, and C."""
    best = nearest(known.sequence, {name: chain.sequence for name, chain in others.items()})
    num, other = len(known.aatype), others[best.id]
    points, placed = transfer(best.pairs, num, other.positions[:, CA], other.atom_mask[:, CA])
    letters = np.full(num, "C")
    letters[best.pairs[:, 0]] = np.array(list(states[best.id]))[best.pairs[:, 1]]
    return np.where(placed[:, None], points, AWAY * (1 + np.arange(num))[:, None]), "".join(letters)


def partners(lengths: list[int], clusters: list[str]) -> list[int]:
    """For each chain the one of another cluster whose length is nearest; of equals the first."""
    apart = lambda i, j: (clusters[i] == clusters[j], abs(lengths[i] - lengths[j]))
    return [
        min((j for j in range(len(lengths)) if j != i), key=lambda j, i=i: apart(i, j)) for i in range(len(lengths))
    ]


def exchanged(points: list[np.ndarray], truths: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """The scores of two predictions against each other's truth, both directions, cut to the shorter chain.

    `truths`: CA atoms, and bool [N_res] which of them were observed.
    """
    num = min(map(len, points))
    each = [scores(points[a][:num], *(x[:num] for x in truths[b])) for a, b in ((0, 1), (1, 0))]
    return {name: float(np.mean([one[name] for one in each])) for name in each[0]}
