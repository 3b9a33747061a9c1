"""How near a structure is to the true one after the best superposition: RMSD, GDT and TM-score.

Residue i of one structure is residue i of the other; nothing is aligned. Points are one per residue, CA by custom, in
angstrom, and only residues in `mask` count, whatever the others hold. Each score is a float computed in double
precision on the host, and over nothing at all it is NaN.

There is no formula for the superposition of highest GDT or TM-score. As TM-score does (Zhang and Skolnick, Proteins 57,
702-710, 2004), a search starts from every run of residues of several lengths, and continues with the residues that came
near until these no longer change.
"""

from collections.abc import Iterator

import numpy as np

from af2jax.geometry.superpose import superpose
from af2jax.typing import Bool, Float

RUNS = 5  # lengths of the runs that the search starts from: all residues, half of them, a quarter, ...
SHORTEST = 4  # residues, the length of the last runs
ROUNDS = 20  # superpositions at most from one start
BLOCK = 2**20  # points superposed at a time


def rmsd(
    points: Float[np.ndarray, "N_res 3"], true_points: Float[np.ndarray, "N_res 3"], mask: Bool[np.ndarray, " N_res"]
) -> float:
    """The root mean square distance after the superposition that makes it least, in angstrom."""
    moving, fixed = _present(points, true_points, mask)
    if not len(moving):
        return np.nan
    return float(np.sqrt(np.mean(_errors(moving, fixed, np.ones([1, len(moving)], bool)))))


def gdt_ts(
    points: Float[np.ndarray, "N_res 3"], true_points: Float[np.ndarray, "N_res 3"], mask: Bool[np.ndarray, " N_res"]
) -> float:
    """GDT-TS (Zemla, Nucleic Acids Research 31, 3370-3374, 2003): the share of residues within 1, 2, 4 and 8 angstrom.

    0 to 100: the mean of the four shares, each after the superposition that makes it largest.
    """
    return _gdt(points, true_points, mask, (1.0, 2.0, 4.0, 8.0))


def gdt_ha(
    points: Float[np.ndarray, "N_res 3"], true_points: Float[np.ndarray, "N_res 3"], mask: Bool[np.ndarray, " N_res"]
) -> float:
    """GDT-HA, "high accuracy": as `gdt_ts`, within 0.5, 1, 2 and 4 angstrom."""
    return _gdt(points, true_points, mask, (0.5, 1.0, 2.0, 4.0))


def tm_score(
    points: Float[np.ndarray, "N_res 3"],
    true_points: Float[np.ndarray, "N_res 3"],
    mask: Bool[np.ndarray, " N_res"],
    length: int | None = None,
) -> float:
    """The TM-score, 0 to 1: the sum of 1 / (1 + (distance / d0)^2), as a share of `length`, in the best superposition.

    `length` is that of the target, from which d0 follows; by default the residues in `mask`. Equal to TM-align's on the
    same correspondence to 1e-3.
    """
    moving, fixed = _present(points, true_points, mask)
    if not len(moving):
        return np.nan
    length = len(moving) if length is None else length
    d0 = _d0(length)
    visited = _search(moving, fixed, *_radii(d0))
    return max(float(np.max(np.sum(1 / (1 + squared / d0**2), axis=-1))) for squared in visited) / length


def superposed(
    points: Float[np.ndarray, "N_res 3"], true_points: Float[np.ndarray, "N_res 3"], mask: Bool[np.ndarray, " N_res"]
) -> Float[np.ndarray, "N_res 3"]:
    """`points` moved onto those residues that are near in the superposition of highest TM-score, angstrom.

    What is alike in both lies on each other, so that distances show what is not; over nothing they stay as they are.
    """
    moving, fixed = _present(points, true_points, mask)
    if not len(moving):
        return points
    d0, radii = _d0(len(moving)), _radii(_d0(len(moving)))
    best, most = fixed[:, 0], -1.0
    for squared in _search(moving, fixed, *radii):
        scores = np.sum(1 / (1 + squared / d0**2), axis=-1)
        if scores.max() > most:
            best, most = squared[np.argmax(scores)], scores.max()
    motion = superpose(moving, fixed, _near(best[None], radii[1])[0])
    return points @ motion.rot.T + motion.trans


def _gdt(points, true_points, mask, cutoffs: tuple[float, ...]) -> float:
    """0 to 100. It searches near each cutoff and as the TM-score does; every superposition may serve every cutoff."""
    moving, fixed = _present(points, true_points, mask)
    if not len(moving):
        return np.nan
    best = np.zeros(len(cutoffs))
    for radii in (_radii(_d0(len(moving))), *((cutoff, cutoff) for cutoff in cutoffs)):
        for squared in _search(moving, fixed, *radii):
            best = np.maximum(best, [np.max(np.mean(squared <= cutoff**2, axis=-1)) for cutoff in cutoffs])
    return float(100 * np.mean(best))


def _d0(length: int) -> float:
    """The distance, in angstrom, at which a residue counts half in the TM-score of `length` residues."""
    return max(1.24 * np.cbrt(length - 15) - 1.8, 0.5)


def _radii(d0: float) -> tuple[float, float]:
    """How near residues must be for the TM-score's search to go on with them, at first and later, in angstrom."""
    return np.clip(d0, 4.5, 8) - 1, np.clip(d0, 4.5, 8) + 1


def _present(points, true_points, mask) -> tuple[np.ndarray, np.ndarray]:
    """float64 [N 3] twice: the residues that count."""
    return np.asarray(points, np.float64)[mask], np.asarray(true_points, np.float64)[mask]


def _errors(moving: np.ndarray, fixed: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """[S N] squared distances after superposing the residues `chosen` [S N]."""
    motion = superpose(moving[None], fixed[None], chosen)
    moved = moving[None] @ np.swapaxes(motion.rot, -1, -2) + motion.trans[:, None]
    return np.sum((moved - fixed[None]) ** 2, axis=-1)


def _search(moving: np.ndarray, fixed: np.ndarray, first: float, near: float) -> Iterator[np.ndarray]:
    """Yields the squared distances [S N] of all residues in the superpositions that the search visits.

    From each run of residues it continues with those that came closer than `first`, then `near`.
    """
    num = len(moving)
    lengths = {max(num >> i, min(SHORTEST, num)) for i in range(RUNS)} | {min(SHORTEST, num)}
    starts = [(length, start) for length in sorted(lengths, reverse=True) for start in range(num - length + 1)]
    at_once = max(BLOCK // num, 1)
    seen: set[tuple[float, bytes]] = set()
    for block in range(0, len(starts), at_once):
        length, start = np.transpose(starts[block : block + at_once])[..., None]
        chosen, radius = (np.arange(num) >= start) & (np.arange(num) < start + length), first
        for _ in range(ROUNDS):
            keys = [(radius, row.tobytes()) for row in np.packbits(chosen, axis=-1)]
            new = [i for i, key in enumerate(keys) if key not in seen and not seen.add(key)]
            if not new:
                break
            squared = _errors(moving, fixed, chosen[new])
            yield squared
            chosen, radius = _near(squared, radius), near


def _near(squared: np.ndarray, radius: float) -> np.ndarray:
    """bool [S N]: the residues closer than `radius`, which grows by steps of 0.5 angstrom until they are three."""
    enough = np.sqrt(np.sort(squared, axis=-1)[:, min(3, squared.shape[-1]) - 1])
    steps = np.maximum(np.floor((enough - radius) / 0.5) + 1, 0)
    return squared < ((radius + 0.5 * steps) ** 2)[:, None]
