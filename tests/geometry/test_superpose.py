"""The best rigid motion: it undoes any other, is never a mirror image, and no motion near it does better."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.geometry.rigid import Rigid
from af2jax.geometry.superpose import superpose, superpose_each

RNG = np.random.default_rng(0)
POINTS = 10 * RNG.normal(size=(20, 3))
ALL = np.ones(20, bool)


def turn(axis, angle):
    """The rotation about `axis` by `angle` (Rodrigues)."""
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def apply(motion, x):
    return x @ motion.rot.T + motion.trans


def misfit(motion, moving, fixed, weights):
    return np.sum(weights * np.sum((apply(motion, moving) - fixed) ** 2, axis=-1))


def test_undoes_a_rigid_motion():
    motion = Rigid(turn([1, 2, 3], 2.5), np.array([5.0, -70, 3]))
    found = superpose(POINTS, apply(motion, POINTS), ALL)
    np.testing.assert_allclose(found.rot, motion.rot, atol=1e-12)
    np.testing.assert_allclose(found.trans, motion.trans, atol=1e-11)
    assert isinstance(found.rot, np.ndarray) and found.rot.dtype == np.float64


def test_only_weighted_points_count():
    motion = Rigid(turn([3, -1, 1], 1.0), np.array([1.0, 2, 3]))
    fixed, mask = apply(motion, POINTS), np.arange(20) % 3 > 0
    fixed = np.where(mask[:, None], fixed, np.nan)
    np.testing.assert_allclose(superpose(POINTS, fixed, mask).rot, motion.rot, atol=1e-12)
    moving = np.where(mask[:, None], POINTS, np.nan)
    np.testing.assert_allclose(superpose(moving, fixed, mask).trans, motion.trans, atol=1e-12)
    twice = np.concatenate([POINTS, POINTS[:5]]), np.concatenate([POINTS**2, POINTS[:5] ** 2]) / 10
    weights = 1.0 + (np.arange(20) < 5)
    found, expected = superpose(POINTS, POINTS**2 / 10, weights), superpose(*twice, np.ones(25))
    np.testing.assert_allclose(found.rot, expected.rot, atol=1e-12)
    np.testing.assert_allclose(found.trans, expected.trans, atol=1e-12)


@pytest.mark.parametrize("case", ["noise", "mirror", "flat", "line", "two", "one"])
def test_is_a_rotation_and_the_best(case):
    moving, weights = POINTS, RNG.uniform(size=20)
    fixed = moving @ turn([0, 1, 1], 3).T + RNG.normal(size=moving.shape)
    if case == "mirror":
        fixed = moving * np.array([1, -1, 1])
    elif case == "flat":
        moving, fixed = moving * np.array([1, 1, 0]), fixed * np.array([0, 1, 1])
    elif case == "line":
        moving = moving[:, :1] * np.array([[1.0, 2, 3]])
    elif case in ("two", "one"):
        weights = (np.arange(20) < {"two": 2, "one": 1}[case]).astype(float)
    best = superpose(moving, fixed, weights)
    np.testing.assert_allclose(best.rot @ best.rot.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(best.rot), 1, atol=1e-12)
    least = misfit(best, moving, fixed, weights)
    for _ in range(200):
        nudge = Rigid(turn(RNG.normal(size=3), RNG.choice([0.01, 0.3, 3])), 0.1 * RNG.normal(size=3))
        other = Rigid(nudge.rot @ best.rot, nudge.rot @ best.trans + nudge.trans)
        assert misfit(other, moving, fixed, weights) >= least - 1e-9
    if case == "mirror":
        assert least > 100


def test_nothing_to_superpose_is_the_identity():
    motion = superpose(POINTS, POINTS + 5, ~ALL)
    np.testing.assert_array_equal(motion.rot, np.eye(3))
    np.testing.assert_array_equal(motion.trans, np.zeros(3))


def test_batches_and_jax_give_the_same():
    fixed = np.stack([POINTS[::-1], POINTS * np.array([-1, 1, 1]), POINTS + 1])
    weights = RNG.uniform(size=(3, 20)) < 0.7
    batch = superpose(POINTS[None], fixed, weights)
    each = [superpose(POINTS, one, mask) for one, mask in zip(fixed, weights, strict=True)]
    np.testing.assert_allclose(batch.rot, [motion.rot for motion in each], atol=1e-12)
    np.testing.assert_allclose(batch.trans, [motion.trans for motion in each], atol=1e-12)
    single = lambda x: jnp.asarray(x, jnp.float32)
    traced = jax.jit(superpose)(single(POINTS)[None], single(fixed), jnp.asarray(weights))
    assert isinstance(traced.rot, jax.Array)
    np.testing.assert_allclose(traced.rot, batch.rot, atol=1e-5)
    np.testing.assert_allclose(traced.trans, batch.trans, atol=1e-4)


def test_equals_biotites():
    structure = pytest.importorskip("biotite.structure", reason="biotite is not installed")
    fixed, mask = POINTS[::-1] + RNG.normal(size=(20, 3)), np.arange(20) > 6
    theirs = structure.superimpose(fixed, POINTS, atom_mask=mask)
    theirs = theirs[0] if isinstance(theirs, tuple) else theirs.apply(POINTS)  # biotite 1, 2
    np.testing.assert_allclose(apply(superpose(POINTS, fixed, mask), POINTS), theirs, atol=1e-4)


@pytest.mark.parametrize("case", ["noise", "mirror", "flat", "exact"])
def test_many_sets_at_once_are_each_as_by_svd(case):
    """Without an SVD, in float32, also of masks of few points; and as good where the best is not unique."""
    fixed = POINTS @ turn([0, 1, 1], 3).T + (case == "noise") * 3 * RNG.normal(size=POINTS.shape) + 20
    moving = POINTS * {"mirror": [1, -1, 1], "flat": [1, 1, 0]}.get(case, [1, 1, 1])
    weights = np.concatenate([np.eye(20)[:1] * 0, np.ones((1, 20)), RNG.uniform(size=(3, 20))])
    weights = np.concatenate([weights, (RNG.uniform(size=(40, 20)) < 0.3).astype(float)])
    found = jax.device_get(jax.jit(superpose_each)(*(x.astype(np.float32) for x in (moving, fixed, weights))))
    np.testing.assert_allclose(found.rot[0], np.eye(3), atol=1e-6)  # without weight
    np.testing.assert_allclose(found.rot @ np.swapaxes(found.rot, 1, 2), np.eye(3)[None].repeat(45, 0), atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(found.rot), 1, atol=1e-5)
    for rot, trans, w in zip(found.rot[1:], found.trans[1:], weights[1:], strict=True):
        expected = misfit(superpose(moving, fixed, w), moving, fixed, w)
        np.testing.assert_allclose(misfit(Rigid(rot, trans), moving, fixed, w), expected, rtol=1e-3, atol=0.02)
