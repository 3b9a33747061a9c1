"""Structural alignment: which residues of two chains correspond, found from their CA atoms alone, by the TM-score.

As TM-align does it (Zhang and Skolnick, Nucleic Acids Research 33, 2302-2309, 2005): motions to begin with come from
threading without gaps, from secondary structure, from fragments and from a mixture of distances and secondary
structure; from each, the scores of all pairs under the motion give an alignment by dynamic programming, and the
alignment a motion by the TM-score's search (Proteins 57, 702-710, 2004), until neither changes. Written from the two
papers. One chain is aligned to many at once: the program is compiled once for each pair of padded lengths.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from af2jax.geometry.rigid import Rigid
from af2jax.geometry.superpose import superpose_each
from af2jax.metrics.best_path import NEVER, best_path
from af2jax.metrics.ca_classes import ca_classes
from af2jax.typing import Array, Float, Int

GAPS = (-0.6, 0.0)  # what a gap costs, in units of the TM-score's terms
GAP_OF_CLASSES = -1.0  # the same where classes of secondary structure are compared
SOFTER = 0.4  # angstrom that are added to d0 while an alignment is sought
FRAGMENTS, FRAGMENT = 16, 20  # of each chain, and their residues at most
THINNED = 4  # every so many residues count where fragments are ranked
THREADED, PIECES, KEPT = 8, 32, 16  # motions from threading and from fragments; how many of these are refined
LEVELS, ROUNDS = (1, 3, 5), 4  # starts of the search with all pairs, half of them, a quarter; superpositions from each
LEVELS_AT_LAST, ROUNDS_AT_LAST = (1, 7, 15, 31, 31), 8
FIRST, LAST, REFINED = 2, 4, 8  # alignments at most from each motion; of how many it is then continued, and how far
LEAST = 4  # pairs of a start of the search


class StructuralAlignment(NamedTuple):
    """One chain aligned to others; each field has a leading axis for them."""

    tm_first: Array  # float, 0 to 1: the TM-score by the length of the one
    tm_second: Array  # by the length of the other
    partner: Array  # int [N], of each residue of the one the place in the other, -1: none within reach
    motion: Rigid  # moves the other onto the one


def align(
    first: Float[Array | np.ndarray, "N 3"],
    length: Int[Array | np.ndarray, ""],
    others: Float[Array | np.ndarray, "B M 3"],
    lengths: Int[Array | np.ndarray, " B"],
) -> StructuralAlignment:
    """Aligns one chain to each of `others`.

    Residues are aligned in the order of both chains, and only those count that come near in the end. Both TM-scores are
    of the one alignment, each in the superposition that makes it largest; `motion` is that of `tm_first`.

    Args:
        first, others: CA atoms in angstrom, near the origin (a float32 has seven digits); what follows the residues of
            a chain is padding and may hold anything.
        length, lengths: residues of each chain, 5 or more.
    """
    return _align(first, length, others, lengths)


@jax.jit
def _align(first, length, others, lengths):
    return jax.vmap(_pair, (None, None, 0, 0))(first, length, others, lengths)


def d0(length: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """The distance, in angstrom, at which a pair counts half in the TM-score of so many residues."""
    return jnp.maximum(1.24 * jnp.cbrt(jnp.maximum(length, 16) - 15.0) - 1.8, 0.5)


def reach(length: Float[Array, ""]) -> Float[Array, ""]:
    """How near pairs of an alignment must be to count in the end, as TM-align has it, in angstrom."""
    return 1.5 * length**0.3 + 3.5


def _pair(x, n, y, m):
    """The alignment of y [M 3] to x [N 3], of which n and m residues are there."""
    here, there = jnp.arange(len(x)) < n, jnp.arange(len(y)) < m
    x, y = jnp.where(here[:, None], x, 0.0), jnp.where(there[:, None], y, 0.0)
    allowed = here[:, None] & there[None]
    least = jnp.minimum(n, m).astype(jnp.float32)
    soft = d0(least) + SOFTER
    near = jnp.clip(soft, 4.5, 8.0)
    same = (ca_classes(x, n)[:, None] == ca_classes(y, m)[None]).astype(jnp.float32)

    def terms(motion: Rigid):
        """The terms of the TM-score for all pairs under a motion of y."""
        return 1 / (1 + _squares(x, motion[None].apply(y)) / soft**2)

    def by(score, gap):
        """(score, motion, partner) of the best path through scores of pairs."""
        partner = best_path(jnp.where(allowed, score, NEVER), gap)
        return *_search(x, y[partner], partner >= 0, soft, near, LEVELS, ROUNDS), partner

    pick = lambda tree, index: jax.tree.map(lambda a: a[index], tree)
    threads, pieces = _threads(x, n, y, m, soft, near), _pieces(x, n, y, m, soft)
    begin = jax.vmap(terms)(jax.tree.map(lambda *parts: jnp.concatenate(parts), threads, pieces))
    begin = jnp.concatenate([begin, jnp.stack([same, 0.5 * same + begin[0]])])
    costs = jnp.array([GAPS[1]] * (len(begin) - 2) + [GAP_OF_CLASSES] * 2, jnp.float32)
    scores, motions, partners = jax.vmap(by)(begin, costs)
    found = scores, motions, partners

    def refined(found, rows, gaps, times):
        """The alignments of some rows of `found`, each improved as often as `times` with a gap of its own."""
        again = lambda start, gap: _refine(*start, lambda motion: by(terms(motion), gap), times)
        return jax.vmap(again)(pick(found, rows), gaps)

    others = 1 + jax.lax.top_k(scores[1:-2], KEPT)[1]  # beside the best threading and the two of secondary structure
    rows = jnp.concatenate([jnp.array([0, len(scores) - 2, len(scores) - 1]), others])
    found = refined(found, rows, jnp.full(len(rows), GAPS[0], jnp.float32), FIRST)
    rows = jnp.repeat(jax.lax.top_k(found[0], LAST)[1], len(GAPS))
    scores, motions, partners = refined(found, rows, jnp.tile(jnp.array(GAPS, jnp.float32), LAST), REFINED)
    partner, motion = pick((partners, motions), jnp.argmax(scores))

    paired = partner >= 0
    apart = jnp.sum((x - motion[None].apply(y[partner])) ** 2, axis=-1)
    paired = paired & (apart < reach(least) ** 2)
    partner = jnp.where(paired, partner, -1)
    sizes = jnp.stack([n, m]).astype(jnp.float32)
    last = lambda scale: _search(
        x, y[partner], paired, scale, jnp.clip(scale, 4.5, 8.0), LEVELS_AT_LAST, ROUNDS_AT_LAST
    )
    scores, motions = jax.vmap(last)(d0(sizes))
    first, second = scores / sizes
    return StructuralAlignment(first, second, partner, pick(motions, 0))


def _refine(score, motion, partner, step, times: int):
    """(score, motion, partner) after as many alignments and superpositions, one from the other, or when they no longer
    become better."""

    def better(state):
        return state[-1] & (state[-2] < times)

    def once(state):
        best, kept, pairs, motion, count, _ = state
        score, motion, partner = step(motion)
        gained = score > best + 1e-4
        keep = lambda new, old: jax.tree.map(lambda a, b: jnp.where(gained, a, b), new, old)
        return jnp.maximum(score, best), keep(motion, kept), keep(partner, pairs), motion, count + 1, gained

    return jax.lax.while_loop(better, once, (score, motion, partner, motion, 0, True))[:3]


def _search(x, y, paired, scale, near, levels: tuple[int, ...], rounds: int):
    """(the sum of the TM-score's terms, the motion of y onto x): pairs x[i], y[i] where `paired`, in the best
    superposition found, with distances in units of `scale`.

    It starts from stretches of the pairs, of all, half, a quarter and so on, and continues with the pairs that come
    nearer than `near`.
    """
    count = jnp.sum(paired)
    rank = jnp.cumsum(paired) - 1
    lengths, starts = [], []
    for halved, number in enumerate(levels):
        size = jnp.maximum(count // 2**halved, jnp.minimum(LEAST, count))
        lengths += [size] * number
        starts += [((count - size) * k) // max(number - 1, 1) for k in range(number)]
    length, start = jnp.stack(lengths)[:, None], jnp.stack(starts)[:, None]
    chosen = (rank[None] >= start) & (rank[None] < start + length) & paired[None]

    def once(state, reach):
        chosen, best, motion = state
        found = superpose_each(y, x, chosen.astype(jnp.float32))
        squares = jnp.sum((found[:, None].apply(y[None]) - x[None]) ** 2, axis=-1)
        score = jnp.sum(jnp.where(paired[None], 1 / (1 + squares / scale**2), 0), axis=-1)
        close = paired[None] & (squares < reach**2)
        enough = jnp.sum(close, axis=-1, keepdims=True) >= jnp.minimum(LEAST, count)
        gained = score > best
        keep = lambda a, b: jnp.where(gained.reshape(-1, *[1] * (a.ndim - 1)), a, b)
        return (jnp.where(enough, close, chosen), jnp.maximum(score, best), jax.tree.map(keep, found, motion)), None

    begin = (chosen, jnp.full(len(chosen), -1.0), Rigid.identity((len(chosen),), jnp.float32))
    reaches = jnp.concatenate([(near - 1)[None], jnp.broadcast_to(near + 1, (rounds - 1,))])
    (_, score, motion), _ = jax.lax.scan(once, begin, reaches)
    top = jnp.argmax(score)
    return score[top], jax.tree.map(lambda a: a[top], motion)


def _threads(x, n, y, m, scale, near) -> Rigid:
    """The motions [THREADED] of the best threadings of y on x without gaps: i is on i + shift."""
    shifts = jnp.arange(-len(x) + 1, len(y))
    place = jnp.arange(len(x))

    def thread(shift):
        other = place + shift
        paired = (place < n) & (other >= 0) & (other < m)
        score, motion = _search(x, y[jnp.clip(other, 0, len(y) - 1)], paired, scale, near, (1,), 3)
        enough = jnp.sum(paired) >= jnp.maximum(jnp.minimum(n, m) // 2, LEAST)
        return jnp.where(enough, score, -1.0), motion

    scores, motions = jax.vmap(thread)(shifts)
    top = jax.lax.top_k(scores, THREADED)[1]
    return jax.tree.map(lambda a: a[top], motions)


def _pieces(x, n, y, m, scale) -> Rigid:
    """The motions [PIECES] that superpose a fragment of y on one of x and bring most of the rest near."""
    size = jnp.minimum(FRAGMENT, jnp.minimum(n, m) // 2)
    step = jnp.arange(FRAGMENT)
    starts = lambda length: ((length - size) * jnp.arange(FRAGMENTS)) // (FRAGMENTS - 1)
    of = lambda points, start: points[jnp.minimum(start[:, None] + step[None], len(points) - 1)]
    weights = (step < size).astype(jnp.float32)[None]
    few = x[::THINNED]
    there = (jnp.arange(len(few)) * THINNED < n)[:, None] & (jnp.arange(len(y)) < m)[None]

    def piece(a, b):
        motion = jax.tree.map(lambda one: one[0], superpose_each(b, a, weights))
        terms = jnp.where(there, 1 / (1 + _squares(few, motion[None].apply(y)) / scale**2), 0)
        return jnp.sum(jnp.max(terms, axis=1)), motion

    scores, motions = jax.vmap(lambda a: jax.vmap(lambda b: piece(a, b))(of(y, starts(m))))(of(x, starts(n)))
    top = jax.lax.top_k(scores.reshape(-1), PIECES)[1]
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:])[top], motions)


def _squares(x: Float[Array, "N 3"], y: Float[Array, "M 3"]) -> Float[Array, "N M"]:
    """Squared distances of all pairs."""
    return sum((x[:, None, i] - y[None, :, i]) ** 2 for i in range(3))
