"""The alignment of two chains of highest score, by dynamic programming: compiled, and the same under vmap."""

import jax
import jax.numpy as jnp

from af2jax.typing import Array, Float, Int

NEVER = -1e9  # a score that no alignment pays


def best_path(score: Float[Array, "N M"], gap: Float[Array, ""]) -> Int[Array, " N"]:
    """For each place of the first chain its partner in the second, -1 where it has none; partners rise.

    The sum of `score` over pairs, plus `gap` (0 or less) each time that pairs leave off between two others, is as high
    as it can be (Needleman and Wunsch 1970; a gap costs the same however long it is, as in TM-align, and none at the
    ends). Pairs that may not be have `NEVER`. Cells of one diagonal i + j = d are computed together.
    """
    rows, columns = score.shape
    steps, place = rows + columns - 1, jnp.arange(rows)
    wide = jnp.pad(score, ((0, 0), (0, rows)), constant_values=NEVER)
    skewed = wide.reshape(-1)[: rows * steps].reshape(rows, steps).T  # [d, i] is [i, d - i]
    down = lambda x, first: jnp.concatenate([jnp.full(1, first, x.dtype), x[:-1]])

    def diagonal(carry, line):
        """Of each cell: the best that ends with it as a pair, or behind one in a gap, and that pair (its code)."""
        pair, code, apart, left, before, entered, top, last = carry
        d, own = line
        here = own + down(before, 0.0)
        reached = down(entered, -1)
        opened = pair + gap
        leave, leaving = jnp.maximum(apart, opened), jnp.where(apart >= opened, left, code)
        above, over = down(leave, 0.0), down(leaving, -1)
        gone, since = jnp.maximum(leave, above), jnp.where(leave >= above, leaving, over)
        best, whence = jnp.maximum(pair, apart), jnp.where(pair >= apart, code, left)
        number = d * rows + place
        last = jnp.where(here > top, number, last)
        return (here, number, gone, since, best, whence, jnp.maximum(here, top), last), reached

    zero, none = jnp.zeros(rows), jnp.full(rows, -1)
    start = (zero + NEVER, none, zero, none, zero, none, zero, none)
    (*_, top, last), reached = jax.lax.scan(diagonal, start, (jnp.arange(steps), skewed))
    reached = reached.reshape(-1)

    def back(code, _):
        return jnp.where(code < 0, -1, reached[jnp.maximum(code, 0)]), code

    _, codes = jax.lax.scan(back, last[jnp.argmax(top)], None, length=min(rows, columns))
    i, d = codes % rows, codes // rows
    return jnp.full(rows, -1).at[jnp.where(codes < 0, rows, i)].set(d - i, mode="drop")
