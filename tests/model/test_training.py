"""The network in training: where dropout is, how much, and which entries share a draw (supplement, section 1.11.6)."""

import types
from functools import partial

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.config import preset
from af2jax.model.alphafold import AlphaFold, initial
from af2jax.model.recycle import cycle, forward
from af2jax.nn.dropout import Dropout
from af2jax.nn.layers import Linear
from af2jax.nn.stack import stack as stacked
from tests import support
from tests.losses.examples import QUICK

pytestmark = pytest.mark.medium("compiles the small network")

CONFIG = preset("tiny")
PARAMS = support.rule_params(CONFIG)
KEY = jax.random.key(0)
N_RES, N_SEQ, N_EXTRA, N_TEMPL = 8, 5, 6, 2

# Every update that is dropped: (rate, axis along which one draw is shared). Algorithms 6, 16, 18 and 20.
PAIR = {
    "tri_mul_out": (0.25, 0),
    "tri_mul_in": (0.25, 0),
    "tri_att_start": (0.25, 0),
    "tri_att_end": (0.25, 1),
}
MSA = {"msa_row": (0.15, 0)} | PAIR
TABLE = {
    "template": PAIR,
    "extra_msa": MSA,
    "evoformer": MSA,
    "structure": {"ipa": (0.1, None), "transition_2": (0.1, None)},
}

# DeepMind's names of what a stack is made of.
THEIRS = {
    "msa_row_attention_with_pair_bias": "msa_row",
    "msa_column_attention": "msa_col",
    "msa_transition": "msa_transition",
    "outer_product_mean": "outer",
    "triangle_multiplication_outgoing": "tri_mul_out",
    "triangle_multiplication_incoming": "tri_mul_in",
    "triangle_attention_starting_node": "tri_att_start",
    "triangle_attention_ending_node": "tri_att_end",
    "pair_transition": "pair_transition",
}


class Recorder:
    """Notes every dropout of a forward pass: after which update, its rate and axis, and what it keeps.

    With `listens` the entries kept come out of compiled loops by a callback, once for each turn.
    """

    def __init__(self, listens: bool = False):
        self.listens = listens
        self.before: dict[tuple, str] = {}
        self.seen: dict[tuple[str, str], tuple] = {}
        self.kept: dict[tuple[str, str], list[np.ndarray]] = {}
        self.idle: set[bool] = set()
        self.wrong = 0

    def __call__(self, call, args, kwargs, context):
        out, module = call(*args, **kwargs), context.module
        if context.method_name != "__call__":
            return out
        parent = module.path[:-1]
        if isinstance(module, Dropout):
            place, found = (module.path[0], self.before[parent]), (module.path, module.rate, module.axis)
            assert self.seen.setdefault(place, found) == found, f"{place}: dropped twice"
            self.idle.add(out is args[0])
            if self.listens:
                jax.debug.callback(partial(self.note, place, module.rate), args[0], out)
        elif not isinstance(module, nn.Dropout):
            self.before[parent] = module.name
        return out

    def note(self, place, rate, x, y):
        kept = np.asarray(y) != 0
        self.wrong += not np.allclose(y, np.where(kept, np.asarray(x) / (1 - rate), 0), rtol=1e-5, atol=0)
        self.kept.setdefault(place, []).append(kept)

    @property
    def table(self):
        """As `TABLE`."""
        found = {}
        for (stack, update), (_, rate, axis) in self.seen.items():
            found.setdefault(stack, {})[update] = rate, axis
        return found


def inputs(config=CONFIG):
    """Features with everything present."""
    sizes = {"num_res": N_RES, "num_seq": N_SEQ, "num_extra": N_EXTRA, "num_templ": N_TEMPL}
    return support.features(**sizes, classes=config.target_features)


def traced(name, **rngs):
    """What a pass of the preset drops, without computing it."""
    config, recorder = preset(name), Recorder()
    features, rngs = inputs(config), {"params": KEY, **rngs}
    with nn.intercept_methods(recorder):
        jax.eval_shape(lambda: AlphaFold(config).init(rngs, features.cycle(0), initial(features, config)))
    return recorder


@pytest.fixture(scope="module")
def recorded():
    """For 0 and for 1 recycles, in one compile: (what was dropped, the logits)."""
    recorder, features = Recorder(listens=True), inputs()
    run = lambda params, num: forward(AlphaFold(CONFIG), params, features, num, KEY).logits
    run, found = jax.jit(chex.assert_max_traces(run, 1), compiler_options=QUICK), []
    with nn.intercept_methods(recorder):
        for num in range(2):
            recorder.kept = {}
            try:
                logits = jax.block_until_ready(run(PARAMS, jnp.int32(num)))
            except ValueError as error:
                assert "broadcasted variable has a data dependency" in str(error)
                pytest.skip("this version of flax takes a callback in a scan for a dependency on its carry")
            jax.effects_barrier()
            found.append((recorder.kept, logits))
    assert recorder.wrong == 0 and recorder.table == TABLE
    return found


class TestWhereDropoutIs:
    """No column attention, transition of a representation or outer product is ever dropped: the table is complete."""

    @pytest.mark.parametrize("name", ["tiny", "model_1_ptm", "model_1_multimer_v3"])
    def test_the_table_of_the_supplement(self, name):
        found = traced(name, dropout=KEY)
        assert found.table == TABLE and found.idle == {False}

    def test_without_a_key_nothing_is_touched(self):
        found = traced("tiny")
        assert found.table == TABLE and found.idle == {True}

    @pytest.mark.parametrize("name", ["model_1_ptm", "model_1_multimer_v3"])
    def test_the_table_of_deepmind(self, name):
        configs = pytest.importorskip("alphafold.model.config", reason="the oracle is not installed")
        c = configs.model_config(name).model
        trunk = c.embeddings_and_evoformer

        def table(stack):
            parts = {THEIRS[key]: part for key, part in stack.items() if hasattr(part, "dropout_rate")}
            assert all(part.shared_dropout for part in parts.values())
            axis = {"per_row": 0, "per_column": 1}
            return {n: (p.dropout_rate, axis[p.orientation]) for n, p in parts.items() if p.dropout_rate}

        rate = c.heads.structure_module.dropout
        expected = {
            "template": table(trunk.template.template_pair_stack),
            "extra_msa": table(trunk.evoformer),
            "evoformer": table(trunk.evoformer),
            "structure": {"ipa": (rate, None), "transition_2": (rate, None)},
        }
        assert expected == TABLE

    @pytest.mark.parametrize("orientation, axis", [("per_row", 0), ("per_column", 1)])
    def test_deepminds_rows_and_columns_are_our_axes(self, orientation, axis):
        modules = pytest.importorskip("alphafold.model.modules", reason="the oracle is not installed")
        from alphafold.model.prng import SafeKey

        config = types.SimpleNamespace(dropout_rate=0.25, shared_dropout=True, orientation=orientation)
        options = types.SimpleNamespace(deterministic=False, eval_dropout=False)

        class Ones:
            def __init__(self):
                self.config = config

            def __call__(self, x, mask, is_training):
                return jnp.ones_like(x)

        x = jnp.zeros((9, 10, 6))
        theirs = modules.dropout_wrapper(Ones(), x, None, SafeKey(KEY), options)
        ours = Dropout(0.25, axis).apply({}, x + 1, rngs={"dropout": KEY})
        assert shared(np.asarray(theirs)) == shared(np.asarray(ours)) == {axis}


def shared(kept):
    """The axes along which all is the same."""
    return {axis for axis in range(kept.ndim) if np.all(kept == np.take(kept, [0], axis))}


class TestWhatIsDropped:
    """The entries of the runs of `recorded`, where what is kept is scaled."""

    def test_one_draw_is_shared_along_the_axis_alone(self, recorded):
        for (stack, update), turns in recorded[1][0].items():
            axis = TABLE[stack][update][1]
            assert all(shared(kept) == ({axis} - {None}) for kept in turns), (stack, update)

    def test_as_much_as_the_rate_says(self, recorded):
        for (stack, update), turns in recorded[1][0].items():
            rate, axis = TABLE[stack][update]
            draws = np.concatenate([(x if axis is None else np.take(x, 0, axis)).ravel() for x in turns])
            assert abs(1 - draws.mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / draws.size), (stack, update)

    @pytest.mark.parametrize("num_recycle", [0, 1])
    def test_every_pass_block_layer_and_template_draws_anew(self, recorded, num_recycle):
        c = CONFIG
        turns = {
            "template": c.template.blocks * N_TEMPL,
            "extra_msa": c.extra_msa.blocks,
            "evoformer": c.evoformer.blocks,
            "structure": c.structure.layers,
        }
        kept = recorded[num_recycle][0]
        assert kept.keys() == {(stack, update) for stack, updates in TABLE.items() for update in updates}
        for (stack, update), drawn in kept.items():
            assert len({x.tobytes() for x in drawn}) == len(drawn) == (1 + num_recycle) * turns[stack], (stack, update)

    def test_no_two_updates_share_a_draw(self, recorded):
        for stack in ("template", "extra_msa", "evoformer"):
            alike = [recorded[1][0][stack, update][0] for update in ("tri_mul_out", "tri_mul_in", "tri_att_start")]
            assert len({kept.tobytes() for kept in alike}) == 3, stack

    def test_the_last_pass_draws_the_same_after_any_number(self, recorded):
        """Passes are numbered from the end, and so are their keys."""
        (alone, a), (after, b) = recorded
        for place, kept in alone.items():
            last = {x.tobytes() for x in after[place][-len(kept) :]}
            assert {x.tobytes() for x in kept} == last, place
        assert np.abs(a["distogram"] - b["distogram"]).max() > 1e-3


@pytest.mark.slow("compiles the small network and its gradient")
def test_a_traced_number_of_recycles_is_the_same_as_a_static_one(recorded):
    static = jax.jit(lambda params: forward(AlphaFold(CONFIG), params, inputs(), 1, KEY).logits)(PARAMS)
    for head, expected in static.items():
        np.testing.assert_allclose(recorded[1][1][head], expected, atol=1e-4, rtol=1e-4, err_msg=head)


class Dropped(nn.Module):
    """A block to stack."""

    @nn.compact
    def __call__(self, x):
        return x + Dropout(0.5, axis=0)(jnp.sin(Linear(8, name="l")(x)))


def test_the_backward_pass_recomputes_with_the_same_draw():
    """Rematerialised blocks drop in the backward pass what they dropped in the forward pass."""

    class Stack(nn.Module):
        remat: bool

        @nn.compact
        def __call__(self, x):
            return stacked(Dropped, 3, remat=self.remat)(x)

    x = jax.random.normal(KEY, (5, 4, 8))
    params = Stack(False).init(KEY, x)
    loss = lambda params, remat: jnp.sum(Stack(remat).apply(params, x, rngs={"dropout": KEY}) ** 2)
    a, b = (jax.jit(jax.grad(loss), static_argnums=1)(params, remat) for remat in (True, False))
    chex.assert_trees_all_close(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.slow("compiles the small network and its gradient")
def test_gradients_flow_through_the_last_pass_only():
    """In training: with dropout, and the losses that reach the structure."""
    features, model = inputs(), AlphaFold(CONFIG)
    loss = lambda out: jnp.sum(out.structure.atom14**2) + jnp.sum(out.logits["plddt"] ** 2)
    before = jax.jit(lambda p: cycle(model, p, features, 1, initial(features, CONFIG), KEY).prev)(PARAMS)
    a = jax.jit(jax.grad(lambda p: loss(forward(model, p, features, 1, KEY))))(PARAMS)
    b = jax.jit(jax.grad(lambda p: loss(cycle(model, p, features, 0, before, KEY))))(PARAMS)
    largest = max(float(jnp.abs(x).max()) for x in jax.tree.leaves(b))
    chex.assert_trees_all_close(a, b, rtol=1e-7, atol=1e-5 * largest)
