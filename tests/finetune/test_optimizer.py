"""Optimizers: the masked form of a freeze to the bit, what decays, how fast each layer learns."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import af2jax
from af2jax import finetune
from af2jax.config import preset
from af2jax.errors import InputError
from af2jax.finetune.rules import join, split
from af2jax.pretrained.tree import flatten, split_stack, unflatten
from tests import support
from tests.finetune.toy import bits

CONFIG = preset("tiny")
WHOLE = support.rule_params(CONFIG)
SOME = re.compile("(input/msa|single|evoformer/blocks/outer|structure/ipa/(q|k)|heads/(pae|plddt/norm_in))/.*|.*gamma")
PARAMS = unflatten({path: np.array(x) for path, x in flatten(WHOLE).items() if SOME.fullmatch(path)})
PARAMS["single"]["kernel"][0] = -0.0
PARAMS["structure"]["ipa"]["gamma"][0] = -0.0
RULES = [
    ("structure/ipa/(q/.*|gamma)", "freeze"),
    ("(structure|heads)/.*|evoformer/.*/bias", "train"),
    (".*", "freeze"),
]
LABELS = af2jax.label(PARAMS, RULES)


def gradients(step, tree=PARAMS):
    """Some gradients, large enough to be clipped, with zeros of both signs among them."""
    rng = np.random.default_rng(step)
    zero = lambda x: np.where(rng.uniform(size=x.shape) < 0.1, rng.choice([0.0, -0.0], x.shape), x)
    return jax.tree.map(lambda x: zero(rng.normal(size=x.shape)).astype(np.float32), tree)


def train(optimizer, params, of, steps=4):
    """Updated parameters; `of(step)` is the gradient."""
    opt_state, params = optimizer.init(params), jax.tree.map(jnp.asarray, params)
    update = jax.jit(optimizer.update)
    for step in range(steps):
        updates, opt_state = update(of(step), opt_state, params)
        params = optax.apply_updates(params, updates)
    return params


def same(rate):
    """A gradient of nothing but 1."""
    return lambda _: jax.tree.map(lambda x: np.full_like(x, rate), PARAMS)


@pytest.mark.medium("compiles training steps")
class TestTwoForms:
    @pytest.mark.parametrize("accumulate", [1, 2])
    def test_the_same_updates_to_the_bit(self, accumulate):
        adam = finetune.adamw(1e-2, 10, warmup=2, weight_decay=0.1, clip=1.0, accumulate=accumulate)
        whole = train(finetune.masked(adam, LABELS), PARAMS, gradients)
        trained, frozen = split(PARAMS, LABELS)
        part = train(adam, trained, lambda step: split(gradients(step), LABELS)[0])
        assert bits(split(whole, LABELS)[0]) == bits(part)
        assert bits(split(whole, LABELS)[1]) == bits(frozen)
        assert bits(join(part, frozen)) == bits(whole)
        moved = [not np.array_equal(x, y) for x, y in zip(jax.tree.leaves(part), jax.tree.leaves(trained), strict=True)]
        assert all(moved)

    def test_clipping_sees_nothing_of_what_is_frozen(self):
        clip = optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(1.0))
        loud = lambda step: join(
            split(gradients(step), LABELS)[0], jax.tree.map(lambda x: x * 1e6, split(PARAMS, LABELS)[1])
        )
        one, other = (train(finetune.masked(clip, LABELS), PARAMS, of) for of in (gradients, loud))
        assert bits(one) == bits(other) != bits(PARAMS)

    def test_gradients_that_are_not_finite_do_not_reach_what_is_frozen(self):
        bad = lambda step: jax.tree.map(lambda x: np.full_like(x, np.nan), PARAMS)
        found = train(finetune.masked(optax.sgd(1.0), LABELS), PARAMS, bad)
        assert bits(split(found, LABELS)[1]) == bits(split(PARAMS, LABELS)[1])

    def test_weight_decay_never_moves_what_is_frozen(self):
        decay = optax.adamw(1e-2, weight_decay=10.0)
        found = train(finetune.masked(decay, LABELS), PARAMS, same(0.0))
        assert bits(split(found, LABELS)[1]) == bits(split(PARAMS, LABELS)[1])
        assert bits(found["heads"]) != bits(PARAMS["heads"])

    def test_the_trap(self):
        """Bare `optax.masked` hands the raw gradients of the other leaves through, uphill."""
        mask = af2jax.mask(PARAMS, RULES)
        found = train(optax.masked(optax.adamw(1e-2), mask), PARAMS, gradients, steps=1)
        frozen, grads = (flatten(split(tree, LABELS)[1]) for tree in (PARAMS, gradients(0)))
        for path, x in flatten(split(found, LABELS)[1]).items():
            np.testing.assert_array_equal(x, frozen[path] + grads[path])

    def test_mistakes(self):
        lora = af2jax.label(PARAMS, af2jax.recipe("lora", modules="all"))
        with pytest.raises(InputError, match='"lora" cannot be a mask: evoformer'):
            finetune.masked(optax.sgd(1.0), lora)
        other = af2jax.label(split_stack(PARAMS, (1, 1)), af2jax.recipe("full"))
        with pytest.raises(InputError, match="another tree of parameters: only one of the two has evoformer/blocks/"):
            finetune.masked(optax.sgd(1.0), other).init(PARAMS)


class TestAdamW:
    @pytest.mark.medium("compiles for more than a second")
    def test_only_kernels_decay(self):
        found = train(finetune.adamw(1e-2, 10, weight_decay=0.5), PARAMS, same(0.0), steps=1)
        for path, x in flatten(found).items():
            expected = flatten(PARAMS)[path] * (np.float32(1 - 0.005) if path.endswith("/kernel") else 1)
            np.testing.assert_allclose(x, expected, rtol=1e-6, err_msg=path)

    def test_warm_up_and_decay(self):
        """Adam's updates by a constant gradient are the learning rate, in each step."""
        optimizer, params = finetune.adamw(1e-2, 10, warmup=4), {"x": {"kernel": jnp.ones(1)}}
        state, rates = optimizer.init(params), []
        for _ in range(11):
            updates, state = optimizer.update({"x": {"kernel": jnp.ones(1)}}, state, params)
            rates.append(-float(updates["x"]["kernel"][0]))
        up = [0, 0.25, 0.5, 0.75]
        down = [0.5 + 0.5 * np.cos(np.pi * i / 6) for i in range(7)]
        np.testing.assert_allclose(rates, 1e-2 * np.array(up + down), atol=1e-8, rtol=1e-4)

    def test_no_warm_up_begins_at_the_highest_rate(self):
        optimizer, params = finetune.adamw(1e-2, 10), {"x": {"kernel": jnp.ones(1)}}
        updates, _ = optimizer.update(params, optimizer.init(params), params)
        np.testing.assert_allclose(updates["x"]["kernel"], -1e-2, rtol=1e-4)

    @pytest.mark.medium("compiles an optimizer")
    def test_accumulation_is_the_mean_of_gradients(self):
        one = train(finetune.adamw(1e-3, 10, clip=1.0, weight_decay=0.1, accumulate=3), PARAMS, gradients, steps=6)
        mean = lambda step: jax.tree.map(lambda *x: sum(x) / 3, *(gradients(3 * step + i) for i in range(3)))
        other = train(finetune.adamw(1e-3, 10, clip=1.0, weight_decay=0.1), PARAMS, mean, steps=2)
        for path, x in flatten(other).items():
            np.testing.assert_allclose(flatten(one)[path], x, atol=1e-6, rtol=0, err_msg=path)

    @pytest.mark.parametrize("wrong", [{"steps": 0}, {"steps": 5, "warmup": 5}, {"steps": 5, "accumulate": 0}], ids=str)
    def test_mistakes(self, wrong):
        with pytest.raises(InputError, match=r"must be below steps=.*, and accumulate=.* at least 1"):
            finetune.adamw(1e-3, **wrong)


class TestLayerwise:
    def scales(self, params, split=(), decay=0.5):
        """What an update of 1 becomes, by path."""
        optimizer = finetune.layerwise(preset("tiny", split), decay)
        ones = jax.tree.map(jnp.ones_like, params)
        return flatten(optimizer.update(ones, optimizer.init(params), params)[0])

    @pytest.mark.medium("compiles an optimizer")
    def test_by_depth(self):
        for path, x in self.scales(WHOLE).items():
            room = path.split("/")[0]
            if room == "evoformer":
                expected = np.reshape([0.5, 1.0], (2, *[1] * (x.ndim - 1)))
            elif room in ("single", "structure", "heads"):
                expected = 1.0
            else:
                assert room in ("input", "recycle", "template", "template_rows", "extra_msa")
                expected = 0.25
            np.testing.assert_array_equal(x, np.broadcast_to(expected, x.shape), err_msg=path)

    @pytest.mark.medium("compiles an optimizer")
    def test_stacks_that_are_split(self):
        whole, parts = self.scales(WHOLE), self.scales(split_stack(WHOLE, (1, 1)), (1, 1))
        for path, x in parts.items():
            stack = path.split("/")[1]
            if stack.startswith("blocks_"):
                i = int(stack[-1])
                x, expected = x, whole[path.replace(stack, "blocks")][i : i + 1]
                np.testing.assert_array_equal(x, expected, err_msg=path)
                assert (x == [0.5, 1.0][i]).all()

    @pytest.mark.medium("compiles an optimizer")
    def test_the_last_stack_alone_and_adapters(self):
        params = split_stack(WHOLE, (1, 1))
        labels = af2jax.label(params, af2jax.recipe("last_blocks", n=1))
        assert all((x == 1).all() for x in self.scales(split(params, labels)[0], (1, 1)).values())
        labels = af2jax.label(params, af2jax.recipe("lora"))
        for path, x in self.scales({"lora": af2jax.lora.init(params, labels, 2)}, (1, 1)).items():
            assert (x == (0.5 if "blocks_0" in path else 1.0)).all()
        head = {"task_heads": {"ss": {"logits": {"kernel": np.ones((2, 2), np.float32)}}}}
        assert (self.scales(head)["task_heads/ss/logits/kernel"] == 1).all()

    @pytest.mark.medium("compiles for more than a second")
    def test_scales_what_adam_and_decay_say(self):
        layers = finetune.layerwise(CONFIG, 0.5)
        kernel = lambda tree: tree["evoformer"]["blocks"]["outer"]["a"]["kernel"]
        step = lambda tree: kernel(tree) - kernel(PARAMS)
        for of in (same(1.0), same(0.0)):
            plain = train(finetune.adamw(1e-2, 10, weight_decay=0.1), PARAMS, of, steps=1)
            scaled = train(finetune.adamw(1e-2, 10, weight_decay=0.1, layers=layers), PARAMS, of, steps=1)
            np.testing.assert_allclose(step(scaled), np.reshape([0.5, 1.0], (2, 1, 1)) * step(plain), atol=1e-7)
