"""Heads of variants in a training: what is learnt in each mode, the frozen trunk, and labels that do not fit."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import af2jax
from af2jax import finetune, heads
from af2jax.data import variants as tables
from af2jax.data.mutants import Mutation
from af2jax.errors import InputError
from af2jax.finetune.watch import validate
from af2jax.heads import Head
from tests.finetune import toy

pytestmark = pytest.mark.medium("compiles training steps")
RNG = np.random.default_rng(0)
LETTERS = "ARNDCQ"
FULL = Head("variant", outputs=1, mode="full")
MODES = [Head("variant", outputs=1), FULL, Head("variant", outputs=1, ranks=True), Head("variant", classes=2)]
IDS = ["cached", "full", "ranks", "classes"]
EVERY = [(Mutation("A", 1 + i % toy.N_RES, x),) for i, x in enumerate(LETTERS * 2)]


def features_of(features, variant):
    """The features of a variant, by another column of what the toy reads."""
    target = np.array(features.target_feat)
    for mutation in variant:
        target[mutation.position - 1] = np.eye(target.shape[1])[LETTERS.index(mutation.new)]
    return features.replace(target_feat=target.astype(np.float32))


def labels(head: Head, features=None, values=None, bound=None):
    values = [float(LETTERS.index(one[0].new)) for one in EVERY] if values is None else values
    values = np.array(values) > 2 if head.classes else np.array(values)
    found = tables.labelled(EVERY, values.astype(int) if head.classes else values, bound, ranks=head.ranks)
    if head.mode == "full":
        found = found.replace(features=tables.stacked([features_of(features, one) for one in EVERY]))
    return found


def example(head: Head, seed: int = 0, **given):
    features, targets = toy.example(seed)
    return features, targets.replace(labels={"v": labels(head, features, **given)})


def state(head: Head, recipe="full", rate=1e-2):
    params = toy.parameters()
    rules = [(".*", "train" if recipe == "full" else "freeze")]
    return finetune.init(
        toy.STILL,
        params,
        af2jax.label(params, rules),
        finetune.adamw(rate, 60),
        heads={"v": head},
        losses={"v": 1.0},
        dropout=False,
    )


@pytest.mark.parametrize("head", MODES, ids=IDS)
def test_it_is_learnt(head):
    now, batch, losses = state(head), af2jax.stack([example(head), example(head, 1)]), []
    before = toy.bits(now.params["input"])
    for step in range(40):
        now, metrics = finetune.train_step(now, batch, jax.random.key(step), 0)
        losses.append(float(metrics["v"]))
        assert not metrics["skipped"]
    assert losses[-1] < 0.5 * losses[0] and toy.bits(now.params["input"]) != before


def test_ranks_do_not_know_a_unit():
    head = MODES[2]
    values = RNG.normal(size=len(EVERY))
    batches = [af2jax.stack([example(head, values=x)]) for x in (values, 7 + np.exp(values))]
    a, b = (finetune.train_step(state(head), batch, jax.random.key(0), 0) for batch in batches)
    assert a[1]["loss"] == b[1]["loss"] and toy.bits(a[0].params) == toy.bits(b[0].params)


@pytest.mark.parametrize("head", [MODES[0], FULL], ids=["cached", "full"])
def test_a_frozen_trunk_may_be_computed_before(head):
    """Its outputs of the wild type as the third part of a batch, what it says of variants as `sites`."""
    features, targets = example(head)
    now = state(head, "freeze")
    for _ in range(3):  # so that the head's last layer is not zero
        now, _ = finetune.train_step(now, af2jax.stack([(features, targets)]), jax.random.key(0), 0)
    trunk = lambda f: af2jax.forward(toy.STILL, toy.parameters(), f, 0)
    known = targets
    if head.mode == "full":
        mask = jnp.asarray(features.seq_mask)
        read = lambda one: heads.sites(trunk(features_of(features, one)), mask)[one[0].position - 1]
        changed = np.stack([np.asarray(read(one)) for one in EVERY])[:, None]
        known = targets.replace(labels={"v": targets.labels["v"].replace(features=None, sites=changed)})
    outputs = jax.tree.map(np.asarray, trunk(features))
    whole = finetune.eval_step(now, af2jax.stack([(features, targets)]), 0)
    parts = (*af2jax.stack([(features, known)]), jax.tree.map(lambda x: x[None], outputs))
    kept = finetune.eval_step(now, parts, 0)
    np.testing.assert_allclose(kept[1]["v"], whole[1]["v"], atol=1e-5)
    assert kept[0]["v"] == pytest.approx(float(whole[0]["v"]), rel=1e-5) and np.ptp(whole[1]["v"]) > 1e-3


def test_values_beyond_a_limit_pull_no_further():
    head, bound = MODES[0], np.array([1, -1] * (len(EVERY) // 2))
    batch = af2jax.stack([example(head, values=-5.0 * bound, bound=bound)])
    _, metrics = finetune.train_step(state(head), batch, jax.random.key(0), 0)
    assert metrics["v"] == 0  # 0 is more than -5, where -5 or more is known, and less than 5
    _, metrics = finetune.train_step(
        state(head), af2jax.stack([example(head, values=-5.0 * bound)]), jax.random.key(0), 0
    )
    assert metrics["v"] == 25


def test_an_assay_that_teaches_nothing_does_not_count():
    head = MODES[0]
    known = example(head, values=np.full(len(EVERY), 3.0))
    unknown = known[0], known[1].replace(labels={"v": replace_values(known[1].labels["v"], np.nan)})
    _, metrics = finetune.train_step(state(head), af2jax.stack([known, unknown]), jax.random.key(0), 0)
    assert metrics["v"] == 9


def replace_values(variants, value):
    return variants.replace(value=np.full(len(EVERY), value, np.float32))


def test_validation_ranks_within_an_assay():
    """Two assays in other units, each in the right order: together they would look disordered."""
    head = MODES[0]
    now = state(head)
    batch = af2jax.stack([example(head)])
    for step in range(40):
        now, _ = finetune.train_step(now, batch, jax.random.key(step), 0)
    values = np.array([float(LETTERS.index(one[0].new)) for one in EVERY])
    watched = [af2jax.stack([example(head, values=x)]) for x in (values, values - 100)]
    scores = validate(now, watched, 0).scores
    assert scores["v/spearman"] > 0.95 and scores["v/rmse"] > 10
    ranked = validate(
        now.replace(setup=replace(now.setup, model=toy.STILL.clone(heads=(("v", MODES[2]),)))), watched, 0
    )
    assert "v/rmse" not in ranked.scores and ranked.scores["v/spearman"] > 0.95


@pytest.mark.parametrize(
    "head, change, message",
    [
        (FULL, {"features": None}, "runs the network for each variant; give labelled"),
        (
            MODES[0],
            {"position": np.full((len(EVERY), 1), 6, np.int32)},
            "have a position past the end of the wild type",
        ),
        (MODES[0], {"value": np.full(len(EVERY), np.inf, np.float32)}, "must be finite numbers, NaN where unknown"),
        (MODES[3], {"value": np.full(len(EVERY), 2, np.int32)}, "hold 2; the head has classes 0 to 1"),
    ],
)
def test_labels_that_do_not_fit(head, change, message):
    features, targets = example(head)
    wrong = targets.replace(labels={"v": targets.labels["v"].replace(**change)})
    with pytest.raises(InputError, match=message):
        finetune.train_step(state(head), af2jax.stack([(features, wrong)]), jax.random.key(0), 0)


def test_labels_that_are_none():
    features, targets = toy.example(v=np.float32(1))
    with pytest.raises(InputError, match='labels\\["v"\\] of a "variant" head are variants'):
        finetune.train_step(state(MODES[0]), af2jax.stack([(features, targets)]), jax.random.key(0), 0)
