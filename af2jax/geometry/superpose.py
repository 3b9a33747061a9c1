"""The rigid motion that lays points onto points (Kabsch, Acta Crystallographica A32, 922-923, 1976)."""

import jax
import jax.numpy as jnp
import numpy as np

from af2jax.geometry.quaternion import rotation
from af2jax.geometry.rigid import Rigid, rotate
from af2jax.typing import Array, Bool, Float

NEWTON = 12  # steps to the largest eigenvalue


def superpose(
    moving: Float[Array | np.ndarray, "*#batch N_pt 3"],
    fixed: Float[Array | np.ndarray, "*#batch N_pt 3"],
    weights: Float[Array | np.ndarray, "*#batch N_pt"] | Bool[Array | np.ndarray, "*#batch N_pt"],
) -> Rigid:
    """The motions [*batch] that bring `moving` nearest to `fixed`: least squares, a point counting by its weight.

    A mask is weights of 0 and 1; points of weight 0 may hold anything, NaN too. The result is a rotation and never a
    mirror image, whatever the points; where they leave it open (one point, points on a line) it is one of the best, and
    where nothing has weight the identity. NumPy arrays stay NumPy in their own precision, JAX arrays may be traced;
    gradients are not finite where the points are symmetric.
    """
    xp = moving.__array_namespace__()
    weights = weights[..., None].astype(moving.dtype)
    total = xp.sum(weights, axis=-2)
    share = weights / xp.where(total > 0, total, 1)[..., None, :]
    moving, fixed = (xp.where(weights > 0, x, 0) for x in (moving, fixed))
    start, end = (xp.sum(share * x, axis=-2) for x in (moving, fixed))
    a, b = share * (moving - start[..., None, :]), fixed - end[..., None, :]
    covariance = xp.stack([xp.sum(a * b[..., i, None], axis=-2) for i in range(3)], axis=-1)
    u, _, vt = xp.linalg.svd(covariance)
    mirror = xp.linalg.det(u) * xp.linalg.det(vt) < 0
    ends = vt[..., 2, :]  # the axis of least extent is the cheapest to turn round
    vt = xp.stack([vt[..., 0, :], vt[..., 1, :], xp.where(mirror[..., None], -ends, ends)], axis=-2)
    rot = xp.sum(vt[..., :, :, None] * xp.swapaxes(u, -1, -2)[..., :, None, :], axis=-3)
    return Rigid(rot, end - xp.sum(rot * start[..., None, :], axis=-1))


def superpose_each(
    moving: Float[Array, "N_pt 3"], fixed: Float[Array, "N_pt 3"], weights: Float[Array, "N_set N_pt"]
) -> Rigid:
    """The motions [N_set] of `superpose` for many sets of weights over the same points, without an SVD.

    Least squares by quaternions (Theobald, Acta Crystallographica A61, 478-480, 2005): one matrix product gives all
    moments, Newton's method the largest eigenvalue of each set's matrix K, and the Cayley-Hamilton theorem its
    eigenvector, so that thousands of sets cost no more than arithmetic. In float32, where the best motion is unique, it
    is that of `superpose` within 1e-3; points should be near the origin, and have no NaN. Without weight: the identity.
    """
    total = jnp.sum(weights, axis=-1, keepdims=True)
    products = (moving[:, :, None] * fixed[:, None, :]).reshape(-1, 9)
    squares = jnp.sum(moving**2 + fixed**2, axis=-1, keepdims=True)
    moments = jnp.concatenate([products, moving, fixed, squares], axis=-1)
    means = jnp.matmul(weights / jnp.maximum(total, 1e-6), moments, precision="highest")
    start, end = means[:, 9:12], means[:, 12:15]
    covariance = means[:, :9].reshape(-1, 3, 3) - start[:, :, None] * end[:, None, :]
    bound = (means[:, 15] - jnp.sum(start**2 + end**2, axis=-1)) / 2  # of the largest eigenvalue
    rot = rotation(_quaternion(covariance / jnp.maximum(bound, 1e-6)[:, None, None]))
    return Rigid(rot, end - rotate(rot, start))


def _quaternion(s: Float[Array, "N_set 3 3"]) -> Float[Array, "N_set 4"]:
    """The unit eigenvector of the largest eigenvalue (at most 1) of Horn's matrix K of covariances."""
    trace = s[:, 0, 0] + s[:, 1, 1] + s[:, 2, 2]
    skew = jnp.stack([s[:, 1, 2] - s[:, 2, 1], s[:, 2, 0] - s[:, 0, 2], s[:, 0, 1] - s[:, 1, 0]], axis=-1)
    block = s + jnp.swapaxes(s, -1, -2) - trace[:, None, None] * jnp.eye(3)[None]
    top = jnp.concatenate([trace[:, None], skew], axis=-1)
    k = jnp.concatenate([top[:, None], jnp.concatenate([skew[:, :, None], block], axis=-1)], axis=1)

    times = lambda a, b: sum(a[:, :, i, None] * b[:, None, i, :] for i in range(4))
    square = times(k, k)
    cube = times(square, k)
    over = lambda a, b: jnp.sum(a * b, axis=(1, 2))
    p2, p3, p4 = over(k, k), over(square, k), over(square, square)
    c2, c1, c0 = -p2 / 2, -p3 / 3, p2**2 / 8 - p4 / 4  # x^4 + c2 x^2 + c1 x + c0, as K has no trace

    def step(_, x):
        slope = (4 * x**2 + 2 * c2) * x + c1
        return x - jnp.where(slope > 1e-9, (((x**2 + c2) * x + c1) * x + c0) / jnp.maximum(slope, 1e-9), 0)

    x = jax.lax.fori_loop(0, NEWTON, step, jnp.ones_like(c2))  # from above, so that it falls to the largest root
    a, b, c = (y[:, None, None] for y in (x, x**2 + c2, (x**2 + c2) * x + c1))
    one = cube + a * square + b * k + c * jnp.eye(4)[None]  # a multiple of the projection on the eigenvector
    longest = jnp.argmax(jnp.stack([one[:, i, i] for i in range(4)], axis=-1), axis=-1)
    q = jnp.take_along_axis(one, longest[:, None, None], axis=2)[:, :, 0]
    size = jnp.sqrt(jnp.sum(q**2, axis=-1, keepdims=True))
    return jnp.where(size > 1e-12, q / jnp.maximum(size, 1e-12), jnp.eye(4)[:1])
