"""Optimizers: any optax transformation serves; here are the masked form of a freeze, and AdamW as people want it."""

import jax
import jax.numpy as jnp
import optax

from af2jax.config import Config
from af2jax.errors import InputError
from af2jax.finetune.rules import paired, trains

BEFORE = ("input", "recycle", "template", "template_rows", "extra_msa")  # modules that lie before the Evoformer


def masked(optimizer: optax.GradientTransformation, labels: dict) -> optax.GradientTransformation:
    """`optimizer` for what `labels` train, and updates of exactly zero for the rest: a freeze for a loop of your own.

    It is `optax.chain(optax.masked(optimizer, mask), optax.masked(zeros, not_mask))`. Bare `optax.masked` does not
    freeze: it lets the raw gradients of the other leaves through. Clipping, weight decay and state of `optimizer` see
    nothing of what is frozen.

    Raises:
        InputError: a label is "lora": adapters are parameters of their own; or, when it is initialised, the labels
            belong to another tree.
    """
    mask = trains(labels)
    rest = jax.tree.map(lambda train: not train, mask)
    both = optax.chain(optax.masked(optimizer, mask), optax.masked(_zeros(), rest))

    def init(params: dict):
        paired(params, labels)
        return both.init(params)

    return optax.GradientTransformationExtraArgs(init, both.update)


def _zeros() -> optax.GradientTransformation:
    """Updates of -0.0, which leave every bit of a parameter as it is; 0.0 would turn -0.0 into 0.0."""
    return optax.stateless(lambda updates, _: jax.tree.map(lambda x: jnp.full_like(x, -0.0), updates))


def adamw(
    learning_rate: float,
    steps: int,
    warmup: int = 0,
    weight_decay: float = 0.0,
    clip: float | None = None,
    accumulate: int = 1,
    layers: optax.GradientTransformation | None = None,
) -> optax.GradientTransformation:
    """AdamW with a linear warm-up and a cosine decay to zero over `steps` updates.

    Args:
        learning_rate: the highest, reached after `warmup` updates.
        weight_decay: of kernels only; biases and LayerNorm are not decayed.
        clip: of the norm of the whole gradient; None: no clipping here (see `clip_example` of `finetune.init`).
        accumulate: steps whose mean gradient makes one update.
        layers: scales of the layers' learning rates, from `layerwise`.

    Raises:
        InputError: the warm-up is as long as the training, or steps are accumulated fewer than one at a time.
    """
    if not 0 <= warmup < steps or accumulate < 1:
        raise InputError(f"adamw: warmup={warmup} must be below steps={steps}, and accumulate={accumulate} at least 1")
    parts = [
        *([] if clip is None else [optax.clip_by_global_norm(clip)]),
        optax.scale_by_adam(),
        optax.add_decayed_weights(weight_decay, mask=kernels),
        *([] if layers is None else [layers]),
        optax.scale_by_learning_rate(schedule(learning_rate, steps, warmup)),
    ]
    optimizer = optax.chain(*parts)
    return optimizer if accumulate == 1 else optax.MultiSteps(optimizer, accumulate).gradient_transformation()


def schedule(learning_rate: float, steps: int, warmup: int = 0) -> optax.Schedule:
    """The learning rate of `adamw` by the number of updates made."""
    return optax.warmup_cosine_decay_schedule(0.0 if warmup else learning_rate, learning_rate, warmup, steps)


def kernels(params: dict) -> dict:
    """True at kernels."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)


def layerwise(config: Config, decay: float) -> optax.GradientTransformation:
    """Scales updates by depth: `decay` to the power of the number of Evoformer blocks that follow.

    The last block, and all that comes after the Evoformer, keep the whole learning rate.
    """
    sizes = config.split or (config.evoformer.blocks,)
    names = [f"blocks_{i}" for i in range(len(sizes))] if config.split else ["blocks"]
    ends = {name: sum(sizes[: i + 1]) for i, name in enumerate(names)}
    total = sum(sizes)

    def factor(path, x):
        keys = [key.key for key in path if hasattr(key, "key")]
        keys = keys[1:] if keys[0] == "lora" else keys
        if keys[0] in BEFORE:
            return x * decay**total
        if keys[0] != "evoformer":
            return x
        follow = total - ends[keys[1]] + jnp.arange(len(x))[::-1]
        return x * (decay**follow).reshape(-1, *[1] * (x.ndim - 1)).astype(x.dtype)

    return optax.stateless(lambda updates, _: jax.tree_util.tree_map_with_path(factor, updates))
