"""Heads of variants, judged by how they rank those of each assay."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from af2jax.data.dataset import read_dataset
from af2jax.evaluation import saved
from af2jax.evaluation.assays import assays, simple
from af2jax.evaluation.assessment import assess
from af2jax.evaluation.record import ORDER, VARIANTS, Answers, Evaluation, ScoredTarget, head_numbers
from af2jax.heads import Head
from af2jax.report import assessment
from tests.finetune.test_assays import FIRST, SECOND, rows, table

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
