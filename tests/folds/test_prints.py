"""Fingerprints: the same however a chain lies, another for its mirror image, near for what is alike."""

import numpy as np
import pytest

from af2jax.folds.prints import SIZE, fingerprint, similarity
from tests.folds import chains


def test_it_does_not_depend_on_where_the_chain_lies():
    points = chains.fold(0)
    found = fingerprint(points)
    assert found.shape == (SIZE,) and found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found), 1, rtol=1e-5)
    np.testing.assert_allclose(fingerprint(chains.turned(points, 2.0) + 500), found, atol=1e-6)


def test_a_mirror_image_has_another():
    points = chains.fold(1)
    assert fingerprint(points) @ fingerprint(points * np.array([1, 1, -1])) < 0.9


@pytest.mark.parametrize("number", [1, 4])
def test_what_is_too_short_has_none(number):
    assert not fingerprint(chains.fold(0)[:number]).any()


def test_pairs_that_every_chain_has_do_not_count():
    """Of a straight chain no two residues are near but those that follow each other closely."""
    straight = np.arange(40)[:, None] * np.array([3.8, 0.0, 0.0])
    assert not fingerprint(straight).any()


def test_what_is_alike_is_near():
    folds = [chains.fold(seed) for seed in range(60)]
    prints = np.stack([fingerprint(points) for points in folds])
    for seed in range(5):
        noisy = folds[seed][3:] + 0.5 * np.random.default_rng(seed).normal(size=(len(folds[seed]) - 3, 3))
        for among in (prints, prints[:20]):  # with their mean taken away, and without
            alike = similarity(fingerprint(noisy), among)
            assert alike.argmax() == seed and (np.abs(alike) <= 1 + 1e-5).all()
    np.testing.assert_allclose(similarity(prints[0], prints[:20]), prints[:20] @ prints[0], atol=1e-5)
    rest = prints - prints.mean(axis=0)
    rest /= np.linalg.norm(rest, axis=1, keepdims=True)
    np.testing.assert_allclose(similarity(prints[0], prints), rest @ rest[0], atol=1e-5)
