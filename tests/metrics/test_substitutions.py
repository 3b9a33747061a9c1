"""Baselines of heads of variants: means by what is exchanged, of what was learnt from and of nothing else."""

import numpy as np
import pytest

from af2jax.constants.residues import RESTYPES
from af2jax.data.mutants import blosum62
from af2jax.metrics.substitutions import Substitutions, baselines


def variants(names: list[str], label) -> Substitutions:
    """Of "AG", A to G; several joined by ":"."""
    parts = [name.split(":") for name in names]
    most = max(map(len, parts))
    code = lambda i: np.array([[RESTYPES.index(p[i]) for p in part] + [0] * (most - len(part)) for part in parts])
    there = np.array([[True] * len(part) + [False] * (most - len(part)) for part in parts])
    return Substitutions(code(0), code(1), there, np.array(label))


def test_blosum62():
    score = lambda a, b: blosum62()[RESTYPES.index(a), RESTYPES.index(b)]
    assert (score("W", "W"), score("A", "A"), score("I", "V"), score("C", "E"), score("P", "W")) == (11, 4, 3, -4, -4)
    assert (blosum62() == blosum62().T).all()


def test_numbers():
    learn = [variants(["AG", "AG", "AV", "KE"], [1.0, 3.0, 6.0, -2.0])]
    ask = [variants(["AG", "AW", "WA", "AG:KE"], [0.0] * 4)]
    found = baselines(learn, ask, 0, blosum62())
    (mean,) = found["mean of the substitution"]
    np.testing.assert_allclose(mean, [2, 10 / 3, 2, 0])  # of A to G, of A to any, of all; several add up
    (score,) = found["mean by BLOSUM62"]  # A to G and A to V have 0, K to E has 1
    np.testing.assert_allclose(score, [10 / 3, 10 / 3, 10 / 3, -2])
    both = baselines([variants(["AG:KE"], [4.0])], [variants(["AG"], [0.0])], 0, blosum62())
    assert both["mean of the substitution"][0].tolist() == [2.0]


def test_classes():
    learn = [variants(["AG", "AG", "AV"], [0, 1, 1]), variants(["KE"], [0])]
    found = baselines(learn, [variants(["AG", "KE", "AG:KE"], [0, 0, 0])], 2, blosum62())
    np.testing.assert_allclose(found["mean of the substitution"][0], [[0.5, 0.5], [1, 0], [0.75, 0.25]])
    for values in found.values():
        np.testing.assert_allclose(values[0].sum(-1), 1)


@pytest.mark.parametrize("classes", [0, 2])
def test_what_is_asked_is_not_learnt_from(classes):
    learn = [variants(["AG", "KE"], [0, 1])]
    one, other = (baselines(learn, [variants(["AG", "WC"], label)], classes, blosum62()) for label in ([0, 0], [1, 1]))
    for name in one:
        np.testing.assert_array_equal(one[name][0], other[name][0])
