"""The part of an evaluation's page that is about a new head: confusion, curves, calibration, parity and residuals."""

from collections.abc import Sequence

import numpy as np

from af2jax.evaluation.head_scores import AssayScores, ClassScores, NumberScores
from af2jax.evaluation.record import HEAD_METRICS
from af2jax.html.page import Caption, Page
from af2jax.metrics.classification import Curve
from af2jax.plots import assess, panels
from af2jax.report import sentences
from af2jax.words import counted

POINTS = 200  # of a curve


def part(
    page: Page,
    name: str,
    found: ClassScores | NumberScores | None,
    targets: int,
    assays: AssayScores | None = None,
) -> None:
    """Adds what the head `name` is worth (`head_scores.study`) on so many targets to `page`; of variants how they are
    ranked within each assay."""
    page.section(f"Head: {name}")
    if found is None:
        page.warning("serious", f"Nothing is known of {name}", f"None of {targets} targets has a label.")
        return
    page.text(f"{found.labels:,} labels of {found.targets} targets.")
    if assays:
        _assays(page, name, assays)
    if isinstance(found, ClassScores):
        _classes(page, name, found)
    elif not (assays and assays.ranks):
        _numbers(page, name, found)


def _assays(page: Page, name: str, found: AssayScores) -> None:
    label, mean = HEAD_METRICS[found.kind].label, found.mean
    page.number(f"{name}_{found.kind}", mean._asdict())
    rest = " Its numbers rank variants of one assay and have no unit." if found.ranks else ""
    page.text(
        f"{label} within an assay, the mean of {counted(mean.count, 'assay')} of {counted(mean.families, 'family')}: "
        f"{mean}. Whether that needs a network, af2jax compare tells beside what the substitution alone predicts.{rest}"
    )
    page.table(f"{name}_assays", ("assay", "variants", label), found.rows, f"{name}: each assay, the worst first")


def _classes(page: Page, name: str, found: ClassScores) -> None:
    scores = found.scores
    columns = (found.classes, scores.count.tolist(), scores.precision, scores.recall, scores.f1)
    areas = ([curve.area for curve in curves] for curves in (found.roc, found.recall))
    headings = ("class", "labels", "precision", "recall", "F1", "area under ROC", "average precision")
    page.table(f"{name}_classes", headings, list(zip(*columns, *areas, strict=True)), f"{name}: each class")
    page.number(f"{name}_confusion", found.confusion)
    means = {"accuracy": scores.accuracy, "balanced": scores.balanced, "macro_f1": scores.macro_f1}
    page.number(f"{name}_scores", means)
    page.figure(
        f"{name}_confusion",
        assess.confusion(found.confusion, found.classes),
        Caption(
            f"What {name} is, and what the head predicts.",
            f"{found.labels:,} labels; the class of the highest probability. Colour: share of the true class.",
            f"Accuracy {scores.accuracy:.3f}, balanced over classes {scores.balanced:.3f}. "
            f"{sentences.mistake_sentence(found)}",
        ),
    )
    if found.shown:
        _curves(page, name, found)
    _calibration(page, name, found)


def _curves(page: Page, name: str, found: ClassScores) -> None:
    most = f"The {len(found.shown)} classes with most labels, each against the others."
    shown = most if len(found.classes) > len(found.shown) else ""
    page.figure(
        f"{name}_roc",
        assess.curves(_series(found, found.roc), ("false positives", "true positives"), diagonal=1, marks=False),
        Caption(
            f"ROC of {name}: which share of a class is found at which share of false alarms.",
            shown or "Each class against the others; the dotted line is chance.",
            sentences.area_sentence(found),
        ),
    )
    rarest, count = found.rarest, found.scores.count
    page.figure(
        f"{name}_precision_recall",
        assess.curves(_series(found, found.recall), ("recall", "precision"), marks=False),
        Caption(
            f"Precision and recall of {name}: how much of what is called a class is it, and how much of it is found.",
            shown or "Each class against the others; the level of chance is the share of the class.",
            f"The rarest class, {found.classes[rarest]} ({count[rarest] / max(count.sum(), 1):.1%} of the labels), has "
            f"an average precision of {found.recall[rarest].area:.3f}: judge the head by this where it matters.",
        ),
    )


def _series(found: ClassScores, curves: Sequence[Curve]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The curves that are shown, by class, each by some of its points."""
    some = lambda curve: np.unique(np.linspace(0, len(curve.x) - 1, POINTS).astype(int))
    return {found.classes[i]: (curves[i].x[some(curves[i])], curves[i].y[some(curves[i])]) for i in found.shown}


def _calibration(page: Page, name: str, found: ClassScores) -> None:
    bins = found.calibration
    there = bins.count > 0
    page.number(f"{name}_calibration", bins._asdict())
    page.figure(
        f"{name}_calibration",
        assess.curves(
            {"labels": (bins.confidence[there], bins.right[there])}, ("probability", "share right"), diagonal=1
        ),
        Caption(
            f"How often {name} is right by its probability; a perfect head is the dotted diagonal.",
            f"Ten bins of the highest probability, {found.labels:,} labels.",
            sentences.calibration_sentence(found),
        ),
    )


def _numbers(page: Page, name: str, found: NumberScores) -> None:
    page.number(f"{name}_scores", found.scores._asdict())
    both = np.concatenate([found.predicted, found.label])
    ends = np.array([both.min(), both.max()])
    observed = f"{name}, observed"
    page.figure(
        f"{name}_parity",
        panels.scatter(
            {"targets": (found.label, found.predicted)}, (observed, f"{name}, predicted"), {"equal": (ends, ends)}
        ),
        Caption(
            f"{name}, predicted and observed; on the line the two are equal.",
            f"{found.scores.count:,} labels.",
            sentences.parity_sentence(found),
        ),
    )
    page.figure(
        f"{name}_residuals",
        panels.scatter(
            {"targets": (found.label, found.predicted - found.label)},
            (observed, "predicted minus observed"),
            {"none": (ends, 0 * ends)},
        ),
        Caption(
            f"The error of {name} by its observed value.",
            "Predicted minus observed; a slope means that the head keeps to the middle.",
            sentences.residual_sentence(found),
        ),
    )
