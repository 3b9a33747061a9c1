"""Cases worked out by hand, predictors that we know, and SciPy's and scikit-learn's numbers."""

import numpy as np
import pytest
from scipy import stats

from af2jax.metrics import classification as metrics

TRUE = np.array([0, 0, 0, 1, 1, 2])
SAID = np.array([0, 0, 1, 1, 0, 1])
RNG = np.random.default_rng(0)
SCORE = np.round(RNG.uniform(size=300), 1)  # many ties
POSITIVE = RNG.uniform(size=300) < SCORE * 0.8


def test_confusion_by_hand():
    matrix = metrics.confusion(SAID, TRUE, 4)
    np.testing.assert_array_equal(matrix, [[2, 1, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
    found = metrics.scores(matrix)
    np.testing.assert_array_equal(found.count, [3, 2, 1, 0])
    np.testing.assert_allclose(found.precision, [2 / 3, 1 / 3, np.nan, np.nan])
    np.testing.assert_allclose(found.recall, [2 / 3, 1 / 2, 0, np.nan])
    np.testing.assert_allclose(found.f1, [2 / 3, 2 / 5, 0, np.nan])
    assert found.accuracy == 0.5 and found.balanced == pytest.approx(7 / 18)
    assert found.macro_f1 == pytest.approx((2 / 3 + 2 / 5) / 3)
    empty = metrics.scores(np.zeros((2, 2), int))
    assert np.isnan([empty.accuracy, empty.balanced, empty.macro_f1]).all()


def test_roc_by_hand():
    curve = metrics.roc(np.array([0.9, 0.8, 0.7, 0.6]), np.array([1, 0, 1, 0], bool))
    np.testing.assert_allclose(curve.x, [0, 0, 0.5, 0.5, 1])
    np.testing.assert_allclose(curve.y, [0, 0.5, 0.5, 1, 1])
    assert curve.area == 0.75
    assert metrics.roc(np.zeros(4), np.array([1, 0, 1, 0], bool)).area == 0.5
    assert np.isnan(metrics.roc(np.zeros(4), np.ones(4, bool)).area) and np.isnan(
        metrics.roc(np.zeros(0), np.zeros(0, bool)).area
    )


def test_the_area_is_the_chance_that_a_positive_is_above():
    u = stats.mannwhitneyu(SCORE[POSITIVE], SCORE[~POSITIVE]).statistic
    assert metrics.roc(SCORE, POSITIVE).area == pytest.approx(u / POSITIVE.sum() / (~POSITIVE).sum())


def test_precision_and_recall_by_hand():
    curve = metrics.precision_recall(np.array([0.9, 0.8, 0.7, 0.6]), np.array([1, 0, 1, 0], bool))
    np.testing.assert_allclose(curve.x, [0, 0.5, 0.5, 1, 1])
    np.testing.assert_allclose(curve.y, [1, 1, 0.5, 2 / 3, 0.5])
    assert curve.area == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert np.isnan(metrics.precision_recall(SCORE, SCORE > 2).area)


def test_as_scikit_learn():
    theirs = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    assert metrics.roc(SCORE, POSITIVE).area == pytest.approx(theirs.roc_auc_score(POSITIVE, SCORE))
    average = theirs.average_precision_score(POSITIVE, SCORE)
    assert metrics.precision_recall(SCORE, POSITIVE).area == pytest.approx(average)


def test_reliability():
    confidence = RNG.uniform(size=50_000)
    honest = metrics.reliability(confidence, RNG.uniform(size=50_000) < confidence)
    assert honest.error < 0.01 and honest.count.sum() == 50_000
    np.testing.assert_allclose(honest.right, honest.confidence, atol=0.03)
    boastful = metrics.reliability(np.full(100, 0.95), np.arange(100) < 50)
    assert boastful.error == pytest.approx(0.45) and boastful.count[-1] == 100 and np.isnan(boastful.right[0])
    assert np.isnan(metrics.reliability(np.zeros(0), np.zeros(0, bool)).error)
    assert metrics.reliability(np.array([0.0, 1.0]), np.array([False, True])).error == 0


def test_log_loss():
    probability = np.array([[0.5, 0.5], [0.1, 0.9], [1.0, 0.0]])
    found = metrics.log_loss(probability, np.array([0, 1, 1]))
    np.testing.assert_allclose(found, [np.log(2), -np.log(0.9), -np.log(1e-15)])


def test_regression():
    true = RNG.normal(size=50)
    said = true + RNG.normal(size=50)
    found = metrics.regression(np.append(said, [np.nan, 0]), np.append(true, [0, np.inf]))
    assert found.count == 50 and found.pearson == pytest.approx(np.corrcoef(said, true)[0, 1])
    assert found.spearman == pytest.approx(stats.spearmanr(said, true).statistic)
    assert found.mae == pytest.approx(np.abs(said - true).mean())
    assert found.rmse == pytest.approx(np.sqrt(np.mean((said - true) ** 2)))
    assert found.r2 == pytest.approx(1 - np.mean((said - true) ** 2) / true.var())
    mean = metrics.regression(np.full(50, true.mean()), true)
    assert mean.r2 == pytest.approx(0) and np.isnan(mean.pearson)
    assert metrics.regression(true, true).r2 == 1 and metrics.regression(np.zeros(0), np.zeros(0)).count == 0
    assert np.isnan(metrics.regression(np.ones(3), np.ones(3)).r2)
