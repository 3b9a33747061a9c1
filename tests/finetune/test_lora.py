"""Adapters: nothing at step 0, a low-rank change of kernels after it, in files of their own."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import af2jax
from af2jax import finetune
from af2jax.config import preset
from af2jax.errors import InputError, WeightsError
from af2jax.finetune import lora
from af2jax.finetune.rules import split
from af2jax.model.recycle import forward
from af2jax.pretrained.tree import flatten, split_stack
from tests import support
from tests.finetune import toy
from tests.finetune.toy import bits, example

pytestmark = pytest.mark.medium("compiles training steps")

PARAMS = support.rule_params(preset("tiny"))
PARAMS["evoformer"]["blocks"]["msa_row"]["attention"]["q"]["kernel"][0, 0] = -0.0
LABELS = af2jax.label(PARAMS, af2jax.recipe("lora"))
KERNELS = sorted(path for path, label in flatten(LABELS).items() if label == "lora")


def random(adapters, seed=0):
    """The adapters, with numbers in place of zeros."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape).astype(np.float32)), adapters)


def bad(match, function):
    with pytest.raises(InputError, match=match) as caught:
        function()
    assert "\n" not in str(caught.value)


class TestMerge:
    def test_nothing_at_step_0_to_the_bit(self):
        for rank in (1, 4):
            merged = lora.merge(PARAMS, lora.init(PARAMS, LABELS, rank))
            assert bits(merged) == bits(PARAMS)
            assert bits(jax.jit(lora.merge)(PARAMS, lora.init(PARAMS, LABELS, rank))) == bits(PARAMS)

    def test_adds_the_product_in_each_block(self):
        adapters = random(lora.init(PARAMS, LABELS, 3))
        merged, pairs = flatten(lora.merge(PARAMS, adapters)), lora.pairs(adapters)
        assert sorted(pairs) == KERNELS
        for path, adapter in pairs.items():
            for block in range(2):
                a, b = (np.asarray(adapter[side][block], np.float64) for side in "ab")
                assert a.shape[-1] == b.shape[0] == 3
                np.testing.assert_allclose(merged[path][block], flatten(PARAMS)[path][block] + a @ b, atol=1e-5)

    def test_other_arrays_are_the_very_same(self):
        merged = flatten(lora.merge(PARAMS, random(lora.init(PARAMS, LABELS, 3))))
        same = {path for path, x in flatten(PARAMS).items() if merged[path] is x}
        assert same == flatten(PARAMS).keys() - set(KERNELS)

    def test_its_derivative_is_that_of_the_sum(self):
        """At step 0 too, where the result is the kernel's own bits."""
        kernel = jnp.asarray(np.float32([[1.0, -0.0], [0.0, 2.0]]))
        a, b, y = jnp.ones((2, 1)), jnp.zeros((1, 2)), jnp.arange(4.0).reshape(2, 2)
        loss = lambda kernel, a, b: jnp.sum(y * lora.merge({"kernel": kernel}, {"kernel": {"a": a, "b": b}})["kernel"])
        of_kernel, of_a, of_b = jax.grad(loss, (0, 1, 2))(kernel, a, b)
        np.testing.assert_array_equal(of_kernel, y)
        np.testing.assert_array_equal(of_b, a.T @ y)
        np.testing.assert_array_equal(of_a, y @ b.T)

    def test_adapters_that_fit_nothing(self):
        adapters = lora.init(PARAMS, LABELS, 2)
        parts = split_stack(PARAMS, (1, 1))
        bad("adapter of evoformer/blocks/.* fits no kernel", lambda: lora.merge(parts, adapters))
        other = lora.init(parts, af2jax.label(parts, af2jax.recipe("lora")), 2)
        other = {"evoformer": {"blocks": other["evoformer"]["blocks_0"]}}
        bad("fits no kernel of these parameters; load the preset it is of", lambda: lora.merge(PARAMS, other))
        bad("adapter of single fits no kernel", lambda: lora.merge(PARAMS, {"single": {"kernel": np.zeros((2, 2))}}))


class TestInit:
    def test_depends_on_the_key_and_the_path_alone(self):
        one, same, other = (lora.init(PARAMS, LABELS, 2, jax.random.key(i)) for i in (1, 1, 2))
        assert bits(one) == bits(same) != bits(other)
        path = "evoformer/blocks/msa_row/attention/q/kernel"
        few = lora.init(PARAMS, af2jax.label(PARAMS, [(path, "lora"), (".*", "freeze")]), 2, jax.random.key(1))
        assert bits(few) == bits(lora.pairs(one)[path])
        first, second = (lora.pairs(one)[path.replace("/q/", f"/{x}/")]["a"] for x in "qk")
        assert not np.allclose(first, second)

    def test_first_values(self):
        adapters = lora.init(PARAMS, LABELS, 4)
        for path, adapter in lora.pairs(adapters).items():
            blocks, c_in, c_out = flatten(PARAMS)[path].shape
            assert adapter["a"].shape == (blocks, c_in, 4) and adapter["b"].shape == (blocks, 4, c_out)
            assert not adapter["b"].any()
        a = jnp.concatenate([x["a"].ravel() * x["a"].shape[-2] ** 0.5 for x in lora.pairs(adapters).values()])
        np.testing.assert_allclose([a.mean(), a.std()], [0, 1], atol=0.1)

    def test_mistakes(self):
        bad(
            'no label is "lora"; give rules such as recipe',
            lambda: lora.init(PARAMS, af2jax.label(PARAMS, af2jax.recipe("full"))),
        )
        for rank in (0, -1, 17):
            bad(rf"rank={rank} does not fit evoformer/.*; give 1 to", lambda r=rank: lora.init(PARAMS, LABELS, r))
        other = split_stack(PARAMS, (1, 1))
        bad("another tree of parameters: only one of the two has evoformer/", lambda: lora.init(other, LABELS, 2))


class TestFiles:
    def test_round_trip(self, tmp_path):
        adapters = random(lora.init(PARAMS, LABELS, 2))
        assert lora.save_adapters(adapters, tmp_path / "a", "model_1_ptm") == tmp_path / "a"
        back = lora.load_adapters(tmp_path / "a")
        assert jax.tree.structure(back) == jax.tree.structure(adapters) and bits(back) == bits(adapters)
        assert bits(lora.merge(PARAMS, back)) == bits(lora.merge(PARAMS, adapters))
        assert sorted(file.name for file in (tmp_path / "a").iterdir()) == ["adapter_config.json", "adapter_model.npz"]

    def test_metadata_by_hugging_face_s_names(self, tmp_path):
        lora.save_adapters(lora.init(PARAMS, LABELS, 2), tmp_path, "model_1_ptm")
        config = json.loads((tmp_path / "adapter_config.json").read_text())
        assert config["peft_type"] == "LORA" and config["base_model_name_or_path"] == "model_1_ptm"
        assert config["r"] == config["lora_alpha"] == 2  # the scale is lora_alpha / r
        assert config["target_modules"] == sorted(path.removesuffix("/kernel") for path in KERNELS)

    def test_small(self, tmp_path):
        adapters = lora.init(PARAMS, LABELS, 2)
        lora.save_adapters(adapters, tmp_path, "tiny")
        numbers = sum(x.nbytes for x in jax.tree.leaves(adapters))
        size = sum(file.stat().st_size for file in tmp_path.iterdir())
        assert numbers < size < numbers + 1000 * len(jax.tree.leaves(adapters))

    def test_damage(self, tmp_path):
        with pytest.raises(WeightsError, match=r"adapter_model\.npz does not exist"):
            lora.load_adapters(tmp_path)
        lora.save_adapters(lora.init(PARAMS, LABELS, 2), tmp_path, "tiny")
        file = tmp_path / "adapter_model.npz"
        file.write_bytes(file.read_bytes()[:1000])
        with pytest.raises(WeightsError, match="damaged"):
            lora.load_adapters(tmp_path)


class TestTraining:
    """On a network of linear layers."""

    def test_only_adapters_move_and_merged_weights_are_the_trained_ones(self, tmp_path):
        params = toy.parameters()
        labels = af2jax.label(
            params, [("(input|trunk|pair)/kernel", "lora"), ("heads_pae/.*", "train"), (".*", "freeze")]
        )
        batch = af2jax.stack([example(0), example(1)])
        weights, optimizer = {"distogram": 1.0, "masked_msa": 1.0}, finetune.adamw(1e-2, 100, weight_decay=0.1)
        options = {"adapters": lora.init(params, labels, 2), "losses": weights, "ema": 0.9}
        state = finetune.init(toy.STILL, params, labels, optimizer, **options)
        assert bits(state.params) == bits(state.ema_params) == bits(params)

        run = jax.jit(lambda params: forward(toy.STILL, params, batch_of_one, 1))
        batch_of_one = jax.tree.map(lambda x: x[0], batch[0])
        assert bits(run(lora.merge(params, state.adapters))) == bits(run(params))
        assert bits(jax.jit(lambda p, a: run(lora.merge(p, a)))(params, state.adapters)) == bits(run(params))

        before = finetune.eval_step(state, batch, 1)[0]["loss"]
        for i in range(3):
            state, metrics = finetune.train_step(state, batch, jax.random.key(i), num_recycle=1)
            assert not metrics["skipped"]
        moved = {path for path, x in flatten(state.params).items() if bits(x) != bits(flatten(params)[path])}
        assert moved == {
            "input/kernel",
            "trunk/kernel",
            "pair/kernel",
            "heads_pae/kernel",
        }  # the last one by decay alone
        assert bits(state.params) == bits(lora.merge(split_join(state, params, labels), state.adapters))

        plain = finetune.init(
            toy.STILL, state.params, af2jax.label(params, [(".*", "train")]), optimizer, losses=weights
        )
        found = finetune.eval_step(plain, batch, 1)[0]["loss"]
        average = finetune.eval_step(state.replace(ema=None), batch, 1)[0]["loss"]
        np.testing.assert_allclose(found, average, rtol=1e-5)
        assert found < before

        lora.save_adapters(state.adapters, tmp_path, "toy")
        assert bits(lora.load_adapters(tmp_path)) == bits(state.adapters)


def split_join(state, params, labels):
    """The base weights with what trained beside the adapters."""
    frozen = split(params, labels)[1]
    return frozen | {"heads_pae": state.params["heads_pae"]}
