"""Homologues: how many proteins a data set really has, whether splits share any, and the split that is proposed."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from af2jax.audit import scan
from af2jax.audit.look import Seen
from af2jax.data import splits
from af2jax.data.dataset import SPLITS
from af2jax.errors import InputError


@dataclass(frozen=True)
class Homologues:
    """Homologues among the items, and splits."""

    clusters: list[list[int]]  # the items of each, the largest cluster first
    crossing: list[bool]  # whether it lies in several splits
    effective: float  # equally large clusters that would be as varied: 1 / the chance that two items are of one
    alone: int  # proteins without a homologue
    splits: list[tuple[str, int, int, int]]  # name ("": none), items, clusters, items with homologues in another split
    parts: list[str]  # the split that is proposed for each item


def study(seen: Sequence[Seen], groups: np.ndarray, together: np.ndarray | None = None) -> Homologues:
    """Homologues and splits; `groups`, int [N_seen], are equal for homologues.

    `together` are equal for what a new split is to keep together; None: the splits that there are stay.
    """
    clusters = members(groups)
    crossing = [len({seen[i].item.split for i in rows} - {""}) > 1 for rows in clusters]
    own = {i: number for number, rows in enumerate(clusters) for i in rows}
    by_split = []
    for part in (*SPLITS, ""):
        inside = [i for i, one in enumerate(seen) if one.item.split == part]
        across = sum(any(seen[j].item.split not in ("", part) for j in clusters[own[i]]) for i in inside)
        if inside:
            by_split.append((part, len(inside), len({own[i] for i in inside}), across))
    sizes = np.array([len(rows) for rows in clusters], float)
    return Homologues(
        clusters=clusters,
        crossing=crossing,
        effective=float(sizes.sum() ** 2 / (sizes**2).sum()),
        alone=int((sizes == 1).sum()),
        splits=by_split,
        parts=_parts(seen, groups, [rows for rows, across in zip(clusters, crossing, strict=True) if across])
        if together is None
        else splits.split([one.sequence for one in seen], together),
    )


def members(groups: np.ndarray) -> list[list[int]]:
    """The items of each cluster, the largest cluster first."""
    found: dict[int, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        found[int(group)].append(index)
    return sorted(found.values(), key=lambda rows: (-len(rows), rows[0]))


def apart(seen: Sequence[Seen], clusters: Sequence[Sequence[int]]) -> list[Seen]:
    """The first item of each cluster: proteins without homologues among them."""
    return [seen[i] for i in sorted(rows[0] for rows in clusters)]


def _parts(seen: Sequence[Seen], groups: np.ndarray, crossing: Sequence[Sequence[int]]) -> list[str]:
    """A split for each item: as given, but training items with homologues held out move to their part, unless that
    would be half of the training or more; `crossing`: the clusters that lie in several splits.

    Where no item has a split, or a scan shares positions of a wild type between splits, it is a new one: homologues are
    kept together (`splits.split`); of less than three clusters a scan has its own (`splits.split_scan`), and of other
    items equal sequences are kept together; "" where these are too few too.
    """
    given = [one.item.split for one in seen]
    changed = scan.positions(seen)
    again = not any(given) or bool(scan.findings([], seen))
    if again and changed is not None and len(np.unique(groups)) < splits.PARTS:
        return splits.split_scan(changed)
    if again:
        sequences = [one.sequence for one in seen]
        for together in (groups, np.unique(sequences, return_inverse=True)[1]):
            with suppress(InputError):
                return splits.split(sequences, together)
        return given
    moved = list(given)
    for rows in crossing:
        held = "test" if any(given[i] == "test" for i in rows) else "valid"
        for i in rows:
            moved[i] = held if given[i] else ""
    return moved if moved.count("train") >= given.count("train") / 2 else given
