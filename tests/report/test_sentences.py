"""Sentences follow from figures: every line of every table is reached, in its order, by numbers that earn it."""

import dataclasses
from unittest import mock

import numpy as np
import pytest

from af2jax.evaluation import reliability, verdict
from af2jax.evaluation.history import History
from af2jax.finetune import Training
from af2jax.html.page import Page
from af2jax.metrics.judgement import judge
from af2jax.metrics.statistics import paired
from af2jax.report import history, sentences
from tests.report import made

NUM = 12


def residues(noise: float = 0.0, scale: float = 1.0, shift: float = 0.0, num: int = NUM, seed: int = 0):
    """An evaluation of `num` families whose residues have a pLDDT of scale * lDDT-CA + shift, and noise."""
    found, rng = made.evaluation(num), np.random.default_rng(seed)
    rows = [
        (*row[:5], float(np.clip(scale * row[3] + shift + noise * rng.normal(), 1, 99)), *row[6:])
        for row in found.residues
    ]
    return dataclasses.replace(found, residues=rows)


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        (0, {"scale": 0.0, "shift": 30.0}),  # all alike
        (1, {"num": 4}),
        (2, {"noise": 5.0}),
        (3, {"noise": 45.0}),
        (4, {"scale": -1.0, "shift": 100.0}),
        (5, {"noise": 5000.0}),
    ],
)
def test_what_is_said_of_plddt(line, changes):
    of = reliability.plddt(residues(**changes))
    first = next(i for i, (holds, _) in enumerate(sentences.PLDDT) if holds(of))
    assert first == line
    says = sentences.plddt_sentence(of)
    assert ("may be used to rank" in says) == (line == 2)
    assert line == 0 or f"Spearman {of.rank.value:.3g} (95 %: " in says


def test_a_score_that_ranks_backwards_is_never_recommended():
    """Calibrated in the mean of each bin's residues, and backwards: the calibration error alone would call it good."""
    says = sentences.plddt_sentence(reliability.plddt(residues(scale=-0.1, shift=55.0)))
    assert "ranks residues backwards here: never" in says and "may be used" not in says


@pytest.mark.parametrize(
    ("scale", "shift", "says"),
    [
        (1.0, 0.0, "taken as they are"),
        (0.4, 60.0, "too sure of itself"),
        (0.4, 0.0, "too modest"),
        (0.4, 30.0, "errs both ways"),
    ],
)
def test_what_is_said_of_its_values(scale, shift, says):
    assert says in sentences.plddt_sentence(reliability.plddt(residues(scale=scale, shift=shift, noise=1.0)))


def pairs(rank: float, num: int = NUM, gap: float = 0.0, sure: float = 1.0):
    found = made.evaluation(num)
    targets = [
        dataclasses.replace(t, numbers=t.numbers | {"pae_rank": rank + 0.01 * i}) for i, t in enumerate(found.targets)
    ]
    table = found.pae * np.where(np.arange(len(found.pae)) < 3, sure, 1.0)[:, None]
    return reliability.pae(dataclasses.replace(found, targets=targets, pae=table + [0, 1] * table[:, :1] * gap))


@pytest.mark.parametrize(
    ("line", "of"),
    [
        (0, pairs(np.nan)),
        (1, pairs(0.9, sure=1e-4)),
        (2, pairs(0.9, num=4)),
        (3, pairs(0.8)),
        (4, pairs(0.8, gap=9.0)),
        (5, pairs(0.1)),
    ],
    ids=str,
)
def test_what_is_said_of_pae(line, of):
    assert next(i for i, (holds, _) in enumerate(sentences.PAE) if holds(of)) == line
    assert ("may guide" in sentences.pae_sentence(of)) == (line == 3)


def passes(*means: float, num: int = NUM, noise: float = 0.3):
    """An evaluation in which lDDT-CA is `means` after each pass, give or take."""
    rng, found = np.random.default_rng(0), made.evaluation(num)
    known = [[[m / 2, m + noise * rng.normal()] for m in means] for _ in found.targets]
    targets = [dataclasses.replace(t, passes=p) for t, p in zip(found.targets, known, strict=True)]
    return reliability.recycling(dataclasses.replace(found, targets=targets))


@pytest.mark.parametrize(
    ("line", "of"),
    [
        (0, passes(80)),
        (1, passes(5, 5)),
        (2, passes(60, 70)),
        (3, passes(70, 60)),
        (4, passes(70, 70.1)),
        (5, passes(71.5, 70, noise=9.0)),
    ],
    ids=str,
)
def test_what_is_said_of_recycling(line, of):
    """Advice on recycles only where passes were compared."""
    assert next(i for i, (holds, _) in enumerate(sentences.RECYCLES) if holds(of)) == line
    says = sentences.recycling_sentence(of)
    assert ("fewer recycles would do" in says) == (line == 4) and ("keep recycling" in says) == (line == 2)


@pytest.mark.parametrize(
    ("line", "values", "families"),
    [
        (0, [np.nan] * 6, range(6)),
        (1, [80, 82, 84, 83, 81, 85, 90], range(7)),
        (2, [2, 3, 2, 3, 2.5, 2, 4], range(7)),
        (3, [40, 42, 44, 43, 41, 45, 50], range(7)),
        (4, [80, 82, 84, 83, 81], range(5)),
        (5, [60, 80, 65, 75, 70, 71, 69], range(7)),
        (6, [72, 73, 74, 72.5, 73.5, 74.5, 69, 69.2], range(8)),
    ],
)
def test_what_is_said_of_transfer(line, values, families):
    found = verdict.transfers(np.array(values, float), np.array(families))
    assert found.answer == verdict.TRANSFERS[line][1]
    start = verdict.TRANSFERS[line][2].split("{found}")[0]
    assert found.text.startswith(start)
    rest = verdict.TRANSFERS[line][2].split("{found}")[-1].split("{")[0]
    assert rest in found.text


@pytest.mark.parametrize("table", [verdict.COMPARED, verdict.BEATS], ids=["compared", "beats"])
@pytest.mark.parametrize(
    ("line", "difference"),
    [
        (0, [np.nan]),
        (1, [0.0] * 8),
        (2, [1.0, 2, 3, 4, 5, 6, 7, 8]),
        (3, [-1.0, -2, -3, -4, -5, -6, -7, -8]),
        (4, [1.0, 2, 3]),
        (5, [1.0, -2, 3, -4, 5, -6, 7, -8]),
    ],
)
def test_what_is_said_of_a_pair(table, line, difference):
    found = paired(10 + np.array(difference), np.full(len(difference), 10.0))
    (judged,) = judge([found], [True])
    said = (
        verdict.compared(found, judged, "lDDT-CA", True, "b", "a", "held out")
        if table is verdict.COMPARED
        else verdict.beats(found, judged, "accuracy", "always predicting H")
    )
    assert judged.answer == table[line][0] and said.answer == table[line][1]
    if line:  # both values, whatever is said
        assert f"{found.after:.3g} against 10, a difference of" in said.text
    assert "{" not in said.text and ("too narrow" in said.text) == (line == 4)


def test_worse_says_both_values():
    """ "absolute error: +0.503 against always saying the median" said neither that it is worse nor the two values."""
    found = paired([2.2, 2.3, 2.2, 2.4, 2.1, 2.3, 2.25], [1.7, 1.8, 1.6, 1.9, 1.7, 1.8, 1.75])
    (judged,) = judge([found], [False])
    told = verdict.beats(found, judged, "dg: absolute error", "always predicting the median, 4.3")
    assert told.text.startswith(
        "It is worse than always predicting the median, 4.3. dg: absolute error 2.25 against 1.75"
    )


@pytest.mark.parametrize(("monitor", "best"), [("ss/accuracy", "a"), ("loss", "b")])
def test_the_best_run_is_named_and_not_the_longest(monitor, best):
    found = {
        name: History(Training("x.csv", monitor=monitor), 1, 1.0, 4, [{"step": s, monitor: v} for s, v in seen], "cpu")
        for name, seen in (("a", [(0, 0.4), (2, 0.9)]), ("b", [(0, 0.4), (2, 0.3), (4, 0.5)]))
    }
    page = mock.Mock(spec=Page)
    history._curves(page, found)
    (_, _, caption), _ = page.figure.call_args
    assert caption.follows.startswith(f"{best} is best, at step 2")
