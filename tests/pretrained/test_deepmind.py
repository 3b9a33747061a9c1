"""The table of DeepMind's arrays: it balances, it is the network's own tree, and nothing is lost on the way."""

import json

import chex
import jax
import numpy as np
import pytest

import af2jax
from af2jax.config import PRESETS, preset
from af2jax.errors import InputError, WeightsError
from af2jax.model.alphafold import AlphaFold, initial
from af2jax.pretrained import deepmind
from af2jax.pretrained.load import architectures, blank
from af2jax.pretrained.tree import flatten, join_stacks, split_stack
from tests import support

ONE_OF_EACH = [names[0] for names in architectures().values()]
COUNTS = {
    "model_1": (336, 93_229_082),
    "model_3": (265, 92_899_674),
    "model_1_ptm": (338, 93_237_338),
    "model_3_ptm": (267, 92_907_930),
    "model_1_multimer": (354, 93_223_705),
    "model_1_multimer_v3": (330, 93_223_705),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_those_of_the_published_files(name):
    shapes = deepmind.shapes(preset(name)).values()
    assert (len(shapes), sum(int(np.prod(s)) for s in shapes)) == COUNTS[name]


@pytest.mark.parametrize("name", COUNTS)
def test_keys_and_shapes_are_those_of_the_published_files(shared, name):
    published = json.loads((shared / "facts" / f"{name}.shapes.json").read_text())
    assert deepmind.shapes(preset(name)) == {key: tuple(shape) for key, shape in published.items()}


@pytest.mark.medium("traces every full-size network")
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_the_table_makes_the_tree_of_the_network(name):
    config = preset(name)
    init = lambda key, f: AlphaFold(config).init(key, f.cycle(0), initial(f, config))["params"]
    network = jax.eval_shape(init, jax.random.key(0), blank(config))
    flat = {key: np.broadcast_to(np.float32(0), shape) for key, shape in deepmind.shapes(config).items()}
    loaded = flatten(af2jax.pretrained.from_deepmind(flat, name))
    assert {k: v.shape for k, v in loaded.items()} == {k: v.shape for k, v in flatten(network).items()}


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_there_and_back_is_bitwise_the_same(name):
    flat = {
        key: np.arange(np.prod(shape), dtype=np.float32).reshape(shape) + i
        for i, (key, shape) in enumerate(deepmind.shapes(preset(name)).items())
    }
    back = af2jax.pretrained.to_deepmind(af2jax.pretrained.from_deepmind(flat, name), name)
    assert back.keys() == flat.keys()
    assert all(np.array_equal(back[key], flat[key]) and back[key].dtype == np.float32 for key in flat)


def test_no_two_rows_share_an_array():
    for name in ONE_OF_EACH:
        rows = deepmind.table(preset(name))
        for side in ([k for r in rows for k in r.theirs], [p for r in rows for p in r.ours]):
            assert len(side) == len(set(side))


def test_stacks_split_and_rejoin():
    params = support.rule_params(preset("tiny"))
    split = split_stack(params, (1, 1))
    assert set(split["evoformer"]) == {"blocks_0", "blocks_1"}
    chex.assert_trees_all_equal(params, join_stacks(split))
    back = af2jax.pretrained.to_deepmind(split, "tiny")
    assert back.keys() == deepmind.shapes(preset("tiny")).keys()


@pytest.mark.parametrize(
    "spelling, name",
    [
        ("model_1_ptm", "model_1_ptm"),
        ("params_model_1_ptm.npz", "model_1_ptm"),
        ("alphafold2_ptm_model_3", "model_3_ptm"),
        ("alphafold2_ptm_4", "model_4_ptm"),
        ("alphafold2_model_2", "model_2"),
        ("alphafold2_multimer_v3_model_5", "model_5_multimer_v3"),
        ("MODEL-1-PTM", "model_1_ptm"),
    ],
)
def test_every_spelling_of_a_preset(spelling, name):
    assert preset(spelling).name == name


def test_a_wrong_name_or_split_says_so():
    assert len(PRESETS) == 27
    with pytest.raises(InputError, match=r'no preset is called "model_1_pmt"; did you mean "model_1_ptm"\?'):
        preset("model_1_pmt")
    with pytest.raises(InputError, match=r"split=\(40, 4\) must be positive and add up to the 48 Evoformer blocks"):
        preset("model_1", (40, 4))


def test_wrong_arrays_are_listed():
    flat = support.rule_flat(preset("tiny"))
    key = "alphafold/alphafold_iteration/predicted_lddt_head/act_0//bias"
    bad = {k: v for k, v in flat.items() if k != key} | {"more//x": np.zeros(3)}
    with pytest.raises(WeightsError, match=r"1 missing: predicted_lddt_head/act_0//bias; 1 unexpected: more//x"):
        af2jax.pretrained.from_deepmind(bad, "tiny")
    with pytest.raises(WeightsError, match=r"1 misshapen: predicted_lddt_head/act_0//bias is \[3\], expected \[16\]"):
        af2jax.pretrained.from_deepmind(flat | {key: np.zeros(3)}, "tiny")
    params = af2jax.pretrained.from_deepmind(flat, "tiny")
    with pytest.raises(WeightsError, match="not a parameter tree of model_1: missing or unexpected"):
        af2jax.pretrained.to_deepmind(params, "model_1")
