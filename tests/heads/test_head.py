"""New heads on activations that are made up: what they say at first, what counts in their loss, what is refused."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import af2jax
from af2jax import heads as task_heads
from af2jax.config import preset
from af2jax.errors import InputError
from af2jax.finetune import task_loss
from af2jax.heads import BREAK, Head
from af2jax.metrics import confidence
from tests.finetune import toy
from tests.finetune.toy import bits, place

CONFIG, N = preset("tiny"), 6
CLASSES = {kind: Head(kind, classes=3) for kind in ("residue", "chain", "pair", "binding")}
CLASSES |= {"attention": Head("chain", classes=3, pool="attention")}
CLASSES |= {reads: Head("residue", classes=3, reads=reads) for reads in ("msa_first_row", "structure")}
NUMBERS = {name: Head(h.kind, outputs=2, reads=h.reads, pool=h.pool, mean=40.0, std=5.0) for name, h in CLASSES.items()}
SHAPES = {"residue": (N,), "chain": (), "pair": (N, N), "binding": ()}


def example(chains=(4, 2)):
    """(features, targets) of two chains; no labels."""
    features, targets = toy.example()
    asym_id = np.repeat(np.arange(len(chains)), chains).astype(np.int32)
    convert = lambda x: jax.tree.map(jnp.asarray, x.replace(asym_id=asym_id))
    return convert(features), convert(targets)


FEATURES, TARGETS = example()


def random(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def outputs(num=N):
    """Some activations."""
    c = CONFIG
    structure = place(
        random((num, 20)), random((num, c.structure.channels), 1), jnp.zeros(num, int), jnp.ones(num, bool)
    )
    logits = {"pae": random((num, num, 64), 2), "plddt": random((num, 50), 3)}
    rows, pair, single = random((num, c.evoformer.channels), 4), random((num, num, c.c_z), 5), random((num, c.c_s), 6)
    return toy.Outputs(rows[None], rows, pair, single, structure, logits)


OUTPUTS = outputs()


def first(head):
    return task_heads.init({"x": head}, CONFIG)["x"]


def stirred(head, seed=0):
    """Parameters after some training: noise on all that trains."""
    params = first(head)
    labels = task_heads.label(params)
    noise = lambda x, label: x + 0.3 * random(x.shape, seed) if label == "train" else x
    return jax.tree.map(noise, params, labels)


def say(head, params, outputs=OUTPUTS, features=FEATURES):
    return task_heads.apply({"x": head}, {"x": params}, outputs, features)["x"]


def loss(head, params, label, outputs=OUTPUTS, example=(FEATURES, TARGETS)):
    said = say(head, params, outputs, example[0])
    return task_loss.loss(head, params, said, jnp.asarray(label), example[1])


def labels(head, seed=0):
    """Some labels that fit."""
    rng, shape = np.random.default_rng(seed), SHAPES[head.kind]
    if head.classes:
        return rng.integers(0, head.classes, shape).astype(np.int32)
    return (40 + 5 * rng.normal(size=(*shape, head.outputs))).astype(np.float32)


def bad(match, function):
    with pytest.raises(InputError, match=match) as caught:
        function()
    assert "\n" not in str(caught.value)


class TestAtFirst:
    @pytest.mark.medium("compiles every kind of head")
    @pytest.mark.parametrize("name", CLASSES)
    def test_every_class_is_equally_likely(self, name):
        head = CLASSES[name]
        said = say(head, first(head))
        assert said.shape == (*SHAPES[head.kind], 3) and not said.any()
        np.testing.assert_allclose(loss(head, first(head), labels(head)), np.log(3), rtol=1e-6)

    @pytest.mark.parametrize("name", NUMBERS)
    def test_every_number_is_the_mean(self, name):
        head, params = NUMBERS[name], first(NUMBERS[name])
        said = say(head, params)
        assert said.shape == (*SHAPES[head.kind], 2) and (said == 40).all()
        expected = np.mean(((labels(head) - 40) / 5) ** 2)
        np.testing.assert_allclose(loss(head, params, labels(head)), expected, rtol=1e-5)


@pytest.mark.medium("trains every kind of head")
@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("heads", [CLASSES, NUMBERS], ids=["classes", "numbers"])
def test_learns(heads, name):
    head = heads[name]
    params, label = first(head), labels(head)
    trains = jax.tree.map(lambda x: x == "train", task_heads.label(params))
    optimizer = af2jax.finetune.masked(optax.adam(0.05), task_heads.label(params))
    state, step = optimizer.init(params), jax.jit(jax.value_and_grad(lambda params: loss(head, params, label)))
    start, _ = step(params)
    for _ in range(20):
        value, grads = step(params)
        updates, state = optimizer.update(grads, state, params)
        params = optax.apply_updates(params, updates)
    assert value < 0.9 * start
    moved = jax.tree.map(lambda x, y: bits(x) != bits(y), params, first(head))
    moved.pop("pool", None)  # its bias does nothing to a softmax
    trains.pop("pool", None)
    assert moved == trains and (not head.outputs or not (trains["offset"] or trains["scale"]))


class TestPooling:
    def test_the_mean_of_the_residues(self):
        params, mask = stirred(CLASSES["chain"]), jnp.arange(N) != 2
        x = np.asarray(OUTPUTS.single, np.float64)
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        norm, logits = (jax.tree.map(np.asarray, params[name]) for name in ("norm_in", "logits"))
        x = (x * norm["scale"] + norm["offset"])[np.asarray(mask)].mean(0)
        expected = x @ logits["kernel"] + logits["bias"]
        found = say(CLASSES["chain"], params, features=FEATURES.replace(seq_mask=mask))
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_attention_begins_as_the_mean_and_then_weighs(self):
        head, params = CLASSES["attention"], stirred(CLASSES["attention"])
        flat = params | {"pool": jax.tree.map(jnp.zeros_like, params["pool"])}
        mean = say(CLASSES["chain"], {name: params[name] for name in ("norm_in", "logits")})
        np.testing.assert_allclose(say(head, flat), mean, atol=1e-5)
        assert np.abs(say(head, params) - mean).max() > 1e-3
        one = OUTPUTS.replace(single=jnp.broadcast_to(OUTPUTS.single[:1], OUTPUTS.single.shape))
        alone = say(CLASSES["chain"], {name: params[name] for name in ("norm_in", "logits")}, one)
        loud = params | {"pool": {"kernel": params["pool"]["kernel"] * 1e4, "bias": params["pool"]["bias"]}}
        assert np.abs(say(head, loud) - mean).max() > 1e-3 and np.allclose(say(head, loud, one), alone, atol=1e-5)


class TestBinding:
    def by_hand(self, last):
        last = np.asarray(last) == 1
        pae, plddt = confidence.pae(OUTPUTS.logits["pae"]), confidence.plddt(OUTPUTS.logits["plddt"])
        across = last[:, None] != last[None]
        return [np.asarray(pae)[across].mean() / 10, np.asarray(plddt)[last].mean() / 100]

    def test_two_chains(self):
        found = task_heads.interface(OUTPUTS, FEATURES)
        np.testing.assert_allclose(found, self.by_hand([0, 0, 0, 0, 1, 1]), rtol=1e-5)

    @pytest.mark.parametrize("gap", [BREAK, -BREAK, BREAK - 1])
    def test_one_chain_in_two_parts(self, gap):
        features = FEATURES.replace(
            asym_id=jnp.zeros(N, int), residue_index=jnp.array([0, 1, 2, 2 + gap, 3 + gap, 4 + gap])
        )
        found, last = task_heads.interface(OUTPUTS, features), [0, 0, 0, 1, 1, 1]
        assert np.allclose(found, self.by_hand(last), rtol=1e-5) == (abs(gap) >= BREAK)

    def test_three_molecules(self):
        features = FEATURES.replace(asym_id=jnp.array([0, 0, 1, 1, 2, 2]))
        np.testing.assert_allclose(task_heads.interface(OUTPUTS, features), self.by_hand([0, 0, 0, 0, 1, 1]), rtol=1e-5)

    def test_reads_two_numbers_alone(self):
        assert jax.tree.map(jnp.shape, first(Head("binding", classes=2))) == {
            "logits": {"kernel": (2, 2), "bias": (2,)}
        }

    def test_one_molecule_is_refused(self):
        one = toy.example()
        batch = af2jax.stack([(one[0], one[1].replace(labels={"b": np.int32(1)}))])
        heads = {"b": Head("binding", classes=2)}
        bad('head "b": example 0 of the batch is one molecule, not two', lambda: task_loss.check_labels(heads, batch))


class TestLosses:
    def test_weights_of_classes(self):
        head, label = Head("residue", classes=3, class_weights=(1.0, 2.0, 5.0)), np.array([0, 1, 2, 2, 1, 0])
        params = stirred(head)
        chance = jax.nn.log_softmax(say(head, params))[np.arange(N), label]
        weight = np.array([1.0, 2.0, 5.0])[label]
        np.testing.assert_allclose(loss(head, params, label), -np.sum(weight * chance) / weight.sum(), rtol=1e-5)

    @pytest.mark.parametrize("name", ["residue", "pair"])
    def test_classes_that_are_unknown_do_not_count(self, name):
        head, params = CLASSES[name], stirred(CLASSES[name])
        label = labels(head)
        label.flat[1:4] = -1
        known = label >= 0
        chance = jnp.take_along_axis(jax.nn.log_softmax(say(head, params)), np.maximum(label, 0)[..., None], -1)[..., 0]
        np.testing.assert_allclose(loss(head, params, label), -np.mean(np.asarray(chance)[known]), rtol=1e-5)

    @pytest.mark.parametrize("name", ["residue", "pair", "chain"])
    def test_numbers_that_are_unknown_do_not_count_nor_reach_the_gradient(self, name):
        head, params = NUMBERS[name], stirred(NUMBERS[name])
        label = labels(head)
        label.flat[1] = np.nan
        error = (np.asarray(say(head, params)) - label) / 5
        value, grads = jax.value_and_grad(lambda params: loss(head, params, label))(params)
        np.testing.assert_allclose(value, np.nanmean(error**2), rtol=1e-5)
        chex.assert_tree_all_finite(grads)

    def test_the_unit_is_kept_among_the_parameters(self):
        head = NUMBERS["residue"]
        params = stirred(head)
        assert (params["offset"] == 40).all() and (params["scale"] == 5).all()
        plain = say(Head("residue", outputs=2), params | {"offset": jnp.zeros(2), "scale": jnp.ones(2)})
        np.testing.assert_allclose(say(head, params), 40 + 5 * plain, rtol=1e-5)
        other = Head("residue", outputs=2)  # the parameters alone say the unit
        np.testing.assert_array_equal(say(other, params), say(head, params))

    @pytest.mark.medium("compiles for more than a second")
    def test_one_number_with_an_axis_or_without(self):
        for kind in SHAPES:
            head = Head(kind, outputs=1, mean=40.0)
            label = labels(head)
            np.testing.assert_array_equal(loss(head, first(head), label), loss(head, first(head), label[..., 0]))


@pytest.mark.medium("compiles every kind of head")
@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("heads", [CLASSES, NUMBERS], ids=["classes", "numbers"])
def test_padding_changes_nothing(heads, name):
    head, more = heads[name], 3
    params, label = stirred(head), labels(head)
    widths = lambda x, axes: [(0, more if axis in axes else 0) for axis in range(x.ndim)]
    pad = lambda x, axes: jnp.pad(x, widths(x, axes), constant_values=7) if axes else x
    grow = lambda x: pad(x, (0,))
    features = jax.tree.map(jnp.asarray, FEATURES)
    longer = {field: grow(getattr(features, field)) for field in ("aatype", "residue_index", "asym_id")}
    longer |= {"seq_mask": jnp.pad(features.seq_mask, (0, more))}
    targets = TARGETS.replace(seq_mask=longer["seq_mask"])
    logits = {"pae": pad(OUTPUTS.logits["pae"], (0, 1)), "plddt": grow(OUTPUTS.logits["plddt"])}
    wide = OUTPUTS.replace(
        msa_first_row=grow(OUTPUTS.msa_first_row),
        single=grow(OUTPUTS.single),
        pair=pad(OUTPUTS.pair, (0, 1)),
        structure=OUTPUTS.structure.replace(single=grow(OUTPUTS.structure.single)),
        logits=logits,
    )
    label_axes = {"residue": (0,), "pair": (0, 1)}.get(head.kind, ())
    padded = np.asarray(pad(jnp.asarray(label), label_axes))  # 7 is not a class, and where nobody is nobody asks
    gradient = jax.value_and_grad(loss, argnums=1)
    found = gradient(head, params, padded, wide, (features.replace(**longer), targets))
    expected = gradient(head, params, label)
    chex.assert_trees_all_close(found, expected, atol=1e-6, rtol=1e-5)


class TestBadInput:
    def test_what_a_head_is(self):
        bad('kind "token" is not known; give residue, chain, pair, binding', lambda: Head("token", classes=2))
        reads = 'a "residue" head cannot read "pair"; it reads single or msa_first_row or structure'
        bad(reads, lambda: Head("residue", classes=2, reads="pair"))
        bad('cannot read "singel"', lambda: Head("chain", classes=2, reads="singel"))
        for sizes in ({}, {"classes": 1}, {"classes": 3, "outputs": 1}, {"classes": -2}, {"outputs": -1}):
            bad(r"give either classes \(2 or more\) or outputs \(1 or more\)", lambda s=sizes: Head("chain", **s))
        bad('classes have no unit; "K" belongs to a head with outputs', lambda: Head("chain", classes=2, unit="K"))
        bad('pool "max" is not known; give mean or attention', lambda: Head("chain", classes=2, pool="max"))
        bad("2 class_weights for 3 classes", lambda: Head("chain", classes=3, class_weights=(1.0, 2.0)))
        for weight in (-1.0, float("nan")):
            bad("must be 0 or more", lambda w=weight: Head("chain", classes=2, class_weights=(1.0, w)))
        for unit in ({"std": 0.0}, {"std": -1.0}, {"std": float("nan")}, {"mean": float("nan")}):
            bad("must be numbers, and std positive", lambda u=unit: Head("chain", outputs=1, **u))

    def test_names(self):
        for name in ("fape", "loss", "grad_norm", "skipped", "a/b", ""):
            bad(f'a new head cannot be called "{name}"', lambda n=name: task_heads.init({n: CLASSES["chain"]}, CONFIG))

    def test_a_network_without_the_head_that_it_reads(self):
        match = r'head "b" needs the PAE head, which model_3 lacks; load a "_ptm" preset'
        bad(match, lambda: task_heads.init({"b": Head("binding", classes=2)}, preset("model_3")))

    def check(self, head, label, **fields):
        features, targets = FEATURES, TARGETS.replace(labels={"x": label}, **fields)
        task_loss.check_labels({"x": head}, jax.tree.map(lambda x: np.asarray(x)[None], (features, targets)))

    @pytest.mark.parametrize("name", CLASSES)
    def test_labels_that_fit(self, name):
        for head in (CLASSES[name], NUMBERS[name]):
            self.check(head, labels(head))

    def test_no_labels(self):
        batch = jax.tree.map(lambda x: np.asarray(x)[None], (FEATURES, TARGETS))
        bad('head "x" has no labels; give example', lambda: task_loss.check_labels({"x": CLASSES["chain"]}, batch))

    @pytest.mark.parametrize("kind", SHAPES)
    def test_labels_of_the_wrong_shape(self, kind):
        shape = [1, *SHAPES[kind]]
        for head in (CLASSES[kind], NUMBERS[kind]):
            expected = str(shape if head.classes else [*shape, 2]).replace("[", r"\[").replace("]", r"\]")
            label = labels(head)
            wrong = label[..., :1] if head.outputs or label.ndim else label[None]
            match = rf'labels\["x"\] have shape \[.*\], the head needs {expected}$'
            bad(match, lambda h=head, w=wrong: self.check(h, w))

    def test_classes_out_of_range_or_no_integers(self):
        head = CLASSES["residue"]
        for wrong in (3, -2, 100):
            label = np.array([0, 1, 2, wrong, 0, 0])
            bad(rf'labels\["x"\] hold {wrong}; the head has classes 0 to 2', lambda x=label: self.check(head, x))
        bad(
            "are float32; classes are integers from 0, -1 where unknown",
            lambda: self.check(head, np.zeros(N, np.float32)),
        )
        bad("are bool; classes are integers", lambda: self.check(head, np.zeros(N, bool)))

    def test_numbers_that_are_none(self):
        head, label = NUMBERS["residue"], labels(NUMBERS["residue"])
        label[1, 1] = np.inf
        bad(
            r'labels\["x"\] must be finite numbers, NaN where unknown',
            lambda: self.check(head, label),
        )
        bad("must be finite numbers", lambda: self.check(head, np.full((N, 2), "a")))

    @pytest.mark.parametrize("name", CLASSES)
    def test_nothing_known(self, name):
        everyone = np.ones((1, N), bool)
        for head, nothing in ((CLASSES[name], -1), (NUMBERS[name], np.nan)):
            label = labels(head)
            assert task_loss.known(head, label[None], everyone).tolist() == [True]
            unknown = np.full_like(label, nothing)
            self.check(head, unknown)
            assert task_loss.known(head, unknown[None], everyone).tolist() == [False]
        head = CLASSES["residue"]
        label = np.array([-1, -1, -1, -1, 0, 1])  # known where nobody is
        assert task_loss.known(head, label[None], everyone[:, :] & (np.arange(N) < 4)).tolist() == [False]
        bad("has no residue: all are masked", lambda: self.check(head, labels(head), seq_mask=np.zeros(N, bool)))
