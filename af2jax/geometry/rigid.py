"""Rigid motions of space, as one value with the operators of the blackboard.

Frames have any number of leading axes ("batch"); indexing sees these axes only, so `frames[0]`, `frames[:, None]` and
`frames[..., None, :]` never cut into a rotation. Operands must have the same number of leading axes, and axes of length
one stretch: points `x` [N_pt 3] seen from `frames` [N_fr] are `frames[:, None].inverse_apply(x[None])`.

Products are written as multiply-and-add, never as matrix products, which accelerators may run in lower precision.
"""

from typing import Any

import jax.numpy as jnp
from flax import struct

from af2jax.typing import Array, Float


def rotate(rot: Float[Array, "*#batch 3 3"], x: Float[Array, "*#batch 3"]) -> Float[Array, "*#batch 3"]:
    """rot @ x."""
    return rot[..., 0] * x[..., 0, None] + rot[..., 1] * x[..., 1, None] + rot[..., 2] * x[..., 2, None]


def orthonormal(x_axis: Float[Array, "*batch 3"], xy_plane: Float[Array, "*batch 3"]) -> Float[Array, "*batch 3 3"]:
    """The rotation whose columns are axes with x along `x_axis` and y on the side of `xy_plane` (Gram-Schmidt).

    A zero vector gives a zero column and vectors on one line zero columns y and z; values and gradients stay finite.
    """
    x = _unit(x_axis)
    y = _unit(xy_plane - jnp.sum(xy_plane * x, axis=-1, keepdims=True) * x)
    return jnp.stack([x, y, jnp.cross(x, y)], axis=-1)


def _unit(x):
    return x / jnp.sqrt(jnp.sum(x**2, axis=-1, keepdims=True) + 1e-8)


@struct.dataclass
class Rigid:
    """x -> rot @ x + trans, in angstrom; a pytree, so vmap and scan just work.

    Fields are untyped, so that tree maps may put shapes, axes or NumPy arrays in them.
    """

    rot: Any  # float [..., 3, 3]
    trans: Any  # float [..., 3]

    @classmethod
    def identity(cls, shape: tuple[int, ...] = (), dtype=float) -> "Rigid":
        """The motions that move nothing, with leading axes `shape`."""
        rot = jnp.broadcast_to(jnp.eye(3, dtype=dtype), (*shape, 3, 3))
        return cls(rot, jnp.zeros((*shape, 3), dtype))

    @classmethod
    def from_three_points(
        cls, neg_x: Float[Array, "*batch 3"], origin: Float[Array, "*batch 3"], xy_plane: Float[Array, "*batch 3"]
    ) -> "Rigid":
        """Algorithm 21 "rigidFrom3Points": the frame at `origin` with `neg_x` on its negative x axis.

        `xy_plane` lies in the half plane y >= 0. The supplement's first point lies on the positive x axis instead: for
        that, see `orthonormal`. Coincident points and points on one line give a singular `rot`, never a NaN, and finite
        gradients.
        """
        return cls(orthonormal(origin - neg_x, xy_plane - origin), origin)

    @property
    def shape(self) -> tuple[int, ...]:
        """The leading axes."""
        return self.trans.shape[:-1]

    def apply(self, x: Float[Array, "*#batch 3"]) -> Float[Array, "*#batch 3"]:
        """Points of the frame, in the coordinates around it."""
        return rotate(self.rot, x) + self.trans

    def inverse_apply(self, x: Float[Array, "*#batch 3"]) -> Float[Array, "*#batch 3"]:
        """Points as seen from the frame: `inverse().apply(x)`, and more exact far from the origin."""
        return rotate(jnp.swapaxes(self.rot, -1, -2), x - self.trans)

    def inverse(self) -> "Rigid":
        """The motion that undoes this one."""
        rot = jnp.swapaxes(self.rot, -1, -2)
        return Rigid(rot, -rotate(rot, self.trans))

    def scale(self, factor: float) -> "Rigid":
        """The same with translations in another unit."""
        return Rigid(self.rot, self.trans * factor)

    def __matmul__(self, other: "Rigid") -> "Rigid":
        """First `other`, then this."""
        columns = [rotate(self.rot, other.rot[..., i]) for i in range(3)]
        return Rigid(jnp.stack(columns, axis=-1), self.apply(other.trans))

    def __getitem__(self, index) -> "Rigid":
        """Indexes the leading axes."""
        index = index if isinstance(index, tuple) else (index,)
        return Rigid(self.rot[(*index, slice(None), slice(None))], self.trans[(*index, slice(None))])
