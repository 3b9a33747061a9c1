"""Each module of the network at its published widths against DeepMind's, with masks, on random inputs."""

import pytest

pytest.importorskip("alphafold.model.modules", reason="the oracle (alphafold-colabfold, dm-haiku) is not installed")

import functools

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
from alphafold.model import folding, modules, quat_affine

from af2jax.config import preset
from af2jax.geometry import quaternion
from af2jax.geometry.rigid import Rigid
from af2jax.model import ipa, msa, outer, triangle
from af2jax.nn.transition import Transition
from af2jax.pretrained import deepmind
from tests import oracle, support

pytestmark = [pytest.mark.parity, pytest.mark.medium("compiles each module of DeepMind's and ours")]
CONFIG = preset("model_1_ptm")
N_SEQ, N_RES = 5, 7


@functools.cache
def weights():
    """DeepMind's arrays and our parameters of the first Evoformer block, the first extra block and the structure."""
    flat = support.rule_flat(CONFIG)
    params = jax.tree.map(jnp.asarray, deepmind.from_deepmind(flat, CONFIG.name))
    first = lambda tree: jax.tree.map(lambda x: x[0], tree)
    ours = {
        "evoformer_iteration": first(params["evoformer"]["blocks"]),
        "extra_msa_stack": first(params["extra_msa"]["blocks"]),
    }
    return flat, ours | {"structure": params["structure"]}


def theirs(scope, stacked=True):
    """Their parameters below `scope`, as Haiku wants them for a module called by the scope's last name."""
    flat, tree = weights()[0], {}
    start = deepmind.SCOPE + scope
    for key, value in flat.items():
        if key.startswith((start + "/", start + "//")):
            inner, leaf = key[len(start) - len(scope.split("/")[-1]) :].split("//")
            tree.setdefault(inner, {})[leaf] = value[0] if stacked else value
    return tree


def inputs(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(s).astype(np.float32) for s in shapes]


def masks(seed):
    """An MSA mask and a pair mask with absent residues and rows."""
    rng = np.random.default_rng(seed)
    seq = np.arange(N_RES) < N_RES - 1
    rows = (rng.uniform(size=(N_SEQ, N_RES)) < 0.8) & seq
    return rows, seq[:, None] & seq[None]


def module_of_theirs(make, scope, *args, stacked=True, **kwargs):
    with jax.numpy_rank_promotion("allow"):
        apply = hk.transform(lambda *a: make(name=scope.split("/")[-1])(*a, **kwargs)).apply
        return apply(theirs(scope, stacked), jax.random.PRNGKey(0), *args)


C = oracle.configuration(CONFIG)
EVO, GC = C.embeddings_and_evoformer.evoformer, C.global_config
M, P = CONFIG.evoformer, CONFIG.evoformer.pair


def partial(module, config):
    return lambda name: module(config, GC, name=name)


MSA_CASES = {
    "msa_row": (
        partial(modules.MSARowAttentionWithPairBias, EVO.msa_row_attention_with_pair_bias),
        "evoformer/evoformer_iteration/msa_row_attention_with_pair_bias",
        msa.RowAttention(M.heads, M.head_dim),
    ),
    "msa_col": (
        partial(modules.MSAColumnAttention, EVO.msa_column_attention),
        "evoformer/evoformer_iteration/msa_column_attention",
        msa.ColumnAttention(M.heads, M.head_dim),
    ),
    "msa_transition": (
        partial(modules.Transition, EVO.msa_transition),
        "evoformer/evoformer_iteration/msa_transition",
        Transition(4),
    ),
    "outer": (
        lambda name: modules.OuterProductMean(EVO.outer_product_mean, GC, 128, name=name),
        "evoformer/evoformer_iteration/outer_product_mean",
        outer.OuterProductMean(128),
    ),
}


@pytest.mark.parametrize("name", MSA_CASES)
def test_msa_updates(name):
    make, scope, ours = MSA_CASES[name]
    m, z = inputs(1, (N_SEQ, N_RES, 256), (N_RES, N_RES, 128))
    rows, _ = masks(2)
    extra = {"pair_act": z} if name == "msa_row" else {}
    expected = module_of_theirs(make, scope, m, rows.astype(np.float32), **extra)
    args = {"msa_row": (m, z, rows), "msa_transition": (m,)}.get(name, (m, rows))
    found = ours.apply({"params": weights()[1]["evoformer_iteration"][name]}, *map(jnp.asarray, args))
    assert support.relative_error(found, expected) < 1e-5


def test_global_column_attention():
    (e,) = inputs(3, (N_SEQ, N_RES, 64))
    rows, _ = masks(4)
    scope = "evoformer/extra_msa_stack/msa_column_global_attention"
    make = partial(modules.MSAColumnGlobalAttention, EVO.msa_column_attention)
    expected = module_of_theirs(make, scope, e, rows.astype(np.float32))
    params = weights()[1]["extra_msa_stack"]["msa_col"]
    found = msa.GlobalColumnAttention(8, 8).apply({"params": params}, jnp.asarray(e), jnp.asarray(rows))
    assert support.relative_error(found, expected) < 1e-5


PAIR_CASES = {
    "tri_mul_out": (
        "triangle_multiplication_outgoing",
        modules.TriangleMultiplication,
        triangle.TriangleMultiplication(P.mul, True),
    ),
    "tri_mul_in": (
        "triangle_multiplication_incoming",
        modules.TriangleMultiplication,
        triangle.TriangleMultiplication(P.mul, False),
    ),
    "tri_att_start": (
        "triangle_attention_starting_node",
        modules.TriangleAttention,
        triangle.TriangleAttention(4, 32, True),
    ),
    "tri_att_end": (
        "triangle_attention_ending_node",
        modules.TriangleAttention,
        triangle.TriangleAttention(4, 32, False),
    ),
}


@pytest.mark.parametrize("name", PAIR_CASES)
def test_triangle_updates(name):
    scope, their_class, ours = PAIR_CASES[name]
    (z,) = inputs(5, (N_RES, N_RES, 128))
    _, pair_mask = masks(6)
    make = partial(their_class, EVO[scope])
    expected = module_of_theirs(make, f"evoformer/evoformer_iteration/{scope}", z, pair_mask.astype(np.float32))
    params = {"params": weights()[1]["evoformer_iteration"][name]}
    found = ours.apply(params, jnp.asarray(z), jnp.asarray(pair_mask))
    assert support.relative_error(found, expected) < 1e-5


@pytest.mark.equivariance
def test_the_ending_node_is_the_starting_node_on_the_transpose():
    (z,) = inputs(7, (N_RES, N_RES, 128))
    _, pair_mask = masks(6)
    pair_mask = jnp.asarray(np.random.default_rng(1).uniform(size=pair_mask.shape) < 0.8)
    params = {"params": weights()[1]["evoformer_iteration"]["tri_att_start"]}
    start, end = (triangle.TriangleAttention(4, 32, s) for s in (True, False))
    turned = start.apply(params, jnp.swapaxes(z, 0, 1), pair_mask.T)
    np.testing.assert_allclose(end.apply(params, jnp.asarray(z), pair_mask), jnp.swapaxes(turned, 0, 1), atol=1e-6)


def test_invariant_point_attention():
    s, z, bcd, trans = inputs(8, (N_RES, 384), (N_RES, N_RES, 128), (N_RES, 3), (N_RES, 3))
    mask = np.arange(N_RES) < N_RES - 2
    quat = np.concatenate([np.ones((N_RES, 1), np.float32), bcd], 1)
    make = lambda name: (
        lambda s, z, mask, quat, trans: folding.InvariantPointAttention(C.heads.structure_module, GC, name=name)(
            s, z, mask, quat_affine.QuatAffine(quat, trans, unstack_inputs=True)
        )
    )
    scope = "structure_module/fold_iteration/invariant_point_attention"
    expected = module_of_theirs(make, scope, s, z, mask[:, None].astype(np.float32), quat, trans, stacked=False)
    frames = Rigid(quaternion.update(jnp.asarray(bcd)), jnp.asarray(trans))
    module = ipa.InvariantPointAttention(12, 16, 16, 4, 8)
    found = module.apply(
        {"params": weights()[1]["structure"]["ipa"]}, jnp.asarray(s), jnp.asarray(z), frames, jnp.asarray(mask)
    )
    assert support.relative_error(found, expected) < 1e-5
