"""One step of training: which loss, of which parameters, and what happens to a step that is not finite.

Examples of a batch are taken one after the other and their gradients averaged in float32, so that a larger batch costs
time and no memory, and each example's gradient can be clipped.
"""

from functools import partial
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax

from af2jax import heads as task_heads
from af2jax import losses as all_losses
from af2jax.compilation import Jitted
from af2jax.constants.atoms import CA
from af2jax.errors import InputError
from af2jax.finetune import sharding, task_loss
from af2jax.finetune.lora import assembled
from af2jax.finetune.state import Moving, Setup, TrainState, apart
from af2jax.finetune.summary import gradient_norms
from af2jax.geometry.lddt import lddt
from af2jax.heads import SCOPE, TAKEN
from af2jax.losses.symmetry import permute
from af2jax.model.heads import logits
from af2jax.model.recycle import forward
from af2jax.schema import Features, Outputs, Targets, Variants


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
    where loss or gradient was not finite: then nothing but the counters has changed, and `explain_skip` says why;
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
    moving, metrics = _train(state.setup, state.moving, state.frozen, batch, key, left)
    return state.replace(**moving._asdict()), metrics


def eval_step(state: TrainState, batch: tuple, num_recycle: int | None = None) -> tuple[dict, dict]:
    """(metrics, what new heads say) of a batch, without dropout and by the moving average where there is one.

    The number of recycles is the preset's, or `num_recycle`. Metrics have "lddt_ca" too, 0 to 100, of the observed
    residues. What no example knows is NaN. Several devices all take the whole batch. Errors as in `train_step`.
    """
    left = _recycles(state.setup.model.config.num_recycle if num_recycle is None else num_recycle)
    _check(state.setup, batch)
    trained = state.trained if state.ema is None else state.ema
    return _evaluate(state.setup, trained, state.frozen, batch, left)


def explain_skip(metrics: dict) -> str | None:
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
    task_loss.check_labels(setup.scored, batch[:2])
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


class Common(NamedTuple):
    """What the examples of a step have in common."""

    trained: dict
    frozen: dict
    num_recycle: Any  # int32 []; None: drawn for each example, from 0 to the preset's
    shares: dict  # by new head: the batch's size over the number of examples that know its label


@partial(Jitted, static_argnums=0, donate_argnums=1)
def _train(setup: Setup, before: Moving, frozen: dict, batch, key, num_recycle) -> tuple[Moving, dict]:
    """(what moves, metrics) after the mean gradient of a batch, and the update by it, kept where both are finite."""
    gradient, metrics, finite = _mean_gradient(setup, before.trained, frozen, batch, key, num_recycle)
    norm = setup.norm(gradient)
    good = finite.all() & jnp.isfinite(norm) & jnp.isfinite(metrics["loss"])
    moving = _kept(good, _update(setup, before, gradient, metrics["loss"]), before)
    metrics |= {"grad_norm": norm, "skipped": 1.0 - good}
    metrics |= {"bad_example": jnp.where(finite.all(), -1, jnp.argmin(finite))}
    return moving, metrics | (gradient_norms(gradient) if setup.norms else {})


def _mean_gradient(setup: Setup, trained: dict, frozen: dict, batch, key, num_recycle):
    """(gradient, metrics, bool [N_example] which examples are finite): means over the examples, one after the other.

    A new head's loss is the mean over the examples that know its label, NaN where none does.
    """
    size = len(batch[0].aatype)
    knowing = {name: known.sum() for name, known in _knowing(setup, batch).items()}
    shares = {name: size / jnp.maximum(number, 1) for name, number in knowing.items()}

    def add_up(common: Common, examples):
        def add(total, inputs):
            gradient, metrics, finite = _example_gradient(setup, common, *inputs)
            return jax.tree.map(lambda a, g: a + g / size, total, gradient), (metrics, finite)

        return jax.lax.scan(add, jax.tree.map(jnp.zeros_like, common.trained), examples)

    common, examples = Common(trained, frozen, num_recycle, shares), (batch, jax.random.split(key, size))
    mean, (metrics, finite) = sharding.shared(add_up, setup.mesh)(common, examples)
    metrics = jax.tree.map(jnp.mean, metrics)
    return mean, metrics | {name: jnp.where(num, metrics[name], jnp.nan) for name, num in knowing.items()}, finite


def _example_gradient(setup: Setup, common: Common, example, key):
    """(gradient, metrics, whether both are finite) of one example."""
    draw, dropout = jax.random.split(key)
    most, num_recycle = setup.model.config.num_recycle, common.num_recycle
    cycles = jax.random.randint(draw, (), 0, most + 1) if num_recycle is None else num_recycle
    noise = dropout if setup.dropout else None

    def loss(trained: dict):
        return _loss(setup, assembled(trained, common.frozen), example, cycles, noise, common.shares)

    gradient, (metrics, *_) = jax.grad(loss, has_aux=True)(common.trained)
    norm = setup.norm(gradient)
    if setup.clip_example is not None:
        gradient = jax.tree.map(lambda g: g * jnp.minimum(1.0, setup.clip_example / norm), gradient)
    return gradient, metrics, jnp.isfinite(norm) & jnp.isfinite(metrics["loss"])


def _update(setup: Setup, before: Moving, gradient: dict, loss) -> Moving:
    """The parameters, the optimizer's state and the moving average after an update by `gradient`."""
    update = optax.with_extra_args_support(setup.optimizer).update
    updates, opt_state = update(gradient, before.opt_state, before.trained, value=loss)
    trained = optax.apply_updates(before.trained, updates)

    def follow(average, new):  # -0.0 stays, where nothing moves
        return jnp.where(average == new, average, average + (1 - setup.ema_decay) * (new - average))

    ema = None if before.ema is None else jax.tree.map(follow, before.ema, trained)
    return before._replace(trained=trained, opt_state=opt_state, ema=ema)


def _kept(good, after: Moving, before: Moving) -> Moving:
    """`after` where a step was good, else `before`; the step is counted, and as skipped where it was not good."""
    kept = jax.tree.map(partial(jnp.where, good), after[2:], before[2:])
    return Moving(before.step + 1, before.skipped + ~good, *kept)


def _loss(setup: Setup, params: dict, example, num_recycle, key, shares: dict | None = None):
    """(total, (metrics, what new heads say, CA atoms: predicted, known, observed)) of one example.

    An example may bring the trunk's outputs. Identical known chains are permuted to suit the prediction. `shares`: by
    what the loss of a new head is multiplied.
    """
    features, targets, *trunk = example
    heads = dict(setup.heads)
    if trunk:
        known = logits(setup.model.config.heads, params.get("heads", {}), trunk[0], setup.read)
        outputs = trunk[0].replace(logits=known)
    else:
        outputs = forward(setup.model, apart(params), features, num_recycle, key)
    if targets.full_complex is not None:
        targets = permute(outputs, targets, features.entity_id, targets.full_complex, targets.full_complex.entity_id)
    weights = dict(setup.losses or all_losses.default_weights(outputs) | dict.fromkeys(heads, 1.0))
    own = {name: weights.pop(name) for name in heads if name in weights}
    total, metrics = all_losses.total(outputs, targets, weights)
    answers = task_heads.apply(heads, params.get(SCOPE, {}), outputs, features)
    for name in (name for name, head in heads.items() if head.kind == "variant" and name in targets.labels):
        own_labels, wild = targets.labels[name], task_heads.sites(outputs, features.seq_mask)
        changed = _changed(setup, params, own_labels, num_recycle, key) if heads[name].mode == "full" else None
        answers[name] = task_heads.apply_variants(heads[name], params[SCOPE][name], wild, changed, own_labels)
    for name, weight in own.items():
        loss = task_loss.loss(heads[name], params[SCOPE][name], answers[name], targets.labels[name], targets)
        metrics[name] = loss * (1.0 if shares is None else shares[name])
        total += weight * metrics[name]
    ca = outputs.structure.atom37[:, CA], targets.positions[:, CA], targets.atom_mask[:, CA]
    return total, (metrics | {"loss": total}, answers, ca)


def _changed(setup: Setup, params: dict, variants: Variants, num_recycle, key):
    """What the network says of each variant at the residues that it changes, one pass after the other; or, where the
    trunk is frozen, what it said before."""
    if variants.sites is not None:
        return variants.sites

    @jax.checkpoint
    def one(variant):
        features, position = variant
        outputs = forward(setup.model, apart(params), features, num_recycle, key)
        return task_heads.sites(outputs, features.seq_mask)[position]

    return jax.lax.map(one, (variants.features, variants.position))


@partial(Jitted, static_argnums=0)
def _evaluate(setup: Setup, trained: dict, frozen: dict, batch, num_recycle):
    def one(example):
        metrics, answers, (ca, true, observed) = _loss(setup, assembled(trained, frozen), example, num_recycle, None)[1]
        return metrics | {"lddt_ca": 100 * jnp.mean(lddt(ca, true, observed), where=observed)}, answers

    metrics, answers = jax.lax.map(one, batch)
    metrics |= {name: jnp.where(known, metrics[name], jnp.nan) for name, known in _knowing(setup, batch).items()}
    of_some = {*setup.scored, "lddt_ca"}  # NaN where an example knows nothing
    return {name: (jnp.nanmean if name in of_some else jnp.mean)(x) for name, x in metrics.items()}, answers


def _knowing(setup: Setup, batch: tuple) -> dict[str, jax.Array]:
    """By new head that has a loss, which examples of a batch know its label: bool [N_example]."""
    targets = batch[1]
    return {
        name: task_loss.known(head, jax.tree.map(jnp.asarray, targets.labels[name]), targets.seq_mask)
        for name, head in setup.scored.items()
    }
