"""The ways of making models of one protein differ, each with its control, and what each model is made from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from af2jax.data import subsets
from af2jax.data.alignment import distinct, take
from af2jax.data.parse import Alignment
from af2jax.errors import InputError, nearest
from af2jax.words import counted

MODELS = 8  # of each way, by default
HIDDEN = 0.15  # of the columns, AFsample2's
ALL = "all"


@dataclass(frozen=True)
class Way:
    """How models are made to differ.

    Attributes:
        control: the way that differs from it in chance alone, which always runs beside it; "" of the last control.
        rows: whether it needs an alignment with other rows than the query.
        about: in words, for pages.
    """

    control: str
    rows: bool
    about: str


CLUSTERS, UNIFORM, COLUMNS, DEPTHS, DROPOUT, SEEDS = "clusters", "uniform", "columns", "depths", "dropout", "seeds"
WAYS = {
    CLUSTERS: Way(UNIFORM, True, "the rows of one cluster of the alignment each (AF-Cluster)"),
    UNIFORM: Way(SEEDS, True, "rows drawn uniformly, as many as each of the clusters has"),
    COLUMNS: Way(SEEDS, True, f"{HIDDEN:.0%} of the columns unknown in all rows but the query (AFsample2)"),
    DEPTHS: Way(SEEDS, True, "rows drawn uniformly, from one to all of them"),
    DROPOUT: Way(SEEDS, False, "the whole alignment, with dropout as in training"),
    SEEDS: Way("", False, "the whole alignment, with other seeds"),
}


class Plan(NamedTuple):
    """What one model is made from."""

    way: str
    number: int  # from 1
    alignment: Alignment
    seed: int  # of the features
    key: int | None = None  # of dropout


def parsed(text: str | Sequence[str]) -> tuple[str, ...]:
    """The ways that "clusters,columns" names, or all of them, in the order of `WAYS`, without their controls.

    Raises:
        InputError: there is no such way, or none is named.
    """
    names = [name.strip().lower() for name in (text.split(",") if isinstance(text, str) else text)]
    for name in names:
        if name != ALL and name not in WAYS:
            raise InputError(f'no way is called "{name}"{nearest(name, WAYS)}; choose from {", ".join(WAYS)}, or all')
    if not names:
        raise InputError(f"name at least one way: {', '.join(WAYS)}, or all")
    return tuple(way for way in WAYS if way in names or ALL in names)


def with_controls(ways: Sequence[str]) -> tuple[str, ...]:
    """The ways that are run for these: with the control of each, and one model at least of the whole alignment."""
    return tuple(way for way in WAYS if way in ways or way == SEEDS or any(WAYS[one].control == way for one in ways))


def check(alignment: Alignment, ways: Sequence[str], models: int, source: str) -> None:
    """Passes if so many models can be made of an alignment in these ways.

    Raises:
        InputError: a way needs an alignment and there is none, or it has fewer rows than clusters are asked for.
    """
    need = [way for way in ways if WAYS[way].rows]
    rows = len(np.unique(alignment.codes, axis=0)) - 1
    if need and not rows:
        without = ", ".join(way for way in WAYS if not WAYS[way].rows)
        raise InputError(
            f'{source}: the way "{need[0]}" needs an alignment, and the query stands alone; give one, or ask for the '
            f"ways that need none ({without})"
        )
    if rows < models and {CLUSTERS, UNIFORM} & set(ways):
        raise InputError(
            f"{source}: the alignment has {counted(rows, 'row')} besides the query, fewer than the {models} clusters "
            f"that are asked for; ask for {rows} models of each way at most, or give a deeper alignment"
        )


def planned(alignment: Alignment, ways: Sequence[str], models: int, seed: int, source: str) -> list[Plan]:
    """The models to make: `models` of each way and of its control, of the same sizes, and one of the whole alignment.

    The first is of the whole alignment with `seed`. Model k of a way does not depend on how many models are made, but
    for the sizes of a grid of depths.

    Raises:
        InputError: see `check`; or no cluster is found.
    """
    check(alignment, ways, models, source)
    run, codes = with_controls(ways), alignment.codes
    rng = lambda way, number: np.random.default_rng([seed, list(WAYS).index(way), number])
    found = subsets.clusters(codes)[:models] if {CLUSTERS, UNIFORM} & set(run) else []
    if {CLUSTERS, UNIFORM} & set(run) and not found:
        raise InputError(
            f"{source}: no cluster of {subsets.LEAST} rows and more is found among {len(codes) - 1}, which are unlike "
            "each other or full of gaps; ask for columns, depths or dropout, or give a deeper alignment"
        )
    sizes = subsets.depths(len(codes), models).tolist() if DEPTHS in run else []
    controls = {WAYS[way].control for way in ways}

    def rows(way: str, every: Sequence[np.ndarray]) -> list[Plan]:
        parts = (take(alignment, np.concatenate([[0], part])) for part in every)
        return [Plan(way, number, part, seed) for number, part in enumerate(parts, 1)]

    def drawn(way: str, sizes: Sequence[int]) -> list[Plan]:
        every = enumerate(sizes, 1)
        return rows(way, [subsets.uniform(rng(way, number), len(codes), size) for number, size in every])

    def masked(number: int) -> Alignment:
        return distinct(alignment._replace(codes=subsets.mask_columns(rng(COLUMNS, number), codes, HIDDEN)))[0]

    count = models if SEEDS in controls or SEEDS in ways else 1
    make: dict[str, Callable[[], list[Plan]]] = {
        CLUSTERS: lambda: rows(CLUSTERS, found),
        UNIFORM: lambda: drawn(UNIFORM, list(map(len, found))),
        COLUMNS: lambda: [Plan(COLUMNS, i, masked(i), seed) for i in range(1, models + 1)],
        DEPTHS: lambda: drawn(DEPTHS, sizes),
        DROPOUT: lambda: [Plan(DROPOUT, i, alignment, seed, seed + i) for i in range(1, models + 1)],
        SEEDS: lambda: [Plan(SEEDS, i, alignment, seed + i - 1) for i in range(1, count + 1)],
    }
    return [plan for way in (SEEDS, *(way for way in run if way != SEEDS)) for plan in make[way]()]
