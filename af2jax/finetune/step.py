"""One step of training: which loss, of which parameters, and what happens to a step that is not finite.

Examples of a batch are taken one after the other and their gradients averaged in float32, so that a larger batch costs
time and no memory, and each example's gradient can be clipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import struct
from jax.sharding import Mesh

from af2jax import heads as task_heads
from af2jax import losses as all_losses
from af2jax.compilation import Jitted
from af2jax.constants.atoms import CA
from af2jax.errors import InputError
from af2jax.finetune import lora, norms, sharding, task_loss
from af2jax.finetune.optimizer import masked
from af2jax.finetune.rules import join, paired, split, trains
from af2jax.geometry.lddt import lddt
from af2jax.heads import SCOPE, TAKEN, Head
from af2jax.losses.symmetry import permute
from af2jax.model.alphafold import AlphaFold
from af2jax.model.heads import HEADS as LOGITS
from af2jax.model.heads import logits
from af2jax.model.recycle import forward
from af2jax.schema import Features, Outputs, Targets

LORA = "lora"  # the scope of adapters among what trains


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

    def norm(self, gradient: dict) -> jax.Array:
        """The norm over what trains."""
        leaves = jax.tree.leaves(gradient)
        return optax.tree.norm([g for g, t in zip(leaves, self.trains or [True] * len(leaves), strict=True) if t])


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
        heads: new ones, which start at zero; those that `params` hold under "task_heads" go on from what they are.
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
    network, known = _apart(params), params.get(SCOPE, {})
    if other := sorted(known.keys() - heads.keys()):
        raise InputError(
            f'the parameters hold the new head "{other[0]}", which heads= does not describe; add it '
            "(heads=dict(model.heads)), or leave out the scope task_heads"
        )
    new = task_heads.init(heads, config) | known
    task_heads.check({name: heads[name] for name in known}, known, config, "params")
    if losses is not None and not losses:
        raise InputError("losses={} leaves nothing to learn; give weights by name, or None for DeepMind's")
    all_losses.check(
        [name for name in losses or () if name not in heads],
        {name for name, size in vars(config.heads).items() if size},
    )
    params, labels = network, _apart(labels)
    _check_adapters(params, labels, adapters, form)
    if heads:
        learns = {name: losses is None or name in losses for name in heads}
        own = {name: task_heads.label(new[name]) if learns[name] else _frozen(new[name]) for name in heads}
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
    copy = lambda tree: jax.tree.map(lambda x: jnp.array(x, copy=True), tree)
    trained = copy(trained)
    model = model.clone(heads=tuple(heads.items()))
    weights = None if losses is None else tuple((name, float(weight)) for name, weight in losses.items())
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        skipped=jnp.zeros((), jnp.int32),
        trained=trained,
        frozen=jax.tree.map(jnp.asarray, frozen),
        opt_state=copy(optimizer.init(trained)),
        ema=None if ema is None else copy(trained),
        setup=Setup(model, optimizer, weights, clip_example, ema, counts, dropout, norms),
    )


def _apart(tree: dict) -> dict:
    """Parameters or labels of the network alone."""
    return {name: inner for name, inner in tree.items() if name != SCOPE}


def _frozen(tree: dict) -> dict:
    return jax.tree.map(lambda _: "freeze", tree)


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


def train_step(
    state: TrainState,
    batch: tuple[Features, Targets] | tuple[Features, Targets, Outputs],
    key: jax.Array,
    num_recycle: int | None = None,
) -> tuple[TrainState, dict]:
    """One update by the mean gradient of a batch (`af2jax.stack`), with dropout; compiled once for each shape.

    A batch may have the outputs of a frozen trunk as its third part (`finetune.cache`); then heads alone are computed.
    `state` is consumed. The number of recycles is drawn from 0 to the preset's for each example, or `num_recycle`. The
    metrics are means over the batch: "loss", each term, "grad_norm" before the optimizer, and "skipped", which is 1
    where loss or gradient was not finite: then nothing but the counters has changed, and `culprit` says why;
    "bad_example" is the index of the first example of the batch that was not finite, or -1. An example that does not
    know the label of a new head does not count for that head: its loss is the mean over those that do, NaN without any.

    A state that is on several devices (`sharding.replicate`) takes of the batch what is this process's share; keys,
    metrics and indices are those of the whole batch, as on one device.

    Raises:
        InputError: no batch, a leaf of it with another number of examples, an example without residues, a wrong number
            of recycles, or labels of a new head that are missing, misshapen or out of range.
    """
    left = None if num_recycle is None else _recycles(num_recycle)
    _check(state.setup, batch)
    if state.setup.mesh is not None:
        batch = sharding.global_batch(batch, state.setup.mesh)
    moving = (state.step, state.skipped, state.trained, state.opt_state, state.ema)
    (step, skipped, trained, opt_state, ema), metrics = _train(state.setup, moving, state.frozen, batch, key, left)
    return TrainState(step, skipped, trained, state.frozen, opt_state, ema, state.setup), metrics


def eval_step(state: TrainState, batch: tuple, num_recycle: int | None = None) -> tuple[dict, dict]:
    """(metrics, what new heads say) of a batch, without dropout and by the moving average where there is one.

    The number of recycles is the preset's, or `num_recycle`. Metrics have "lddt_ca" too, 0 to 100, of the observed
    residues. What no example knows is NaN. Several devices all take the whole batch. Errors as in `train_step`.
    """
    left = _recycles(state.setup.model.config.num_recycle if num_recycle is None else num_recycle)
    _check(state.setup, batch)
    trained = state.trained if state.ema is None else state.ema
    return _evaluate(state.setup, trained, state.frozen, batch, left)


def culprit(metrics: dict) -> str | None:
    """Which losses were not finite in a step, or that only the gradient was not; None where all is well."""
    values = {name: float(value) for name, value in metrics.items()}
    if not values.get("skipped"):
        return None
    wrong = [name for name, value in values.items() if not np.isfinite(value) and name.partition("/")[0] not in TAKEN]
    first = values.get("bad_example", -1)
    where = f" (example {int(first)} of the batch)" if first >= 0 else ""
    return f"not finite: {', '.join(wrong) or 'the gradient, though every loss is finite'}{where}"


def _check(setup: Setup, batch: tuple) -> None:
    """Raises InputError of labels that do not fit, and of a leaf whose leading axis is not the batch's."""
    task_loss.check(setup.scored, batch[:2])
    size, parts = len(batch[0].aatype), dict(zip(("features", "targets", "outputs"), batch, strict=False))
    for path, leaf in jax.tree_util.tree_leaves_with_path(parts):
        try:
            chex.assert_tree_shape_prefix(leaf, (size,))
        except AssertionError as error:
            name = jax.tree_util.keystr(path, simple=True, separator=".")
            message = f"{name} has shape {list(leaf.shape)}, expected [{size}, ...]: one for each example of the batch"
            raise InputError(f"{message}; make one by af2jax.stack([example, ...])") from error


def _recycles(num: int) -> np.int32:
    if num < 0:
        raise InputError(f"num_recycle={num} must be 0 or more")
    return np.int32(num)


def assembled(trained: dict, frozen: dict) -> dict:
    """All parameters of what trains and what does not, adapters merged into theirs."""
    params = join({name: tree for name, tree in trained.items() if name != LORA}, frozen)
    return lora.merge(params, trained[LORA]) if LORA in trained else params


def _loss(setup: Setup, trained: dict, frozen: dict, example, num_recycle, key, shares: dict | None = None):
    """(total, (metrics, what new heads say, CA atoms: predicted, known, observed)) of one example, which may bring the
    trunk's outputs. Copies of a known chain change places to suit the prediction. `shares`: by what the loss of a new
    head is multiplied."""
    features, targets, *known = example
    params, heads = assembled(trained, frozen), dict(setup.heads)
    if known:
        outputs = known[0].replace(
            logits=logits(setup.model.config.heads, params.get("heads", {}), known[0], setup.read)
        )
    else:
        outputs = forward(setup.model, _apart(params), features, num_recycle, key)
    weights = dict(setup.losses or all_losses.default_weights(outputs) | dict.fromkeys(heads, 1.0))
    own = {name: weights.pop(name) for name in heads if name in weights}
    if targets.whole is not None:
        targets = permute(outputs, targets, features.entity_id, targets.whole, targets.whole.entity_id)
    total, metrics = all_losses.total(outputs, targets, weights)
    said = task_heads.apply(heads, params.get(SCOPE, {}), outputs, features)
    for name, weight in own.items():
        metrics[name] = task_loss.loss(heads[name], params[SCOPE][name], said[name], targets.labels[name], targets)
        metrics[name] = metrics[name] * (1.0 if shares is None else shares[name])
        total += weight * metrics[name]
    ca = outputs.structure.atom37[:, CA], targets.positions[:, CA], targets.atom_mask[:, CA]
    return total, (metrics | {"loss": total}, said, ca)


@partial(Jitted, static_argnums=0, donate_argnums=1)
def _train(setup: Setup, moving, frozen: dict, batch, key, num_recycle):
    """The mean gradient of a batch, the update by it, and both only where they are finite."""
    step, skipped, trained, opt_state, ema = moving
    gradient, metrics, good = _mean_gradient(setup, trained, frozen, batch, key, num_recycle)
    norm = setup.norm(gradient)
    finite = good.all() & jnp.isfinite(norm) & jnp.isfinite(metrics["loss"])
    updated = _update(setup, gradient, trained, opt_state, ema, metrics["loss"])
    kept = jax.tree.map(partial(jnp.where, finite), updated, (trained, opt_state, ema))
    metrics |= {"grad_norm": norm, "skipped": 1.0 - finite, "bad_example": jnp.where(good.all(), -1, jnp.argmin(good))}
    return (step + 1, skipped + ~finite, *kept), metrics | (norms.by_block(gradient) if setup.norms else {})


def _mean_gradient(setup: Setup, trained: dict, frozen: dict, batch, key, num_recycle):
    """(gradient, metrics, bool [N_example] which examples are finite): means over the examples, one after the other.

    A new head's loss is the mean over the examples that know its label, NaN where none does.
    """
    size = len(batch[0].aatype)
    knowing = {name: known.sum() for name, known in _knowing(setup, batch).items()}
    shares = {name: size / jnp.maximum(number, 1) for name, number in knowing.items()}

    def summed(given, examples):
        trained, *rest = given

        def add(total, inputs):
            gradient, metrics, finite = _example_gradient(setup, trained, *rest, *inputs)
            return jax.tree.map(lambda a, g: a + g / size, total, gradient), (metrics, finite)

        return jax.lax.scan(add, jax.tree.map(jnp.zeros_like, trained), examples)

    given, examples = (trained, frozen, num_recycle, shares), (batch, jax.random.split(key, size))
    gradient, (metrics, good) = sharding.shared(summed, setup.mesh)(given, examples)
    metrics = jax.tree.map(jnp.mean, metrics)
    return gradient, metrics | {name: jnp.where(num, metrics[name], jnp.nan) for name, num in knowing.items()}, good


def _example_gradient(setup: Setup, trained: dict, frozen: dict, num_recycle, shares: dict, example, key):
    """(gradient, metrics, whether both are finite) of one example; `num_recycle`: None: drawn, 0 to the preset's."""
    draw, dropout = jax.random.split(key)
    most = setup.model.config.num_recycle
    cycles = jax.random.randint(draw, (), 0, most + 1) if num_recycle is None else num_recycle
    noise = dropout if setup.dropout else None
    loss = lambda trained: _loss(setup, trained, frozen, example, cycles, noise, shares)
    gradient, (metrics, *_) = jax.grad(loss, has_aux=True)(trained)
    norm = setup.norm(gradient)
    if setup.clip_example is not None:
        gradient = jax.tree.map(lambda g: g * jnp.minimum(1.0, setup.clip_example / norm), gradient)
    return gradient, metrics, jnp.isfinite(norm) & jnp.isfinite(metrics["loss"])


def _update(setup: Setup, gradient: dict, trained: dict, opt_state, ema, loss) -> tuple:
    """(what trains, state of the optimizer, moving average) after an update."""
    update = optax.with_extra_args_support(setup.optimizer).update
    updates, opt_state = update(gradient, opt_state, trained, value=loss)
    trained = optax.apply_updates(trained, updates)
    follow = lambda a, p: jnp.where(a == p, a, a + (1 - setup.ema_decay) * (p - a))  # -0.0 stays, where nothing moves
    return trained, opt_state, None if ema is None else jax.tree.map(follow, ema, trained)


@partial(Jitted, static_argnums=0)
def _evaluate(setup: Setup, trained: dict, frozen: dict, batch, num_recycle):
    def one(example):
        metrics, said, (ca, true, observed) = _loss(setup, trained, frozen, example, num_recycle, None)[1]
        return metrics | {"lddt_ca": 100 * jnp.mean(lddt(ca, true, observed), where=observed)}, said

    metrics, said = jax.lax.map(one, batch)
    metrics |= {name: jnp.where(known, metrics[name], jnp.nan) for name, known in _knowing(setup, batch).items()}
    partial = {*setup.scored, "lddt_ca"}  # NaN where an example knows nothing
    return {name: (jnp.nanmean if name in partial else jnp.mean)(x) for name, x in metrics.items()}, said


def _knowing(setup: Setup, batch: tuple) -> dict[str, jax.Array]:
    """By new head that has a loss, which examples of a batch know its label: bool [N_example]."""
    targets = batch[1]
    return {
        name: task_loss.known(head, jnp.asarray(targets.labels[name]), targets.seq_mask)
        for name, head in setup.scored.items()
    }
