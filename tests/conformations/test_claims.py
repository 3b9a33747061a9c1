"""The rule by which a second state is claimed: each branch, in its order."""

from dataclasses import replace

import pytest

from af2jax.conformations.claims import NO, OPEN, RULE, YES, Evidence, claim, claims
from af2jax.metrics.statistics import ALPHA

SURE = Evidence(2, "clusters", 7, 8, "uniform", 0, 8, 0.001, 88.0, True, 2, 0, 1)
BRANCHES = [
    ({"found": 2, "control_found": 2}, NO, "finds state 2 in 2 of 8 models, its control (uniform) in 2 of 8: it is"),
    ({"found": 4, "of": 8, "control_found": 2, "control_of": 4}, NO, "found by chance"),
    ({"p": ALPHA}, OPEN, "which may be chance (p 0.02); make more models"),
    ({"calibrated": False}, OPEN, "it was not measured what the pLDDT of these weights is worth"),
    ({"plddt": 69.9}, NO, "its mean pLDDT is 69.9, below 70"),
    ({"references": 1, "near": 0, "first_near": None}, OPEN, "no two known structures were given"),
    ({"near": None}, NO, "no known structure tells it from the first state"),
    ({"near": 0}, NO, "no known structure tells it from the first state"),
    ({}, YES, "nearest to another known structure than the first state"),
    ({"first_near": None}, YES, "nearest to another known structure"),
]


@pytest.mark.parametrize("change, answer, words", BRANCHES)
def test_each_branch(change, answer, words):
    found = claim(replace(SURE, **change))
    assert (found.answer, found.evidence) == (answer, replace(SURE, **change)) and words in found.text
    assert "{" not in found.text


def test_every_branch_is_reached():
    first = lambda evidence: next(i for i, (holds, *_) in enumerate(RULE) if holds(evidence))
    reached = {first(replace(SURE, **change)) for change, *_ in BRANCHES}
    assert reached == set(range(len(RULE)))


def test_each_condition_alone_keeps_a_state_from_being_claimed():
    """However good the rest is: chance, weights, pLDDT and references each have their say."""
    assert claim(SURE).answer == YES
    for change, answer, _ in BRANCHES[:-2]:
        assert claim(replace(SURE, **change)).answer == answer != YES


def test_the_strongest_claim_comes_first():
    weak = [replace(SURE, state=3, plddt=60.0), replace(SURE, state=4, p=0.5), replace(SURE, state=5, p=0.3), SURE]
    found = claims(weak, 5, 40, 0.8)
    assert [one.evidence.state for one in found] == [2, 5, 4, 3]
    assert [one.answer for one in found] == [YES, OPEN, OPEN, NO]


def test_one_state_is_one_and_what_was_not_tested_is_open():
    (one,) = claims([], 1, 17, 0.8)
    assert (one.answer, one.text) == (NO, "All 17 models are one state at a TM-score of 0.8.") and one.evidence is None
    (untested,) = claims([], 3, 17, 0.8)
    assert untested.answer == OPEN and "There are 3 states, but no way was asked for that has" in untested.text
