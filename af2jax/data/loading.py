"""Examples in an order that is a function of the seed and the step alone, made ready while the training runs."""

import dataclasses
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from af2jax import schema
from af2jax.config import Config
from af2jax.data import crop as window
from af2jax.data.batch import stack
from af2jax.data.items import Item, load_example
from af2jax.data.labels import Label
from af2jax.data.transforms import pad
from af2jax.errors import InputError

AHEAD, THREADS = 4, 2  # batches made ready, and by how many threads


@dataclass(frozen=True)
class Loader:
    """How items become examples of one shape.

    Attributes:
        config: of the preset that will read them.
        crop: residues.
        labels: those that are asked for.
        seed: of order, crops and MSA.
        draws: of crop and MSA for each item, taken in turns; 0: always new ones.
        rows: whether any item has an alignment; if so all are padded to the numbers of the preset.
        templates: whether any item has templates; likewise.
        whole: residues of the largest complex with identical chains, which all are padded to; 0: there is none.
    """

    config: Config
    crop: int
    labels: Mapping[str, Label]
    seed: int
    draws: int
    rows: bool
    templates: bool
    whole: int = 0

    @property
    def drawn(self) -> Config:
        """The configuration with the rows of the MSA that there are."""
        if self.rows:
            return self.config
        return dataclasses.replace(self.config, data=dataclasses.replace(self.config.data, clusters=1, extra=1))

    def draw(self, name: str, visit: int) -> int:
        """The seed of what is drawn for an item by its id, when it is visited for the `visit`-th time."""
        draw = visit % self.draws if self.draws else visit
        return int(np.random.SeedSequence([self.seed, draw, zlib.crc32(name.encode())]).generate_state(1)[0])

    def example(self, item: Item, visit: int) -> tuple[schema.Features, schema.Targets]:
        """The example of an item when it is visited for the `visit`-th time."""
        seed, config = self.draw(item.id, visit), self.drawn
        features, targets = load_example(item, config, self.crop, seed, self.labels)
        data = config.data
        places = data.max_templates if self.templates and config.template else 1
        features = pad(features, n_seq=data.clusters, n_extra=data.extra, n_templ=places)
        if self.whole:
            known = targets.full_complex or window.itself(features, targets)
            targets = targets.replace(full_complex=window.pad_full_complex(known, max(self.whole, self.crop)))
        return features, window.pad_targets(targets, n_res=self.crop, n_seq=data.clusters)


def order(items: Sequence, seed: int) -> Iterator[tuple[int, int]]:
    """(index of an item, how often it was visited before), for ever.

    In each epoch the items of the largest weight come once, the others with the probability that is theirs beside it;
    the order is shuffled.
    """
    weights = np.array([item.weight for item in items])
    weights = weights / weights.max()
    visits, epoch = np.zeros(len(items), int), 0
    while True:
        rng = np.random.default_rng([seed, epoch])
        drawn = np.flatnonzero(rng.random(len(items)) < weights)
        for index in rng.permutation(drawn):
            yield int(index), int(visits[index])
            visits[index] += 1
        epoch += 1


@runtime_checkable
class Source(Protocol):
    """What makes examples as a `Loader` does, of items that have an `id` and a `weight`."""

    seed: int

    def example(self, item, visit: int) -> tuple[schema.Features, schema.Targets]:
        """The example of an item when it is visited for the `visit`-th time."""


def batches(
    loader: Source, items: Sequence, size: int, start: int, stop: int, share: slice = slice(None)
) -> Iterator[tuple[int, list[str], tuple[schema.Features, schema.Targets]]]:
    """(step, ids, batch) for the steps `start` to `stop` - 1; a resumed training gets the batches that were left.

    `share`: which examples of each batch are made, where other processes make the others; the ids are of all.

    Raises:
        InputError: an item cannot be read any more; the message names it.
    """
    turns = order(items, loader.seed)
    steps = ([next(turns) for _ in range(size)] for _ in range(stop))
    for _ in range(start):
        next(steps)

    def one(item, visit: int):
        try:
            return loader.example(item, visit)
        except InputError as error:
            raise InputError(f"{item.id} cannot be read any more: {error}") from None

    def make(turn: list[tuple[int, int]]):
        names = [items[index].id for index, _ in turn]
        return names, stack([one(items[index], visit) for index, visit in turn[share]])

    waiting: deque = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            for step in range(start, stop):
                while len(waiting) < AHEAD and (turn := next(steps, None)) is not None:
                    waiting.append(pool.submit(make, turn))
                yield step, *waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
