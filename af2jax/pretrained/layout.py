"""How arrays of DeepMind's files are laid out, as inverse pairs: reshapes, transposes, concatenations and splits only.

A `Fix` turns the arrays of some of their keys into the arrays of some of our paths, and back. Each works behind any
leading axes (stacks), on NumPy and JAX arrays alike; none scales, so each is linear and gradients pass both ways.
"""

from collections.abc import Callable
from dataclasses import dataclass

from af2jax.pretrained.tree import concatenate

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Fix:
    """`import_(*theirs) -> ours` and its inverse `export(*ours) -> theirs`; `shapes` are theirs, less leading axes."""

    shapes: tuple[Shape, ...]
    import_: Callable
    export: Callable


def lead(x, trailing: int) -> Shape:
    """All axes of `x` but the last `trailing`."""
    return x.shape[: x.ndim - trailing]


def reshape(theirs: Shape, ours: Shape | None = None) -> Fix:
    """One array, its trailing axes `theirs` seen as `ours` (the same when None)."""
    ours = theirs if ours is None else ours
    return Fix(
        (theirs,),
        lambda x: [x.reshape(lead(x, len(theirs)) + ours)],
        lambda x: [x.reshape(lead(x, len(ours)) + theirs)],
    )


def side_by_side(shape: Shape) -> Fix:
    """Two arrays of one shape, concatenated along the last axis."""
    half = shape[-1]
    return Fix((shape, shape), lambda a, b: [concatenate([a, b], -1)], lambda x: [x[..., :half], x[..., half:]])


def headed(c_in: Shape, heads: int, *dims: int) -> Fix:
    """One array [*c_in, heads * sum(dims)] whose heads each hold several parts: split by part, heads flattened."""
    n, total = len(c_in) + 1, sum(dims)

    def import_(x):
        x = x.reshape(lead(x, n) + c_in + (heads, total))
        ends = [sum(dims[: i + 1]) for i in range(len(dims))]
        parts = [x[..., end - d : end] for d, end in zip(dims, ends, strict=True)]
        return [p.reshape(lead(p, n + 1) + c_in + (heads * d,)) for p, d in zip(parts, dims, strict=True)]

    def export(*parts):
        parts = [p.reshape(lead(p, n) + c_in + (heads, d)) for p, d in zip(parts, dims, strict=True)]
        x = concatenate(parts, -1)
        return [x.reshape(lead(x, n + 1) + c_in + (heads * total,))]

    return Fix(((*c_in, heads * total),), import_, export)


def points(c_in: Shape, heads: int, *dims: int, xyz_first: bool) -> Fix:
    """Points: theirs [*c_in, 3, heads, sum(dims)] flat (or [*c_in, heads, 3 * dim]), ours [*c_in, heads * dim * 3]."""
    n, total = len(c_in), sum(dims)
    shape = (*c_in, 3 * heads * total) if xyz_first else (*c_in, heads, 3 * total)
    cut = headed((*c_in, 3), heads, *dims)

    def import_(x):
        if not xyz_first:
            x = x.reshape(lead(x, n + 2) + c_in + (heads, 3, total)).swapaxes(-2, -3)
        x = x.reshape(lead(x, len(shape) if xyz_first else n + 3) + c_in + (3, heads * total))
        return [p.swapaxes(-1, -2).reshape(lead(p, n + 2) + c_in + (p.shape[-1] * 3,)) for p in cut.import_(x)]

    def export(*parts):
        parts = [
            p.reshape(lead(p, n + 1) + c_in + (heads * d, 3)).swapaxes(-1, -2) for p, d in zip(parts, dims, strict=True)
        ]
        (x,) = cut.export(*parts)
        if not xyz_first:
            x = x.reshape(lead(x, n + 2) + c_in + (3, heads, total)).swapaxes(-2, -3)
        return [x.reshape(lead(x, n + 2 if xyz_first else n + 3) + shape)]

    return Fix((shape,), import_, export)
