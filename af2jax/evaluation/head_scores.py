"""How good the answers of a new head are over a data set: numbers first, then the sentences that they earn."""

from dataclasses import dataclass

import numpy as np

from af2jax.evaluation.record import CONSTANT, ORDER, Evaluation
from af2jax.metrics import classification
from af2jax.metrics.classification import Curve, Regression, Reliability
from af2jax.metrics.statistics import Interval, bootstrap

CURVES = 6  # classes with a curve of their own
FEW, LEAST = 10, 50  # labels of a class, and of all, below which a curve or a calibration says nothing
RANKED_FROM = 0.3  # Spearman's correlation, from which a head ranks at all
HONEST = 0.1  # expected calibration error, above which a probability is not a probability


@dataclass(frozen=True)
class ClassScores:
    """What a head of classes is worth, over all labels that it was judged by."""

    classes: list[str]
    labels: int
    targets: int  # that have labels
    confusion: np.ndarray  # int [classes classes], true by predicted
    scores: classification.Classes
    roc: list[Curve]  # of each class against the others
    recall: list[Curve]  # precision and recall
    shown: list[int]  # classes with a curve, those of most labels first
    calibration: Reliability
    modest: float  # share right minus mean confidence

    @property
    def mistake(self) -> tuple[int, int]:
        """The most frequent confusion: (true class, predicted class); equal classes where there is none."""
        wrong = self.confusion - np.diag(np.diag(self.confusion))
        true, taken = np.unravel_index(wrong.argmax(), wrong.shape)
        return int(true), int(taken)

    @property
    def worst(self) -> int:
        """The class of the smallest area under ROC, of those shown."""
        return min(self.shown, key=lambda i: self.roc[i].area)

    @property
    def rarest(self) -> int:
        """The class of fewest labels, of those shown."""
        return min(self.shown, key=lambda i: self.scores.count[i])


@dataclass(frozen=True)
class NumberScores:
    """What a head of numbers is worth, over all labels that it was judged by."""

    predicted: np.ndarray
    label: np.ndarray
    targets: int  # that have labels
    scores: Regression
    bias: float  # mean of predicted minus label
    slope: float  # of predicted minus label over label

    @property
    def labels(self) -> int:
        return len(self.label)


@dataclass(frozen=True)
class AssayScores:
    """How a head of variants ranks those of each assay.

    Attributes:
        kind: "spearman", or "roc_auc" of classes.
        rows: (assay, variants with a label, value), the worst first; NaN where its labels have no order, last.
        mean: over assays, families of homologues drawn together.
        ranks: the order alone counts.
    """

    kind: str
    rows: tuple[tuple[str, int, float], ...]
    mean: Interval
    ranks: bool


def of_assays(evaluation: Evaluation, name: str) -> AssayScores | None:
    """Of the head `name`; None: it is not one of variants, or none has a label."""
    if (kind := evaluation.judged_by(name)) not in CONSTANT:
        return None
    column = f"{name}/{kind}"
    of = [(t, t.answers[name]) for t in evaluation.targets if name in t.answers]
    rows = [(t.id, len(answers.label), t.numbers.get(column, np.nan)) for t, answers in of]
    rows.sort(key=lambda row: (np.isnan(row[2]), row[2]))
    mean = bootstrap(evaluation.column(column), evaluation.families)
    return AssayScores(kind, tuple(rows), mean, any(answers.within == ORDER for _, answers in of))


def study(evaluation: Evaluation, name: str) -> ClassScores | NumberScores | None:
    """The scores of the head `name` over all targets; None where no target has a label."""
    given = evaluation.labelled(name)
    if not given:
        return None
    predicted, label = (np.concatenate([getattr(answers, key) for answers in given]) for key in ("predicted", "label"))
    if classes := evaluation.classes[name]:
        return _classes(classes, len(given), predicted, label.astype(int))
    return _numbers(len(given), predicted, label.astype(float))


def _classes(classes: list[str], targets: int, probabilities: np.ndarray, label: np.ndarray) -> ClassScores:
    predicted, each = probabilities.argmax(-1), range(len(classes))
    table = classification.confusion(predicted, label, len(classes))
    scores = classification.scores(table)
    roc = [classification.roc(probabilities[:, i], label == i) for i in each]
    most = np.argsort(-scores.count, kind="stable")[:CURVES].tolist()
    right = predicted == label
    return ClassScores(
        classes=classes,
        labels=len(label),
        targets=targets,
        confusion=table,
        scores=scores,
        roc=roc,
        recall=[classification.precision_recall(probabilities[:, i], label == i) for i in each],
        shown=[i for i in most if np.isfinite(roc[i].area)],
        calibration=classification.reliability(probabilities.max(-1), right),
        modest=float(right.mean() - probabilities.max(-1).mean()),
    )


def _numbers(targets: int, predicted: np.ndarray, label: np.ndarray) -> NumberScores:
    rest = predicted - label
    slope = float(np.polyfit(label, rest, 1)[0]) if np.ptp(label) > 0 and len(label) > 2 else np.nan
    scores = classification.regression(predicted, label)
    return NumberScores(predicted, label, targets, scores, float(rest.mean()), slope)
