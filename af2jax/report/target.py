"""The label to be learnt, as tables and plots."""

from collections.abc import Sequence

import numpy as np

from af2jax.audit.columns import parts
from af2jax.audit.look import Seen
from af2jax.audit.target import Target, contradictions, most_at_odds, noise, outliers
from af2jax.html.page import Caption, Page
from af2jax.plots import panels


def write(page: Page, targets: Sequence[Target], seen: Sequence[Seen]) -> None:
    """A table and a plot of each label."""
    page.section("Targets")
    if not targets:
        page.text(
            "No column looks like a label; name those to be learnt with --target. Structures can be learnt as is."
        )
    for target in targets:
        _number_of(page, target, seen)
        if target.classes:
            _balance(page, target, seen)
        elif len(target.flat):
            _distribution(page, target, seen)


def _number_of(page: Page, target: Target, seen: Sequence[Seen]) -> None:
    share, number = noise(target)
    relation = target.relation
    flat = target.flat
    rows = [
        ["type", target.column.kind],
        ["known items", sum(map(bool, target.column.cells))],
        ["known values", len(flat)],
        ["repeated items", sum(map(len, target.repeats))],
        ["proteins with contradicting labels", len(contradictions(target, seen))],
        [
            "share of the variance (population, without outliers) that is noise of repeats",
            share if number else "no repeats",
        ],
        ["outliers (robust)", len(outliers(target))],
        [
            f"cross-validated correlation ({target.scale}) that simple predictors reach",
            relation.score if relation else "too few examples",
        ],
        ["by", relation.by if relation else ""],
        ["share of exchanged labels that do as well", relation.p if relation else ""],
        ["correlation that four of five such sets would show", relation.findable if relation else ""],
        *(
            [f"cross-validated correlation ({target.scale}) with {what} alone", score]
            for what, score in target.explained.items()
        ),
    ]
    if not target.classes and len(flat):
        rows += [["mean", flat.mean()], ["standard deviation (population)", flat.std()], ["median", np.median(flat)]]
        rows += [["least", flat.min()], ["most", flat.max()]]
    page.table(f"target_{target.name}", ["what", "value"], rows, f"Target {target.name}")
    if odd := most_at_odds(target):
        odds = [[seen[i].item.id, target.column.cells[i], float(target.odds[i])] for i in odd]
        heads = ["item", "label", "distance from the prediction (robust standard deviations)"]
        page.table(f"odds_{target.name}", heads, odds, f"Labels of {target.name} most at odds with those of the others")


def _balance(page: Page, target: Target, seen: Sequence[Seen]) -> None:
    counts = target.column.counts
    splits = list(dict.fromkeys(one.item.split or "all" for one in seen))
    share: dict[str, dict[str, float]] = {kind: {} for kind in target.classes}
    table = {kind: [counts[kind]] for kind in target.classes}
    for split in splits:
        inside = [i for i, one in enumerate(seen) if (one.item.split or "all") == split]
        own = [
            part
            for i in inside
            for part in (parts(target.column.cells[i]) if target.residue else [target.column.cells[i]])
        ]
        total = sum(part in counts for part in own)
        for kind in target.classes:
            share[kind][split] = 100 * own.count(kind) / max(total, 1)
            table[kind].append(own.count(kind))
    rows = [[kind, *table[kind]] for kind in target.classes]
    page.table(f"classes_{target.name}", ["class", "all", *splits], rows, f"Classes of {target.name}")
    most = max(target.classes, key=lambda kind: counts[kind])
    least = min(target.classes, key=lambda kind: counts[kind])
    rarer = counts[most] / max(counts[least], 1)
    top = counts[most] / sum(counts.values())
    caption = Caption(
        f"Classes of {target.name} in each split.",
        f"Shares of the {'residues' if target.residue else 'items'} whose class is known.",
        f"Always saying {most} is right in {top:.0%}; {least} is {rarer:.1f} times rarer: "
        + ("weight the classes and read recall by class." if top > 0.6 else "accuracy is a fair first measure."),
    )
    page.figure(f"classes_{target.name}", panels.bars(share, "% of the split"), caption)


def _distribution(page: Page, target: Target, seen: Sequence[Seen]) -> None:
    if target.residue:
        series = {"residues": target.flat}
    else:
        splits = np.array([one.item.split or "all" for one in seen])
        known = np.isfinite(target.values)
        series = {name: target.values[known & (splits == name)] for name in dict.fromkeys(splits[known].tolist())}
    flat = target.flat
    skew = float(((flat - flat.mean()) ** 3).mean() / max(flat.std() ** 3, 1e-300))
    caption = Caption(
        f"Values of {target.name} in each split.",
        f"{len(flat)} known values in their own unit; dashed: the mean.",
        f"Mean {flat.mean():.3g}, population standard deviation {flat.std():.3g} and skewness {skew:.1f}: "
        + (
            "learn its logarithm or rank, or few large values lead the loss."
            if abs(skew) > 2
            else "squared error in units of the standard deviation fits, as the config has it."
        ),
    )
    plot = panels.histogram(
        series, target.name, "residues" if target.residue else "items", {"mean": float(flat.mean())}
    )
    page.figure(f"distribution_{target.name}", plot, caption)
