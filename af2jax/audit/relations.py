"""How numbers of a data set go together: correlation and covariance of features and labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from af2jax.audit.columns import Column
from af2jax.audit.findings import Finding
from af2jax.audit.label_column import LabelColumn
from af2jax.audit.look import Seen
from af2jax.data.parse import printable

MOST = 16  # numbers in the matrix
FEW = 10  # items that two numbers must share
SAME = 0.98  # correlation


@dataclass(frozen=True)
class Relations:
    """Pairs of numbers, over the items that have both; NaN for fewer than 10."""

    names: tuple[str, ...]  # labels first; those in brackets are derived from the files
    labels: tuple[str, ...]  # which of them are to be learnt
    correlation: np.ndarray  # [N N] Spearman's
    covariance: np.ndarray  # [N N] of the sample
    strongest: tuple[str, str, float] | None  # the two numbers of largest correlation, and that; None: not known
    nearest: tuple[str, str, float] | None  # the first label, and the number that it goes most with


def study(seen: Sequence[Seen], columns: Sequence[Column], targets: Sequence[LabelColumn]) -> Relations:
    """All pairs of the numbers that items have."""
    values = numbers(seen, columns, targets)
    names = tuple(values)
    labels = tuple(target.name for target in targets if target.name in values)
    correlation, covariance = tables(values)
    size = np.abs(np.where(np.eye(len(names), dtype=bool), np.nan, correlation))

    def largest(rows: slice) -> tuple[str, str, float] | None:
        if not np.isfinite(size[rows]).any():
            return None
        i, j = np.unravel_index(np.nanargmax(size[rows]), size[rows].shape)
        i += rows.start or 0
        return names[i], names[j], float(correlation[i, j])

    first = slice(names.index(labels[0]), names.index(labels[0]) + 1) if labels else slice(0, 0)
    return Relations(names, labels, correlation, covariance, largest(slice(None)), largest(first))


def numbers(seen: Sequence[Seen], columns: Sequence[Column], targets: Sequence[LabelColumn]) -> dict[str, np.ndarray]:
    """The numbers that each item has, labels first: float [N_item] by name, NaN where unknown; constants left out.

    A label of classes is a number where it has two; one of residues is its mean.
    """
    out = {target.name: target.means for target in targets if not target.classes or len(target.classes) == 2}
    out |= {column.name: column.numbers for column in columns if column.kind == "number" and column.name not in out}
    derived = {"(length)": np.array([float(one.length) for one in seen])}
    for part, names in (("structure", ("resolution", "helix", "strand", "rg")), ("rows", ("depth", "neff"))):
        files = [getattr(one, part) for one in seen]
        derived |= {f"({name})": np.array([getattr(one, name) if one else np.nan for one in files]) for name in names}
    out |= {name: x for name, x in derived.items() if name.strip("()") not in out}
    return dict([(name, x.astype(float)) for name, x in out.items() if _varied(x)][:MOST])


def _varied(x: np.ndarray) -> bool:
    return bool(np.isfinite(x).sum() >= FEW and np.ptp(x[np.isfinite(x)]) > 0)


def tables(values: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(Spearman's correlation, covariance) of each pair over the items that have both, [N N]; NaN for fewer than 10."""
    from scipy.stats import rankdata

    names = list(values)
    rho, cov = (np.full((len(names), len(names)), np.nan) for _ in range(2))
    for i, j in np.ndindex(rho.shape):
        x, y = values[names[i]], values[names[j]]
        both = np.isfinite(x) & np.isfinite(y)
        if both.sum() >= FEW:
            cov[i, j] = np.cov(x[both], y[both])[0, 1]
            a, b = rankdata(x[both]), rankdata(y[both])
            if np.ptp(a) and np.ptp(b):
                rho[i, j] = np.corrcoef(a, b)[0, 1]
    return rho, cov


def findings(known: Relations) -> Iterator[Finding]:
    """Columns that give a label away."""
    for label in known.labels:
        for name, r in zip(known.names, known.correlation[known.names.index(label)], strict=True):
            if name != label and abs(r) >= SAME and not name.startswith("("):
                yield Finding(
                    "the target in another column",
                    45,
                    f'"{printable(name)}" is nearly "{printable(label)}" again (rank correlation {r:.2f})',
                    "It is the same measurement, or made from it. A model that reads it knows the answer.",
                    "Do not learn from it; if both are targets, one is enough.",
                )
