"""Which chain of a model stands for which chain of the known structure, so that the interfaces score highest."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

VISITS = 200_000  # steps, each a chain for a chain, after which the search takes the best assignment found
TIE = 1e-9  # sums nearer than this are equal

Pair = tuple[int, int]
Chosen = dict[int, int | None]  # by chain of the known structure; None: no chain of the model


def assign(
    allowed: Mapping[int, Sequence[int]], interfaces: Sequence[Pair], score: Callable[[Pair, Pair], float]
) -> tuple[dict[int, int], bool]:
    """The chain of the model for each of the known structure with the highest sum of scores, and whether it is proven.

    Branch and bound, depth first, the most promising chain first: a branch is left where even the best scores of all
    open interfaces do not reach the best sum found. A chain stays without one only where the model has too few.

    Args:
        allowed: by chain of the known structure, the chains of the model that have its sequence.
        interfaces: pairs of chains of the known structure.
        score: of an interface, as two chains of the model have it; not negative.
    """
    search = _Search(allowed, interfaces, score)
    search.visit({}, 0.0)
    proven = search.visits <= VISITS
    best = search.best if proven else _exchanged(search.best, allowed, search.total)
    return {chain: best[chain] for chain in allowed if best[chain] is not None}, proven


class _Search:
    """The state of the search, and what is known before it."""

    def __init__(self, allowed, interfaces, score):
        self.allowed, self.interfaces = allowed, interfaces
        self.scores = {
            (i, j): {(a, b): score((i, j), (a, b)) for a in allowed[i] for b in allowed[j] if a != b}
            for i, j in interfaces
        }
        self.order = order = _order(allowed, interfaces)
        depth = {chain: n for n, chain in enumerate(order)}
        # the interfaces that are decided at each depth
        self.decided = [[pair for pair in interfaces if max(depth[i] for i in pair) == n] for n in range(len(order))]
        # chains that want the same chains of the model, and how many of them have to go without
        self.group = {chain: [i for i in order if {*allowed[i]} & {*allowed[chain]}] for chain in order}
        same = {chain: all({*allowed[i]} == {*allowed[chain]} for i in self.group[chain]) for chain in order}
        self.without = {c: len(self.group[c]) - len(allowed[c]) if same[c] else len(order) for c in order}
        self.bonus = {chain: 0.0 if same[chain] else TIE for chain in order}  # of two equal sums, that of more chains
        highest = {pair: max(table.values(), default=0.0) for pair, table in self.scores.items()}
        bounds = [self.bonus[chain] + sum(highest[pair] for pair in self.decided[n]) for n, chain in enumerate(order)]
        self.bound = [sum(bounds[n:]) for n in range(len(order) + 1)]  # of what is still open at each depth
        self.best: Chosen = {}
        self.highest, self.visits = -1.0, 0

    def total(self, chosen: Chosen, pairs: Sequence[Pair] | None = None) -> float:
        """The sum of the scores of `pairs`, or of all interfaces."""
        pairs = self.interfaces if pairs is None else pairs
        return sum((self.scores[i, j].get((chosen[i], chosen[j]), 0.0) for i, j in pairs), 0.0)

    def visit(self, chosen: Chosen, sofar: float) -> None:
        """Goes on from an assignment of the first chains, whose scores sum to `sofar`."""
        depth, taken = len(chosen), {*chosen.values()}
        if depth == len(self.order):
            self.best, self.highest = chosen, sofar
            return
        chain = self.order[depth]
        ways = [chosen | {chain: a} for a in self.allowed[chain] if a not in taken]
        gains = [self.total(step, self.decided[depth]) + self.bonus[chain] for step in ways]
        steps = sorted(zip(gains, ways, strict=True), key=lambda x: -x[0])
        absent = sum(i in chosen and chosen[i] is None for i in self.group[chain])
        if absent < self.without[chain] or not self.allowed[chain]:
            steps.append((0.0, chosen | {chain: None}))
        for more, step in steps:
            self.visits += 1
            reaches = sofar + more + self.bound[depth + 1] > self.highest + TIE / 10
            if reaches and (self.visits <= VISITS or not self.best):
                self.visit(step, sofar + more)


def _order(allowed: Mapping[int, Sequence[int]], interfaces: Sequence[Pair]) -> list[int]:
    """Chains so that each has as many interfaces as may be with those before it; of equal ones the least free first."""
    order: list[int] = []
    beside = {chain: {i for pair in interfaces if chain in pair for i in pair} - {chain} for chain in allowed}
    while len(order) < len(allowed):
        rest = [chain for chain in allowed if chain not in order]
        order.append(max(rest, key=lambda i: (len(beside[i] & {*order}), -len(allowed[i]), len(beside[i]))))
    return order


def _exchanged(chosen: Chosen, allowed: Mapping[int, Sequence[int]], total: Callable[[Chosen], float]) -> Chosen:
    """`chosen` after all exchanges of two chains, or of one for a free one, that make the sum higher."""
    highest, improved = total(chosen), True
    while improved:
        improved = False
        free = {a for other in allowed.values() for a in other} - {*chosen.values()}
        steps = [{i: a} for i in chosen for a in allowed[i] if a in free]
        for i, j in combinations(chosen, 2):
            if chosen[j] in [None, *allowed[i]] and chosen[i] in [None, *allowed[j]]:
                steps.append({i: chosen[j], j: chosen[i]})
        for step in steps:
            if (found := total(chosen | step)) > highest + TIE:
                chosen, highest, improved = chosen | step, found, True
                break
    return chosen
