"""When a second state may be claimed: conditions in their order, each with its answer and its sentence.

A way must find the state more often than its control, which does without what is special to the way; the network must
be sure of it; and two known structures must tell it from the first state. The literature skipped the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from af2jax.conformations.references import Reference, between
from af2jax.conformations.ways import CLUSTERS, WAYS
from af2jax.data.parse import printable
from af2jax.metrics.statistics import ALPHA
from af2jax.words import chosen, counted

YES, NO, OPEN = "yes", "no", "open"
SURE = 70.0  # mean pLDDT, from which a backbone is mostly right
FOUND, NEARER = 0.5, 0.05  # TM-score to a known structure that is found, and the lead over the others
MOST = 1000  # models of a way that anybody is asked to make


def chance(found: int, of: int, control_found: int, control_of: int) -> float:
    """The p-value of a way that finds a state so often beside its control: Fisher's exact test, one-sided."""
    from scipy.stats import hypergeom

    return float(hypergeom.sf(found - 1, of + control_of, found + control_found, of))


@lru_cache
def enough(found: int, of: int, control_found: int, control_of: int, tests: int) -> int | None:
    """Models of a way, and as many of its control, with which such shares are more than chance; None: above 1,000.

    `tests`: the comparisons of Holm's correction, which multiplies the least p by all of them.
    """
    p = lambda n: chance(n * found // of, n, -(-n * control_found // control_of), n)
    return next((n for n in range(1, MOST + 1) if tests * p(n) < ALPHA), None)


@dataclass(frozen=True)
class Evidence:
    """What speaks for a state other than the first.

    Attributes:
        state: its number, from 2 on.
        way: that finds it most surely beyond its control.
        found, of: models of the way in the state, and in all.
        control: its control.
        control_found, control_of: the same of it.
        p: that the way finds it so often by chance, if both find it equally often, with Holm's correction (`chance`).
        tests: the comparisons of the correction: all states and ways.
        plddt: mean of the model that stands for the state.
        calibrated: whether pLDDT of the network that made it is the one that DeepMind calibrated.
        distinct: whether two known structures of different states were given.
        most: models of the way that the clusters of the alignment can give; None: any number.
        first_near, near: the place of the known structure that the first state and this one are nearest to; None: no
            TM-score is above 0.5 and 0.05 above all others.
    """

    state: int
    way: str
    found: int
    of: int
    control: str
    control_found: int
    control_of: int
    p: float
    tests: int
    plddt: float
    calibrated: bool
    distinct: bool = False
    first_near: int | None = None
    near: int | None = None
    most: int | None = None

    @property
    def exhausted(self) -> bool:
        """Whether the alignment cannot give as many models as would tell such shares from chance."""
        return self.most is not None and (self._enough or MOST + 1) > self.most

    @property
    def enough(self) -> str:
        """Models of the way, and of its control, that would tell such shares from chance."""
        return str(self._enough or f"more than {MOST:,}")

    @property
    def _enough(self) -> int | None:
        return enough(self.found, self.of, self.control_found, self.control_of, self.tests)


@dataclass(frozen=True)
class Claim:
    """What may be claimed of a state."""

    answer: str  # YES, NO or OPEN
    text: str
    evidence: Evidence | None  # None: there is no other state, or nothing was tested


COUNTS = (
    "The way {e.way} finds state {e.state} in {e.found} of {e.of} models, its control ({e.control}) in "
    "{e.control_found} of {e.control_of}"
)
SURELY = f"{COUNTS} (p {{e.p:.2g}})"
AT_PLDDT = f"{SURELY} at pLDDT {{e.plddt:.1f}}"
RULE = (  # may state 2, 3 and so on be claimed?
    (
        lambda e: e.found * e.control_of <= e.control_found * e.of,
        NO,
        f"{COUNTS}: it is found by chance, or by the depth of the alignment, and not by the way.",
    ),
    (
        lambda e: e.p >= ALPHA and e.exhausted,
        OPEN,
        f"{COUNTS}, which may be chance (p {{e.p:.2g}}): it takes {{e.enough}} of each to tell such shares from it, "
        "and the alignment has clusters for {e.most}; this needs a deeper alignment, or another way.",
    ),
    (
        lambda e: e.p >= ALPHA,
        OPEN,
        f"{COUNTS}, which may be chance (p {{e.p:.2g}}); make more models: with {{e.enough}} of each such shares would "
        "tell.",
    ),
    (
        lambda e: not e.calibrated,
        OPEN,
        f"{SURELY}, but it is not known here what the pLDDT of these weights is worth.",
    ),
    (
        lambda e: e.plddt < SURE,
        NO,
        f"{SURELY}, but its mean pLDDT is {{e.plddt:.1f}}, below {SURE:g}: the network is not sure of it.",
    ),
    (
        lambda e: not e.distinct,
        OPEN,
        f"{AT_PLDDT}, but no two known structures of different states were given: it is a hypothesis for an "
        "experiment.",
    ),
    (
        lambda e: e.near is None or e.near == e.first_near,
        NO,
        f"{AT_PLDDT}, but no known structure tells it from the first state.",
    ),
    (
        lambda e: True,
        YES,
        f"{AT_PLDDT}, and it is nearest to another known structure than the first state.",
    ),
)
ALONE = "All {models} models are one state at a TM-score of {threshold:g}."
UNTESTED = (
    "There are {states} states, but no way was asked for that has a control; ask for clusters, columns, depths or "
    "dropout."
)


def claim(evidence: Evidence) -> Claim:
    """What may be claimed by the rule."""
    answer, sentence = chosen(RULE, evidence)
    return Claim(answer, sentence.format(e=evidence), evidence)


def claims(
    evidence: Sequence[Evidence], states: int, models: int, threshold: float, far: Sequence[tuple[str, float]] = ()
) -> tuple[Claim, ...]:
    """What may be claimed of each state but the first, the strongest first; or why there is nothing to claim.

    `far`: known structures that no model is near to, with the best TM-score to each; the first claim names them.
    """
    if evidence:
        rank = lambda one: ((YES, OPEN, NO).index(one.answer), one.evidence.p, one.evidence.state)
        found = sorted(map(claim, evidence), key=rank)
    else:
        answer, sentence = (NO, ALONE) if states == 1 else (OPEN, UNTESTED)
        found = [Claim(answer, sentence.format(states=states, models=models, threshold=threshold), None)]
    if far:
        which = " or to ".join(f"{name} (best {best:.2f})" for name, best in far)
        found[0] = replace(found[0], text=f"{found[0].text} No model has a TM-score above {FOUND:g} to {which}.")
    return tuple(found)


def alike(found: Sequence[Claim]) -> list[list[Claim]]:
    """The claims in groups of one way and one sentence but for its numbers, each in its order."""
    groups: dict[object, list[Claim]] = {}
    for one in found:
        of = one.evidence
        groups.setdefault(of and (of.way, chosen(RULE, of)), []).append(one)
    return list(groups.values())


def obstacles(
    asked: Sequence[str], counts: Mapping[str, int], models: int, references: Sequence[Reference], threshold: float
) -> tuple[str, ...]:
    """What keeps a second state from being claimed, whatever will be found: too few models, or alike known structures.

    Args:
        counts: models that can be made, by way.
        models: that are asked for of each way.
    """
    told, pairs = [], [(way, WAYS[way].control) for way in asked if WAYS[way].control]
    if CLUSTERS in asked and counts[CLUSTERS] < models:
        own = counted(counts[CLUSTERS], "model")
        told.append(f"{own} of clusters can be made, and not {models}: the rows are of fewer clusters")
    few = [(a, b) for a, b in pairs if len(pairs) * chance(counts[a], counts[a], 0, counts[b]) >= ALPHA]
    if few:
        which = ", ".join(f"{way} {counts[way]}, its control {control} {counts[control]}" for way, control in few)
        told.append(
            f"too few models to claim a second state, whatever they show ({which}): it takes "
            f"{enough(1, 1, 0, 1, len(pairs))} of a way and of its control, and more if there are more than two states"
        )
    for i, j in np.argwhere(np.triu(between(references) >= threshold, 1)):
        told.append(
            f"{printable(references[i].name)} and {printable(references[j].name)} are one state at a TM-score of "
            f"{threshold:g}: they tell no states apart; give one structure of each state"
        )
    return tuple(told)
