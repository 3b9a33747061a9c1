"""The label to be learnt: its balance or distribution, outliers, noise of repeats, and whether sequences tell of it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from af2jax.data.items import MISSING
from af2jax.data.parse import printable
from af2jax.html.page import Caption, Page
from af2jax.plots import panels
from af2jax.report import signal
from af2jax.report.columns import Column, parts
from af2jax.report.findings import Finding
from af2jax.report.look import Seen

FEW, IMBALANCE = 5, 5  # examples of a class; times that the largest class is larger than another
OUTLIER = 6.0  # robust standard deviations from the median
APART = 1.0  # standard deviations of all, by which repeats contradict each other


@dataclass(frozen=True)
class Target:
    """A column to be learnt, as numbers.

    Attributes:
        column: as the table has it.
        classes: names of its classes in order; (): numbers.
        residue: a value for each residue.
        values: of each item: float [N_item], class numbers too, or a list of [N_res]; NaN where unknown.
        relation: what simple predictors can say; None: too few examples.
        repeats: rows of items of one sequence, two or more each.
    """

    column: Column
    classes: tuple[str, ...]
    residue: bool
    values: np.ndarray | list[np.ndarray]
    relation: signal.Signal | None
    repeats: tuple[tuple[int, ...], ...] = field(default=())

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def flat(self) -> np.ndarray:
        """All known values, of residues or items."""
        joined = np.concatenate(self.values) if self.residue else self.values
        return joined[np.isfinite(joined)]


def study(column: Column, seen: Sequence[Seen], groups: np.ndarray) -> Target:
    """A column as numbers, and its relation to sequences; `seen` has a sequence each."""
    residue = column.kind.startswith("residue")
    classes = tuple(sorted(column.counts)) if column.kind.endswith(("class", "classes")) else ()
    sequences = [one.sequence.replace("/", "") for one in seen]
    repeats: dict[str, list[int]] = defaultdict(list)
    for i, cell in enumerate(column.cells):
        if cell and sequences[i]:
            repeats[seen[i].sequence].append(i)
    several = tuple(tuple(rows) for rows in repeats.values() if len(rows) > 1)
    code = {name: float(i) for i, name in enumerate(classes)}
    number = (lambda text: code.get(text, np.nan)) if classes else _number
    if not residue:
        values = np.array([number(cell) for cell in column.cells])
        known = np.flatnonzero(np.isfinite(values))
        labels = np.eye(len(classes))[values[known].astype(int)] if classes else values[known]
        relation = None
        if np.ptp(values[known]) > 0 if len(known) else False:
            relation = signal.of_proteins([sequences[i] for i in known], labels, groups[known])
        return Target(column, classes, residue, values, relation, several)
    values = [np.array([number(part) for part in parts(cell)]) for cell in column.cells]
    whole = [i for i, value in enumerate(values) if len(value) == len(sequences[i]) > 0 and np.isfinite(value).any()]
    hot = lambda value: np.where(np.isfinite(value)[:, None], np.eye(len(classes))[_index(value)], np.nan)
    labels = [hot(values[i]) if classes else values[i] for i in whole]
    relation = signal.of_residues([seen[i].sequence for i in whole], labels) if whole else None
    return Target(column, classes, residue, values, relation, several)


def _index(value: np.ndarray) -> np.ndarray:
    return np.nan_to_num(value).astype(int)


def _number(text: str) -> float:
    try:
        return np.nan if text.lower() in MISSING else float(text)
    except ValueError:
        return np.nan


def noise(target: Target) -> tuple[float, int]:
    """(share of the variance that differs between repeats of one protein, items in repeats); NaN where there are none.

    What is left, 1 - that share, is the best R² that any model can reach.
    """
    if target.residue or target.classes or not target.repeats:
        return np.nan, 0
    within = [target.values[list(rows)] for rows in target.repeats]
    total = float(np.var(target.flat))
    free = sum(len(x) - 1 for x in within)
    spread = sum(((x - x.mean()) ** 2).sum() for x in within) / max(free, 1)
    return float(min(spread / total, 1.0)) if total else np.nan, sum(map(len, within))


def contradictions(target: Target, seen: Sequence[Seen]) -> list[str]:
    """Repeats of one protein whose labels disagree: another class, or numbers a standard deviation of all apart."""
    found = []
    for rows in target.repeats:
        cells = [target.column.cells[i] for i in rows]
        if target.residue or target.classes:
            differ = len(set(cells)) > 1
        else:
            differ = np.ptp(target.values[list(rows)]) > APART * np.std(target.flat)
        if differ:
            pairs = zip(rows, cells, strict=True)
            found.append(", ".join(f"{seen[i].item.id}: {printable(cell[:30])}" for i, cell in pairs))
    return found


def outliers(target: Target) -> np.ndarray:
    """The items whose number lies more than 6 robust standard deviations from the median."""
    if target.residue or target.classes:
        return np.array([], int)
    middle = np.nanmedian(target.values)
    low, high = np.nanquantile(target.values, [0.25, 0.75])
    width = max((high - low) / 1.349, 1e-12 * max(abs(middle), 1e-300))
    if low == high:
        return np.array([], int)
    return np.flatnonzero(np.abs(target.values - middle) > OUTLIER * width)


def findings(target: Target, seen: Sequence[Seen], named: bool) -> list[Finding]:
    """What is wrong with a label; `named`: a user said that it is to be learnt."""
    name, found = printable(target.name), []
    if wrong := contradictions(target, seen):
        found.append(
            Finding(
                "contradicting labels",
                75,
                f'{len(wrong)} proteins have several labels "{name}" that contradict each other',
                "One sequence cannot have two answers: the training is told both, and a test counts one as wrong.",
                "Find out which is right, give their mean, or leave them out; conditions that differ need a column.",
                tuple(wrong),
            )
        )
    if target.classes:
        found += _classes(target, seen, name)
    if len(far := outliers(target)):
        found.append(
            Finding(
                "outliers",
                45,
                f'{len(far)} values of "{name}" lie more than {OUTLIER:.0f} standard deviations from the median',
                "The squared error of a few such values outweighs all others.",
                "Check units and typing errors; else learn the logarithm or the rank.",
                tuple(f"{seen[i].item.id}: {target.values[i]:g}" for i in far),
            )
        )
    relation = target.relation
    if relation and not relation.shown:
        found.append(
            Finding(
                "unrelated label",
                80 if named else 55,
                f'"{name}" looks like a shuffled column ({relation.examples} examples, p = {relation.p:.2f})',
                f"{relation.by.capitalize()} correlates with it by {relation.score:.2f}, and {relation.p:.0%} of "
                "columns with exchanged labels do as well. Either rows were mixed up, or the label is not in the "
                "sequence, or it needs more than simple predictors see.",
                "Check on known proteins that labels belong to their rows before you train.",
            )
        )
    share, number = noise(target)
    if number and share > 0.5:
        found.append(
            Finding(
                "noise",
                60,
                f'repeats of one protein differ by {share:.0%} of the variance of "{name}"',
                f"Measured on {number} items: no model can reach an R² above {1 - share:.2f}.",
                "Average repeats, and compare models with that limit and not with 1.",
            )
        )
    return found


def _classes(target: Target, seen: Sequence[Seen], name: str) -> list[Finding]:
    found = []
    counts = target.column.counts
    what = "residues" if target.residue else "items"
    behind = lambda kind: [i for i, cell in enumerate(target.column.cells) if kind in _set(target, cell)]
    most = max(counts.values())
    for kind in (kind for kind in target.classes if counts[kind] < FEW):
        rows = behind(kind)
        found.append(
            Finding(
                "a rare class",
                75 if counts[kind] < 3 else 60,
                f'class {printable(kind)} of "{name}" has {counts[kind]} {what} of {sum(counts.values())}',
                "So few cannot be learnt, and cannot be in training, validation and test at once.",
                "Join it with another class, measure more, or leave it out; accuracy will not show that it fails.",
                tuple(f"{seen[i].item.where} ({seen[i].item.id})" for i in rows),
            )
        )
    few = [kind for kind in target.classes if FEW <= counts[kind] < most / IMBALANCE]
    if few:
        found.append(
            Finding(
                "imbalance",
                50,
                f'the largest class of "{name}" has {most} {what}, {printable(few[0])} has {counts[few[0]]}',
                f"A model that always says the largest class has an accuracy of {most / sum(counts.values()):.0%}.",
                "Weight classes (the config does), and read each class's recall, not accuracy alone.",
                tuple(f"{printable(kind)}: {counts[kind]}" for kind in target.classes),
            )
        )
    split = [one.item.split for one in seen]
    if "train" in split:
        trained = {
            kind for i, cell in enumerate(target.column.cells) if split[i] == "train" for kind in _set(target, cell)
        }
        for kind in (kind for kind in target.classes if kind not in trained):
            found.append(
                Finding(
                    "a class outside training",
                    70,
                    f'class {printable(kind)} of "{name}" is not in the split train',
                    "It can never be predicted; af2jax finetune leaves these items out.",
                    "Split again so that each class is in each part, or leave the class out.",
                    tuple(seen[i].item.id for i in behind(kind)),
                )
            )
    return found


def _set(target: Target, cell: str) -> set[str]:
    return set(parts(cell)) if target.residue else {cell}


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
        ["share of the variance that is noise of repeats", share if number else "no repeats"],
        ["outliers", len(outliers(target))],
        ["correlation that simple predictors reach", relation.score if relation else "too few examples"],
        ["by", relation.by if relation else ""],
        ["share of exchanged labels that do as well", relation.p if relation else ""],
    ]
    if not target.classes and len(flat):
        rows += [["mean", flat.mean()], ["standard deviation", flat.std()], ["median", np.median(flat)]]
        rows += [["least", flat.min()], ["most", flat.max()]]
    page.table(f"target_{target.name}", ["what", "value"], rows, f"Target {target.name}")


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
        f"Mean {flat.mean():.3g}, standard deviation {flat.std():.3g}, skewness {skew:.1f}: "
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
