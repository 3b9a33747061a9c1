"""The data of a training: looked at, split, and handed out step by step."""

import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import jax
import numpy as np
from absl import logging

from af2jax.audit.labels import before
from af2jax.audit.look import Seen
from af2jax.data import preflight
from af2jax.data.batch import stack
from af2jax.data.dataset import Item, read_dataset
from af2jax.data.labels import Label, limit
from af2jax.data.loading import Loader, batches
from af2jax.errors import InputError
from af2jax.finetune.assays import WATCHED, AssayLoader, check_order, gather
from af2jax.finetune.cache import Cache
from af2jax.finetune.config import Training
from af2jax.finetune.rules import ALONE
from af2jax.finetune.state import TrainState
from af2jax.heads import Head
from af2jax.heads.trained_on import TrainedOn
from af2jax.pretrained.tree import flatten
from af2jax.words import counted

CACHE = "cache"
HELD = (
    f"no item has an alignment, so that Algorithm 10 divides {ALONE} by 1e-3 and its gradient is a thousandfold: "
    f'it stays frozen; the rule ("{ALONE}", "train") would train it'
)


class Examples:
    """What a training learns from, and what it is validated on.

    `magnified`: `ALONE` trains though no item has an alignment, and no rule names it.

    Raises:
        InputError: the data cannot be used (`preflight.check`), or heads and columns do not fit.
    """

    def __init__(self, training: Training, state: TrainState, out: str | os.PathLike, share: slice = slice(None)):
        self.training, self.share, config = training, share, state.setup.model.config
        items = read_dataset(training.data)
        if training.valid:
            other = [dataclasses.replace(item, split="valid") for item in read_dataset(training.valid)]
            items = [dataclasses.replace(item, split="train") for item in items] + other
        scored = state.setup.scored
        labels = {name: head.column for name, head in scored.items()}
        try:
            options = {"strict": training.strict, "seed": training.seed, "crop": training.crop}
            found = preflight.check(items, labels, config, **options)
        except InputError:
            _audit(items, {}, labels)  # the reason may be a whole column
            raise
        of = zip(found.items, found.sequences, found.groups, strict=True)
        told = _audit(items, {known[0].id: known for known in of}, labels)
        for item, reason in found.problems:
            if item.id not in told:
                logging.warning("%s is not used: %s", item.id, reason)
        for note in found.notes:
            logging.warning("%s", note)
        self.hash, self.report = found.hash, found.table()
        groups = zip(found.items, found.groups, strict=True)
        self.families = len({group for item, group in groups if item.split == "valid"})
        self.items, self.watched = found.part("train"), found.part("valid")
        pairs = zip(found.items, found.sequences, strict=True)
        self.taught = TrainedOn({item.id: sequence for item, sequence in pairs if item.split == "train"})
        self.num_train, self.num_valid = len(self.items), len(self.watched)
        used = [*self.items, *self.watched]
        templates = any(item.templates or item.aligned_templates for item in used)
        rows = any(item.msa for item in used)
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, mask_target=training.mask_target))
        named = any(path == ALONE for path, _ in training.rules)
        self.magnified = not rows and not named and ALONE in flatten(state.trained)
        self.loader = Loader(
            config, training.crop, labels, training.seed, training.examples_per_item, rows, templates, found.whole
        )
        self.fixed = dataclasses.replace(self.loader, draws=1)
        if any(head.kind == "variant" for head in scored.values()):
            self._gather(scored)
        self.cache = None
        if training.cache:
            self.cache = Cache(state, Path(training.cache_dir or Path(out) / CACHE), training.num_recycle)

    def _gather(self, heads: Mapping[str, Head]) -> None:
        """Takes whole assays in place of single variants, where heads of variants learn."""
        if other := [name for name, head in heads.items() if head.kind != "variant"]:
            raise InputError(f'heads of variants are trained alone; train head "{other[0]}" in a run of its own')
        most = max(len(item.mutations) for item in [*self.items, *self.watched])
        self.items, self.watched = gather(self.items, heads, taught=True), gather(self.watched, heads, taught=False)
        check_order(self.watched, heads, self.training.monitor)
        self.num_train, self.num_valid = len(self.items), len(self.watched)
        watched = min(max([1, *(len(assay.variants) for assay in self.watched)]), WATCHED)
        self.loader = AssayLoader(self.loader, heads, self.training.variants, max(most, 1))
        self.fixed = AssayLoader(self.fixed, heads, watched, max(most, 1))

    def train(self, start: int) -> Iterator[tuple[int, list[str], tuple]]:
        """(step, the ids of its batch, this process's share of the batch) from `start` on."""
        size, stop = self.training.batch_size, self.training.steps
        for step, ids, batch in batches(self.loader, self.items, size, start, stop, self.share):
            yield step, ids, self._with_trunk(batch)

    def valid(self) -> Iterator[tuple]:
        """Batches of one, the same each time."""
        for item in self.watched:
            yield self._with_trunk(stack([self.fixed.example(item, 0)]))

    def _with_trunk(self, batch: tuple) -> tuple:
        if self.cache is None:
            return batch
        known = [self.cache(jax.tree.map(lambda x, i=i: x[i], batch[0])) for i in range(len(batch[0].aatype))]
        return (*batch, jax.tree.map(lambda *x: np.stack(x), *known))


def _audit(items: list[Item], used: dict[str, tuple[Item, str, int]], labels: Mapping[str, Label]) -> set[str]:
    """Warns of what threatens a result, as the data report does; the ids of the items that it says are not used.

    Args:
        used: by id, what a training uses: with its split, its sequence and its family; of the others the row is known.
        labels: how the columns that are to be learnt are read.
    """
    if not labels:
        return set()
    known = [used.get(item.id, (item, item.sequence, -number)) for number, item in enumerate(items, 1)]
    seen = [Seen(_measured(item, labels), sequence) for item, sequence, _ in known]
    groups = np.array([group for *_, group in known])
    findings = before(seen, groups, tuple(labels))
    for one in findings:
        without = f"; {counted(len(one.unused), 'item is', 'items are')} not used" if one.unused else ""
        logging.warning("%s: %s%s (af2jax explore says more)", one.level, one.title, without)
    return {name for one in findings for name in one.unused}


def _measured(item: Item, labels: Mapping[str, Label]) -> Item:
    """The item with a number where a head reads a limit, so that nothing warns that it is none."""
    found = {name: limit(item.values[name])[1] for name, of in labels.items() if of.limits and name in item.values}
    return dataclasses.replace(item, values={**item.values, **found}) if found else item
