"""How numbers of a data set go together: correlation and covariance of features and targets."""

from collections.abc import Sequence

import numpy as np

from af2jax.audit.columns import Column
from af2jax.audit.findings import Finding
from af2jax.audit.look import Seen
from af2jax.audit.target import Target
from af2jax.data.parse import printable
from af2jax.html.page import Caption, Page
from af2jax.plots import panels

MOST = 16  # numbers in the matrix
FEW = 10  # items that two numbers must share
SAME = 0.98  # correlation


def numbers(seen: Sequence[Seen], columns: Sequence[Column], targets: Sequence[Target]) -> dict[str, np.ndarray]:
    """The numbers that each item has, targets first: float [N_item] by name, NaN where unknown; constants left out.

    A target of classes is a number where it has two; one of residues is its mean.
    """
    out: dict[str, np.ndarray] = {}
    for target in targets:
        if not target.classes or len(target.classes) == 2:
            mean = lambda value: np.nanmean(value) if np.isfinite(value).any() else np.nan
            out[target.name] = np.array([mean(v) for v in target.values]) if target.residue else target.values
    out |= {column.name: column.numbers for column in columns if column.kind == "number" and column.name not in out}
    of = lambda part, name: np.array(
        [getattr(getattr(one, part), name) if getattr(one, part) else np.nan for one in seen]
    )
    own = {"(length)": np.array([float(one.length) for one in seen])}
    own |= {f"({name})": of("structure", name) for name in ("resolution", "helix", "strand", "rg")}
    own |= {f"({name})": of("rows", name) for name in ("depth", "neff")}
    out |= {name: x for name, x in own.items() if name.strip("()") not in out}
    varied = lambda x: np.isfinite(x).sum() >= FEW and np.ptp(x[np.isfinite(x)]) > 0
    return dict([(name, x.astype(float)) for name, x in out.items() if varied(x)][:MOST])


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


def findings(values: dict[str, np.ndarray], targets: Sequence[Target]) -> list[Finding]:
    """Columns that give a target away."""
    found, names = [], list(values)
    rho, _ = tables(values)
    for target in (target.name for target in targets if target.name in values):
        row = rho[names.index(target)]
        near = [(name, r) for name, r in zip(names, row, strict=True) if name != target and abs(r) >= SAME]
        for name, r in near:
            if not name.startswith("("):
                found.append(
                    Finding(
                        "the target in another column",
                        45,
                        f'"{printable(name)}" is nearly "{printable(target)}" again (rank correlation {r:.2f})',
                        "It is the same measurement, or made from it. A model that reads it knows the answer.",
                        "Do not learn from it; if both are targets, one is enough.",
                    )
                )
    return found


def write(page: Page, values: dict[str, np.ndarray], targets: Sequence[Target]) -> None:
    """The matrix of correlations, and tables of both."""
    page.section("Numbers that go together")
    names = list(values)
    if len(names) < 2:
        page.text("There are not two numbers to compare.")
        return
    rho, cov = tables(values)
    page.table(
        "correlation",
        ["", *names],
        [[a, *map(float, row)] for a, row in zip(names, rho, strict=True)],
        "Spearman's rank correlation",
    )
    page.table(
        "covariance",
        ["", *names],
        [[a, *map(float, row)] for a, row in zip(names, cov, strict=True)],
        "Covariance (sample)",
    )
    off = np.abs(np.where(np.eye(len(names), dtype=bool), np.nan, rho))
    if not np.isfinite(off).any():
        return
    i, j = np.unravel_index(np.nanargmax(off), off.shape)
    learnt = [name for name in (target.name for target in targets) if name in names]
    follows = f"The strongest is {rho[i, j]:+.2f}, of {names[i]} with {names[j]}"
    given = not (names[i].startswith("(") or names[j].startswith("("))
    follows += ": no two numbers say the same" if off[i, j] <= 0.9 else ": keep one of the two" if given else ""
    if learnt and np.isfinite(off[row := names.index(learnt[0])]).any():
        best = int(np.nanargmax(off[row]))
        follows += f". {learnt[0]} goes most with {names[best]} ({rho[row, best]:+.2f}): "
        follows += "a rival that a network must beat" if off[row, best] > 0.3 else "no column alone predicts it"
    caption = Caption(
        "Rank correlation of the numbers of each item, targets first.",
        f"Spearman, over the items that have both ({FEW} at least); names in brackets are derived from the files.",
        follows + ".",
    )
    page.figure("correlation", panels.matrix(rho, names, "rank correlation"), caption)
