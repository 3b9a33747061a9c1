"""Baselines of heads of variants: what the exchanged amino acids alone tell, learnt from what taught a run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from af2jax.typing import Int

AMINO_ACIDS = 20


@dataclass(frozen=True)
class Substitutions:
    """The variants of one assay, as a baseline sees them.

    Attributes:
        wild, new: int [N_var N_mut] codes 0 to 19.
        there: bool [N_var N_mut] False: padding.
        label: int [N_var] or float [N_var], all known.
    """

    wild: np.ndarray
    new: np.ndarray
    there: np.ndarray
    label: np.ndarray


def baselines(
    learn: Sequence[Substitutions], ask: Sequence[Substitutions], classes: int, scores: Int[np.ndarray, "20 20"]
) -> dict[str, list[np.ndarray]]:
    """{name of a baseline: for each of `ask` in its order, float [N_var classes] probabilities or [N_var] numbers}.

    "mean of the substitution": what mutations of one amino acid to the other had on average, or of this amino acid to
    any, or all; several add up, and probabilities of several are their mean. "mean by BLOSUM62": what variants of the
    nearest total score had on average.

    Args:
        classes: their number; 0: numbers.
        scores: BLOSUM62 by code (`data.mutants.blosum62`).
    """
    value = lambda one: np.eye(classes)[one.label] if classes else one.label[:, None]
    return {
        "mean of the substitution": _by_substitution(learn, ask, value, classes),
        "mean by BLOSUM62": _by_score(learn, ask, value, classes, scores),
    }


def _by_substitution(learn, ask, value, classes: int) -> list[np.ndarray]:
    size = max(classes, 1)
    total, count = np.zeros((AMINO_ACIDS, AMINO_ACIDS, size)), np.zeros((AMINO_ACIDS, AMINO_ACIDS, 1))
    for one in learn:
        row, place = np.nonzero(one.there)
        pair = one.wild[row, place], one.new[row, place]
        share = 1 if classes else np.maximum(one.there.sum(1), 1)[row, None]
        np.add.at(total, pair, value(one)[row] / share)
        np.add.at(count, pair, 1)
    mean = lambda axis: total.sum(axis, keepdims=True) / np.maximum(count.sum(axis, keepdims=True), 1)
    own = np.where(count.sum(1, keepdims=True) > 0, mean(1), mean((0, 1)))
    table = np.where(count > 0, total / np.maximum(count, 1), own)

    def answer(one: Substitutions) -> np.ndarray:
        found = np.where(one.there[..., None], table[one.wild, one.new], 0).sum(1)
        return found / np.maximum(one.there.sum(1, keepdims=True), 1) if classes else found[:, 0]

    return [answer(one) for one in ask]


def _by_score(learn, ask, value, classes: int, scores: np.ndarray) -> list[np.ndarray]:
    score = lambda one: np.where(one.there, scores[one.wild, one.new], 0).sum(1)
    known, group = np.unique(np.concatenate([score(one) for one in learn]), return_inverse=True)
    values = np.concatenate([value(one) for one in learn])
    means = np.zeros((len(known), values.shape[1]))
    np.add.at(means, group, values)
    means /= np.bincount(group)[:, None]

    def answer(one: Substitutions) -> np.ndarray:
        found = means[np.abs(score(one)[:, None] - known[None]).argmin(1)]
        return found if classes else found[:, 0]

    return [answer(one) for one in ask]
