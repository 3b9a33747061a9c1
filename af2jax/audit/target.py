"""The label to be learnt: its balance or distribution, outliers, noise of repeats, and whether sequences tell of it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from af2jax.audit import cells, signal, units
from af2jax.audit.columns import Column, parts
from af2jax.audit.findings import Finding
from af2jax.audit.look import Seen
from af2jax.data.labels import MISSING
from af2jax.data.parse import printable

FEW, IMBALANCE = 5, 5  # examples of a class; times that the largest class is larger than another
APART = 1.0  # standard deviations of all but outliers, by which repeats contradict each other
REPEATS = 10  # degrees of freedom of repeats, below which their noise is not stated
BY_LENGTH, BY_COMPOSITION = 0.7, 0.8  # cross-validated correlations with either alone, which then explains the label
WEAK, CLEAR = 0.01, 0.2  # p below which a relation is clear, and from which it is likely that there is none
TOLD, ODD = 0.3, 4.0  # correlation from which single labels are judged, and robust standard deviations of the odd ones
LISTED = 10


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
        explained: the cross-validated correlation with length alone and with composition alone (`signal.explained`).
        odds: how far each label is from what the others say of it (`signal.at_odds`); (): not known.
    """

    column: Column
    classes: tuple[str, ...]
    residue: bool
    values: np.ndarray | list[np.ndarray]
    relation: signal.Signal | None
    repeats: tuple[tuple[int, ...], ...] = field(default=())
    explained: dict[str, float] = field(default_factory=dict)
    odds: np.ndarray | tuple[()] = ()

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def flat(self) -> np.ndarray:
        """All known values, of residues or items."""
        joined = np.concatenate(self.values) if self.residue else self.values
        return joined[np.isfinite(joined)]

    @property
    def means(self) -> np.ndarray:
        """float [N_item] the number of each item, of residues their mean; NaN where unknown."""
        mean = lambda value: np.nanmean(value) if np.isfinite(value).any() else np.nan
        return np.array([mean(value) for value in self.values]) if self.residue else np.asarray(self.values)

    def kinds(self, row: int) -> set[str]:
        """The classes that occur in an item."""
        values = np.atleast_1d(self.values[row])
        return {self.classes[int(i)] for i in np.unique(values[np.isfinite(values)])}

    def shares(self, kind: str) -> np.ndarray:
        """float [N_item] the share of a class in each item: of residues, or 0 or 1; NaN where unknown."""
        number = self.classes.index(kind)
        of = lambda value: np.nan if not (known := np.isfinite(value)).any() else float((value[known] == number).mean())
        return np.array([of(np.atleast_1d(value)) for value in self.values])


def study(column: Column, seen: Sequence[Seen], groups: np.ndarray) -> Target:
    """A column as numbers, and its relation to the sequences that are known."""
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
        relation, explained, odds = None, {}, np.full(len(values), np.nan)
        if len(known) and np.ptp(values[known]) > 0:
            there = np.array([bool(sequences[i]) for i in known])
            of, labels, known = [seen[i].sequence for i in known[there]], labels[there], known[there]
            relation = signal.of_proteins(of, labels, groups[known])
            explained = signal.explained(of, labels, groups[known])
            odds[known] = signal.at_odds(of, labels, groups[known])
        return Target(column, classes, residue, values, relation, several, explained, odds)
    values = [np.array([number(part) for part in parts(cell)]) for cell in column.cells]
    whole = [i for i, value in enumerate(values) if len(value) == len(sequences[i]) > 0 and np.isfinite(value).any()]
    hot = lambda value: np.where(np.isfinite(value)[:, None], np.eye(len(classes))[_index(value)], np.nan)
    labels = [hot(values[i]) if classes else values[i] for i in whole]
    relation = signal.of_residues([seen[i].sequence for i in whole], labels) if whole else None
    return Target(column, classes, residue, values, relation, several)


def _index(value: np.ndarray) -> np.ndarray:
    return np.nan_to_num(value).astype(int)


def _number(text: str) -> float:
    return np.nan if text.lower() in MISSING else cells.number(text)


def noise(target: Target) -> tuple[float, int]:
    """(share of the variance that differs between repeats of one protein, items in repeats), without outliers; NaN and
    0 where the repeats are too few to say.

    What is left, 1 - that share, is the best R² that any model can reach.
    """
    if target.residue or target.classes or not target.repeats:
        return np.nan, 0
    good = np.isfinite(target.values) & ~cells.outliers(target.values)
    within = [x for rows in target.repeats if len(x := target.values[[i for i in rows if good[i]]]) > 1]
    free = sum(len(x) - 1 for x in within)
    total = float(np.var(target.values[good])) if good.any() else 0.0
    if free < REPEATS or not total:
        return np.nan, 0
    spread = sum(((x - x.mean()) ** 2).sum() for x in within) / free
    return float(min(spread / total, 1.0)), sum(map(len, within))


def contradictions(target: Target, seen: Sequence[Seen]) -> list[str]:
    """Repeats of one protein whose labels disagree: another class, or numbers a standard deviation of all but outliers
    apart."""
    found = []
    numbers = not (target.residue or target.classes)
    limit = APART * float(np.std(usual)) if numbers and len(usual := cells.usual(target.values)) else 0.0
    for rows in target.repeats:
        own = [target.column.cells[i] for i in rows]
        if not numbers:
            differ = len(set(own)) > 1
        else:
            known = target.values[list(rows)]
            known = known[np.isfinite(known)]
            differ = len(known) > 1 and np.ptp(known) > limit
        if differ:
            pairs = [f"{seen[i].item.id}: {printable(cell[:30])}" for i, cell in zip(rows, own, strict=True)]
            more = f", and {len(pairs) - LISTED} more" if len(pairs) > LISTED else ""
            found.append(", ".join(pairs[:LISTED]) + more)
    return found


def outliers(target: Target) -> np.ndarray:
    """The items whose number is an outlier (`cells.outliers`)."""
    if target.residue or target.classes:
        return np.array([], int)
    return np.flatnonzero(cells.outliers(target.values))


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
    unread = len(target.column.odd) > 0.05 * sum(map(bool, target.column.cells))  # and these may be the large ones
    if len(far := outliers(target)) and not unread:
        found.append(
            Finding(
                "outliers",
                60 if len(far) < 0.02 * len(target.values) else 45,
                f'{len(far)} values of "{name}" lie more than {cells.OUTLIER:.0f} robust standard deviations from the '
                "median",
                "The squared error of a few such values outweighs all others. (Robust: interquartile range / 1.349.)",
                "Check units and typing errors; else learn the logarithm or the rank.",
                tuple(f"{seen[i].item.id}: {target.values[i]:g}" for i in far),
            )
        )
    found += _units(target, seen, name) + _explained(target, name) + _relation(target, name, named)
    found += _at_odds(target, seen, name)
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


def _units(target: Target, seen: Sequence[Seen], name: str) -> list[Finding]:
    if target.residue or target.classes or (two := units.two_populations(target.values)) is None:
        return []
    apart = "273 apart" if np.isnan(two.factor) else f"{two.factor:.3g} times apart"
    return [
        Finding(
            "two units",
            75,
            f'"{name}" has two populations {apart}: {len(two.rows)} values are about {two.medians[1]:.3g}, the others '
            f"about {two.medians[0]:.3g}",
            f"So are {two.units}. If the units are mixed, most of what a model learns is which unit a row has.",
            "Find out which unit each row has and bring all to one; if both are right, learn the logarithm or classes.",
            tuple(f"{seen[i].item.where} ({seen[i].item.id}): {target.values[i]:g}" for i in two.rows),
        )
    ]


def explains(target: Target) -> tuple[str, float]:
    """(what explains the label alone, "length" or "composition"; its cross-validated correlation), or ("", 0)."""
    for what, limit in (("length", BY_LENGTH), ("composition", BY_COMPOSITION)):
        if target.explained.get(what, 0) >= limit:
            return what, target.explained[what]
    return "", 0.0


def _explained(target: Target, name: str) -> list[Finding]:
    what, score = explains(target)
    if not what:
        return []
    return [
        Finding(
            f"{what} explains the label",
            75 if what == "length" else 60,
            f'{what} alone predicts "{name}" (cross-validated correlation {score:.2f})',
            "This decides what may be concluded: a network that scores as well may have learnt nothing but "
            + ("to count residues." if what == "length" else "which residues are frequent."),
            f"Compare every model with one that knows the {what} alone, and claim only what goes beyond it; "
            + ("test within narrow lengths." if what == "length" else "test on proteins of like composition."),
        )
    ]


def _relation(target: Target, name: str, named: bool) -> list[Finding]:
    """Whether simple models can tell the label from a shuffled one; the level follows p and what could be found."""
    relation = target.relation
    if relation is None or relation.p <= WEAK:
        return []
    number = f"{relation.examples} examples, correlation {relation.score:.2f}, p = {relation.p:.2f}"
    power = (
        f"The test: {relation.by}, cross-validated with homologues in one fold, beside the same with labels exchanged. "
        f"In four of five sets of this size it finds a true correlation of {relation.findable:.2f} or more."
    )
    cure = "Check on known proteins that labels belong to their rows before you train."
    if relation.shown:
        title = f'simple models tell little of "{name}" ({number})'
        return [Finding("a weak relation", 30, title, power, cure)]
    threat = 80 if named else 55
    title = f'simple models cannot tell "{name}" from a shuffled column ({number})'
    if relation.p < CLEAR or relation.findable > 0.6:
        threat = 50
        title = f'simple models hardly tell "{name}" from a shuffled column ({number})'
    text = f"{power} Either rows were mixed up, or the label is not in the sequence, or it needs more than they see."
    return [Finding("unrelated label", threat, title, text, cure)]


def most_at_odds(target: Target) -> list[int]:
    """The items whose label is farthest from what the others say of it, the farthest first; [] where not known."""
    odds = np.asarray(target.odds, float)
    known = np.flatnonzero(np.isfinite(odds)).tolist()
    return sorted(known, key=lambda i: -odds[i])[:LISTED]


def _at_odds(target: Target, seen: Sequence[Seen], name: str) -> list[Finding]:
    if target.relation is None or not target.relation.shown or target.relation.score < TOLD:
        return []
    rows = [i for i in most_at_odds(target) if target.odds[i] > ODD]
    if not rows:
        return []
    return [
        Finding(
            "labels at odds",
            35,
            f'{len(rows)} labels "{name}" are far from what those of other proteins say',
            f"More than {ODD:.0f} robust standard deviations from the cross-validated prediction of a simple model, "
            f"which correlates with the label by {target.relation.score:.2f}.",
            "Look at these first: exchanged rows, a sign, a unit, or a protein that is special.",
            tuple(f"{seen[i].item.where} ({seen[i].item.id}): {printable(target.column.cells[i][:30])}" for i in rows),
        )
    ]


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
