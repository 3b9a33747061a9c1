"""The rule by which a second state is claimed: each branch, in its order."""

import itertools
from dataclasses import replace

import pytest
from scipy.stats import fisher_exact

from af2jax.conformations.claims import MOST, NO, OPEN, RULE, YES, Evidence, chance, claim, claims, enough, obstacles
from af2jax.metrics.statistics import ALPHA

SURE = Evidence(2, "clusters", 7, 8, "uniform", 0, 8, 0.001, 1, 88.0, True, True, 0, 1)
BRANCHES = [
    ({"found": 2, "control_found": 2}, NO, "finds state 2 in 2 of 8 models, its control (uniform) in 2 of 8: it is"),
    ({"found": 4, "of": 8, "control_found": 2, "control_of": 4}, NO, "found by chance"),
    ({"p": ALPHA}, OPEN, "which may be chance (p 0.02); make more models: with 6 of each such shares would tell."),
    (
        {"p": ALPHA, "most": 5},
        OPEN,
        "it takes 6 of each to tell such shares from it, and the alignment has clusters for 5",
    ),
    ({"p": ALPHA, "most": 6}, OPEN, "make more models: with 6 of each such shares would tell."),
    ({"calibrated": False}, OPEN, "it is not known here what the pLDDT of these weights is worth"),
    ({"plddt": 69.9}, NO, "its mean pLDDT is 69.9, below 70"),
    ({"distinct": False, "near": None}, OPEN, "no two known structures of different states were given"),
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


def test_known_structures_that_no_model_is_near_to_are_named():
    for evidence, states in (([], 1), ([], 3), ([replace(SURE, state=3, plddt=60.0), SURE], 3)):
        plain, told = (claims(evidence, states, 17, 0.8, *far) for far in ((), [[("a.pdb", 0.314), ("b.pdb", 0.2)]]))
        words = " No model has a TM-score above 0.5 to a.pdb (best 0.31) or to b.pdb (best 0.20)."
        assert told[0].text == plain[0].text + words and told[0].answer == plain[0].answer and told[1:] == plain[1:]


def test_chance_is_fishers_exact_test():
    for of, control_of in ((3, 3), (8, 5)):
        for found, control in itertools.product(range(of + 1), range(control_of + 1)):
            table = [[found, of - found], [control, control_of - control]]
            expected = fisher_exact(table, "greater").pvalue
            assert chance(found, of, control, control_of) == pytest.approx(expected, rel=1e-9)


def test_from_how_many_models_on_a_claim_is_possible():
    """All models of the way, and none of its control: 1 in 70 of four each, 1 in 252 of five."""
    assert [enough(1, 1, 0, 1, tests) for tests in (1, 2, 5, 6)] == [4, 5, 5, 6]


@pytest.mark.parametrize("shares, tests", [((1, 4, 0, 4), 4), ((3, 8, 1, 8), 2), ((6, 8, 1, 4), 1)])
def test_so_many_models_of_such_shares_tell(shares, tests):
    found, of, control, control_of = shares
    told = enough(*shares, tests)
    p = lambda n: chance(found * n // of, n, -(-control * n // control_of), n)
    assert told > 4 and tests * p(told) < ALPHA <= min(tests * p(n) for n in range(1, told))


def test_shares_that_differ_by_little_are_not_told_apart():
    assert enough(51, 100, 50, 100, 1) is None
    text = claim(replace(SURE, found=51, of=100, control_found=50, control_of=100, p=0.5)).text
    assert f"with more than {MOST:,} of each such shares would tell" in text and "1,000" in text


COUNTS = {"clusters": 3, "uniform": 3, "columns": 3, "dropout": 8, "seeds": 8}


@pytest.mark.parametrize(
    "asked, counts, expected",
    [
        (("clusters",), {}, "whatever they show (clusters 3, its control uniform 3): it takes 4 of a way and of its"),
        (("clusters", "columns"), {}, "(clusters 3, its control uniform 3): it takes 5 of a way and of its control"),
        (("clusters",), {"clusters": 4, "uniform": 4}, ""),
        (("clusters", "dropout"), {"clusters": 4, "uniform": 4}, "(clusters 4, its control uniform 4): it takes 5"),
        (("columns",), {}, ""),  # 3 of 3 beside 0 of 8 tell
        (("seeds",), {"seeds": 1}, ""),
    ],
)
def test_too_few_models_are_foreseen(asked, counts, expected):
    counts = COUNTS | counts
    told = obstacles(asked, counts, counts["clusters"], [], 0.8)
    assert (expected in told[0] and len(told) == 1) if expected else told == ()


def test_fewer_clusters_than_were_asked_for_are_foreseen():
    (told,) = obstacles(("clusters",), {"clusters": 5, "uniform": 5, "seeds": 1}, 8, [], 0.8)
    assert "5 models of clusters can be made, and not 8" in told
