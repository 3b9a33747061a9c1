"""Structures of one sequence in groups of one fold, by their TM-score."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from af2jax.metrics.superposition import tm_score
from af2jax.typing import Bool, Float


class Groups(NamedTuple):
    """Which structures are alike.

    Attributes:
        group: int [N_model], from 0 on.
        leaders: int [N_group], the structure that stands for each group.
    """

    group: np.ndarray
    leaders: np.ndarray


def by_leader(
    points: Float[np.ndarray, "N_model N_res 3"],
    mask: Bool[np.ndarray, " N_res"],
    scores: Float[np.ndarray, " N_model"],
    names: Sequence[str],
    threshold: float,
) -> Groups:
    """Groups of structures whose TM-score to their leader is `threshold` or more; between two leaders it is lower.

    Structures are taken by falling score, of equal ones by name: one that is like no leader leads a group of its own,
    and any other joins the leader that it is most like of those before it. So the groups depend neither on the order of
    the structures nor on how they lie in space, and none is a chain of which the ends have nothing in common.

    Args:
        points: CA atoms, angstrom.
        mask: residues that count.
        scores: how good each structure is, such as its mean pLDDT.
        names: one for each, no two equal.
        threshold: TM-score, 0 to 1.
    """
    if len(set(names)) < len(names):
        raise ValueError("two structures have one name")
    group, leaders = np.zeros(len(names), int), []
    for i in sorted(range(len(names)), key=lambda i: (-scores[i], names[i])):
        alike = [tm_score(points[i], points[leader], mask) for leader in leaders]
        if alike and max(alike) >= threshold:
            group[i] = int(np.argmax(alike))
        else:
            group[i] = len(leaders)
            leaders.append(i)
    return Groups(group, np.array(leaders, int))
