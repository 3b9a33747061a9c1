"""One step of training, on a network of linear layers: what moves, what stays, and what is said of it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import af2jax
from af2jax import finetune
from af2jax.errors import InputError
from af2jax.finetune import step as steps
from af2jax.losses import LOSSES
from af2jax.model.recycle import forward
from af2jax.pretrained.tree import flatten
from tests import support
from tests.finetune import toy
from tests.finetune.toy import MODEL, STILL, bits, example

pytestmark = pytest.mark.medium("compiles training steps")

PARAMS = toy.parameters()
LABELS = af2jax.label(PARAMS, [("heads_(distogram|masked_msa)/.*|structure/.*|trunk/.*", "train"), (".*", "freeze")])
TRAINED = ("heads_distogram/", "heads_masked_msa/", "structure/", "trunk/")
WEIGHTS = {"fape": 0.5, "distogram": 0.3, "masked_msa": 2.0}
SMOOTH = {
    "distogram": 0.3,
    "masked_msa": 2.0,
}  # FAPE's gradient of a shift of all atoms is rounding, which Adam enlarges
NETWORK = af2jax.label(PARAMS, [("heads_(distogram|masked_msa)/.*|trunk/.*", "train"), (".*", "freeze")])
ADAM, SGD = finetune.adamw(1e-2, 100, weight_decay=0.1), optax.sgd(1.0)
HEADS = {"ss": af2jax.Head("residue", classes=3), "tm": af2jax.Head("chain", outputs=1, mean=40.0, std=10.0)}
KEY = jax.random.key(3)
EXAMPLES = [example(0), example(1)]
BATCH = af2jax.stack(EXAMPLES)


def start(optimizer=ADAM, model=MODEL, losses=WEIGHTS, labels=LABELS, **options):
    return finetune.init(model, PARAMS, labels, optimizer, losses=losses, **options)


def trained(state):
    """Parameters that train, by path."""
    return {path: x for path, x in flatten(state.params).items() if path.startswith(TRAINED)}


def frozen(params, labels=LABELS):
    """Parameters that do not train, by path."""
    return {path: x for path, x in flatten(params).items() if flatten(labels)[path] == "freeze"}


def spoiled(value, index=1):
    """The batch with one coordinate of one example replaced."""
    features, targets = BATCH
    positions = np.array(targets.positions)
    positions[index, 2, 1] = value
    return features, targets.replace(positions=positions, atom_mask=targets.atom_mask | np.eye(37, dtype=bool)[1])


def take(state, batch=BATCH, key=KEY):
    """A step with one recycle."""
    return finetune.train_step(state, batch, key, num_recycle=1)


def loss_of(params, example, num_recycle, all_terms=False):
    """The loss of one example without dropout, written out."""
    outputs = forward(STILL, params, example[0], num_recycle)
    return af2jax.losses.total(outputs, example[1], None if all_terms else WEIGHTS)[0]


def by_hand(params, num_recycle=1, all_terms=False):
    """The mean loss of the examples."""
    return float(np.mean([_by_hand(params, example, num_recycle, all_terms) for example in EXAMPLES]))


_by_hand, gradient = jax.jit(loss_of, static_argnums=3), jax.jit(jax.grad(loss_of))


class TestReproducible:
    def test_equal_states_and_keys_take_equal_steps(self):
        one, other = (take(start(ema=0.9)) for _ in range(2))
        assert bits(one) == bits(other)

    def test_dropout_is_on_in_training(self):
        _, one = take(start())
        _, other = take(start(), key=jax.random.key(4))
        assert one["distogram"] != other["distogram"]
        still = [take(start(model=STILL), key=jax.random.key(i))[1] for i in range(2)]
        assert bits(still[0]) == bits(still[1])

    def test_dropout_is_off_in_evaluation(self):
        state = start()
        one, other = (finetune.eval_step(state, BATCH, 1) for _ in range(2))
        assert bits(one) == bits(other)
        expected = by_hand(PARAMS)
        np.testing.assert_allclose(one[0]["loss"], expected, rtol=1e-5)


class TestDonation:
    def test_arrays_of_the_caller_stay_valid(self):
        params, key = jax.tree.map(jnp.asarray, PARAMS), jax.random.key(7)
        labels = af2jax.label(PARAMS, [("input/kernel", "lora"), ("structure/.*", "train"), (".*", "freeze")])
        adapters = af2jax.lora.init(params, labels, 2)
        before = bits((params, adapters, key))
        noisy = optax.chain(optax.add_noise(0.1, 0.5, key), optax.sgd(0.1))
        state = finetune.init(MODEL, params, labels, noisy, adapters=adapters, losses=WEIGHTS, ema=0.9)
        for _ in range(2):
            state, _ = take(state)
        assert bits((params, adapters, key)) == before and bits(state.params) != bits(params)

    def test_what_a_state_showed_stays_valid(self):
        state = start(ema=0.5)
        shown = [state.params, state.ema_params]
        before = bits(shown)
        state, _ = take(state)
        later = bits(state.params)
        params = state.params
        state, _ = take(state)
        assert bits(shown) == before and bits(params) == later

    def test_what_trains_is_donated_and_nothing_else(self):
        state = start()
        take(state)
        assert all(x.is_deleted() for x in jax.tree.leaves((state.trained, state.opt_state)))
        assert not any(x.is_deleted() for x in jax.tree.leaves(state.frozen))


class TestNotFinite:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_a_bad_step_changes_nothing_and_is_named(self, value):
        state, _ = take(start(ema=0.9))
        before, clean = bits((state.trained, state.opt_state, state.ema)), state.params
        state, metrics = take(state, spoiled(value))
        assert bits((state.trained, state.opt_state, state.ema)) == before and bits(state.params) == bits(clean)
        assert (int(state.step), int(state.skipped), float(metrics["skipped"])) == (2, 1, 1.0)
        said = finetune.explain_skip(metrics)
        assert "fape" in said and "masked_msa" not in said and said.startswith("not finite: ")
        state, metrics = take(state)
        assert finetune.explain_skip(metrics) is None and (int(state.step), int(state.skipped)) == (3, 1)
        assert bits(state.trained) != before[: len(bits(state.trained))]

    def test_training_goes_on_as_if_the_bad_step_had_not_been(self):
        with_it, without = start(), start()
        with_it, _ = take(with_it, spoiled(np.nan, index=0))
        one, other = (take(state)[0] for state in (with_it, without))
        assert bits((one.trained, one.opt_state)) == bits((other.trained, other.opt_state))

    @pytest.mark.parametrize("clip", [None, 0.1])
    @pytest.mark.parametrize("size", [np.nan, 1e30], ids=["nan", "overflow"])
    def test_a_gradient_alone_that_is_not_finite(self, monkeypatch, clip, size):
        def steep(outputs, targets):
            x = jnp.sum(outputs.msa_first_row)
            x = x * size if np.isfinite(size) else jnp.sqrt(x * 0)
            return x - jax.lax.stop_gradient(x)

        name = f"steep_{size}"  # a step that is compiled knows a loss by its name
        monkeypatch.setitem(LOSSES, name, steep)
        state = start(losses={name: 1.0}, clip_example=clip)
        before = bits((state.trained, state.opt_state))
        state, metrics = take(state)
        assert bits((state.trained, state.opt_state)) == before and int(state.skipped) == 1
        assert finetune.explain_skip(metrics) == (
            "not finite: the gradient, though every loss is finite (example 0 of the batch)"
        )

    def test_the_masked_form_looks_at_what_trains_alone(self, monkeypatch):
        def steep(outputs, targets):  # its gradient is NaN, but reaches a frozen layer alone
            return jnp.sqrt(0 * jnp.sum(outputs.pair))

        monkeypatch.setitem(LOSSES, "steep", steep)
        state = start(losses={"steep": 1.0, "masked_msa": 1.0}, form="masked", labels=LABELS)
        state, metrics = take(state)
        assert not metrics["skipped"] and np.isfinite(metrics["grad_norm"])
        assert bits(frozen(state.params)) == bits(frozen(PARAMS))


class TestGradients:
    def taken(self, examples, **options):
        """The gradient that a step took: what plain descent at rate 1 subtracted."""
        state = start(SGD, STILL, **options)
        state, metrics = take(state, af2jax.stack(examples))
        return {p: np.asarray(flatten(PARAMS)[p] - x) for p, x in trained(state).items()}, metrics

    def one(self, example):
        return {p: np.asarray(x) for p, x in flatten(gradient(PARAMS, example, 1)).items() if p.startswith(TRAINED)}

    def close(self, found, expected):
        for path in expected:
            np.testing.assert_allclose(found[path], expected[path], atol=2e-6, rtol=1e-5, err_msg=path)

    @pytest.mark.optimised  # else jax 0.12 leaves 7e-6 of sums that cancel
    def test_a_batch_is_the_mean_of_its_examples(self):
        one, other = map(self.one, EXAMPLES)
        found, metrics = self.taken(EXAMPLES)
        self.close(found, {p: (one[p] + other[p]) / 2 for p in one})
        norm = np.sqrt(sum(np.sum(((one[p] + other[p]) / 2) ** 2) for p in one))
        np.testing.assert_allclose(metrics["grad_norm"], norm, rtol=1e-5)

    @pytest.mark.optimised
    @pytest.mark.parametrize("form", ["split", "masked"])
    def test_each_example_is_clipped_over_what_trains(self, form):
        parts = [self.one(example) for example in EXAMPLES]
        norms = [np.sqrt(sum(np.sum(x**2) for x in part.values())) for part in parts]
        limit = float(np.sqrt(norms[0] * norms[1]))  # one is clipped, the other not
        assert min(norms) < 0.999 * max(norms)  # far more than is allowed for rounding
        parts = [{p: x * min(1, limit / n) for p, x in part.items()} for part, n in zip(parts, norms, strict=True)]
        found, _ = self.taken(EXAMPLES, clip_example=limit, form=form)
        self.close(found, {p: (parts[0][p] + parts[1][p]) / 2 for p in found})

    def test_accumulation_equals_the_large_batch(self):
        adam = lambda **options: finetune.adamw(1e-2, 10, clip=0.1, weight_decay=0.1, **options)
        whole, parts = (start(adam(accumulate=n), STILL, SMOOTH, NETWORK) for n in (1, 2))
        for i in range(4):
            parts, _ = take(parts, af2jax.stack([EXAMPLES[i % 2]]))
            if i == 0:
                assert bits(parts.params) == bits(PARAMS)
        for _ in range(2):
            whole, _ = take(whole)
        for path, x in flatten(whole.trained).items():
            np.testing.assert_allclose(flatten(parts.trained)[path], x, atol=1e-6, rtol=0, err_msg=path)
            assert not np.array_equal(x, flatten(PARAMS)[path])


class TestForms:
    def test_masked_and_split_agree(self):
        options = {"losses": SMOOTH, "labels": NETWORK, "ema": 0.5, "clip_example": 0.5}
        states = {form: start(form=form, **options) for form in ("split", "masked")}
        for i in range(3):
            for form, state in states.items():
                states[form], metrics = take(state, key=jax.random.key(i))
                assert np.isfinite(metrics["grad_norm"])
        one, other = states.values()
        for path, x in flatten(one.trained).items():
            np.testing.assert_allclose(x, flatten(other.params)[path], atol=1e-6, rtol=1e-5, err_msg=path)
            assert not np.array_equal(x, flatten(PARAMS)[path])
        still = bits(frozen(PARAMS, NETWORK))
        assert np.signbit(PARAMS["input"]["kernel"][0, 0])
        for state in states.values():
            assert bits(frozen(state.params, NETWORK)) == bits(frozen(state.ema_params, NETWORK)) == still


class TestRecycles:
    def test_any_number_in_one_compile(self, monkeypatch):
        monkeypatch.setattr(steps, "_train", support.traced_at_most(steps._train, 1))
        found = [finetune.train_step(start(model=STILL), BATCH, KEY, num_recycle=i)[1] for i in range(4)]
        expected = [by_hand(PARAMS, i) for i in range(4)]
        np.testing.assert_allclose([m["loss"] for m in found], expected, rtol=1e-5)
        assert len({float(m["loss"]) for m in found}) == 4

    def test_drawn_by_default_from_0_to_the_preset_s(self):
        one = af2jax.stack([EXAMPLES[0]])
        possible = [float(_by_hand(PARAMS, EXAMPLES[0], i)) for i in range(toy.CONFIG.num_recycle + 1)]
        seen = set()
        for i in range(20):
            loss = float(finetune.train_step(start(model=STILL), one, jax.random.key(i))[1]["loss"])
            errors = np.abs(np.array(possible) / loss - 1)
            assert errors.min() < 1e-5
            seen.add(int(errors.argmin()))
        assert seen == set(range(toy.CONFIG.num_recycle + 1))

    def test_evaluation_takes_the_preset_s(self):
        state = start(model=STILL)
        default, most = finetune.eval_step(state, BATCH), finetune.eval_step(state, BATCH, toy.CONFIG.num_recycle)
        assert bits(default) == bits(most) != bits(finetune.eval_step(state, BATCH, 0))


class TestAverage:
    def test_begins_at_the_loaded_weights_and_follows_the_formula(self):
        state = start(ema=0.9)
        assert bits(state.ema_params) == bits(PARAMS)
        expected = {p: flatten(PARAMS)[p] for p in trained(state)}
        for i in range(3):
            state, _ = take(state, key=jax.random.key(i))
            expected = {p: 0.9 * expected[p] + 0.1 * np.asarray(x) for p, x in trained(state).items()}
        found = flatten(state.ema_params)
        for path, x in expected.items():
            np.testing.assert_allclose(found[path], x, atol=1e-6, rtol=1e-6, err_msg=path)
            assert not np.array_equal(found[path], flatten(state.params)[path])

    def test_evaluation_uses_it(self):
        state = start(ema=0.5)
        for i in range(2):
            state, _ = take(state, key=jax.random.key(i))
        loss = float(finetune.eval_step(state, BATCH, 1)[0]["loss"])
        expected = [by_hand(params) for params in (state.ema_params, state.params)]
        np.testing.assert_allclose(loss, expected[0], rtol=1e-5)
        assert abs(expected[0] / expected[1] - 1) > 1e-3

    def test_without_one(self):
        with pytest.raises(InputError, match=r"no moving average; give finetune.init\(ema="):
            _ = start().ema_params


class TestMetrics:
    def test_their_names(self):
        _, metrics = take(start())
        assert metrics.keys() == {"loss", "grad_norm", "skipped", "bad_example", *WEIGHTS}
        assert all(np.shape(x) == () for x in metrics.values())

    def test_weights_select_and_scale_the_terms(self):
        metrics, _ = finetune.eval_step(start(), BATCH)
        total = sum(weight * metrics[name] for name, weight in WEIGHTS.items())
        np.testing.assert_allclose(metrics["loss"], total, rtol=1e-6)

    def test_deepmind_s_and_every_new_head_by_default(self):
        heads = {"tm": af2jax.Head("chain", outputs=1)}
        batch = af2jax.stack([example(i, tm=np.float32(0.5)) for i in range(2)])
        metrics, said = finetune.eval_step(start(losses=None, heads=heads), batch, 1)
        assert metrics.keys() == {"loss", "lddt_ca", "tm", *af2jax.losses.WEIGHTS} and said["tm"].shape == (2, 1)
        expected = by_hand(PARAMS, 1, all_terms=True) + 0.25
        np.testing.assert_allclose(metrics["loss"], expected, rtol=1e-5)


class TestNewHeads:
    def test_train_beside_a_frozen_network_and_keep_their_unit(self):
        labels = af2jax.label(PARAMS, [(".*", "freeze")])
        batch = af2jax.stack([example(i, ss=np.arange(6) % 3, tm=50.0 - 20 * i) for i in range(2)])
        for form in ("split", "masked"):
            state = start(labels=labels, heads=HEADS, losses={"ss": 1.0, "tm": 1.0}, form=form)
            first = finetune.eval_step(state, batch, 1)[0]
            np.testing.assert_allclose(first["ss"], np.log(3), rtol=1e-6)
            np.testing.assert_allclose(first["tm"], 1.0, rtol=1e-6)
            for i in range(20):
                state, metrics = take(state, batch, jax.random.key(i))
            last, params = finetune.eval_step(state, batch, 1)[0], state.params
            assert last["ss"] < 0.8 * first["ss"] and last["tm"] < 0.8 * first["tm"], form
            new = params.pop("task_heads")
            assert bits(params) == bits(PARAMS)
            assert (new["tm"]["offset"], new["tm"]["scale"]) == (40.0, 10.0)
            assert metrics.keys() == {"loss", "ss", "tm", "grad_norm", "skipped", "bad_example"}

    def test_one_without_a_loss_needs_no_labels(self):
        state = start(heads=HEADS, losses={"ss": 1.0, "fape": 0.5})
        batch = af2jax.stack([example(i, ss=np.arange(6) % 3) for i in range(2)])
        state, metrics = take(state, batch)
        assert (
            "tm" not in metrics and not metrics["skipped"] and finetune.eval_step(state, batch)[1]["tm"].shape == (2, 1)
        )

    def test_classes_weighted_by_a_list(self):
        heads = {"ss": af2jax.Head("residue", classes=3, class_weights=[1.0, 2.0, 3.0])}
        batch = af2jax.stack([example(0, ss=np.arange(6) % 3)])
        assert not take(start(heads=heads, losses={"ss": 1.0}), batch)[1]["skipped"]


class TestOptimizers:
    def test_any_serves(self):
        """With a key in its state, with the loss as an argument, with copies of the parameters in its state."""
        plateau = optax.chain(optax.sgd(0.1), optax.contrib.reduce_on_plateau(patience=1))
        free = optax.contrib.schedule_free_adamw(0.01)
        for optimizer in (plateau, free):
            state, metrics = take(start(optimizer))
            assert not metrics["skipped"] and bits(trained(state)) != bits(trained(start()))
