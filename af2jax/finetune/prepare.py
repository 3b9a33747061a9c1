"""From a `Training` to the state before its first step."""

import dataclasses
from typing import NamedTuple

import jax
import optax

from af2jax.errors import InputError
from af2jax.finetune import lora, optimizer
from af2jax.finetune.config import Training
from af2jax.finetune.rules import label, recipe
from af2jax.finetune.run import heads_of, network
from af2jax.finetune.state import TrainState, init
from af2jax.finetune.summary import Summary, summary
from af2jax.heads import SCOPE
from af2jax.model.alphafold import AlphaFold
from af2jax.pretrained.tree import flatten, unflatten


class Prepared(NamedTuple):
    """What a training begins with."""

    state: TrainState
    model: AlphaFold  # as loaded
    params: dict  # of the network, as loaded
    labels: dict
    rate: optax.Schedule

    @property
    def summary(self) -> Summary:
        """What trains and what is frozen, of the network and of its new heads."""
        network = {name: tree for name, tree in self.params.items() if name in self.labels}
        sides = {"train": self.state.trained, "freeze": self.state.frozen}
        new = {what: {SCOPE: tree[SCOPE]} for what, tree in sides.items() if SCOPE in tree}
        leaves = {path: leaf for tree in new.values() for path, leaf in flatten(tree).items()}
        labels = {path: what for what, tree in new.items() for path in flatten(tree)}
        return summary(network | unflatten(leaves), self.labels | unflatten(labels))


def prepare(training: Training, held: str = "", earlier: Prepared | None = None) -> Prepared:
    """Loads the weights, says what trains, and makes adapters, heads and optimizer.

    Args:
        held: the path of a leaf that is frozen whatever the rules say, or "".
        earlier: what was prepared of the same training, whose weights are not loaded again.

    Raises:
        InputError, WeightsError: a field does not fit the network or the weights.
    """
    training = with_heads(training)
    model, params = (earlier.model, earlier.params) if earlier else network(training)
    own = {name: tree for name, tree in params.items() if name != SCOPE}
    labels = label(own, rules(training))
    if held:
        labels = unflatten(flatten(labels) | {held: "freeze"})
    adapters = None
    if "lora" in jax.tree.leaves(labels):
        adapters = lora.init(own, labels, training.rank, jax.random.key(training.seed))
    layers = None if training.layer_decay == 1 else optimizer.layerwise(model.config, training.layer_decay)
    updates = -(-training.steps // training.accumulate)
    warmup = training.warmup // training.accumulate
    given = ("learning_rate", "weight_decay", "clip", "accumulate")
    state = init(
        model,
        params,
        labels,
        optimizer.adamw(steps=updates, warmup=warmup, layers=layers, **{n: getattr(training, n) for n in given}),
        heads=training.heads,
        adapters=adapters,
        losses=training.losses,
        clip_example=training.clip_example,
        ema=training.ema,
        dropout=training.dropout,
        norms=True,
    )
    schedule = optimizer.schedule(training.learning_rate, updates, warmup)
    return Prepared(state, model, params, labels, lambda step: schedule(step // training.accumulate))


def with_heads(training: Training) -> Training:
    """The training with the new heads of the run that it begins from, where it keeps them.

    Raises:
        InputError: there are none.
    """
    if not training.keep_heads:
        return training
    kept = heads_of(training.params) if training.params else {}
    if not kept:
        raise InputError(f'keep_heads = true, but params = "{training.params}" has no new heads; give a run that has')
    return dataclasses.replace(training, heads=kept | dict(training.heads))


def rules(training: Training):
    """The rules or the recipe of a training."""
    if training.rules:
        return training.rules
    options = {"last_blocks": {"n": training.blocks}, "lora": {"modules": training.lora_modules}}
    return recipe(training.recipe, **options.get(training.recipe, {}))
