"""Labels between splits: a class that one lacks, and labels that are distributed otherwise."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from af2jax.audit import scan
from af2jax.audit.findings import Finding
from af2jax.audit.label_column import LabelColumn
from af2jax.audit.look import Seen
from af2jax.data.dataset import SPLITS
from af2jax.data.parse import printable

P = 0.005  # of a split, corrected for the number of tests (Bonferroni)
SHARES, SPREADS = 0.15, 0.5  # difference of the shares of a class; of medians in robust standard deviations
FEW = 5  # items of a split, below which nothing is reported


@dataclass(frozen=True)
class Shift:
    """A split whose labels differ from those of the training.

    Attributes:
        split: which.
        what: the class of which there is more or less; "": numbers.
        trained, held: its share, or the median, in the training and in the split.
        test: Fisher's exact test (classes of items) or Mann and Whitney's (shares by protein; numbers).
        p: of the test, corrected.
    """

    split: str
    what: str
    trained: float
    held: float
    test: str
    p: float


@dataclass(frozen=True)
class Classes:
    """Classes of a label in each split ("all" without one); counts are of residues where these have labels."""

    counts: dict[str, dict[str, int]]  # by class and split
    shares: dict[str, dict[str, float]]  # percent of the split
    most: str  # the largest class
    least: str  # the smallest
    top: float  # share of the largest
    rarer: float  # times that the smallest is rarer


def classes(target: LabelColumn, seen: Sequence[Seen]) -> Classes | None:
    """None: the label is of numbers."""
    if not target.classes:
        return None
    every = target.column.counts
    found: dict[str, Counter] = {one.item.split or "all": Counter() for one in seen}
    for i, one in enumerate(seen):
        found[one.item.split or "all"].update(kind for kind in target.named(i) if kind in every)
    total = {split: max(own.total(), 1) for split, own in found.items()}
    most, least = (choose(target.classes, key=every.__getitem__) for choose in (max, min))
    return Classes(
        {kind: {split: own[kind] for split, own in found.items()} for kind in target.classes},
        {kind: {split: 100 * own[kind] / total[split] for split, own in found.items()} for kind in target.classes},
        most,
        least,
        every[most] / every.total(),
        every[most] / max(every[least], 1),
    )


def absent(known: Classes) -> dict[str, list[str]]:
    """By held-out split with labels, the classes of the training of which it has none."""
    there = {part: {kind for kind, own in known.counts.items() if own.get(part)} for part in SPLITS}
    lacking = {part: sorted(there["train"] - own) for part, own in there.items() if own}
    return {part: kinds for part, kinds in lacking.items() if kinds}


def shifts(target: LabelColumn, seen: Sequence[Seen], groups: np.ndarray) -> list[Shift]:
    """For each held-out split in which labels are distributed otherwise than in training, the clearest difference.

    Homologues (`groups`, int [N]) count as one example, by their mean: else one large family decides the test.
    """
    from scipy.stats import fisher_exact, mannwhitneyu

    split = np.array([one.item.split for one in seen])
    columns = {kind: target.shares(kind) for kind in target.classes} or {"": target.means}
    one_each = bool(target.classes) and not target.residue
    units = _units(seen, groups)
    found = []
    for part in [name for name in SPLITS if name != "train"]:
        tests = []
        for what, values in columns.items():
            train, held = (_means(values, units, split == name) for name in ("train", part))
            if min(len(train), len(held)) < FEW:
                continue
            if one_each and len(np.unique(units)) == len(units):
                table = [[int(x.sum()), int(len(x) - x.sum())] for x in (train, held)]
                test, p = "Fisher's exact test", float(fisher_exact(table).pvalue)
            else:
                test, p = "Mann and Whitney's test", float(mannwhitneyu(train, held).pvalue)
            middle = np.mean if what else np.median
            effect = abs(middle(train) - middle(held)) / (SHARES if what else SPREADS * max(_spread(train), 1e-300))
            if effect >= 1:
                tests.append(
                    Shift(part, what, float(middle(train)), float(middle(held)), test, min(p * len(columns) * 2, 1.0))
                )
        if tests and (best := min(tests, key=lambda one: one.p)).p < P:
            found.append(best)
    return found


def _units(seen: Sequence[Seen], groups: np.ndarray) -> np.ndarray:
    """int [N], equal for examples that are dependent: homologues; where all are, variants of a scan that change the
    same residues, or equal sequences."""
    changed, keys = scan.positions(seen), groups
    if len(np.unique(groups)) == 1:
        keys = [one.sequence for one in seen] if changed is None else map(tuple, changed)
    number: dict = {}
    return np.array([number.setdefault(key, len(number)) for key in keys], int)


def _means(values: np.ndarray, units: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The mean of the known values of each unit among the chosen."""
    chosen = chosen & np.isfinite(values)
    _, index = np.unique(units[chosen], return_inverse=True)
    return np.bincount(index, values[chosen]) / np.bincount(index) if len(index) else np.zeros(0)


def findings(target: LabelColumn, seen: Sequence[Seen], groups: np.ndarray) -> list[Finding]:
    """Classes that a held-out split lacks, and labels that are distributed otherwise between splits."""
    name, found = printable(target.name), []
    known = classes(target, seen)
    for part, kinds in absent(known).items() if known else ():
        several = "classes" if len(kinds) > 1 else "class"
        found.append(
            Finding(
                "a class outside a split",
                60,
                f'the split {part} has nothing of {several} {", ".join(map(printable, kinds[:5]))} of "{name}"',
                "How well it is predicted cannot be measured there; a mean over classes is of the others alone.",
                "Split again so that each class is in each part, or state which classes a result is about.",
            )
        )
    for one in shifts(target, seen, groups):
        share = f"{one.trained:.0%} of train and {one.held:.0%} of {one.split} are {printable(one.what)}"
        middle = f"the median is {one.trained:.3g} in train and {one.held:.3g} in {one.split}"
        found.append(
            Finding(
                "labels differ between splits",
                55,
                f'"{name}" is distributed otherwise in {one.split}: {share if one.what else middle} (p = {one.p:.1g})',
                "A model that learnt the shares or the mean of the training is wrong there, and a difference between "
                f"models may be one between splits. ({one.test}, corrected by Bonferroni; homologues count as one.)",
                "Split again at random by cluster, or say what a result on such a split is about.",
            )
        )
    return found


def _spread(values: np.ndarray) -> float:
    low, high = np.quantile(values, [0.25, 0.75])
    return float(high - low) / 1.349 or float(np.std(values))
