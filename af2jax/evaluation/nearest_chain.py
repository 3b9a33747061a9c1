"""The nearest chain that a run learned from, as a baseline in structures: what copying would reach."""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import jax
import numpy as np

from af2jax.constants.atoms import CA
from af2jax.data import items as reading
from af2jax.data.dataset import Item, read_dataset
from af2jax.data.nearest import nearest, transfer
from af2jax.data.transforms import bucket
from af2jax.errors import InputError
from af2jax.evaluation.evaluate import sequence_of
from af2jax.evaluation.record import Evaluation
from af2jax.metrics import quality, superposition

AWAY = 1000.0  # angstrom between residues that the other chain does not have, so that no distance of theirs is right


class Trace(NamedTuple):
    """The CA atoms of a chain."""

    sequence: str
    points: np.ndarray  # float [N_res 3], angstrom
    seen: np.ndarray  # bool [N_res]


_backbone = jax.jit(quality.lddt_ca)


def copied(evaluation: Evaluation, learnt: Sequence[Item]) -> dict[str, dict[str, float]]:
    """By id of the targets whose structure is known, what the nearest chain of `learnt` by sequence scores.

    Its CA atoms are placed on the target by the alignment of the two sequences; residues that it does not have count as
    wrong. {} where `learnt` has no structure.

    Raises:
        InputError: the data of the evaluation are no longer there.
    """
    others = _known(learnt)
    if not others:
        return {}
    sequences = {name: chain.sequence for name, chain in others.items()}
    wanted = {t.id for t in evaluation.targets if np.isfinite(t.numbers.get("lddt_ca", np.nan))}
    found = {}
    for name, own in _known([item for item in read_dataset(evaluation.data["path"]) if item.id in wanted]).items():
        near = nearest(own.sequence, sequences)
        given = transfer(near.pairs, len(own.points), others[near.id].points, others[near.id].seen)
        found[name] = scores(*given, own.points, own.seen)
    return found


def _known(items: Sequence[Item]) -> dict[str, Trace]:
    """Those whose structure is known and can be read, by id."""
    found = {}
    for item in items:
        with suppress(InputError):
            chain = reading.read_item(item)
            trace = Trace(sequence_of(item).replace("/", ""), chain.positions[:, CA], chain.atom_mask[:, CA])
            found |= {item.id: trace} if trace.seen.any() else {}
    return found


def scores(points: np.ndarray, placed: np.ndarray, truth: np.ndarray, seen: np.ndarray) -> dict[str, float]:
    """Of CA atoms [N_res 3]; GDT and TM are shares of all residues that were observed."""
    both, more = placed & seen, bucket(len(truth)) - len(truth)
    scattered = np.where(placed[:, None], points, AWAY * (1 + np.arange(len(points)))[:, None])
    pad = lambda x: np.pad(x, [(0, more)] + [(0, 0)] * (x.ndim - 1))
    out = {"lddt_ca": float(_backbone(*map(pad, (scattered.astype(np.float32), truth, seen))).overall)}
    part = both.sum() / max(seen.sum(), 1)
    for name, measure in (("gdt_ts", superposition.gdt_ts), ("tm", superposition.tm_score)):
        out[name] = float(part * measure(points, truth, both)) if both.sum() > 2 else 0.0
    return out
