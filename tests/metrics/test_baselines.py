"""Baselines find what is there to be found in sequences, and nothing where there is nothing."""

import numpy as np
import pytest

from af2jax.audit import signal
from af2jax.constants.residues import RESTYPES, encode
from af2jax.metrics.baselines import WINDOW, Known, _windows, baselines

RNG = np.random.default_rng(0)


def known(sequence: str, label, single=None) -> Known:
    label = np.atleast_1d(label)
    return Known(sequence, label, np.arange(len(label)), single)


def sequences(num: int, length: int = 30) -> list[str]:
    return ["".join(RNG.choice(list(RESTYPES), length)) for _ in range(num)]


def accuracy(ask: list[Known], answers: list[np.ndarray]) -> float:
    return float(np.mean(np.concatenate([a.argmax(-1) == k.label for k, a in zip(ask, answers, strict=True)])))


def residues(num: int) -> list[Known]:
    """Class 1 where the residue before is one of half of the letters."""
    return [
        known(s, np.roll((encode(s) < 10).astype(int), 1), np.eye(20)[np.roll(encode(s), 1)]) for s in sequences(num)
    ]


def test_residue_classes():
    found = baselines(residues(30), ask := residues(8), True, 2)
    names = ["majority class", "nearest neighbour", "logistic regression on sequence"]
    assert list(found) == [*names, "logistic regression on frozen activations"]
    assert accuracy(ask, found["majority class"]) < 0.7 < 0.95 < accuracy(ask, found["logistic regression on sequence"])
    assert accuracy(ask, found["logistic regression on frozen activations"]) > 0.95
    for answers in found.values():
        for target, given in zip(ask, answers, strict=True):
            assert given.shape == (len(target.label), 2) == (30, 2)
            np.testing.assert_allclose(given.sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("aligned", [True, False], ids=["aligned", "of any length"])
def test_numbers_of_a_whole(aligned):
    def some(num: int) -> list[Known]:
        texts = (
            [s[:4] + "A" * 26 for s in sequences(num)]
            if aligned
            else [s[: RNG.integers(15, 31)] for s in sequences(num)]
        )
        value = lambda s: np.mean((encode(s) < 5)[slice(4) if aligned else slice(None)])
        return [known(s, 3 + 10 * value(s) + 0.01 * RNG.normal()) for s in texts]

    found = baselines(some(300), ask := some(40), False, 0)
    truth = np.array([each.label for each in ask])
    error = {name: np.mean(np.abs(np.array(answers) - truth)) for name, answers in found.items()}
    assert list(error) == ["mean", "nearest neighbour", "ridge regression on sequence"]
    assert error["ridge regression on sequence"] < 0.5 * error["mean"]


def test_the_nearest_neighbour_of_what_was_seen_is_itself():
    learn = residues(5)
    assert accuracy(learn, baselines(learn, learn, True, 2)["nearest neighbour"]) == 1
    twins = [known("ACDEFG", 1.0), known("ACDEFG", 3.0), known("WWWWWW", 9.0)]
    said = baselines(twins, [known("ACDEFH", 0.0)], False, 0)["nearest neighbour"][0]
    np.testing.assert_allclose(said, [2.0])  # equally near ones are shared


def test_nothing_is_found_in_noise():
    noise = lambda num: [known(s, RNG.integers(0, 2, 30)) for s in sequences(num)]
    found = baselines(noise(20), ask := noise(10), True, 2)
    assert all(0.4 < accuracy(ask, answers) < 0.6 for answers in found.values())


def test_a_class_of_which_training_has_one():
    learn = [known(s, np.arange(30) * 0) for s in sequences(4)] + [known("ACDEF", [2, 0, 0, 0, 0])]
    for answers in baselines(learn, residues(2), True, 3).values():
        assert answers[0].shape == (30, 3) and np.isfinite(answers[0]).all()


def test_neighbours_are_of_one_chain():
    both, first, second = (known(s, np.zeros(len(s.replace("/", "")), int)) for s in ("MKTAY/GDE", "MKTAY", "GDE"))
    np.testing.assert_array_equal(_windows(both), np.concatenate([_windows(first), _windows(second)]))
    assert _windows(first).shape == (5, (2 * WINDOW + 1) * 21)
    parts = [signal._windows(s) for s in ("MKTAY", "GDE")]
    np.testing.assert_array_equal(signal._windows("MKTAY/GDE"), np.concatenate(parts))
