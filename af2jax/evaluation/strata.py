"""Parts of a data set that may fare worse than others: by length, by homologues and folds in training, by its table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from af2jax.evaluation import folds
from af2jax.evaluation.record import Evaluation, ScoredTarget, metric
from af2jax.metrics.statistics import Interval, bootstrap

MOST = 12  # different words of a column that makes strata
FEWEST = 2  # targets of one that is shown
LEVELS = 5  # different numbers, above which a column measures and does not name


@dataclass(frozen=True)
class Stratum:
    """One metric over a part of the targets."""

    metric: str
    by: str  # what they are parted by
    part: str
    interval: Interval  # of the mean, families drawn together

    @property
    def shown(self) -> bool:
        """Whether there is an interval: one family has none."""
        return bool(self.interval.count) and self.interval.families > 1


@dataclass(frozen=True)
class Strata:
    """Each primary metric in each part, those of the first metric first."""

    every: tuple[Stratum, ...]
    worst: Stratum | None  # of the first metric, where it has an interval
    apart: float  # how far its mean is from that of all targets


def study(evaluation: Evaluation) -> Strata | None:
    """The primary metrics by part; None where there are no parts."""
    names, found = evaluation.primary, strata(evaluation.targets, list(evaluation.classes))
    if not names or not found:
        return None
    families = evaluation.families
    every = tuple(
        Stratum(name, by, part, bootstrap(evaluation.column(name)[mask], families[mask]))
        for name in names
        for by, parts in found.items()
        for part, mask in parts.items()
    )
    pick = min if metric(names[0]).higher else max
    first = [one for one in every if one.metric == names[0] and one.shown]
    worst = pick(first, key=lambda one: one.interval.value, default=None)
    mean = float(np.nanmean(evaluation.column(names[0]))) if first else np.nan
    return Strata(every, worst, abs(worst.interval.value - mean) if worst else np.nan)


def strata(targets: Sequence[ScoredTarget], without: Sequence[str] = ()) -> dict[str, dict[str, np.ndarray]]:
    """{what they are parted by: {part: bool [n]}}, where there are at least two parts of two targets.

    Of columns that make the same parts the first counts.

    Args:
        without: columns that are labels.
    """
    found = {"length": _thirds(np.array([target.numbers["length"] for target in targets]))}
    found["homologues in training"] = _same(["yes" if target.homologue else "no" for target in targets])
    found["fold"] = folds.parts([targets])
    for name in dict.fromkeys(name for target in targets for name in target.values):
        cells = [target.values.get(name, "") or "(empty)" for target in targets]
        if name not in without and len(set(cells)) <= MOST and not _measures(cells):
            parts = _same(cells)
            if not any(_alike(parts, other) for other in found.values()):
                found[name] = parts
    shown = {name: {g: m for g, m in parts.items() if m.sum() >= FEWEST} for name, parts in found.items()}
    return {name: parts for name, parts in shown.items() if len(parts) > 1}


def _thirds(length: np.ndarray) -> dict[str, np.ndarray]:
    """Short, middle and long chains, a third of the targets each as far as lengths differ."""
    low, high = (int(q) for q in np.quantile(length, [1 / 3, 2 / 3]))
    parts = {
        f"up to {low} residues": length <= low,
        f"{low + 1} to {high} residues": (length > low) & (length <= high),
        f"above {high} residues": length > high,
    }
    return {name: mask for name, mask in parts.items() if mask.any()}


def _same(cells: list[str]) -> dict[str, np.ndarray]:
    array = np.array(cells, object)
    return {cell: (array == cell).astype(bool) for cell in sorted(set(cells))}


def _alike(parts: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> bool:
    """Whether two columns make the same parts, whatever they call them."""
    return {mask.tobytes() for mask in parts.values()} == {mask.tobytes() for mask in others.values()}


def _measures(cells: list[str]) -> bool:
    """Whether the cells are measurements and no names."""
    try:
        return len({float(cell) for cell in cells}) > LEVELS
    except ValueError:
        return False
