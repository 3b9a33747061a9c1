"""From a `Training` to the state before its first step."""

import dataclasses
from typing import NamedTuple

import jax
import optax

from af2jax.config import preset
from af2jax.finetune import lora, optimizer
from af2jax.finetune.config import Training
from af2jax.finetune.heads import SCOPE
from af2jax.finetune.rules import label, recipe
from af2jax.finetune.step import TrainState, init
from af2jax.model.alphafold import AlphaFold
from af2jax.nn.runtime import Runtime


class Prepared(NamedTuple):
    """What a training begins with."""

    state: TrainState
    params: dict  # of the network, as loaded
    labels: dict
    rate: optax.Schedule


def prepare(training: Training) -> Prepared:
    """Loads the weights, says what trains, and makes adapters, heads and optimizer.

    Raises:
        InputError, WeightsError: a field does not fit the network or the weights.
    """
    model, params = network(training)
    labels = label(params, rules(training))
    adapters = None
    if "lora" in jax.tree.leaves(labels):
        adapters = lora.init(params, labels, training.rank, jax.random.key(training.seed))
    layers = None if training.layer_decay == 1 else optimizer.layerwise(model.config, training.layer_decay)
    updates = -(-training.steps // training.accumulate)
    warmup = training.warmup // training.accumulate
    state = init(
        model,
        params,
        labels,
        optimizer.adamw(
            training.learning_rate,
            updates,
            warmup,
            training.weight_decay,
            training.clip,
            training.accumulate,
            layers,
        ),
        heads=training.heads,
        adapters=adapters,
        losses=training.losses,
        clip_example=training.clip_example,
        ema=training.ema,
        dropout=training.dropout,
        norms=True,
    )
    schedule = optimizer.schedule(training.learning_rate, updates, warmup)
    return Prepared(state, params, labels, lambda step: schedule(step // training.accumulate))


def rules(training: Training):
    """The rules or the recipe of a training."""
    if training.rules:
        return training.rules
    options = {"last_blocks": {"n": training.blocks}, "lora": {"targets": training.targets}}
    return recipe(training.recipe, **options.get(training.recipe, {}))


def network(training: Training) -> tuple[AlphaFold, dict]:
    """The network as it will be trained, and its first parameters; of an earlier run the best, without new heads."""
    from af2jax.finetune.run import load  # here, because a run is read by preparing its own training

    split = ()
    if training.recipe == "last_blocks" and not training.rules:
        blocks = preset(training.preset).evoformer.blocks
        split = (max(blocks - training.blocks, 1), min(training.blocks, blocks - 1))
    model, params = load(
        training.preset,
        training.params or None,
        split=split,
        key=jax.random.key(training.seed),
        runtime=Runtime(dtype=training.dtype, chunk=training.chunk, remat=training.remat),
    )
    params = {name: tree for name, tree in params.items() if name != SCOPE}
    data = preset(training.preset).data
    rows = {"clusters": training.clusters or data.clusters, "extra": training.extra or data.extra}
    clamped = data.clamped if training.clamped is None else training.clamped
    sizes = dataclasses.replace(data, clamped=clamped, **rows)
    return AlphaFold(dataclasses.replace(model.config, data=sizes), model.runtime), params
