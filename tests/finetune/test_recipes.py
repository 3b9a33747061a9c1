"""Each recipe on the network itself, at a tiny size: what moved, in memory and in the exported file; the work saved.

Operations are counted from the jaxpr at full size, without computing anything.
"""

from dataclasses import replace

import jax
import numpy as np
import optax
import pytest

import af2jax
from af2jax import finetune
from af2jax.config import preset
from af2jax.errors import InputError
from af2jax.finetune import step as steps
from af2jax.finetune.rules import join, split
from af2jax.finetune.state import Setup
from af2jax.model.alphafold import AlphaFold
from af2jax.nn.runtime import Runtime
from af2jax.pretrained import deepmind
from af2jax.pretrained.tree import flatten, split_stack
from af2jax.profile import measure
from tests import support
from tests.finetune.test_rules import shapes
from tests.finetune.toy import bits
from tests.losses import examples

# The parameters are those of the tiny preset; one layer of the structure module and few losses compile sooner.
CONFIG = preset("tiny", (1, 1))
CONFIG = replace(CONFIG, structure=replace(CONFIG.structure, layers=1))
WEIGHTS = dict.fromkeys(("masked_msa", "distogram", "resolved", "plddt", "pae", "fape", "chi", "angle_norm"), 1.0)
FLAT = support.rule_flat(preset("tiny"))
FLAT["alphafold/alphafold_iteration/evoformer/single_activations//weights"][0] = -0.0
PARAMS = split_stack(deepmind.from_deepmind(FLAT, "tiny"), (1, 1))
HEADS = {"ss": af2jax.Head("residue", classes=3), "tm": af2jax.Head("chain", outputs=1, mean=40.0, std=10.0)}


def dictionary(num=6):
    return examples.whole(num, num_seq=3, num_extra=4, num_templ=1)


def example(**labels):
    d = dictionary()
    targets = af2jax.interop.targets(d).replace(labels={name: np.asarray(x) for name, x in labels.items()})
    return af2jax.interop.features(d), targets


BATCH = af2jax.stack([example(ss=np.arange(6) % 3, tm=np.float32(50))])


def start(name, heads=HEADS, dtype="float32", rank=2, **options):
    """(state, labels) of a recipe."""
    labels = af2jax.label(PARAMS, af2jax.recipe(name, **options))
    adapters = af2jax.lora.init(PARAMS, labels, rank) if name == "lora" else None
    model = AlphaFold(CONFIG, Runtime(dtype=dtype))
    optimizer = finetune.adamw(1e-2, 100, weight_decay=0.1, clip=1.0)
    losses = WEIGHTS | dict.fromkeys(heads, 1.0)
    state = finetune.init(model, PARAMS, labels, optimizer, heads=heads, adapters=adapters, losses=losses)
    return state, labels


def learns(state):
    """The trained leaves that a gradient reached: those whose second moment in Adam is not 0; kernels decay anyway."""
    moments = flatten(next(s.nu for s in jax.tree.leaves(state.opt_state, is_leaf=is_adam) if is_adam(s)))
    return {
        p: bool(np.any(x)) or (p.endswith("/kernel") and bool(np.any(flatten(state.trained)[p])))
        for p, x in moments.items()
    }


def is_adam(x):
    return isinstance(x, optax.ScaleByAdamState)


def follow(name, tmp_path, **options):
    """Two steps; then everything that a recipe promises. The state after them."""
    state, labels = start(name, **options)
    before = state.params
    for i in range(2):
        state, metrics = finetune.train_step(state, BATCH, jax.random.key(i), num_recycle=1)
        assert not metrics["skipped"], finetune.explain_skip(metrics)
    after, old = flatten(state.params), flatten(before)
    moved = {path for path, x in after.items() if bits(x) != bits(old[path])}

    reached = learns(state)
    expected = {path for path, yes in reached.items() if yes and not path.startswith("lora/")}
    expected |= {
        path.removeprefix("lora/").rpartition("/")[0]
        for path, yes in reached.items()
        if yes and path.startswith("lora/")
    }
    assert moved == expected
    may = {path for path, label in flatten(labels).items() if label != "freeze"}
    new = {path for path in after if path.startswith("task_heads/")} - {"task_heads/tm/offset", "task_heads/tm/scale"}
    assert moved <= may | new and len(moved) > 0.8 * len(may | new)

    found = {row[0]: row[2:4] for row in finetune.changes(before, state.params).rows}
    for module, (size, largest) in found.items():
        inside = [path for path in moved if path.startswith(module + "/")]
        assert size == sum(after[path].size for path in inside) and (largest > 0) == bool(inside), module

    (tmp_path / "base").mkdir()
    af2jax.export(state.params, "tiny", tmp_path / "out", tmp_path / "base")
    theirs = split_stack(deepmind.from_deepmind(FLAT, "tiny"), (1, 1))
    _, back = af2jax.load("tiny", tmp_path / "out", split=(1, 1))
    assert {path for path, x in flatten(back).items() if bits(x) != bits(flatten(theirs)[path])} == moved - new
    assert all(bits(x) == bits(after[path]) for path, x in flatten(back).items())
    with np.load(tmp_path / "out" / "params_tiny.npz") as file:
        same = {key for key, array in FLAT.items() if file[key].tobytes() == array.tobytes()}
    rows = {key: row.ours for row in deepmind.table(preset("tiny")) for key in row.theirs}
    touched = {path.replace("blocks_0", "blocks").replace("blocks_1", "blocks") for path in moved}
    assert {key for key, ours in rows.items() if touched & set(ours)} >= FLAT.keys() - same
    assert {key for key, ours in rows.items() if touched >= set(ours)} <= FLAT.keys() - same
    return state


class TestWhatMoves:
    @pytest.mark.slow("compiles a training step of the network for each recipe")
    def test_heads(self, tmp_path):
        state = follow("heads", tmp_path)
        unit = {"task_heads/tm/offset", "task_heads/tm/scale"}
        rooms = {path for path in flatten(state.params) if path.split("/")[0] in ("heads", "task_heads")}
        assert flatten(state.trained).keys() == rooms - unit

    @pytest.mark.slow("compiles a training step of the network for each recipe")
    def test_the_loss_at_step_0(self):
        """It is that of the loaded weights and of heads that know nothing; evaluation has no dropout."""
        (first, said), (again, _) = (finetune.eval_step(start("heads")[0], BATCH, 1) for _ in range(2))
        assert bits(first) == bits(again)

        @jax.jit
        def by_hand(params, features, targets):
            outputs = af2jax.forward(AlphaFold(CONFIG), params, features, 1)
            return af2jax.losses.total(outputs, targets, WEIGHTS)

        total, terms = by_hand(PARAMS, *example())
        for name, term in (terms | {"loss": total + np.log(3) + 1, "ss": np.log(3), "tm": 1.0}).items():
            np.testing.assert_allclose(first[name], term, rtol=1e-4, err_msg=name)
        assert (said["tm"] == 40).all() and not said["ss"].any()

    @pytest.mark.slow("compiles a training step of the network for each recipe")
    def test_last_blocks(self, tmp_path):
        state = follow("last_blocks", tmp_path, n=1)
        moved = {path.split("/")[1] for path in flatten(state.trained) if path.startswith("evoformer/")}
        assert moved == {"blocks_1"}

    @pytest.mark.slow("compiles a training step of the network for each recipe")
    @pytest.mark.parametrize("name", ["full", "structure_and_heads", "bias_only"])
    def test_others(self, tmp_path, name):
        follow(name, tmp_path)

    @pytest.mark.slow("compiles a training step of the network for each recipe")
    def test_adapters(self, tmp_path):
        """Nothing at step 0, in what the network says too; then what training applies is what `merge` gives."""
        state, _ = start("lora", heads={})
        plain, _ = start("full", heads={})
        assert bits(state.params) == bits(PARAMS)
        one, other = (finetune.eval_step(s, BATCH, 1)[0] for s in (state, plain))
        assert {name: float(x) for name, x in one.items()} == {name: float(x) for name, x in other.items()}
        state = follow("lora", tmp_path, heads={})
        merged = af2jax.lora.merge(PARAMS, state.adapters)
        assert bits(merged) == bits(state.params)
        plain = finetune.init(
            AlphaFold(CONFIG), merged, af2jax.label(PARAMS, [(".*", "train")]), optax.sgd(0.1), losses=WEIGHTS
        )
        one, other = (finetune.eval_step(s, BATCH, 1)[0]["loss"] for s in (state, plain))
        np.testing.assert_allclose(one, other, rtol=1e-5)

    @pytest.mark.slow("compiles a training step of the network for each recipe")
    def test_bfloat16(self, tmp_path):
        """The trunk in bfloat16; parameters, gradients and moments stay float32."""
        state = follow("heads", tmp_path, dtype="bfloat16")
        assert {x.dtype for x in jax.tree.leaves((state.params, state.trained))} == {np.dtype("float32")}
        one, other = (
            finetune.eval_step(start("heads", dtype=d)[0], BATCH, 1)[0]["loss"] for d in ("float32", "bfloat16")
        )
        np.testing.assert_allclose(one, other, rtol=0.05)
        assert one != other


def test_a_new_head_on_a_network_without_pae():
    config = replace(CONFIG, heads=replace(CONFIG.heads, pae=0))
    params = PARAMS | {"heads": {name: head for name, head in PARAMS["heads"].items() if name != "pae"}}
    labels = af2jax.label(params, af2jax.recipe("heads"))
    start = lambda **options: finetune.init(AlphaFold(config), params, labels, optax.sgd(0.1), **options)
    with pytest.raises(InputError, match='head "b" needs the PAE head, which tiny lacks'):
        start(heads={"b": af2jax.Head("binding", classes=2)})
    with pytest.raises(InputError, match='the loss "pae" needs the head "pae", which this model does not have'):
        start(losses={"pae": 1.0})
    start(losses={"plddt": 1.0})


@pytest.fixture(scope="module")
def operations():
    """Products in a gradient of model_1_ptm by recipe, at crop 256 with 128 and 1024 rows, and in a forward pass."""
    d = examples.whole(256, num_seq=128, num_extra=1024, num_templ=4)
    one = af2jax.interop.features(d), af2jax.interop.targets(d)
    shape = lambda tree: jax.tree.map(lambda x: jax.ShapeDtypeStruct(np.shape(x), x.dtype), tree)
    key = jax.eval_shape(lambda: jax.random.key(0))

    def of(name, parts=()):
        model, params = AlphaFold(preset("model_1_ptm", parts)), shapes("model_1_ptm", parts)
        setup = Setup(model, optax.sgd(0.1), None, None, None, None)
        loss = lambda trained, frozen, pair, key: steps._loss(setup, join(trained, frozen), pair, 0, key)
        inputs = *map(shape, (*split(params, af2jax.label(params, af2jax.recipe(name))), one)), key
        found = {name: measure.count(jax.grad(loss, has_aux=True), *inputs).flops}
        return found | ({"pass": measure.count(loss, *inputs).flops} if name == "full" else {})

    return of("full") | of("last_blocks", (44, 4)) | of("heads")


@pytest.mark.slow("traces gradients of the full-size network")
@pytest.mark.parametrize("recycles", [0, 1.5], ids=["no_recycles", "mean_of_0_to_3"])
@pytest.mark.parametrize(("name", "goal"), [("last_blocks", 0.55), ("heads", 0.5)])
def test_freezing_saves_work(operations, name, goal, recycles):
    before = recycles * operations["pass"]
    share = (operations[name] + before) / (operations["full"] + before)
    print(f"{name}, {recycles} recycles: {share:.3f} of a full step")
    assert 0.2 < share <= goal
    assert operations["full"] > 3.5 * operations["pass"]  # once forward, once again, twice backward
