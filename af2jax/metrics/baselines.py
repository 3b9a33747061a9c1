"""Simple baselines that every network must beat: why a network at all?

The majority class or the mean; the nearest neighbour by sequence; logistic or ridge regression on the sequence
(one-hot); and the same on the activations of a network that was not tuned. All learn from what the runs learned from,
and answer where the runs were asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from af2jax.constants.residues import RESTYPES, encode

WINDOW = 7  # residues on either side that a baseline of a residue head sees
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)  # of the regressions; the best on a held-out fifth counts
WORD = 3  # letters of a word, where sequences differ in length
ONE_HOT = 20_000  # columns, above which sequences of one length are compared by composition
BLOCK = 2**24  # numbers compared at a time
HELIX = (2.3, np.deg2rad(100), 1.5)  # radius in angstrom, turn and rise of each residue, of CA in an alpha helix


@dataclass(frozen=True)
class Known:
    """A protein with a label, as a baseline sees it."""

    sequence: str  # on which labels are placed, "/" between chains
    label: np.ndarray  # int [n] or float [n]
    place: np.ndarray  # int [n] of the sequence, from 0; 0 where the whole has one label
    single: np.ndarray | None = None  # float [N_res c], activations; None: not computed


def baselines(
    learn: Sequence[Known], ask: Sequence[Known], residue: bool, classes: int, seed: int = 0
) -> dict[str, list[np.ndarray]]:
    """{name of a baseline: for each of `ask` in its order, float [n classes] probabilities or [n] numbers}.

    Args:
        residue: one label for each residue; else one for the whole.
        classes: their number; 0: numbers.
    """
    truth = np.concatenate([known.label for known in learn])
    constant = _probabilities(truth, classes) if classes else truth.mean()
    name = "majority class" if classes else "mean"
    found = {name: [np.repeat(constant[None], len(known.label), 0) for known in ask]}
    text = _windows if residue else _whole(learn, ask)
    found["nearest neighbour"] = _fitted(learn, ask, text, lambda x, y, _: _nearest(x, y, classes))
    regression = "logistic regression" if classes else "ridge regression"
    held = _held(learn, seed)
    fit = lambda x, y, owner: _regression(x, y, held[owner], classes)
    found[f"{regression} on sequence"] = _fitted(learn, ask, text, fit)
    if all(known.single is not None for known in (*learn, *ask)):
        inside = _inside if residue else lambda known: known.single.mean(0)[None]
        found[f"{regression} on frozen activations"] = _fitted(learn, ask, inside, fit)
    return found


def helix(num: int) -> np.ndarray:
    """The CA atoms of one long alpha helix, float32 [num 3], angstrom."""
    radius, turn, rise = HELIX
    t = np.arange(num)
    return np.stack([radius * np.cos(turn * t), radius * np.sin(turn * t), rise * t], axis=1).astype(np.float32)


def _fitted(learn, ask, features: Callable, fit: Callable) -> list[np.ndarray]:
    """Answers of what `fit` makes of (features, labels, index of the protein)."""
    x = np.concatenate([features(known) for known in learn])
    y = np.concatenate([known.label for known in learn])
    owner = np.repeat(np.arange(len(learn)), [len(known.label) for known in learn])
    say = fit(x, y, owner)
    return [say(features(known)) for known in ask]


def _probabilities(label: np.ndarray, classes: int) -> np.ndarray:
    """The share of each class, with one more of each, so that none is impossible."""
    counts = np.bincount(label, minlength=classes) + 1.0
    return counts / counts.sum()


def _windows(known: Known) -> np.ndarray:
    """[n window * 21]: the residues around each labelled one, one-hot; one more column stands for beyond the end."""
    beyond = "/" * WINDOW
    letters = beyond + known.sequence.replace("/", beyond) + beyond
    codes = np.minimum(encode(letters), len(RESTYPES))  # "/" is none of the types
    place = np.flatnonzero(np.array(list(letters)) != "/")[known.place]
    seen = codes[place[:, None] + np.arange(-WINDOW, WINDOW + 1)]
    return np.eye(len(RESTYPES) + 1, dtype=np.float32)[seen].reshape(len(seen), -1)


def _inside(known: Known) -> np.ndarray:
    return known.single[known.place]


def _whole(learn: Sequence[Known], ask: Sequence[Known]) -> Callable:
    """What a baseline sees of a whole: each residue where all have one length, else composition, words and length."""
    lengths = {len(known.sequence) for known in (*learn, *ask)}
    if len(lengths) == 1 and (length := lengths.pop()) * 21 <= ONE_HOT:
        one_hot = lambda known: np.eye(21, dtype=np.float32)[np.minimum(encode(known.sequence), 20)].reshape(
            1, length * 21
        )
        return lambda known: np.repeat(one_hot(known), len(known.label), 0)
    return lambda known: np.repeat(_composition(known.sequence)[None], len(known.label), 0)


def _composition(sequence: str) -> np.ndarray:
    """[21 + 512 + 1]: shares of the letters and of hashed words, and the length in hundreds."""
    codes = np.minimum(encode(sequence.replace("/", "")), 20).astype(int)
    words = sum(codes[i : len(codes) - WORD + 1 + i] * 21**i for i in range(WORD)) if len(codes) >= WORD else codes[:0]
    share = lambda x, size: np.bincount(x, minlength=size) / max(len(x), 1)
    return np.concatenate([share(codes, 21), share(words % 509, 512), [len(codes) / 100]]).astype(np.float32)


def _nearest(x: np.ndarray, y: np.ndarray, classes: int) -> Callable:
    """The label of what is nearest; ties are shared. Of a class 90 % of the probability, the rest to the others."""
    squares = (x**2).sum(1)
    targets = 0.9 * np.eye(classes)[y] + 0.1 / classes if classes else y

    def say(asked: np.ndarray) -> np.ndarray:
        out = []
        step = max(BLOCK // len(x), 1)
        for start in range(0, len(asked), step):
            part = asked[start : start + step]
            apart = squares[None] - 2 * part @ x.T
            near = apart <= apart.min(1, keepdims=True) + 1e-5
            out.append(near @ targets / near.sum(1, keepdims=bool(classes)))
        return np.concatenate(out)

    return say


def _held(learn: Sequence[Known], seed: int) -> np.ndarray:
    """bool [proteins]: the fifth on which penalties are compared."""
    held = np.zeros(len(learn), bool)
    held[np.random.default_rng(seed).permutation(len(learn))[: len(learn) // 5]] = True
    return held


def _regression(x: np.ndarray, y: np.ndarray, held: np.ndarray, classes: int) -> Callable:
    """Ridge or logistic regression, of the penalty that is best on the held-out rows; all features share one scale."""
    mean, spread = x.mean(0), np.sqrt(x.var(0, dtype=np.float64).sum()) or 1.0
    unit = lambda z: (z - mean[None]).astype(np.float64) / spread
    x = unit(x)
    fit = _logistic if classes else _ridge
    best = PENALTIES[1]
    if held.any() and not held.all():
        losses = [_loss(fit(x[~held], y[~held], penalty, classes)(x[held]), y[held]) for penalty in PENALTIES]
        best = PENALTIES[int(np.argmin(losses))]
    say = fit(x, y, best, classes)
    return lambda asked: say(unit(asked))


def _loss(predicted: np.ndarray, y: np.ndarray) -> float:
    if predicted.ndim == 1:
        return float(((predicted - y) ** 2).mean())
    return float(-np.log(np.maximum(predicted[np.arange(len(y)), y], 1e-15)).mean())


def _ridge(x: np.ndarray, y: np.ndarray, penalty: float, classes: int) -> Callable:
    """Least squares with a penalty on the squared weights, in the smaller of its two forms."""
    middle, rest = y.mean(), y - y.mean()
    rows, columns = x.shape
    if columns <= rows:
        weights = np.linalg.solve(x.T @ x + penalty * np.eye(columns), x.T @ rest)
    else:
        weights = x.T @ np.linalg.solve(x @ x.T + penalty * np.eye(rows), rest)
    return lambda asked: asked @ weights + middle


def _logistic(x: np.ndarray, y: np.ndarray, penalty: float, classes: int) -> Callable:
    """Multinomial logistic regression with a penalty on the squared weights, by L-BFGS."""
    from scipy.optimize import minimize
    from scipy.special import log_softmax, softmax

    rows, columns = x.shape
    known = np.eye(classes)[y]

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = flat[:-classes].reshape(columns, classes), flat[-classes:]
        logits = x @ weights + bias[None]
        gap = softmax(logits, axis=1) - known
        value = -(known * log_softmax(logits, axis=1)).sum() + penalty / 2 * (weights**2).sum()
        slope = np.concatenate([(x.T @ gap + penalty * weights).ravel(), gap.sum(0)])
        return value / rows, slope / rows

    found = minimize(cost, np.zeros((columns + 1) * classes), jac=True, method="L-BFGS-B", options={"maxiter": 100}).x
    weights, bias = found[:-classes].reshape(columns, classes), found[-classes:]
    return lambda asked: softmax(asked @ weights + bias[None], axis=1)
