"""Groups of a data set, by its own columns: who is many, who is few, and whether splits and labels differ by group."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from af2jax.audit.columns import Column
from af2jax.audit.findings import Finding
from af2jax.audit.label_column import LabelColumn
from af2jax.audit.look import Seen
from af2jax.data.parse import printable

MOST = 20  # groups of a column
MAJORITY, MINORITY = 0.8, 0.05  # shares of the items
DIFFER, EXPLAINED = 0.01, 0.25  # p of a test; share of a label's variance that a group explains


@dataclass(frozen=True)
class Groups:
    """The groups that a column makes."""

    name: str  # of the column
    counts: Counter  # items of each group
    length: dict[str, float]  # mean of each
    labels: dict[str, tuple]  # for each the mean of each label, or its most frequent class; None or "": not known
    parts: dict[str, Counter]  # of each, items by split ("all" without one)
    splits: dict[str, Counter]  # of each split, items by group
    p: float  # that the groups are spread alike over the splits
    explained: dict[str, tuple[float, float]]  # of each label the share of its variance between groups, the p of that

    @property
    def total(self) -> int:
        """Items whose group is known."""
        return self.counts.total()

    def share(self, kind: str) -> float:
        """Of the items whose group is known."""
        return self.counts[kind] / self.total

    @property
    def rare(self) -> list[str]:
        """Groups of less than 5 % of the items."""
        return [kind for kind, count in self.counts.items() if count < MINORITY * self.total]


def study(columns: Sequence[Column], targets: Sequence[LabelColumn], seen: Sequence[Seen]) -> list[Groups]:
    """The groups of each column that makes some: classes of few kinds that are not labels."""
    learnt = {target.name for target in targets}
    return [
        _study(column, targets, seen)
        for column in columns
        if column.kind == "class" and column.name not in learnt and 2 <= len(column.counts) <= MOST
    ]


def _study(column: Column, targets: Sequence[LabelColumn], seen: Sequence[Seen]) -> Groups:
    counts = column.counts
    rows = {kind: [i for i, cell in enumerate(column.cells) if cell == kind] for kind in counts}
    splits: dict[str, Counter] = {}
    for cell, one in zip(column.cells, seen, strict=True):
        if cell and one.item.split:
            splits.setdefault(one.item.split, Counter())[cell] += 1
    return Groups(
        column.name,
        counts,
        {kind: float(np.mean([seen[i].length for i in own])) for kind, own in rows.items()},
        {kind: tuple(_typical(target, own) for target in targets) for kind, own in rows.items()},
        {kind: Counter(seen[i].item.split or "all" for i in own) for kind, own in rows.items()},
        splits,
        _alike(splits, list(counts)),
        {target.name: explained(column, target) for target in targets},
    )


def _typical(target: LabelColumn, rows: list[int]) -> float | str | None:
    if target.classes:
        cells = Counter(target.column.cells[i] for i in rows if target.column.cells[i])
        return "" if target.residue or not cells else cells.most_common(1)[0][0]
    values = np.concatenate([np.atleast_1d(target.values[i]) for i in rows])
    return float(np.nanmean(values)) if np.isfinite(values).any() else None


def _alike(splits: dict[str, Counter], kinds: list[str]) -> float:
    """The p that groups are spread alike over splits."""
    from scipy.stats import chi2_contingency

    table = np.array([[row[kind] for kind in kinds] for row in splits.values()])
    if len(table) < 2 or table.any(axis=0).sum() < 2:
        return 1.0
    return float(chi2_contingency(table[:, table.any(axis=0)]).pvalue)


def explained(column: Column, target: LabelColumn) -> tuple[float, float]:
    """(share of a label's variance between groups, the p of that); NaN and 1 where it is of residues or unknown."""
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


def findings(known: Groups) -> Iterator[Finding]:
    """Groups that dominate, that splits hold unequally, or that give a label away."""
    name = printable(known.name)
    kind, most = known.counts.most_common(1)[0]
    if most > MAJORITY * known.total:
        yield Finding(
            "an over-represented group",
            35,
            f'{most / known.total:.0%} of the items are {printable(kind)} in "{name}"',
            "What is learnt and every mean is about them; the others may be served badly without a sign of it.",
            "Report each group apart, and collect or weight up the rare ones"
            + (f" ({', '.join(map(printable, known.rare[:5]))})." if known.rare else "."),
            tuple(f"{printable(kind)}: {count}" for kind, count in known.counts.most_common()),
        )
    if known.p < DIFFER:
        yield Finding(
            "groups differ between splits",
            50,
            f'the groups of "{name}" are not spread alike over the splits (p = {known.p:.1g}, chi-squared)',
            "A difference between validation and training may then be one between groups.",
            "Split again by cluster and group, or compare within groups.",
            tuple(
                f"{split}: " + ", ".join(f"{printable(kind)} {count}" for kind, count in row.items())
                for split, row in known.splits.items()
            ),
        )
    for label, (share, p) in known.explained.items():
        if share > EXPLAINED and p < DIFFER:
            yield Finding(
                "a group tells the label",
                35,
                f'"{name}" explains {share:.0%} of the variance of "{printable(label)}"',
                "A model can learn who was measured, not what decides the value. (Eta squared; of classes Cramér's V "
                "squared.)",
                "Give the mean of each group as a baseline, and test on groups that were held out.",
            )
