"""When a second state may be claimed: conditions in their order, each with its answer and its sentence.

A way must find the state more often than its control does, which differs from it in chance alone; the network must be
sure of it; and two known structures must tell it from the first state. The literature skipped the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from af2jax.metrics.statistics import ALPHA
from af2jax.words import chosen

YES, NO, OPEN = "yes", "no", "open"
SURE = 70.0  # mean pLDDT, from which a backbone is mostly right
FOUND, NEARER = 0.5, 0.05  # TM-score to a known structure that is found, and the lead over the others


@dataclass(frozen=True)
class Evidence:
    """What speaks for a state other than the first.

    Attributes:
        state: its number, from 2 on.
        way: that finds it most surely beyond its control.
        found, of: models of the way in the state, and in all.
        control: its control.
        control_found, control_of: the same of it.
        p: that the way finds it so often by chance, if both find it equally often: Fisher's exact test, one-sided, with
            Holm's correction over all states and ways.
        plddt: mean of the model that stands for the state.
        calibrated: whether pLDDT of the network that made it is the one that DeepMind calibrated.
        references: known structures that were given.
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
    plddt: float
    calibrated: bool
    references: int = 0
    first_near: int | None = None
    near: int | None = None


@dataclass(frozen=True)
class Claim:
    """What may be claimed of a state."""

    answer: str  # YES, NO or OPEN
    text: str
    evidence: Evidence | None  # None: there is no other state, or nothing was tested


COUNTS = (
    "The way {way} finds state {state} in {found} of {of} models, its control ({control}) in {control_found} of "
    "{control_of}"
)
RULE = (  # may state 2, 3 and so on be claimed?
    (
        lambda e: e.found * e.control_of <= e.control_found * e.of,
        NO,
        f"{COUNTS}: it is found by chance, or by the depth of the alignment, and not by the way.",
    ),
    (lambda e: e.p >= ALPHA, OPEN, f"{COUNTS}, which may be chance (p {{p:.2g}}); make more models."),
    (
        lambda e: not e.calibrated,
        OPEN,
        f"{COUNTS} (p {{p:.2g}}), but it was not measured what the pLDDT of these weights is worth.",
    ),
    (
        lambda e: e.plddt < SURE,
        NO,
        f"{COUNTS} (p {{p:.2g}}), but its mean pLDDT is {{plddt:.1f}}, below {SURE:g}: the network is not sure of it.",
    ),
    (
        lambda e: e.references < 2,
        OPEN,
        f"{COUNTS} (p {{p:.2g}}) at pLDDT {{plddt:.1f}}, but no two known structures were given to tell states apart: "
        "it is a hypothesis for an experiment.",
    ),
    (
        lambda e: e.near is None or e.near == e.first_near,
        NO,
        f"{COUNTS} (p {{p:.2g}}) at pLDDT {{plddt:.1f}}, but no known structure tells it from the first state.",
    ),
    (
        lambda e: True,
        YES,
        f"{COUNTS} (p {{p:.2g}}) at pLDDT {{plddt:.1f}}, and it is nearest to another known structure than the first "
        "state.",
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
    return Claim(answer, sentence.format(**vars(evidence)), evidence)


def claims(evidence: Sequence[Evidence], states: int, models: int, threshold: float) -> tuple[Claim, ...]:
    """What may be claimed of each state but the first, the strongest first; or why there is nothing to claim."""
    if not evidence:
        answer, sentence = (NO, ALONE) if states == 1 else (OPEN, UNTESTED)
        return (Claim(answer, sentence.format(states=states, models=models, threshold=threshold), None),)
    found = map(claim, evidence)
    return tuple(sorted(found, key=lambda one: ((YES, OPEN, NO).index(one.answer), one.evidence.p, one.evidence.state)))
