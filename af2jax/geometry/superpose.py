"""The rigid motion that lays points onto points (Kabsch, Acta Crystallographica A32, 922-923, 1976)."""

import numpy as np

from af2jax.geometry.rigid import Rigid
from af2jax.typing import Array, Bool, Float


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
