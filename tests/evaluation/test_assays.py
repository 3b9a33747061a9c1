"""Heads of variants, judged by how they rank those of each assay."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from af2jax.data.dataset import read_dataset
from af2jax.errors import InputError
from af2jax.evaluation import saved
from af2jax.evaluation.assays import assays, simple
from af2jax.evaluation.assessment import assess
from af2jax.evaluation.comparison import compare
from af2jax.evaluation.record import ORDER, VARIANTS, Answers, Evaluation, ScoredTarget, head_numbers
from af2jax.heads import Head
from af2jax.report import assessment
from tests.finetune.test_assays import FIRST, SECOND, rows, table
from tests.report import made

RNG = np.random.default_rng(0)
HEADS = {"ddg": Head("variant", outputs=1)}


def test_what_ranks_the_variants_of_an_assay():
    x, y = RNG.normal(size=12), RNG.normal(size=12)
    place = np.zeros(12, int)
    found = head_numbers({"v": Answers(x, y, place, VARIANTS)})
    assert found == {"v/error": pytest.approx(np.abs(x - y).mean()), "v/spearman": pytest.approx(spearmanr(x, y)[0])}
    assert head_numbers({"v": Answers(x, y, place, ORDER)}).keys() == {"v/spearman"}
    assert head_numbers({"v": Answers(0 * x, y, place, ORDER)}) == {"v/spearman": 0}  # one answer ranks nothing
    assert head_numbers({"v": Answers(x, 0 * y, place, ORDER)}) == {}  # nor can equal labels be ranked
    label = np.arange(12) % 2
    sure = np.stack([1 - label, label], 1) * 0.8 + 0.1
    assert head_numbers({"v": Answers(sure, label, place, VARIANTS)})["v/roc_auc"] == 1
    assert head_numbers({"v": Answers(1 - sure, label, place, VARIANTS)})["v/roc_auc"] == 0
    assert "v/roc_auc" not in head_numbers({"v": Answers(sure, 0 * label, place, VARIANTS)})
    assert head_numbers({"v": Answers(sure, label, place)}).keys() == {"v/accuracy", "v/log_loss"}  # of residues


def evaluation(kind: str, good: bool = True, num: int = 12) -> Evaluation:
    """Of assays of as many families; the answers are right, or reversed."""
    targets = []
    for i in range(num):
        label = RNG.integers(0, 2, 20) if kind == "roc_auc" else RNG.normal(size=20)
        predicted = label if good else -label
        if kind == "roc_auc":
            predicted = np.stack([1 - label, label], 1) * (0.8 if good else -0.8) + (0.1 if good else 0.9)
        answers = {"v": Answers(predicted, label, np.zeros(20, int), ORDER if kind == "spearman" else VARIANTS)}
        numbers = {"length": 20.0 + i} | head_numbers(answers)
        targets.append(ScoredTarget(f"a{i}", "M" * (20 + i), i, False, numbers, [], answers, {}, "test"))
    facts = {"name": "made", "path": "none", "preset": "tiny", "weights": "0" * 64, "parameters": 1, "recycles": 0}
    facts |= {"validated": 0, "seed": 0, "run": True, "data": ""}
    classes = {"v": ["benign", "harmful"] if kind == "roc_auc" else []}
    return Evaluation(facts, {"path": "scan.csv", "split": "test", "without": []}, classes, targets, [])


@pytest.mark.parametrize("kind", ["spearman", "roc_auc"])
def test_the_verdict_and_the_page(kind, undrawn, tmp_path):
    found = evaluation(kind)
    assert found.primary == [f"v/{kind}"] and found.verdicts["v"].answer == "yes"
    assert evaluation(kind, good=False).verdicts["v"].answer == "no"
    page = assessment.render(assess(found))
    text = page.html()
    label = {"spearman": "Spearman&#x27;s correlation", "roc_auc": "area under ROC"}[kind]
    assert f"{label} within an assay, the mean of 12 assays of 12 families: 1 (1 to 1)" in text
    assert "v: each assay, the worst first" in text and ("rank variants of one assay" in text) == (kind == "spearman")
    assert "v, predicted and observed" not in text  # numbers that rank have no parity plot, and classes none
    saved.save(found, tmp_path)
    again = saved.load(tmp_path)
    assert again.verdicts["v"].text == found.verdicts["v"].text
    assert again.targets[0].answers["v"].within == found.targets[0].answers["v"].within


def test_one_assay_has_no_interval(undrawn):
    """Nor does its page show the ends of one."""
    found = evaluation("spearman", num=1)
    text = assessment.render(assess(found)).html()
    assert "the mean of 1 assay of 1 family: 1 (no interval, of one family)" in text and "1 to 1" not in text
    assert "(no interval, of one family)" in found.verdicts["v"].text and "95 %" not in found.verdicts["v"].text


@pytest.mark.parametrize("within", [VARIANTS, ORDER])
@pytest.mark.parametrize("label", [[1.5], [2.0, 2.0, 2.0]], ids=["one variant", "equal labels"])
def test_an_assay_that_ranks_nothing_has_no_verdict(within, label, undrawn):
    """Nor does it count among those that do."""
    answers = {"v": Answers(RNG.normal(size=len(label)), np.array(label), np.zeros(len(label), int), within)}
    found = evaluation("spearman", num=1)
    alone = replace(found.targets[0], answers=answers, numbers={"length": 20.0} | head_numbers(answers))
    verdict = replace(found, targets=[alone]).verdicts["v"]
    assert verdict.answer == "open" and "no assay has two variants with different labels" in verdict.text
    page = assessment.render(assess(replace(found, targets=[alone]))).html()
    assert "Head: v" in page and "the mean of 0 assays of 0 families: nan (nothing is known)" in page
    assert ("v, predicted and observed" in page) == (within == VARIANTS)  # numbers that only rank have no parity plot
    ranks = assess(replace(found, targets=[found.targets[0], replace(alone, id="b", family=1)])).assays["v"]
    assert ranks.mean.count == 1 and ranks.rows[-1][0] == "b" and np.isnan(ranks.rows[-1][2])


def test_networks_that_are_judged_by_other_targets_are_not_compared(tmp_path):
    """Whichever comes first, and before anything is folded."""
    places = [tmp_path / "plain", tmp_path / "variants"]
    for place, found in zip(places, (made.evaluation(), evaluation("spearman")), strict=True):
        saved.save(found, place)
    text = f"{places[0]} has no head of variants, by which {places[1]} is judged, so that they share no target: give"
    for order in (places, places[::-1]):
        with pytest.raises(InputError, match=re.escape(text)):
            compare(order)
    assert compare(places[1:]).entries[0].name == "variants"


def test_assays_of_a_table_and_what_cannot_be_used(tmp_path):
    made = [*rows(FIRST)[:6], *rows(SECOND)[:4], f"A2G,{SECOND},train,2", f"K2A,{FIRST},train,high"]
    made.append(f"T3A,{FIRST},train,>5")
    found, problems = assays(read_dataset(table(tmp_path, made)), HEADS)
    assert [len(one.variants) for one in found] == [7, 4] and len(problems) == 2
    reasons = " ".join(reason for _, reason in problems)
    assert "residue 2 of the sequence is S, not A" in reasons and "'high' is not a number" in reasons
    answers = simple(found, found, "ddg", HEADS["ddg"])
    assert [len(one) for one in answers["mean by BLOSUM62"]] == [6, 4]  # the limit is compared with nothing


@pytest.fixture
def undrawn(monkeypatch):
    from af2jax.plots import render

    monkeypatch.setattr(render, "png_and_svg", lambda figure, description: (b"\x89PNG no picture", b"<svg/>"))
