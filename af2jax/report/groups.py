"""Groups of a data set, by its own columns: who is many, who is few, and whether splits and labels differ by group."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from af2jax.audit.columns import Column
from af2jax.audit.findings import Finding
from af2jax.audit.look import Seen
from af2jax.audit.target import Target
from af2jax.data.parse import printable
from af2jax.html.page import Caption, Page
from af2jax.plots import panels

MOST, FEW = 20, 5  # groups of a column; items, below which a group cannot be judged
MAJORITY, MINORITY = 0.8, 0.05  # shares of the items
DIFFER, EXPLAINED = 0.01, 0.25  # p of a test; share of a target's variance that a group explains


def columns_of(columns: Sequence[Column], targets: Sequence[Target]) -> list[Column]:
    """The columns that make groups: classes of few kinds that are no target."""
    learnt = {target.name for target in targets}
    return [c for c in columns if c.kind == "class" and c.name not in learnt and 2 <= len(c.counts) <= MOST]


def findings(groups: Sequence[Column], targets: Sequence[Target], seen: Sequence[Seen]) -> list[Finding]:
    """Groups that dominate, that splits hold unequally, or that give a label away."""
    found = []
    for column in groups:
        name, counts = printable(column.name), column.counts
        kind, most = counts.most_common(1)[0]
        rare = [k for k, count in counts.items() if count < MINORITY * sum(counts.values())]
        if most > MAJORITY * sum(counts.values()):
            found.append(
                Finding(
                    "an over-represented group",
                    35,
                    f'{most / sum(counts.values()):.0%} of the items are {printable(kind)} in "{name}"',
                    "What is learnt and every mean is about them; the others may be served badly without a sign of it.",
                    "Report each group apart, and collect or weight up the rare ones"
                    + (f" ({', '.join(map(printable, rare[:5]))})." if rare else "."),
                    tuple(f"{printable(k)}: {count}" for k, count in counts.most_common()),
                )
            )
        p, table = _splits(column, seen)
        if p < DIFFER:
            found.append(
                Finding(
                    "groups differ between splits",
                    50,
                    f'the groups of "{name}" are not spread alike over the splits (p = {p:.1g}, chi-squared)',
                    "A difference between validation and training may then be one between groups.",
                    "Split again by cluster and group, or compare within groups.",
                    tuple(
                        f"{split}: " + ", ".join(f"{printable(k)} {c}" for k, c in row.items()) for split, row in table
                    ),
                )
            )
        for target in targets:
            share, p = explained(column, target)
            if share > EXPLAINED and p < DIFFER:
                found.append(
                    Finding(
                        "a group tells the label",
                        35,
                        f'"{name}" explains {share:.0%} of the variance of "{printable(target.name)}"',
                        "A model can learn who was measured, not what decides the value. (Eta squared; of classes "
                        "Cramér's V squared.)",
                        "Give the mean of each group as a rival, and test on groups that were held out.",
                    )
                )
    return found


def explained(column: Column, target: Target) -> tuple[float, float]:
    """(share of a target's variance between groups, the p of that); NaN and 1 where it is of residues or unknown."""
    from scipy.stats import chi2_contingency, f_oneway

    if target.residue:
        return np.nan, 1.0
    known = np.isfinite(target.values) & np.array([bool(cell) for cell in column.cells])
    cells, values = np.array(column.cells)[known], target.values[known]
    parts = [values[cells == kind] for kind in np.unique(cells)]
    parts = [part for part in parts if len(part) > 1]
    if len(parts) < 2 or not np.ptp(np.concatenate(parts)):
        return np.nan, 1.0
    if target.classes:
        table = np.array([[np.sum(part == i) for i in range(len(target.classes))] for part in parts])
        table = table[:, table.any(axis=0)]
        test = chi2_contingency(table)
        return float(test.statistic / table.sum() / (min(table.shape) - 1)), float(test.pvalue)
    joined = np.concatenate(parts)
    between = sum(len(part) * (part.mean() - joined.mean()) ** 2 for part in parts)
    if all(np.ptp(part) == 0 for part in parts):
        return 1.0, 0.0
    return float(between / ((joined - joined.mean()) ** 2).sum()), float(f_oneway(*parts).pvalue)


def _splits(column: Column, seen: Sequence[Seen]) -> tuple[float, list[tuple[str, Counter]]]:
    """(p that the groups are spread alike over splits, the counts in each)."""
    from scipy.stats import chi2_contingency

    counts: dict[str, Counter] = {}
    for cell, one in zip(column.cells, seen, strict=True):
        if cell and one.item.split:
            counts.setdefault(one.item.split, Counter())[cell] += 1
    kinds = list(column.counts)
    table = np.array([[row[kind] for kind in kinds] for row in counts.values()])
    if len(table) < 2 or table.any(axis=0).sum() < 2:
        return 1.0, []
    return float(chi2_contingency(table[:, table.any(axis=0)]).pvalue), list(counts.items())


def write(page: Page, groups: Sequence[Column], targets: Sequence[Target], seen: Sequence[Seen]) -> None:
    """A table and a plot of each column that makes groups."""
    page.section("Groups")
    if not groups:
        page.text("No column makes groups, such as organism, method or laboratory: bias between groups cannot be seen.")
    for column in groups:
        counts = column.counts
        total = sum(counts.values())
        rows = []
        for kind, count in counts.most_common():
            inside = [i for i, cell in enumerate(column.cells) if cell == kind]
            means = [_mean(target, inside) for target in targets]
            rows.append([kind, count, count / total, float(np.mean([seen[i].length for i in inside])), *means])
        heads = [
            "group",
            "items",
            "share",
            "mean length",
            *(f"{target.name} (mean, or commonest)" for target in targets),
        ]
        page.table(f"groups_{column.name}", heads, rows, f"Groups of {column.name}")
        kind, most = counts.most_common(1)[0]
        least, few = counts.most_common()[-1]
        caption = Caption(
            f"Items of each group of {column.name}, by split.",
            f"{total} items whose group is known.",
            f"{kind} is {most / total:.0%} of them and {least} {few / total:.0%}: "
            + (
                f"{few} of {least} are too few to judge it by."
                if few < FEW
                else f"judge {least} apart, a mean hides it."
                if few < MINORITY * total
                else "each group is large enough to be judged apart."
            ),
        )
        by = {k: Counter(seen[i].item.split or "all" for i, c in enumerate(column.cells) if c == k) for k in counts}
        page.figure(f"groups_{column.name}", panels.bars(by, "items"), caption)


def _mean(target: Target, rows: list[int]):
    if target.classes:
        cells = Counter(target.column.cells[i] for i in rows if target.column.cells[i])
        return "" if target.residue or not cells else cells.most_common(1)[0][0]
    values = np.concatenate([np.atleast_1d(target.values[i]) for i in rows])
    return float(np.nanmean(values)) if np.isfinite(values).any() else None
