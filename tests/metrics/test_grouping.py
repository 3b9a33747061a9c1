"""Groups of structures: copies are one, and neither order nor a rigid motion changes any; where two are alike."""

import numpy as np
import pytest

from af2jax.metrics.grouping import by_leader
from af2jax.metrics.superposition import superposed, tm_score
from tests.metrics.test_superposition import turned, walk

RNG = np.random.default_rng(0)
MASK = np.ones(60, bool)


def kinds(count: int = 3, each: int = 4, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Structures of several folds, each somewhere in space with some noise; their scores and names."""
    points, rng = [], np.random.default_rng(1)
    for kind in range(count):
        for copy in range(each):
            one = walk(60, 10 + kind) + rng.normal(size=(60, 3)) * noise
            points.append(turned(one, 3.0 * kind + copy) + rng.normal(size=3) * 30)
    return np.stack(points), rng.uniform(20, 90, count * each), [f"m{i:02d}" for i in range(count * each)]


def partition(points, scores, names, threshold=0.8, order=None) -> dict[str, frozenset]:
    """{name of the leader: names in the group}."""
    order = np.arange(len(names)) if order is None else order
    found = by_leader(points[order], MASK, scores[order], [names[i] for i in order], threshold)
    inside = lambda g: frozenset(names[order[i]] for i in np.flatnonzero(found.group == g))
    return {names[order[leader]]: inside(g) for g, leader in enumerate(found.leaders)}


def test_each_fold_is_a_group_led_by_its_best():
    points, scores, names = kinds()
    found = partition(points, scores, names)
    assert sorted(map(sorted, found.values())) == [names[:4], names[4:8], names[8:]]
    for leader, members in found.items():
        assert scores[names.index(leader)] == max(scores[names.index(name)] for name in members)


def test_order_and_rigid_motions_change_nothing():
    points, scores, names = kinds(4, 3, 0.7)
    known = partition(points, scores, names, 0.7)
    assert 4 <= len(known) < len(names)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        moved = np.stack([turned(one, rng.uniform(0, 6)) + rng.normal(size=3) * 50 for one in points])
        assert partition(moved, scores, names, 0.7, rng.permutation(len(names))) == known


def test_equal_scores_are_taken_by_name():
    points, _, names = kinds(2, 3)
    for order in (np.arange(6), np.arange(6)[::-1]):
        assert sorted(partition(points, np.full(6, 50.0), names, order=order)) == ["m00", "m03"]


def test_two_copies_are_one_group_whatever_the_threshold():
    one = walk(60, 3)
    found = by_leader(np.stack([one, turned(one, 1.0) + 5]), MASK, np.array([1.0, 2.0]), ["a", "b"], 1 - 1e-9)
    assert found.group.tolist() == [0, 0] and found.leaders.tolist() == [1]


def test_a_group_is_no_chain():
    """The middle of a bend leads: the ends join it, and not each other where it is worst."""
    first, second = walk(60, 5)[:30], walk(60, 5)[30:]
    bent = lambda angle: np.concatenate([first, second[0] + turned(second - second[0], angle)])
    points, names = np.stack([bent(0), bent(0.35), bent(0.7)]), ["a", "b", "c"]
    near = lambda i, j: tm_score(points[i], points[j], MASK)
    threshold = (near(0, 2) + min(near(0, 1), near(1, 2))) / 2
    assert near(0, 2) < threshold < min(near(0, 1), near(1, 2))
    assert by_leader(points, MASK, np.array([1.0, 3.0, 2.0]), names, threshold).group.tolist() == [0, 0, 0]
    found = by_leader(points, MASK, np.array([3.0, 1.0, 2.0]), names, threshold)
    assert found.group[0] != found.group[2] and found.leaders.tolist() == [0, 2]
    assert found.group[1] == (0 if near(1, 0) >= near(1, 2) else 1)


def test_names_tell_structures_apart():
    with pytest.raises(ValueError, match="one name"):
        by_leader(np.zeros((2, 60, 3)), MASK, np.zeros(2), ["a", "a"], 0.5)


def test_what_is_alike_lies_on_each_other():
    """A hinge: half of the residues stay, the others are as far off as the turn takes them."""
    true, hinge = walk(80, 4), np.ones(80, bool)
    found = np.concatenate([true[:40], true[40] + turned(true[40:] - true[40], 1.6)])
    moved = superposed(turned(found, 2.0) + 30, true, hinge)
    off = np.linalg.norm(moved - true, axis=-1)
    assert off[:38].max() < 0.5 and off[60:].min() > 5
    copy = superposed(turned(true, 1.0) - 9, true, hinge)
    np.testing.assert_allclose(copy, true, atol=1e-6)
    np.testing.assert_array_equal(superposed(found, true, ~hinge), found)
