"""The best path: as good as the best of all alignments, each tried; padding and vmap change nothing."""

from itertools import combinations, pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.metrics.best_path import NEVER, best_path

PATH = jax.jit(best_path)


def worth(score, pairs, gap) -> float:
    """What an alignment is worth: its pairs, and a gap wherever two do not follow each other in both chains."""
    breaks = sum((b[0] - a[0], b[1] - a[1]) != (1, 1) for a, b in pairwise(pairs))
    return sum(score[i, j] for i, j in pairs) + gap * breaks


def best(score, gap) -> float:
    """The worth of the best of all alignments."""
    rows, columns = score.shape
    every = (
        list(zip(i, j, strict=True))
        for number in range(1, min(rows, columns) + 1)
        for i in combinations(range(rows), number)
        for j in combinations(range(columns), number)
    )
    return max([0.0, *(worth(score, pairs, gap) for pairs in every)])


def pairs_of(partner) -> list[tuple[int, int]]:
    return [(i, int(j)) for i, j in enumerate(np.asarray(partner)) if j >= 0]


@pytest.mark.parametrize("gap", [0.0, -0.6, -2.0])
@pytest.mark.parametrize("shape", [(5, 5), (3, 6), (6, 3), (1, 4), (4, 1)])
def test_as_good_as_the_best_of_all_alignments(shape, gap):
    for seed in range(8):
        score = np.random.default_rng(seed).uniform(-0.5 if seed % 2 else 0, 1, shape).astype(np.float32)
        found = pairs_of(PATH(score, jnp.float32(gap)))
        assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(found))
        np.testing.assert_allclose(worth(score, found, gap), best(score, gap), atol=1e-5)


def test_a_diagonal_with_an_insertion():
    score = np.zeros((6, 9), np.float32)
    score[[0, 1, 2, 3, 4, 5], [0, 1, 2, 6, 7, 8]] = 1
    np.testing.assert_array_equal(PATH(score, jnp.float32(-0.6)), [0, 1, 2, 6, 7, 8])


def test_what_may_not_be_a_pair_is_none_and_vmap_changes_nothing():
    score = np.random.default_rng(0).uniform(0, 1, (3, 5, 7)).astype(np.float32)
    padded = np.pad(score, ((0, 0), (0, 4), (0, 2)), constant_values=NEVER)
    gaps = jnp.array([0.0, -0.6, -1.0])
    together = jax.jit(jax.vmap(best_path))(padded, gaps)
    for one, alone, gap in zip(np.asarray(together), score, gaps, strict=True):
        np.testing.assert_array_equal(one[:5], PATH(alone, gap))
        assert (one[5:] == -1).all()
    assert (np.asarray(PATH(np.full((4, 4), NEVER, np.float32), jnp.float32(0))) == -1).all()
