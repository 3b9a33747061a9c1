"""How good answers are: of classes by confusion, ROC, precision and recall, calibration; of numbers by correlation.

Over nothing at all every score is NaN, and so is what needs two classes or two values where there is one.
"""

from typing import NamedTuple

import numpy as np

from af2jax.typing import Bool, Float, Int


class Curve(NamedTuple):
    """A curve over all thresholds, from the strictest on, and the area under it."""

    x: np.ndarray
    y: np.ndarray
    area: float


class Reliability(NamedTuple):
    """The mean confidence of predictions against how often they are right; NaN in bins without predictions."""

    edges: np.ndarray  # [bins + 1] of confidence, 0 to 1
    count: np.ndarray  # int [bins]
    confidence: np.ndarray  # [bins] mean
    right: np.ndarray  # [bins] share that was right
    error: float  # expected calibration error: |right - confidence| of the bins, each counting by its predictions


class Classes(NamedTuple):
    """Scores of each class [classes] and of all."""

    count: np.ndarray  # int: true members
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    accuracy: float
    balanced: float  # mean recall of the classes that occur
    macro_f1: float  # mean F1 of the classes that occur


class Regression(NamedTuple):
    """Scores of predicted numbers."""

    count: int
    pearson: float
    spearman: float
    mae: float
    rmse: float
    r2: float  # 1 - squared error over the variance of the truth: below 0 is worse than the mean


def confusion(
    predicted: Int[np.ndarray, " n"], true: Int[np.ndarray, " n"], classes: int
) -> Int[np.ndarray, "classes classes"]:
    """How often each true class (row) was called each class (column)."""
    return np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes)


def scores(matrix: Int[np.ndarray, "classes classes"]) -> Classes:
    """Precision, recall and F1 of each class of a confusion matrix. A class that is never predicted has
    precision NaN and F1 0."""
    hits, true, predicted = np.diag(matrix).astype(float), matrix.sum(1), matrix.sum(0)
    recall, f1 = _share(hits, true), _share(2 * hits, true + predicted)
    occurs = true > 0
    means = (float(x[occurs].mean()) if occurs.any() else np.nan for x in (recall, f1))
    accuracy = float(hits.sum() / matrix.sum()) if matrix.sum() else np.nan
    return Classes(true, _share(hits, predicted), recall, f1, accuracy, *means)


def roc(score: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]) -> Curve:
    """The ROC curve of one class against the others: false positive rate, true positive rate.

    Equal scores are one step, so the area is the chance that a positive is above a negative, ties counting half.
    """
    hits, wrong = _counts(score, positive)
    if not hits[-1] or not wrong[-1]:
        return Curve(np.zeros(0), np.zeros(0), np.nan)
    x, y = wrong / wrong[-1], hits / hits[-1]
    return Curve(x, y, float(np.trapezoid(y, x)))


def precision_recall(score: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]) -> Curve:
    """Recall and precision of one class against the others; the area is the average precision."""
    hits, wrong = _counts(score, positive)
    if not hits[-1]:
        return Curve(np.zeros(0), np.zeros(0), np.nan)
    recall = hits / hits[-1]
    precision = np.append(1.0, hits[1:] / (hits[1:] + wrong[1:]))
    return Curve(recall, precision, float(np.sum(np.diff(recall) * precision[1:])))


def reliability(confidence: Float[np.ndarray, " n"], right: Bool[np.ndarray, " n"], bins: int = 10) -> Reliability:
    """Answers given with `confidence` (0 to 1) in equal bins, and how often they were right (bool [n])."""
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    mean, share = (_share(np.bincount(place, x, bins), count) for x in (confidence, right.astype(float)))
    error = float(np.nansum(np.abs(share - mean) * count) / count.sum()) if count.sum() else np.nan
    return Reliability(edges, count, mean, share, error)


def log_loss(probability: Float[np.ndarray, "n classes"], true: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """-log of the probability that was given to what is true; at most 34.5, that of 1e-15."""
    return -np.log(np.maximum(np.take_along_axis(probability, true[:, None], axis=1)[:, 0], 1e-15))


def regression(predicted: Float[np.ndarray, " n"], true: Float[np.ndarray, " n"]) -> Regression:
    """Correlations and errors; a pair with a value that is not finite does not count."""
    from scipy import stats

    predicted, true = (np.asarray(x, np.float64) for x in (predicted, true))
    keep = np.isfinite(predicted) & np.isfinite(true)
    predicted, true = predicted[keep], true[keep]
    if not len(predicted):
        return Regression(0, *[np.nan] * 5)
    error = predicted - true
    varies = len(predicted) > 1 and np.ptp(true) > 0
    both = varies and np.ptp(predicted) > 0
    return Regression(
        len(predicted),
        float(stats.pearsonr(predicted, true).statistic) if both else np.nan,
        float(stats.spearmanr(predicted, true).statistic) if both else np.nan,
        float(np.abs(error).mean()),
        float(np.sqrt((error**2).mean())),
        float(1 - (error**2).sum() / ((true - true.mean()) ** 2).sum()) if varies else np.nan,
    )


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part` of `whole`; NaN of nothing."""
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


def _counts(score: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(positives, negatives) with a score of at least each threshold, from none on."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1) if len(score) else np.zeros(0, int)
    hits = np.cumsum(positive[order])[last]
    return np.append(0, hits).astype(float), np.append(0, last + 1 - hits).astype(float)
