"""Whether a label has anything to do with its sequences: simple predictors against the same with labels exchanged; what
length or composition alone say of it; and the labels most at odds with what the others say."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from af2jax.constants.residues import UNKNOWN, encode

SHUFFLES = 199
FOLDS = 5
FEW = 20  # examples, below which nothing is reported
MOST = 1200  # proteins looked at
RESIDUES = 1500  # residues looked at
AROUND = 2  # neighbours on each side that a residue's features hold
POWER = 0.84  # standard errors (Fisher's z) above the limit, for a power of 80 %
CHANCE = 0.05  # of labels exchanged at random that do as well, above which a relation is not shown
RIDGE = 1.0


class Signal(NamedTuple):
    """How well simple predictors do: `score` is the cross-validated correlation of what they say with what is so."""

    score: float
    p: float  # share of exchanged labels that do as well
    examples: int
    by: str
    findable: float = np.nan  # a true correlation that four of five such sets would show

    @property
    def shown(self) -> bool:
        return self.p <= CHANCE


def of_proteins(sequences: Sequence[str], labels: np.ndarray, groups: np.ndarray, seed: int = 0) -> Signal | None:
    """The better of two: ridge regression on the sequence for proteins without homologues, and likeness of homologues.

    The regression reads composition and length, and where all are equally long the letters that vary.

    Args:
        labels: float [N] or, of classes, one-hot [N classes].
        groups: int [N], equal for homologues.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(sequences))[:MOST])
    if len(chosen) < FEW:
        return None
    y, groups = _centred(labels[chosen]), groups[chosen]
    x = _features([sequences[i] for i in chosen])
    own = groups if len(np.unique(groups)) >= FOLDS else np.arange(len(groups))
    exchanged = [rng.permutation(len(y)) for _ in range(SHUFFLES)]
    number = len(np.unique(own))
    found = [_test(_smoother(x, _folds(own, rng)), y, exchanged, "ridge regression on the sequence", number)]
    sizes = np.bincount(np.unique(groups, return_inverse=True)[1])
    if (sizes > 1).sum() >= 3 and sizes[sizes > 1].sum() >= 10:
        same = (groups[:, None] == groups).astype(float)
        np.fill_diagonal(same, 0)
        homologues = same / np.maximum(same.sum(axis=1, keepdims=True), 1)
        found.append(_test(homologues, y, exchanged, "the mean of its homologues", number))
    best = min(found, key=lambda signal: signal.p)
    return best._replace(p=min(1.0, best.p * len(found)))


def of_residues(sequences: Sequence[str], labels: Sequence[np.ndarray], seed: int = 0) -> Signal | None:
    """Ridge regression on each residue and its neighbours, tested on other proteins; labels are shifted as a whole.

    Args:
        labels: for each protein float [N_res] or one-hot [N_res classes], NaN where unknown.
    """
    rng = np.random.default_rng(seed)
    x, y, own = [], [], []
    for i in rng.permutation(len(sequences)):
        known = np.isfinite(labels[i]).reshape(len(labels[i]), -1).all(axis=1)
        x.append(_windows(sequences[i])[known])
        y.append(labels[i][known])
        own += [i] * int(known.sum())
        if len(own) >= RESIDUES:
            break
    if len(own) < FEW or len(set(own)) < FOLDS:
        return None
    exchanged = [(np.arange(len(own)) + shift) % len(own) for shift in rng.integers(1, len(own), SHUFFLES)]
    folds = _folds(np.array(own), rng)
    smoother = _smoother(np.concatenate(x), folds)
    return _test(smoother, _centred(np.concatenate(y)), exchanged, "the residue and its neighbours", len(own))


def explained(sequences: Sequence[str], labels: np.ndarray, groups: np.ndarray, seed: int = 0) -> dict[str, float]:
    """The cross-validated correlation of labels with what "length" alone says of them, and "composition" alone.

    {} where there are too few examples or families; arguments are as in `of_proteins`.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(sequences))[:MOST])
    if len(chosen) < FEW or len(np.unique(groups[chosen])) < FOLDS:
        return {}
    counts, length = _composition([sequences[i] for i in chosen])
    size = np.maximum(length, 1)
    parts = {"length": np.concatenate([size, np.log(size)], axis=1), "composition": counts / size}
    y, folds = _centred(labels[chosen]), _folds(groups[chosen], rng)
    varied = {name: _scaled(x) for name, x in parts.items() if x.std(axis=0).any()}
    return {name: _correlation(_smoother(x, folds) @ y, y) for name, x in varied.items()}


def at_odds(sequences: Sequence[str], labels: np.ndarray, groups: np.ndarray, seed: int = 0) -> np.ndarray:
    """How far each label is from what ridge regression on the others' families says: float [N], NaN where not tried.

    In robust standard deviations of all distances (of ranks, or of one-hot classes) from their median.
    """
    rng = np.random.default_rng(seed)
    out = np.full(len(sequences), np.nan)
    chosen = np.sort(rng.permutation(len(sequences))[:MOST])
    if len(chosen) < FEW:
        return out
    y, groups = _centred(labels[chosen]), groups[chosen]
    own = groups if len(np.unique(groups)) >= FOLDS else np.arange(len(groups))
    predicted = _smoother(_features([sequences[i] for i in chosen]), _folds(own, rng)) @ y
    away = np.sqrt(((predicted - y) ** 2).sum(axis=1))
    low, middle, high = np.quantile(away, [0.25, 0.5, 0.75])
    out[chosen] = (away - middle) / max((high - low) / 1.349, 1e-12)
    return out


def _centred(labels: np.ndarray) -> np.ndarray:
    """float [N columns] with mean 0, numbers as their ranks."""
    y = np.asarray(labels, float)
    if y.ndim == 1:
        from scipy.stats import rankdata

        y = rankdata(y)[:, None]
    y = y - y.mean(axis=0)
    return y / max(float(y.std()), 1e-12)


def _features(sequences: Sequence[str]) -> np.ndarray:
    """Composition and length of each sequence; where all are equally long, the letters at places that vary."""
    codes = [encode(sequence.replace("/", "")) for sequence in sequences]
    counts, length = _composition(sequences)
    x = np.concatenate([counts / np.maximum(length, 1), np.log(np.maximum(length, 1))], axis=1)
    if len({len(code) for code in codes}) == 1:
        table = np.stack(codes)
        varied = table[:, (table != table[0]).any(axis=0)]
        x = np.concatenate([x, np.eye(UNKNOWN + 1)[varied].reshape(len(x), -1)], axis=1)
    return _scaled(x)


def _composition(sequences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(how often each type occurs in each sequence, [N 21]; their lengths, [N 1])."""
    codes = [encode(sequence.replace("/", "")) for sequence in sequences]
    counts = np.stack([np.bincount(code, minlength=UNKNOWN + 1) for code in codes]).astype(float)
    return counts, counts.sum(axis=1, keepdims=True)


def _windows(sequence: str) -> np.ndarray:
    """One-hot letters of each residue and its neighbours: [N_res 5 x 22], the last a place beyond the chain."""
    codes = [np.pad(encode(chain), AROUND, constant_values=UNKNOWN + 1) for chain in sequence.split("/")]
    views = [np.lib.stride_tricks.sliding_window_view(code, 2 * AROUND + 1) for code in codes]
    around = np.concatenate(views)
    return np.eye(UNKNOWN + 2)[around].reshape(len(around), -1)


def _scaled(x: np.ndarray) -> np.ndarray:
    spread = x.std(axis=0)
    return (x - x.mean(axis=0))[:, spread > 0] / spread[spread > 0]


def _folds(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A fold for each example, homologues in one."""
    _, index = np.unique(groups, return_inverse=True)
    fold = np.arange(index.max() + 1) % FOLDS
    return rng.permutation(fold)[index]


def _smoother(x: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """The matrix that takes labels to what ridge regression on the other folds says of them: [N N]."""
    out = np.zeros((len(x), len(x)))
    for fold in np.unique(folds):
        test, train = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        a, b = x[train], x[test]
        penalty = RIDGE * x.shape[1]
        if x.shape[1] <= len(train):
            weights = b @ np.linalg.solve(a.T @ a + penalty * np.eye(x.shape[1]), a.T)
        else:
            weights = np.linalg.solve(a @ a.T + penalty * np.eye(len(train)), a @ b.T).T
        out[np.ix_(test, train)] = weights
    return out


def _correlation(predicted: np.ndarray, y: np.ndarray) -> float:
    """Of all columns of both, [N columns], together."""
    predicted = predicted - predicted.mean(axis=0)
    return float((predicted * y).sum() / max(np.sqrt((predicted**2).sum() * (y**2).sum()), 1e-12))


def _test(smoother: np.ndarray, y: np.ndarray, exchanged: Sequence[np.ndarray], by: str, number: int) -> Signal:
    """The correlation of what the smoother says with `y` [N columns], and how many exchanged labels reach it; `number`
    of the examples are independent."""
    labels = np.stack([y, *(y[order] for order in exchanged)], axis=1).astype(np.float32)  # [N shuffles columns]
    predicted = (smoother.astype(np.float32) @ labels.reshape(len(y), -1)).reshape(labels.shape)
    predicted -= predicted.mean(axis=0)
    size = np.sqrt((predicted**2).sum((0, 2)) * (labels**2).sum((0, 2)))
    own, *others = (predicted * labels).sum((0, 2)) / np.maximum(size, 1e-12)
    p = (1 + sum(float(other >= own) for other in others)) / (1 + len(others))
    limit = np.arctanh(np.clip(np.quantile(others, 1 - CHANCE), 0, 0.99))
    return Signal(float(own), p, len(y), by, float(np.tanh(limit + POWER / np.sqrt(max(number - 3, 1)))))
