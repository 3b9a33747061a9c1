"""Rigid motions form a group that acts on points."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.geometry.rigid import Rigid, orthonormal


def points(seed, *shape):
    return jnp.asarray(10 * np.random.default_rng(seed).normal(size=(*shape, 3)), jnp.float32)


def assert_same(a, b, atol=2e-5):
    np.testing.assert_allclose(a.rot, b.rot, atol=1e-6)
    np.testing.assert_allclose(a.trans, b.trans, atol=atol)


def test_group_laws(random_rigid):
    a, b, c = (random_rigid(i, 5) for i in range(3))
    one, compose, invert = Rigid.identity((5,)), jax.jit(Rigid.__matmul__), jax.jit(Rigid.inverse)
    assert_same(compose(compose(a, b), c), compose(a, compose(b, c)))
    assert_same(compose(a, one), a, atol=0)
    assert_same(compose(one, a), a, atol=0)
    assert_same(compose(a, invert(a)), one)
    assert_same(invert(compose(a, b)), compose(invert(b), invert(a)))


def test_action(random_rigid):
    a, b, x = random_rigid(0, 5), random_rigid(1, 5), points(2, 5)
    np.testing.assert_allclose((a @ b).apply(x), a.apply(b.apply(x)), atol=2e-5)
    np.testing.assert_allclose(a.inverse_apply(x), a.inverse().apply(x), atol=2e-5)
    np.testing.assert_allclose(a.apply(a.inverse_apply(x)), x, atol=1e-5)
    np.testing.assert_allclose(a.apply(x), np.einsum("nxy,ny->nx", a.rot, x) + a.trans, atol=1e-5)


def test_scale_changes_the_unit_of_everything(random_rigid):
    a, x = random_rigid(0, 4), points(1, 4)
    np.testing.assert_allclose(a.scale(0.1).apply(0.1 * x), 0.1 * a.apply(x), atol=1e-5)


@pytest.mark.medium("compiles for more than a second")
def test_indexing_sees_leading_axes_only_and_axes_of_one_stretch(random_rigid):
    frames, x = random_rigid(0, 2, 4), points(1, 3)
    assert frames.shape == (2, 4)
    for index in (0, (0, 1), (slice(None), None), (..., 0), (..., None), np.array([1, 0]), np.array([True, False])):
        expected = np.empty((2, 4))[index].shape
        assert frames[index].shape == expected
        assert frames[index].rot.shape == (*expected, 3, 3)
    seen = frames[..., None].inverse_apply(x[None, None])
    np.testing.assert_allclose(seen[1, 2, 0], frames[1, 2].inverse_apply(x[0]), atol=1e-5)
    assert (frames[:, :1] @ frames[:1]).shape == (2, 4)


def test_three_points_lie_where_the_algorithm_puts_them():
    neg_x, origin, plane = points(0, 6), points(1, 6), points(2, 6)
    frame = jax.jit(Rigid.from_three_points)(neg_x, origin, plane)
    np.testing.assert_allclose(frame.inverse_apply(origin), 0, atol=1e-6)
    seen = frame.inverse_apply(neg_x)
    np.testing.assert_allclose(seen[:, 1:], 0, atol=1e-5)
    assert (seen[:, 0] < 0).all()
    seen = frame.inverse_apply(plane)
    np.testing.assert_allclose(seen[:, 2], 0, atol=1e-5)
    assert (seen[:, 1] > 0).all()
    np.testing.assert_allclose(jnp.linalg.det(frame.rot), 1, atol=1e-6)


def test_three_points_move_with_their_frame(random_rigid):
    motion, abc = random_rigid(0, 1), points(1, 3, 6)
    frame = jax.jit(Rigid.from_three_points)
    assert_same(frame(*motion[None].apply(abc)), motion @ frame(*abc), atol=3e-5)


@jax.jit
@jax.value_and_grad
def value_and_gradient(abc):
    return jnp.sum(Rigid.from_three_points(*abc).inverse_apply(jnp.ones(3)) ** 2)


@pytest.mark.parametrize("case", ["one point", "neg_x at origin", "plane at origin", "one line"])
def test_degenerate_points_give_finite_values_and_gradients(case):
    a, b, c = np.array([0.0, 1, 2]), np.array([3.0, 1, 0]), np.array([1.0, 5, 2])
    a, b, c = {
        "one point": (a, a, a),
        "neg_x at origin": (b, b, c),
        "plane at origin": (a, b, b),
        "one line": (a, b, 3 * b - 2 * a),
    }[case]

    value, gradient = value_and_gradient(jnp.asarray(np.stack([a, b, c]), jnp.float32))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_double_precision():
    with jax.enable_x64(True):
        abc = 1e3 * jnp.asarray(np.random.default_rng(0).normal(size=(3, 3)))  # so far apart that 1e-8 is lost
        frame = Rigid.from_three_points(*abc)
        one = frame.inverse() @ frame @ Rigid.identity()
        assert one.rot.dtype == one.trans.dtype == jnp.float64
        np.testing.assert_allclose(one.rot, np.eye(3), atol=1e-13)
        np.testing.assert_allclose(one.trans, 0, atol=1e-10)


def test_it_is_a_pytree(random_rigid):
    frames, x = random_rigid(0, 5), points(1, 5)
    np.testing.assert_allclose(jax.vmap(Rigid.apply, in_axes=(Rigid(0, 0), 0))(frames, x), frames.apply(x), atol=1e-5)
    assert isinstance(jax.device_get(frames).rot, np.ndarray)
    _, total = jax.lax.scan(lambda t, f: (t @ f, t), Rigid.identity(), frames)
    assert_same(total[2], frames[0] @ frames[1], atol=1e-5)


def test_parity_with_deepmind(random_rigid):
    r3 = pytest.importorskip("alphafold.model.r3", reason="the oracle is not installed")
    abc, x, a, b = points(1, 3, 7), points(2, 7), random_rigid(3, 7), random_rigid(4, 7)

    @jax.jit
    def ours(abc, x, a, b):
        flat = lambda t: jnp.concatenate([t.rot.reshape(-1, 9), t.trans], axis=-1)
        return flat(Rigid.from_three_points(*abc)), flat(a @ b), flat(a.inverse()), a.apply(x)

    @jax.jit
    def theirs(abc, x, a, b):
        rigids = lambda t: r3.Rigids(r3.rots_from_tensor3x3(t.rot), r3.vecs_from_tensor(t.trans))
        flat, vecs = r3.rigids_to_tensor_flat12, r3.vecs_from_tensor
        frames = r3.rigids_from_3_points(*(vecs(point) for point in abc))
        product, inverse = r3.rigids_mul_rigids(rigids(a), rigids(b)), r3.invert_rigids(rigids(a))
        return flat(frames), flat(product), flat(inverse), r3.vecs_to_tensor(r3.rigids_mul_vecs(rigids(a), vecs(x)))

    for found, expected in zip(ours(abc, x, a, b), theirs(abc, x, a, b), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_orthonormal_gives_x_along_the_first_vector():
    rot = orthonormal(jnp.array([0.0, 2, 0]), jnp.array([-1.0, 5, 0]))
    np.testing.assert_allclose(rot, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-6)
