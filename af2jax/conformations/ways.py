"""The ways of making models of one protein differ, each with its control, and what each model is made from."""

from collections.abc import Sequence
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
        control: the way without what is special to this one, which always runs beside it; "" of the last control.
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
OF_CLUSTERS = {CLUSTERS, UNIFORM}  # ways that need them


class Plan(NamedTuple):
    """What one model is made from."""

    way: str
    number: int  # from 1
    alignment: Alignment
    seed: int  # of the features
    key: int | None = None  # of dropout


def _names(text: str | Sequence[str]) -> list[str]:
    return [name.strip().lower() for name in (text.split(",") if isinstance(text, str) else text)]


def parsed(text: str | Sequence[str]) -> tuple[str, ...]:
    """The ways that "clusters,columns" names, or all of them, in the order of `WAYS`, without their controls.

    Raises:
        InputError: there is no such way, or none is named.
    """
    names = _names(text)
    known = f"{', '.join(WAYS)}, or all"
    for name in names:
        if name != ALL and name not in WAYS:
            raise InputError(f'no way is called "{name}"{nearest(name, WAYS)} (known: {known})')
    if not names:
        raise InputError(f"name at least one way: {known}")
    return tuple(way for way in WAYS if way in names or ALL in names)


def runnable(text: str | Sequence[str], alignment: Alignment) -> tuple[tuple[str, ...], str]:
    """The ways that `text` names, without those that only "all" names and that need an alignment where there is none;
    and which these are, in a sentence, "" without any.

    Raises:
        InputError: see `parsed`.
    """
    asked, named = parsed(text), _names(text)
    left = [way for way in asked if WAYS[way].rows and way not in named] if not _rows(alignment) else []
    told = f"the query stands alone: {', '.join(left)} need an alignment and are left out" if left else ""
    return tuple(way for way in asked if way not in left), told


def with_controls(ways: Sequence[str]) -> tuple[str, ...]:
    """The ways that are run for these: with the control of each, and one model at least of the whole alignment."""
    return tuple(way for way in WAYS if way in ways or way == SEEDS or any(WAYS[one].control == way for one in ways))


def most(way: str, ways: Sequence[str], models: int) -> int:
    """Models of a way that runs for these, `models` being asked for of each, if the alignment has as many parts."""
    return models if way != SEEDS or SEEDS in {*ways, *(WAYS[one].control for one in ways)} else 1


def seed_of(way: str, number: int, seed: int) -> int:
    """The seed of the features of a model, by that of the search."""
    return seed + number - 1 if way == SEEDS else seed


def possible(ways: Sequence[str], models: int, seed: int) -> set[tuple[str, int, int]]:
    """Way, number and seed of each model that `planned` has, or would have of a deeper alignment."""
    every = ((way, number) for way in with_controls(ways) for number in range(1, most(way, ways, models) + 1))
    return {(way, number, seed_of(way, number, seed)) for way, number in every}


def check(alignment: Alignment, ways: Sequence[str], models: int, source: str) -> None:
    """Passes if so many models can be made of an alignment in these ways, so far as is seen without a long search.

    Raises:
        InputError: a way needs an alignment and there is none, or it has fewer rows than clusters are asked for.
    """
    need, rows = [way for way in ways if WAYS[way].rows], _rows(alignment)
    if need and not rows:
        without = ", ".join(way for way in WAYS if not WAYS[way].rows)
        raise InputError(
            f'{source}: the way "{need[0]}" needs an alignment, and the query stands alone; give one, or ask for the '
            f"ways that need none ({without})"
        )
    if rows < models and OF_CLUSTERS & set(ways):
        _clusters(alignment, models, source)


def _rows(alignment: Alignment) -> int:
    """Besides the query, those that repeat each other once."""
    return len(np.unique(alignment.codes, axis=0)) - 1


def _clusters(alignment: Alignment, models: int, source: str) -> list[np.ndarray]:
    """The rows of each cluster, of `models` at most.

    Raises:
        InputError: there is none, or there are fewer rows than clusters are asked for.
    """
    found, rows = subsets.clusters(alignment.codes), _rows(alignment)
    few = f", fewer than the {models} clusters that are asked for" if rows < models else ""
    there = f"{source}: the alignment has {counted(rows, 'row')} besides the query{few}, and"
    cure = "ask for columns, depths or dropout, which need no clusters, or give a deeper alignment"
    if not found:
        raise InputError(
            f"{there} no cluster of {subsets.LEAST} rows and more, as they are unlike each other or full of "
            f"gaps; {cure}"
        )
    if few:
        own = counted(len(found), "cluster")
        raise InputError(f"{there} {own}; {cure}, or ask for {counted(len(found), 'model')} of each way")
    return found[:models]


def limits(alignment: Alignment, ways: Sequence[str]) -> dict[str, int]:
    """The most models of one seed and network that an alignment gives of each of these ways that needs clusters."""
    limited = OF_CLUSTERS & set(ways)
    return dict.fromkeys(limited, len(subsets.clusters(alignment.codes))) if limited else {}


def planned(alignment: Alignment, ways: Sequence[str], models: int, seed: int, source: str) -> list[Plan]:
    """The models to make: `models` of each way and of its control, of the same sizes, and one of the whole alignment.

    The first is of the whole alignment with `seed`. Model k of a way does not depend on how many models are made, but
    for the sizes of a grid of depths.

    Raises:
        InputError: see `check`; or no cluster is found.
    """
    check(alignment, ways, models, source)
    run, codes = with_controls(ways), alignment.codes
    clusters = _clusters(alignment, models, source) if OF_CLUSTERS & set(run) else []
    rng = lambda way, number: np.random.default_rng([seed, list(WAYS).index(way), number])
    part = lambda rows: take(alignment, np.concatenate([[0], rows]))

    def drawn(way: str, sizes: Sequence[int]) -> list[Alignment]:
        every = enumerate(sizes, 1)
        return [part(subsets.uniform(rng(way, number), len(codes), size)) for number, size in every]

    def masked(number: int) -> Alignment:
        return distinct(alignment._replace(codes=subsets.mask_columns(rng(COLUMNS, number), codes, HIDDEN)))[0]

    def shown(way: str) -> list[Alignment]:
        """The alignment of each of its models."""
        if way == CLUSTERS:
            return list(map(part, clusters))
        if way == UNIFORM:
            return drawn(way, list(map(len, clusters)))
        if way == DEPTHS:
            return drawn(way, subsets.depths(len(codes), models).tolist())
        if way == COLUMNS:
            return [masked(number) for number in range(1, models + 1)]
        return [alignment] * most(way, ways, models)

    return [
        Plan(way, number, one, seed_of(way, number, seed), seed + number if way == DROPOUT else None)
        for way in sorted(run, key=lambda way: way != SEEDS)
        for number, one in enumerate(shown(way), 1)
    ]
