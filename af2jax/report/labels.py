"""The labels to be learnt, as tables and plots."""

from collections.abc import Sequence

import numpy as np

from af2jax.audit.balance import Classes
from af2jax.audit.distribution import Distribution
from af2jax.audit.explore import Audit
from af2jax.audit.label_column import LabelColumn
from af2jax.audit.look import Seen
from af2jax.html.page import Caption, Page
from af2jax.plots import panels

LARGE, SKEWED = 0.6, 2  # share of a class; skewness


def write(page: Page, audit: Audit) -> None:
    """A plot and a table of each label."""
    page.section("Targets")
    if not audit.targets:
        page.text(
            "No column looks like a label; name those to be learnt with --target. Structures can be learnt as is."
        )
    for label in audit.targets:
        if label.classes:
            _balance(page, label, audit.classes[label.name])
        elif label.distribution:
            _distribution(page, label, label.distribution, audit.seen)
    for label in audit.targets:
        _numbers(page, label, audit.seen)
        if label.classes:
            _counts(page, label, audit.classes[label.name])


def _numbers(page: Page, label: LabelColumn, seen: Sequence[Seen]) -> None:
    relation, spread = label.relation, label.distribution
    share, number = label.noise
    rows = [
        ["type", label.column.kind],
        ["known items", sum(map(bool, label.column.cells))],
        ["known values", len(label.flat)],
        ["repeated items", sum(map(len, label.repeats))],
        ["proteins with contradicting labels", len(label.contradictions)],
        [
            "share of the variance (population, without outliers) that is noise of repeats",
            share if number else "no repeats",
        ],
        ["outliers (robust)", len(label.outliers)],
        [
            f"cross-validated correlation ({label.scale}) that simple predictors reach",
            relation.score if relation else "too few examples",
        ],
        ["by", relation.by if relation else ""],
        ["share of exchanged labels that do as well", relation.p if relation else ""],
        ["correlation that four of five such sets would show", relation.findable if relation else ""],
        *(
            [f"cross-validated correlation ({label.scale}) with {what} alone", score]
            for what, score in label.explained.items()
        ),
    ]
    if spread:
        rows += [["mean", spread.mean], ["standard deviation (population)", spread.spread], ["median", spread.median]]
        rows += [["least", spread.least], ["most", spread.most]]
    page.table(f"target_{label.name}", ["what", "value"], rows, f"Target {label.name}")
    if odd := label.most_at_odds:
        odds = [[seen[i].item.id, label.column.cells[i], float(label.odds[i])] for i in odd]
        heads = ["item", "label", "distance from the prediction (robust standard deviations)"]
        page.table(f"odds_{label.name}", heads, odds, f"Labels of {label.name} most at odds with those of the others")


def _counts(page: Page, label: LabelColumn, known: Classes) -> None:
    splits = list(known.counts[known.most])
    rows = [[kind, label.column.counts[kind], *known.counts[kind].values()] for kind in label.classes]
    page.table(f"classes_{label.name}", ["class", "all", *splits], rows, f"Classes of {label.name}")


def _balance(page: Page, label: LabelColumn, known: Classes) -> None:
    caption = Caption(
        f"Classes of {label.name} in each split.",
        f"Shares of the {'residues' if label.residue else 'items'} whose class is known.",
        f"Always predicting {known.most} is right in {known.top:.0%}; {known.least} is {known.rarer:.1f} times rarer: "
        + (
            "weight the classes and read recall by class." if known.top > LARGE else "accuracy is a fair first measure."
        ),
    )
    page.figure(f"classes_{label.name}", panels.bars(known.shares, "% of the split"), caption)


def _distribution(page: Page, label: LabelColumn, known: Distribution, seen: Sequence[Seen]) -> None:
    if label.residue:
        series = {"residues": label.flat}
    else:
        splits = np.array([one.item.split or "all" for one in seen])
        there = np.isfinite(label.values)
        series = {name: label.values[there & (splits == name)] for name in dict.fromkeys(splits[there].tolist())}
    caption = Caption(
        f"Values of {label.name} in each split.",
        f"{len(label.flat)} known values in their own unit; dashed: the mean.",
        f"Mean {known.mean:.3g}, population standard deviation {known.spread:.3g} and skewness {known.skewness:.1f}: "
        + (
            "learn its logarithm or rank, or few large values lead the loss."
            if abs(known.skewness) > SKEWED
            else "squared error in units of the standard deviation fits, as the config has it."
        ),
    )
    plot = panels.histogram(series, label.name, "residues" if label.residue else "items", {"mean": known.mean})
    page.figure(f"distribution_{label.name}", plot, caption)
