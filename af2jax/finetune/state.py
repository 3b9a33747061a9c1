"""The state of a training: what is compiled into its step, and what each step changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jax.sharding import Mesh

from af2jax import heads as task_heads
from af2jax import losses as all_losses
from af2jax.errors import InputError
from af2jax.finetune import lora
from af2jax.finetune.lora import LORA, assembled
from af2jax.finetune.optimizer import masked
from af2jax.finetune.rules import paired, split, trains
from af2jax.heads import SCOPE, Head
from af2jax.model.alphafold import AlphaFold
from af2jax.model.heads import HEADS as LOGITS
from af2jax.typing import Array, Float


@dataclass(frozen=True)
class Setup:
    """What does not change in a training, and is compiled into its step."""

    model: AlphaFold  # which describes the new heads
    optimizer: optax.GradientTransformation
    losses: tuple[tuple[str, float], ...] | None  # None: DeepMind's for the model's heads, and each new head by 1
    clip_example: float | None
    ema_decay: float | None
    trains: tuple[bool, ...] | None  # form "masked": of each leaf that is differentiated, whether it trains; None: all
    dropout: bool = True
    norms: bool = False  # of the gradient, block by block, among the metrics
    mesh: Mesh | None = None  # the devices that share a batch (`sharding.replicate`); None: one

    @property
    def heads(self) -> tuple[tuple[str, Head], ...]:
        """The new heads, with their names."""
        return self.model.heads

    @property
    def scored(self) -> dict[str, Head]:
        """The new heads that have a loss, and so need labels."""
        return {name: head for name, head in self.heads if self.losses is None or name in dict(self.losses)}

    @property
    def read(self) -> tuple[str, ...]:
        """DeepMind's output heads whose logits a loss or a new head reads."""
        own = [name for name, classes in vars(self.model.config.heads).items() if classes and name in LOGITS]
        binding = ("pae", "plddt") if any(head.kind == "binding" for _, head in self.heads) else ()
        return tuple(name for name in own if self.losses is None or name in dict(self.losses) or name in binding)

    def norm(self, gradient: dict) -> Float[Array, ""]:
        """The norm over what trains."""
        leaves = jax.tree.leaves(gradient)
        return optax.tree.norm([g for g, t in zip(leaves, self.trains or [True] * len(leaves), strict=True) if t])


class Moving(NamedTuple):
    """What a step changes of a `TrainState`, and a checkpoint holds."""

    step: Any
    skipped: Any
    trained: dict
    opt_state: Any
    ema: Any


@struct.dataclass
class TrainState:
    """Parameters, optimizer and counters between two steps. `train_step` consumes it: keep the one that it returns."""

    step: Any  # int32 [] updates tried
    skipped: Any  # int32 [] of which were not finite, and changed nothing
    trained: dict  # what the optimizer sees: parameters by path, adapters under "lora"
    frozen: dict  # the other parameters
    opt_state: Any
    ema: Any  # the moving average of `trained`, or None
    setup: Setup = struct.field(pytree_node=False)

    @property
    def moving(self) -> Moving:
        """What the next step changes."""
        return Moving(self.step, self.skipped, self.trained, self.opt_state, self.ema)

    @property
    def params(self) -> dict:
        """The full tree, adapters merged, new heads under "task_heads"; copies, which later steps leave alone."""
        return assembled(jax.tree.map(jnp.copy, self.trained), self.frozen)

    @property
    def ema_params(self) -> dict:
        """The same of the moving average.

        Raises:
            InputError: `init` was not asked for one.
        """
        if self.ema is None:
            raise InputError("there is no moving average; give finetune.init(ema=0.999)")
        return assembled(jax.tree.map(jnp.copy, self.ema), self.frozen)

    @property
    def adapters(self) -> dict:
        """The adapters alone; {} without any."""
        return jax.tree.map(jnp.copy, self.trained.get(LORA, {}))


def init(
    model: AlphaFold,
    params: dict,
    labels: dict,
    optimizer: optax.GradientTransformation,
    heads: Mapping[str, Head] | None = None,
    adapters: dict | None = None,
    losses: Mapping[str, float] | None = None,
    *,
    form: str = "split",
    clip_example: float | None = None,
    ema: float | None = None,
    dropout: bool = True,
    norms: bool = False,
) -> TrainState:
    """The state before the first step; arrays of the caller stay valid.

    Args:
        labels: from `af2jax.label`.
        optimizer: any optax transformation; it sees what trains, as a tree of paths.
        heads: new ones, which start at zero; those that `params` hold under "task_heads" start from what they are.
            Each that has a loss trains, whatever the labels say.
        adapters: from `af2jax.lora.init`, where labels say "lora".
        losses: weights by name, of `af2jax.losses.LOSSES` and of new heads; no others count, and a head without one
            needs no labels and stays as it is. None: DeepMind's weights for the heads that the model has, and 1 for
            each new head.
        form: "split" differentiates what trains alone, which saves work; "masked" differentiates everything and lets
            `finetune.masked` hold the rest. Given the same gradients both make the same updates bit for bit.
        clip_example: the largest norm of one example's gradient, over what trains (published: 0.1); None: none.
        ema: decay of a moving average of what trains, which begins from `params`; None: none.
        dropout: as published; False: none.
        norms: metrics have the norm of the gradient of each module and block too, as "grad_norm/<module>/<block>".

    Raises:
        InputError: labels of another tree, nothing to train, adapters missing, not asked for or of other kernels, a
            head or a loss that does not fit the model, or parameters of heads that `heads` does not describe.
    """
    heads, config = dict(heads or {}), model.config
    network, known = apart(params), params.get(SCOPE, {})
    if other := sorted(known.keys() - heads.keys()):
        raise InputError(
            f'the parameters hold the new head "{other[0]}", which heads= does not describe; add it '
            "(heads=dict(model.heads)), or leave out the scope task_heads"
        )
    new = task_heads.init(heads, config) | known
    task_heads.check_heads({name: heads[name] for name in known}, known, config, "params")
    if losses is not None and not losses:
        raise InputError("losses={} leaves nothing to learn; give weights by name, or None for DeepMind's")
    all_losses.check(
        [name for name in losses or () if name not in heads],
        {name for name, size in vars(config.heads).items() if size},
    )
    params, labels = network, apart(labels)
    _check_adapters(params, labels, adapters, form)
    if heads:
        learns = {name: losses is None or name in losses for name in heads}
        still = jax.tree.map(lambda _: "freeze", new)
        own = {name: task_heads.label(new[name]) if learns[name] else still[name] for name in heads}
        params, labels = params | {SCOPE: new}, labels | {SCOPE: own}
    trained, frozen = split(params, labels)
    counts = None
    if form == "masked":
        optimizer, trained, frozen = masked(optimizer, labels), params, {}
        counts = tuple(jax.tree.leaves(trains(labels)))
        trainable = any(counts)
    elif form == "split":
        trained = trained | ({LORA: adapters} if adapters else {})
        trainable = bool(trained)
    else:
        raise InputError(f'form="{form}" is not known; give "split" or "masked"')
    if not trainable:
        raise InputError('nothing trains: every label is "freeze", and there are no new heads')
    trained = _copied(trained)
    model = model.clone(heads=tuple(heads.items()))
    weights = None if losses is None else tuple((name, float(weight)) for name, weight in losses.items())
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        skipped=jnp.zeros((), jnp.int32),
        trained=trained,
        frozen=jax.tree.map(jnp.asarray, frozen),
        opt_state=_copied(optimizer.init(trained)),
        ema=None if ema is None else _copied(trained),
        setup=Setup(model, optimizer, weights, clip_example, ema, counts, dropout, norms),
    )


def _copied(tree):
    return jax.tree.map(lambda x: jnp.array(x, copy=True), tree)


def apart(tree: dict) -> dict:
    """Parameters or labels of the network alone."""
    return {name: inner for name, inner in tree.items() if name != SCOPE}


def _check_adapters(params: dict, labels: dict, adapters: dict | None, form: str) -> None:
    wanted = {path for path, label in paired(params, labels)[1].items() if label == LORA}
    given = lora.pairs(adapters or {}).keys()
    if not wanted and not given:
        return
    if form != "split":
        raise InputError('adapters need form="split": no mask holds them')
    if not given:
        raise InputError('labels say "lora": give adapters=af2jax.lora.init(params, labels, rank=8, key=key)')
    if other := sorted(wanted ^ given):
        raise InputError(f'labels say "lora" of other kernels than adapters adapt: only one of the two has {other[0]}')
    jax.eval_shape(lora.merge, params, adapters)
