"""What TM-align says of pairs of chains (`tm_align.py` made the tables in data/), and what af2jax says of the same."""

import csv
import lzma
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

from af2jax.metrics.structural_alignment import align

FACTS = Path(__file__).parent / "data"
SHORT = ("tm_align_200", "tm_align_held_out")  # tables of 200 pairs each
BATCH, MULTIPLE = 8, 32  # pairs in one call of the program, whose padded length is a multiple


def facts() -> tuple[list[dict[str, str]], dict[tuple[int, int], tuple[float, float]]]:
    """(the chains, both TM-scores of each kept pair by the places of its chains, the first being the lower)."""
    with open(FACTS / "tm_align_chains.tsv", newline="") as file:
        chains = list(csv.DictReader(file, delimiter="\t"))
    with lzma.open(FACTS / "tm_align_pairs.tsv.xz", "rt") as file:
        rows = [line.split("\t") for line in file.read().splitlines()[1:]]
    return chains, {(int(i), int(j)): (float(one), float(other)) for i, j, one, other in rows}


def short(name: str) -> list[dict[str, str]]:
    """The rows of one of the tables in `SHORT`."""
    with open(FACTS / f"{name}.tsv", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def ours(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Of pairs of CA atoms [n 3]: both TM-scores [pairs 2], and the places [n_aligned 2] of each alignment.

    All are padded to one length and go through one program, as no two have a chain in common.
    """
    size = -(-max(len(one) for pair in pairs for one in pair) // MULTIPLE) * MULTIPLE
    padded = lambda x: np.pad(x - x.mean(axis=0), ((0, size - len(x)), (0, 0))).astype(np.float32)
    program = jax.jit(jax.vmap(lambda x, n, y, m: align(x, n, y[None], m[None])))
    scores, places = [], []
    for start in range(0, len(pairs), BATCH):
        some = pairs[start : start + BATCH]
        full = [*some, *some[-1:] * (BATCH - len(some))]
        sides = zip(*full, strict=True)
        given = [part for side in sides for part in (np.stack([*map(padded, side)]), np.array([*map(len, side)]))]
        found = jax.device_get(program(*given))
        for tm_first, tm_second, partner in zip(found.tm_first, found.tm_second, found.partner[:, 0], strict=True):
            scores.append((float(tm_first[0]), float(tm_second[0])))
            there = np.flatnonzero(partner >= 0)
            places.append(np.stack([there, partner[there]], axis=1))
    return np.array(scores[: len(pairs)]), places[: len(pairs)]
