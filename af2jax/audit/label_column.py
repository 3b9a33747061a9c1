"""A column to be learnt as numbers: its distribution, outliers, contradictions and noise, and what explains it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from af2jax.audit import cells, distribution, signal, units
from af2jax.audit.columns import Column, parts
from af2jax.audit.distribution import Distribution
from af2jax.audit.look import Seen
from af2jax.data.labels import MISSING

APART = 1.0  # standard deviations of all but outliers, by which repeats contradict each other
REPEATS = 10  # degrees of freedom of repeats, below which their noise is not stated
BY_LENGTH, BY_COMPOSITION = 0.7, 0.8  # cross-validated correlations with either alone, which then explains the label
LISTED = 10


@dataclass(frozen=True)
class LabelColumn:
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

    @cached_property
    def flat(self) -> np.ndarray:
        """All known values, of residues or items."""
        joined = np.concatenate(self.values) if self.residue else self.values
        return joined[np.isfinite(joined)]

    @property
    def one_number(self) -> bool:
        """Whether each item has one number."""
        return not (self.residue or self.classes)

    @cached_property
    def means(self) -> np.ndarray:
        """float [N_item] the number of each item, of residues their mean; NaN where unknown."""
        return np.array([_mean(value) for value in self.values]) if self.residue else np.asarray(self.values)

    @cached_property
    def distribution(self) -> Distribution | None:
        """Of all known values; None: there are none, or they are classes."""
        return distribution.of(self.flat) if len(self.flat) and not self.classes else None

    @property
    def scale(self) -> str:
        """What correlations of labels are of."""
        return "Pearson's, of one-hot classes" if self.classes else "Pearson's, of ranks"

    @cached_property
    def populations(self) -> units.Populations | None:
        """Two populations of the numbers (`units.two_populations`), or None."""
        return units.two_populations(self.values) if self.one_number else None

    @cached_property
    def outliers(self) -> np.ndarray:
        """The items whose number is an outlier (`cells.outliers`)."""
        return np.flatnonzero(cells.outliers(self.values)) if self.one_number else np.array([], int)

    @cached_property
    def noise(self) -> tuple[float, int]:
        """(share of the variance that differs between repeats of one protein, items in repeats), without outliers; NaN
        and 0 where the repeats are too few to say.

        What is left, 1 - that share, is the best R² that any model can reach.
        """
        if not self.one_number or not self.repeats:
            return np.nan, 0
        good = np.isfinite(self.values) & ~cells.outliers(self.values)
        within = [x for rows in self.repeats if len(x := self.values[[i for i in rows if good[i]]]) > 1]
        free = sum(len(x) - 1 for x in within)
        total = float(np.var(self.values[good])) if good.any() else 0.0
        if free < REPEATS or not total:
            return np.nan, 0
        spread = sum(((x - x.mean()) ** 2).sum() for x in within) / free
        return float(min(spread / total, 1.0)), sum(map(len, within))

    @cached_property
    def contradictions(self) -> list[tuple[int, ...]]:
        """Repeats of one protein whose labels disagree: another class, or numbers a standard deviation of all but
        outliers apart."""
        if not self.one_number:
            return [rows for rows in self.repeats if len({self.column.cells[i] for i in rows}) > 1]
        limit = APART * float(np.std(usual)) if len(usual := cells.usual(self.values)) else 0.0
        known = [x[np.isfinite(x)] for x in (self.values[list(rows)] for rows in self.repeats)]
        return [rows for rows, x in zip(self.repeats, known, strict=True) if len(x) > 1 and np.ptp(x) > limit]

    @property
    def explained_by(self) -> tuple[str, float]:
        """(what explains the label alone, "length" or "composition"; its cross-validated correlation), or ("", 0)."""
        for what, limit in (("length", BY_LENGTH), ("composition", BY_COMPOSITION)):
            if self.explained.get(what, 0) >= limit:
                return what, self.explained[what]
        return "", 0.0

    @property
    def most_at_odds(self) -> list[int]:
        """The items whose label is farthest from what the others say of it, the farthest first; [] where not known."""
        odds = np.asarray(self.odds, float)
        return sorted(np.flatnonzero(np.isfinite(odds)).tolist(), key=lambda i: -odds[i])[:LISTED]

    def named(self, row: int) -> list[str]:
        """The classes in a cell, one for each residue where these have labels."""
        return parts(self.column.cells[row]) if self.residue else [self.column.cells[row]]

    def shares(self, kind: str) -> np.ndarray:
        """float [N_item] the share of a class in each item: of residues, or 0 or 1; NaN where unknown."""
        number = self.classes.index(kind)
        values = [np.atleast_1d(value) for value in self.values]
        return np.array([_mean(np.where(np.isfinite(value), value == number, np.nan)) for value in values])


def _mean(value: np.ndarray) -> float:
    return float(np.nanmean(value)) if np.isfinite(value).any() else np.nan


def study(column: Column, seen: Sequence[Seen], groups: np.ndarray) -> LabelColumn:
    """A column as numbers, and its relation to the sequences that are known; `groups` are equal for homologues."""
    classes = tuple(sorted(column.counts)) if column.kind.endswith(("class", "classes")) else ()
    sequences = [one.sequence for one in seen]
    rows: dict[str, list[int]] = defaultdict(list)
    for i, cell in enumerate(column.cells):
        if cell and sequences[i].strip("/"):
            rows[sequences[i]].append(i)
    repeats = tuple(tuple(own) for own in rows.values() if len(own) > 1)
    known = _of_residues if column.kind.startswith("residue") else _of_items
    return LabelColumn(column, classes, known is _of_residues, *known(column, classes, sequences, groups, repeats))


def _of_items(column: Column, classes: tuple[str, ...], sequences: list[str], groups: np.ndarray, repeats: tuple):
    """The fields of a label of items from `values` on."""
    values = np.array([_number(cell, classes) for cell in column.cells])
    known = np.flatnonzero(np.isfinite(values))
    relation, explained, odds = None, {}, np.full(len(values), np.nan)
    if len(known) and np.ptp(values[known]) > 0:
        known = np.array([i for i in known if sequences[i].strip("/")], int)
        labels = np.eye(len(classes))[values[known].astype(int)] if classes else values[known]
        given = [sequences[i] for i in known], labels, groups[known]
        relation, explained, odds[known] = (f(*given) for f in (signal.of_proteins, signal.explained, signal.at_odds))
    return values, relation, repeats, explained, odds


def _of_residues(column: Column, classes: tuple[str, ...], sequences: list[str], groups: np.ndarray, repeats: tuple):
    """The fields of a label of residues from `values` on."""
    values = [np.array([_number(part, classes) for part in parts(cell)]) for cell in column.cells]
    whole = [i for i, x in enumerate(values) if len(x) == len(sequences[i].replace("/", "")) and np.isfinite(x).any()]
    labels = [_one_hot(values[i], len(classes)) if classes else values[i] for i in whole]
    relation = signal.of_residues([sequences[i] for i in whole], labels) if whole else None
    return values, relation, repeats


def _one_hot(value: np.ndarray, classes: int) -> np.ndarray:
    """float [N_res classes], NaN where unknown."""
    known = np.isfinite(value)
    return np.where(known[:, None], np.eye(classes)[np.where(known, value, 0).astype(int)], np.nan)


def _number(text: str, classes: tuple[str, ...]) -> float:
    """What a label says: a number, or that of its class; NaN where it says nothing."""
    if classes:
        return float(classes.index(text)) if text in classes else np.nan
    return np.nan if text.lower() in MISSING else cells.number(text)
