"""Many structural alignments: chains of like length go through one compiled program together."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import jax
import numpy as np

from af2jax.geometry.rigid import Rigid
from af2jax.geometry.superpose import superpose
from af2jax.metrics.structural_alignment import align
from af2jax.typing import Float, Int

SIZES = (64, 128, 192, 256, 384, 512)  # residues that chains are padded to; above, multiples of 512
MULTIPLE = 512
CELLS = 2**17  # pairs of residues in one call of the program
MOST = 16  # chains in one
ALIGNING, COMPILING = "aligning", "compiling"  # a program is compiled, or read back, when it is first used
DECIMALS = 3  # of an RMSD in angstrom: coordinates in files have no more
Progress = Callable[[str, int], object]

_ready: set[tuple[int, int]] = set()  # padded lengths of both chains whose program this process has


class Aligned(NamedTuple):
    """One chain aligned to another."""

    tm_first: float  # 0 to 1, by the length of the first
    tm_second: float
    pairs: Int[np.ndarray, "N_pair 2"]  # places in both, rising
    rmsd: float  # angstrom, of the pairs where they are superposed best; NaN without pairs
    motion: Rigid  # moves the second onto the first


def padded_size(length: int) -> int:
    """The residues that a chain is padded to."""
    return next((size for size in SIZES if size >= length), -(-length // MULTIPLE) * MULTIPLE)


def aligned(
    first: Float[np.ndarray, "N 3"],
    others: Iterable[Float[np.ndarray, "_ 3"]],
    progress: Progress = lambda what, done: None,
) -> list[Aligned]:
    """The alignments of one chain to each of others; CA atoms in angstrom.

    `progress` is told what is done next, `ALIGNING` or `COMPILING`, and how many are done.
    """
    others = list(others)
    found: list[Aligned | None] = [None] * len(others)
    middle = first.mean(axis=0)
    own = _padded(first - middle, padded_size(len(first)))
    done = 0
    for size, rows in _batches([len(other) for other in others], len(own)):
        progress(ALIGNING if (len(own), size) in _ready else COMPILING, done)
        centres = [others[i].mean(axis=0) for i in rows]
        batch = [_padded(others[i] - centre, size) for i, centre in zip(rows, centres, strict=True)]
        full = _batch_size(len(own), size)
        batch += batch[-1:] * (full - len(batch))  # one shape, so one program
        lengths = np.array([len(others[i]) for i in rows] + [len(others[rows[-1]])] * (full - len(rows)), np.int32)
        out = jax.device_get(align(own, np.array(len(first), np.int32), np.stack(batch), lengths))
        for k, (i, centre) in enumerate(zip(rows, centres, strict=True)):
            motion = Rigid(out.motion.rot[k], out.motion.trans[k] + middle - out.motion.rot[k] @ centre)
            found[i] = _one(first, others[i], out.partner[k], float(out.tm_first[k]), float(out.tm_second[k]), motion)
        _ready.add((len(own), size))
        done += len(rows)
    progress(ALIGNING, done)
    return found


def _one(first, other, partner, tm_first: float, tm_second: float, motion: Rigid) -> Aligned:
    place = np.flatnonzero(partner >= 0)
    pairs = np.stack([place, partner[place]], axis=1)
    if not len(pairs):
        return Aligned(tm_first, tm_second, pairs, np.nan, motion)
    fixed, moving = (np.asarray(x, np.float64)[pairs[:, k]] for k, x in enumerate((first, other)))
    best = superpose(moving, fixed, np.ones(len(pairs), bool))
    rmsd = float(np.sqrt(np.mean(np.sum((moving @ best.rot.T + best.trans - fixed) ** 2, axis=-1))))
    return Aligned(tm_first, tm_second, pairs, round(rmsd, DECIMALS), motion)


def _batches(lengths: list[int], own: int) -> Iterator[tuple[int, list[int]]]:
    """(size, places) of chains that are computed together."""
    by_size: dict[int, list[int]] = {}
    for i, length in enumerate(lengths):
        by_size.setdefault(padded_size(length), []).append(i)
    for size, rows in sorted(by_size.items()):
        full = _batch_size(own, size)
        for start in range(0, len(rows), full):
            yield size, rows[start : start + full]


def _batch_size(own: int, size: int) -> int:
    return int(np.clip(CELLS // (own * size), 1, MOST))


def _padded(points: np.ndarray, size: int) -> np.ndarray:
    return np.pad(points.astype(np.float32), ((0, size - len(points)), (0, 0)))
