"""Which known chain is which predicted one (Evans et al. 2021, section 7.3): a search on the host, NumPy in float64.

Chains of one entity are copies, and which copy the network puts where is not its fault. An assignment gives each
predicted chain another known chain of its entity, or none where too few are known. Everything that superposition needs
is a sum over residues, hence over pairs of chains: `Sums` has it once, and an assignment costs a few additions.
"""

import math
from collections.abc import Sequence
from itertools import combinations, permutations, product
from typing import Any, NamedTuple

import numpy as np

from af2jax.typing import Int

EXACT = math.factorial(5)  # assignments of an entity up to which all are compared
MOST = 20_000  # of all entities together, at once; 14,400 for two of five copies


class Chains(NamedTuple):
    """Residues of one or several chains, a point each. Any numbers will do as identifiers."""

    points: Any  # float [N 3] angstrom, of the CA atoms
    seen: Any  # bool [N] the point is known
    residue_index: Any  # int [N] once in each chain
    asym_id: Any  # int [N] one number per chain
    entity_id: Any  # int [N] one number per distinct sequence, the same in both structures
    present: Any  # bool [N] False: padding


class Sums(NamedTuple):
    """What residues of predicted chain a and known chain b in common add up to; the last b has none."""

    num: np.ndarray  # [N_a N_b] residues
    one: np.ndarray  # [N_a N_b 3] predicted points
    two: np.ndarray  # [N_a N_b 3] known points
    products: np.ndarray  # [N_a N_b 3 3] the outer products of both
    squares: np.ndarray  # [N_a N_b] the squared lengths of both


def assign(predicted: Chains, known: Chains) -> Int[np.ndarray, " N"]:
    """Evans et al. 2021, section 7.3: for each predicted residue its row in `known`, -1 where it has none.

    The row has the residue's index, in the known chain that is assigned to the residue's chain. Assignments are
    compared by the RMSD of the CA atoms after superposition of the whole complex. Where each entity has at most 120
    (up to five copies, or two of eleven that are known) and all together at most 20,000, the best is found.

    Otherwise chains of one entity are superposed in every possible way (the anchor: of the entity with the fewest known
    copies, and among these with the most residues), each time predicted and known chains whose centres are nearest are
    paired first. The five best of these are improved, in turn the entities of at most 120 assignments by the best of
    them and the others by exchanges of two chains, while this helps, and the best of all is kept.

    `known` may have more chains, more residues and gaps, so `predicted` may be a crop. Assignments that compare less
    than half of the residues that another does are not considered: few points lie on anything. Identifiers count only
    between equals, where chains of equal `asym_id` are kept together, as far as may be. Points that are not finite do
    not count. Arrays of JAX will do.
    """
    predicted, known = (Chains(*map(np.asarray, chains)) for chains in (predicted, known))
    if not (predicted.present.any() and known.present.any()):
        return np.full(len(predicted.present), -1, np.int32)
    rows, labels, known_labels, groups = _chains(predicted, known)
    sums = _sums(predicted, known, rows)
    agree = np.pad(labels[:, None] == known_labels[None], [(0, 0), (0, 1)])
    options = {i: _options(mine, theirs, len(known_labels)) for i, (mine, theirs) in enumerate(groups)}
    if None not in options.values() and math.prod(map(len, options.values())) <= MOST:
        best = _best(sums, agree, _joined(groups, product(*options.values()), len(labels)))
    else:
        best = _search(sums, agree, groups, options)
    chain = np.searchsorted(labels, predicted.asym_id).clip(max=len(labels) - 1)
    found = np.take_along_axis(rows, best[chain][:, None], axis=1)[:, 0]
    return np.where(predicted.present, found, -1).astype(np.int32)


def _chains(predicted: Chains, known: Chains):
    """The row of each residue in each known chain and in none [N N_b], the labels of both, the chains by entity."""
    labels, known_labels = (np.unique(x.asym_id[x.present]) for x in (predicted, known))
    entity_of = lambda x, labels: [x.entity_id[x.present & (x.asym_id == label)][0] for label in labels]
    entities, known_entities = entity_of(predicted, labels), entity_of(known, known_labels)
    same = lambda name: getattr(predicted, name)[:, None] == getattr(known, name)[None]
    match = same("residue_index") & same("entity_id") & predicted.present[:, None] & known.present[None]
    i, j = np.nonzero(match)
    rows = np.full((len(match), len(known_labels) + 1), -1)
    rows[i, np.searchsorted(known_labels, known.asym_id[j])] = j
    groups = []
    for entity in np.unique(entities):
        members = (np.flatnonzero(np.equal(x, entity)).tolist() for x in (entities, known_entities))
        groups.append(tuple(members))
    return rows, labels, known_labels, groups


def _sums(predicted: Chains, known: Chains, rows: np.ndarray) -> Sums:
    labels = np.unique(predicted.asym_id[predicted.present])
    member = ((predicted.asym_id[None] == labels[:, None]) & predicted.present[None]).astype(np.float64)  # [N_a N]
    seen, their = (x.seen & np.isfinite(x.points).all(-1) for x in (predicted, known))
    both = (rows >= 0) & seen[:, None] & their[rows]
    one = _centered(predicted.points, seen)[:, None] * both[..., None]  # [N N_b 3]
    two = _centered(known.points, their)[rows] * both[..., None]
    total = lambda x: np.tensordot(member, x, axes=1)
    outer = one[..., :, None] * two[..., None, :]
    squares = (one**2 + two**2).sum(-1)
    return Sums(total(both.astype(np.float64)), total(one), total(two), total(outer), total(squares))


def _centered(points: np.ndarray, seen: np.ndarray) -> np.ndarray:
    points = np.where(seen[:, None], points, 0).astype(np.float64)
    return points - points.sum(0) / max(seen.sum(), 1)


def _options(mine: Sequence[int], theirs: Sequence[int], none: int) -> list[tuple[int, ...]] | None:
    """Every way to give the predicted chains of an entity known ones; None where there are too many."""
    if math.perm(max(len(mine), len(theirs)), len(mine)) > EXACT:
        return None
    padded = [*theirs, *[none] * (len(mine) - len(theirs))]
    return list(dict.fromkeys(permutations(padded, len(mine))))


def _joined(groups, choices, num: int) -> np.ndarray:
    """[N_choice N_a] the known chain of every predicted one, from one choice for each entity."""
    order = [a for mine, _ in groups for a in mine]
    flat = np.array([[b for part in choice for b in part] for choice in choices], int).reshape(-1, num)
    return flat[:, np.argsort(order)]


def _fit(sums: Sums, pairs: np.ndarray):
    """Residues [N_choice] and their mean squared distance after superposition, in angstrom squared."""
    a = np.arange(pairs.shape[1])[None]
    num, one, two, products, squares = (x[a, pairs].sum(1) for x in sums)
    count = np.maximum(num, 1)
    covariance = products - one[:, :, None] * two[:, None] / count[:, None, None]
    size = np.linalg.svd(covariance, compute_uv=False)
    mirror = np.where(np.linalg.det(covariance) < 0, -1, 1)
    spread = squares - ((one**2).sum(-1) + (two**2).sum(-1)) / count
    return num, np.maximum(spread - 2 * (size[:, 0] + size[:, 1] + mirror * size[:, 2]), 0) / count


def _best(sums: Sums, agree: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The assignment [N_a] of least RMSD; between equals the one that keeps most labels, and of these the first."""
    num, error = _fit(sums, pairs)
    error = np.where(num >= num.max() / 2, error, np.inf)
    equal = error <= error.min() * (1 + 1e-6) + 1e-9
    kept = agree[np.arange(pairs.shape[1])[None], pairs].sum(-1)
    return pairs[np.argmax(np.where(equal, kept, -1))]


def _search(sums: Sums, agree: np.ndarray, groups, options: dict) -> np.ndarray:
    """From every anchor to an assignment, improved entity by entity; the best of them."""
    size = lambda group: (len(group[1]) or math.inf, -sums.num[np.ix_(*group)].sum())
    fewest = min(map(size, groups))
    anchors = [pair for group in groups if size(group) == fewest for pair in product(*group)]
    anchors = [pair for pair in anchors if sums.num[pair] >= 3] or anchors[:1] or [(0, -1)]
    starts = np.unique([_nearest(sums, groups, *_superposed(sums, a, b)) for a, b in anchors], axis=0)
    starts = starts[np.argsort(_fit(sums, starts)[1])[:5]]
    return _best(sums, agree, np.stack([_improved(sums, agree, groups, options, start) for start in starts]))


def _superposed(sums: Sums, a: int, b: int):
    """The rotation and translation that bring known chain b onto predicted chain a."""
    count = max(sums.num[a, b], 1)
    one, two = sums.one[a, b] / count, sums.two[a, b] / count
    u, _, vt = np.linalg.svd(sums.products[a, b] - count * np.outer(one, two))
    u[:, 2] *= np.sign(np.linalg.det(u @ vt)) or 1
    rot = u @ vt
    return rot, one - rot @ two


def _nearest(sums: Sums, groups, rot: np.ndarray, trans: np.ndarray) -> np.ndarray:
    """In each entity the two chains whose centres are nearest are paired first. Centres of common residues."""
    count = np.maximum(sums.num, 1)[..., None]
    distance = np.linalg.norm(sums.one / count - (sums.two / count @ rot.T + trans), axis=-1)
    distance = np.where(sums.num > 0, distance, 1e9)
    pairs = np.full(len(distance), distance.shape[1] - 1)
    for mine, theirs in groups:
        left = distance[np.ix_(mine, theirs)]
        for _ in range(min(left.shape)):
            i, j = np.unravel_index(np.argmin(left), left.shape)
            pairs[mine[i]] = theirs[j]
            left[i], left[:, j] = np.inf, np.inf
    return pairs


def _improved(sums: Sums, agree: np.ndarray, groups, options: dict, pairs: np.ndarray) -> np.ndarray:
    """Each entity gets the best of its assignments, or of those an exchange away, as long as something changes."""
    for _ in range(20):
        before = pairs
        for i, (mine, theirs) in enumerate(groups):
            choices = options[i] or _exchanges(pairs[mine], theirs)
            trial = np.repeat(pairs[None], 1 + len(choices), axis=0)
            trial[1:, mine] = np.reshape(choices, (-1, len(mine)))
            pairs = _best(sums, agree, trial)
        if np.array_equal(pairs, before):
            break
    return pairs


def _exchanges(chosen: np.ndarray, theirs: Sequence[int]) -> list[np.ndarray]:
    """Every assignment that differs from `chosen` by two chains exchanged, or by one that had no part before."""
    pool = np.array([*chosen, *sorted({*theirs} - {*chosen.tolist()})])
    found = []
    for i, j in combinations(range(len(pool)), 2):
        if i < len(chosen):
            other = pool.copy()
            other[[i, j]] = other[[j, i]]
            found.append(other[: len(chosen)])
    return found
