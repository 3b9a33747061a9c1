"""New heads in a step: labels that some examples know, and heads that start from what they are."""

import jax
import numpy as np
import optax
import pytest

import af2jax
from af2jax import finetune
from af2jax.pretrained.tree import flatten
from tests.finetune import toy
from tests.finetune.toy import STILL, bits, example

pytestmark = pytest.mark.medium("trains and asks small networks")

PARAMS = toy.parameters()
ADAM, SGD = finetune.adamw(1e-2, 100, weight_decay=0.1), optax.sgd(1.0)
HEADS = {"ss": af2jax.Head("residue", classes=3), "tm": af2jax.Head("chain", outputs=1, mean=40.0, std=10.0)}


def take(state, batch):
    """A step with one recycle."""
    return finetune.train_step(state, batch, jax.random.key(3), num_recycle=1)


class TestLabelsThatSomeKnow:
    """An example that does not know a label counts nothing for its head, and takes nothing from those that do."""

    OFF = af2jax.label(PARAMS, [(".*", "freeze")])

    def step(self, examples):
        state = finetune.init(STILL, PARAMS, self.OFF, SGD, heads=HEADS, losses={"ss": 1.0, "tm": 1.0})
        state, metrics = take(state, af2jax.stack(examples))
        return flatten(state.params), metrics

    def test_the_mean_is_over_those_that_know(self):
        know = [example(i, ss=np.arange(6) % 3, tm=50.0 - 20 * i) for i in range(2)]
        none, nan = np.full(6, -1), np.float32(np.nan)
        half = [example(0, ss=np.arange(6) % 3, tm=nan), example(1, ss=none, tm=30.0)]
        both, metrics = self.step(half)
        for name, alone in (("ss", know[0]), ("tm", know[1])):
            after, expected = self.step([alone])
            np.testing.assert_allclose(metrics[name], expected[name], rtol=1e-6)
            for path in after:
                if path.startswith(f"task_heads/{name}/"):
                    np.testing.assert_allclose(both[path], after[path], atol=1e-6, err_msg=path)
        moved = {path for path in both if path.startswith("task_heads/") and np.any(both[path])}
        assert {"task_heads/ss/logits/bias", "task_heads/tm/logits/bias"} <= moved

    def test_nobody_knows(self):
        none = [example(i, ss=np.full(6, -1), tm=30.0) for i in range(2)]
        after, metrics = self.step(none)
        assert np.isnan(metrics["ss"]) and metrics["skipped"] == 0 and np.isfinite(metrics["loss"])
        assert not np.any(after["task_heads/ss/logits/kernel"]) and np.any(after["task_heads/tm/logits/kernel"])
        state = finetune.init(STILL, PARAMS, self.OFF, SGD, heads=HEADS, losses={"ss": 1.0, "tm": 1.0})
        found, _ = finetune.eval_step(state, af2jax.stack(none), 1)
        assert np.isnan(found["ss"]) and np.isfinite(found["tm"]) and np.isfinite(found["loss"])


class TestHeadsThatGoOn:
    LABELS = af2jax.label(PARAMS, [(".*", "freeze")])

    def test_from_what_they_are_beside_new_ones(self):
        batch = af2jax.stack([example(i, ss=np.arange(6) % 3, tm=50.0 - 20 * i) for i in range(2)])
        begin = lambda params, heads, losses: finetune.init(
            STILL, params, self.LABELS, ADAM, heads={name: HEADS[name] for name in heads}, losses=losses
        )
        state = take(begin(PARAMS, ["ss"], {"ss": 1.0}), batch)[0]
        first = state.params
        on = begin(first, ["ss", "tm"], {"tm": 1.0})
        assert bits(on.params["task_heads"]["ss"]) == bits(first["task_heads"]["ss"])
        after = take(on, batch)[0].params["task_heads"]
        assert bits(after["ss"]) == bits(first["task_heads"]["ss"])  # without a loss it stays
        assert np.any(after["tm"]["logits"]["kernel"])
        further = take(begin(first, ["ss"], {"ss": 1.0}), batch)[0].params["task_heads"]["ss"]
        assert bits(further) != bits(first["task_heads"]["ss"])
        assert dict(state.setup.model.heads) == {"ss": HEADS["ss"]}
