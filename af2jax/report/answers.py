"""The part of an evaluation that is about a new head: confusion, curves, calibration, parity and residuals."""

import numpy as np

from af2jax.html.page import Caption, Page
from af2jax.metrics import classification
from af2jax.metrics.judgement import judge
from af2jax.metrics.statistics import paired
from af2jax.plots import assess, panels
from af2jax.report.evaluation import Evaluation, metric
from af2jax.report.verdict import OPEN, Verdict, beats

CURVES = 6  # classes with a curve of their own
FEW, LEAST = 10, 50  # labels of a class, and of all, below which a curve or a calibration says nothing
RANKS = 0.3  # Spearman's correlation, from which a head ranks at all
HONEST = 0.1  # expected calibration error, above which a probability is no probability


def verdict(evaluation: Evaluation, name: str) -> Verdict:
    """Whether the head `name` beats always predicting the same."""
    given = [t.answers[name] for t in evaluation.targets if name in t.answers and len(t.answers[name].label)]
    if not given:
        return Verdict(OPEN, f"The data cannot tell whether {name} was learned: no target has a label.")
    label = np.concatenate([a.label for a in given])
    return _against_constant(evaluation, name, label, bool(evaluation.classes[name]))


def part(page: Page, evaluation: Evaluation, name: str) -> None:
    """Adds what the head `name` says of all targets to `page`."""
    given = [t.answers[name] for t in evaluation.targets if name in t.answers and len(t.answers[name].label)]
    page.section(f"Head: {name}")
    if not given:
        page.warning(
            "serious", f"Nothing is known of {name}", f"None of {len(evaluation.targets)} targets has a label."
        )
        return
    said, label = (np.concatenate([getattr(a, key) for a in given]) for key in ("said", "label"))
    classes = evaluation.classes[name]
    page.text(f"{len(label):,} labels of {len(given)} targets.")
    if classes:
        _classes(page, name, classes, said, label.astype(int))
    else:
        _numbers(page, name, said, label.astype(float))


def _against_constant(evaluation: Evaluation, name: str, label: np.ndarray, classes: bool) -> Verdict:
    """The head against the majority class, or the median, of the very labels that it is judged by."""
    if classes:
        constant, column = np.bincount(label.astype(int)).argmax(), f"{name}/accuracy"
        baseline = f"always predicting {evaluation.classes[name][constant]}"
        guess = lambda labels: float((labels == constant).mean())
    else:
        constant, column = float(np.median(label)), f"{name}/error"  # what has the least absolute error
        baseline = f"always predicting the median, {constant:.3g}"
        guess = lambda labels: float(np.abs(labels - constant).mean())
    labels = [t.answers[name].label if name in t.answers else np.zeros(0) for t in evaluation.targets]
    other = np.array([guess(x) if len(x) else np.nan for x in labels])
    found = paired(evaluation.column(column), other, evaluation.families)
    (judged,) = judge([found], [metric(column).higher])
    return beats(found, judged, metric(column).label, baseline)


def _classes(page: Page, name: str, classes: list[str], said: np.ndarray, label: np.ndarray) -> None:
    chosen = said.argmax(-1)
    table = classification.confusion(chosen, label, len(classes))
    found = classification.scores(table)
    areas = [
        (classification.roc(said[:, i], label == i), classification.precision_recall(said[:, i], label == i))
        for i in range(len(classes))
    ]
    rows = [
        (c, int(found.count[i]), found.precision[i], found.recall[i], found.f1[i], areas[i][0].area, areas[i][1].area)
        for i, c in enumerate(classes)
    ]
    headings = ("class", "labels", "precision", "recall", "F1", "area under ROC", "average precision")
    page.table(f"{name}_classes", headings, rows, f"{name}: each class")
    page.number(f"{name}_confusion", table)
    page.number(f"{name}_scores", {"accuracy": found.accuracy, "balanced": found.balanced, "macro_f1": found.macro_f1})
    wrong = table - np.diag(np.diag(table))
    true, taken = np.unravel_index(wrong.argmax(), wrong.shape)
    mistake = (
        f"The commonest mistake is {classes[true]} called {classes[taken]} ({wrong.max()} of {table[true].sum()}): "
        "give it examples of both, or weigh the class."
        if wrong.any()
        else "No label is missed: look for a leak before believing it."
    )
    page.figure(
        f"{name}_confusion",
        assess.confusion(table, classes),
        Caption(
            f"What {name} is, and what the head calls it.",
            f"{len(label):,} labels; the class of the highest probability. Colour: share of the true class.",
            f"Accuracy {found.accuracy:.3f}, balanced over classes {found.balanced:.3f}. {mistake}",
        ),
    )
    order = np.argsort(-found.count, kind="stable")[:CURVES].tolist()
    order = [i for i in order if np.isfinite(areas[i][0].area)]
    if order:
        _curves(page, name, classes, areas, order, found.count)
    _honest(page, name, said, chosen == label)


def _curves(page: Page, name: str, classes: list[str], areas: list, order: list[int], count: np.ndarray) -> None:
    shown = f"The {len(order)} classes with most labels, each against the others." if len(classes) > len(order) else ""
    worst = min(order, key=lambda i: areas[i][0].area)
    pick = lambda curve: np.unique(np.linspace(0, len(curve.x) - 1, 200).astype(int))
    series = lambda kind: {
        classes[i]: (areas[i][kind].x[pick(areas[i][kind])], areas[i][kind].y[pick(areas[i][kind])]) for i in order
    }
    page.figure(
        f"{name}_roc",
        assess.curves(series(0), ("false positives", "true positives"), diagonal=1, marks=False),
        Caption(
            f"ROC of {name}: which share of a class is found at which share of false alarms.",
            shown or "Each class against the others; the dotted line is chance.",
            f"The smallest area is {areas[worst][0].area:.3f} ({classes[worst]}): "
            + (
                f"with {count[order].min()} labels of a class it may be chance."
                if count[order].min() < FEW
                else "near chance; do not use this class."
                if areas[worst][0].area < 0.6
                else "above chance; set its threshold by what a false alarm costs."
            ),
        ),
    )
    rare = min(order, key=lambda i: count[i])
    page.figure(
        f"{name}_precision_recall",
        assess.curves(series(1), ("recall", "precision"), marks=False),
        Caption(
            f"Precision and recall of {name}: how much of what is called a class is it, and how much of it is found.",
            shown or "Each class against the others; the level of chance is the share of the class.",
            f"The rarest class, {classes[rare]} ({count[rare] / max(count.sum(), 1):.1%} of the labels), has an "
            f"average precision of {areas[rare][1].area:.3f}: judge the head by this where that class matters.",
        ),
    )


def _honest(page: Page, name: str, said: np.ndarray, right: np.ndarray) -> None:
    found = classification.reliability(said.max(-1), right)
    there = found.count > 0
    gap = float(right.mean() - said.max(-1).mean())
    page.number(f"{name}_calibration", found._asdict())
    page.figure(
        f"{name}_calibration",
        assess.curves(
            {"labels": (found.said[there], found.right[there])}, ("probability said", "share right"), diagonal=1
        ),
        Caption(
            f"How often {name} is right when it says so with some probability; a perfect head is the dotted diagonal.",
            f"Ten bins of the highest probability, {len(right):,} labels.",
            f"Calibration error {found.error:.3f}, on average {abs(gap):.3f} too {'modest' if gap > 0 else 'sure'}: "
            + (
                f"{len(right)} labels are too few to judge it by."
                if len(right) < LEAST
                else "do not read it as a probability before it is calibrated."
                if found.error > HONEST
                else "it may be read as a probability."
            ),
        ),
    )


def _numbers(page: Page, name: str, said: np.ndarray, label: np.ndarray) -> None:
    found = classification.regression(said, label)
    page.number(f"{name}_scores", found._asdict())
    ends = np.array([min(said.min(), label.min()), max(said.max(), label.max())])
    bad, same = not found.r2 > 0, np.isnan(found.spearman)
    ranked = "the same answer for all" if same else f"Spearman {found.spearman:.3f}"
    page.figure(
        f"{name}_parity",
        panels.scatter({"targets": (label, said)}, (f"{name}, known", f"{name}, said"), {"equal": (ends, ends)}),
        Caption(
            f"{name} as the head says it against what is known; on the line the two are equal.",
            f"{found.count:,} labels.",
            f"R2 {found.r2:.3f}, {ranked}, mean absolute error {found.mae:.3g}: "
            + ("no better than saying the mean; do not use it." if bad else "better than saying the mean."),
        ),
    )
    rest = said - label
    slope = np.polyfit(label, rest, 1)[0] if np.ptp(label) > 0 and len(label) > 2 else np.nan
    page.figure(
        f"{name}_residuals",
        panels.scatter({"targets": (label, rest)}, (f"{name}, known", "said minus known"), {"none": (ends, 0 * ends)}),
        Caption(
            f"The error of {name} by its known value.",
            "Said minus known; a slope means that the head keeps to the middle.",
            f"On average {rest.mean():+.3g}, slope {slope:+.2f}: "
            + (
                "it keeps to the middle and does not rank."
                if slope < -0.5 and not found.spearman > RANKS
                else "extremes are pulled to the mean; it ranks better than it measures."
                if slope < -0.5
                else "extremes are kept."
            ),
        ),
    )
