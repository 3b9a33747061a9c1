"""Laws of the whole network at a tiny size: what must change nothing, what must move along, what must differ."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax import interop
from af2jax.config import preset
from af2jax.data.interop import outputs as named
from af2jax.geometry.quaternion import random_rotation
from af2jax.geometry.rigid import Rigid
from af2jax.model.alphafold import AlphaFold, initial
from af2jax.model.evoformer import Evoformer
from af2jax.model.recycle import cycle, forward
from af2jax.nn.runtime import Runtime
from af2jax.pretrained.tree import split_stack
from tests import support

pytestmark = pytest.mark.medium("compiles the small network in many ways")

CONFIG = preset("tiny")
PARAMS = support.rule_params(CONFIG)
SIZES = {"num_res": 8, "num_seq": 5, "num_extra": 6, "num_templ": 2}


def double(tree):
    """Every floating-point leaf in float64."""
    return jax.tree.map(lambda x: np.asarray(x, np.float64) if np.asarray(x).dtype.kind == "f" else x, tree)


@partial(jax.jit, static_argnums=(0, 3))
def go(model, params, features, num_recycle, key=None):
    """The whole forward pass, compiled once for each model, count and shape."""
    return forward(model, params, features, num_recycle, key)


@jax.jit
def tiny(params, features, frames=None):
    """One pass from a zero state."""
    model = AlphaFold(CONFIG)
    return model.apply({"params": params}, features.cycle(0), initial(features, CONFIG), frames)


def run(d, frames=None, params=PARAMS):
    return tiny(params, interop.features(d), frames)


def starting_frames(num, key, distance=10.0, dtype=jnp.float32):
    a, b = jax.random.split(jax.random.key(key))
    return Rigid(random_rotation(a, (num,), dtype), distance * jax.random.normal(b, (num, 3), dtype))


def close(a, b, atoms=1e-4, logits=1e-5):
    """Outputs agree: atoms in angstrom, logits as they are."""
    np.testing.assert_allclose(a.structure.atom37, b.structure.atom37, atol=atoms, rtol=0)
    for head in a.logits:
        np.testing.assert_allclose(a.logits[head], b.logits[head], atol=logits, rtol=1e-5, err_msg=head)


@pytest.fixture(scope="module")
def base():
    return support.dictionary(**SIZES)


@pytest.fixture(scope="module")
def pair(base):
    """The outputs from some starting frames, from the same frames moved together, and that motion."""
    frames = starting_frames(SIZES["num_res"], 1)
    motion = starting_frames(1, 2, distance=50.0)
    return run(base, frames), run(base, motion @ frames), motion


@pytest.mark.equivariance
class TestRigidMotion:
    """One motion of all starting frames moves the structure and nothing else."""

    def test_frames_and_atoms_move_along(self, pair):
        still, moved, motion = pair
        exists = np.asarray(still.structure.atom14_mask)[..., None]
        expected = motion[:, None].apply(still.structure.atom14)
        np.testing.assert_allclose(exists * moved.structure.atom14, exists * expected, atol=2e-4)
        expected = motion[None] @ still.structure.frames
        np.testing.assert_allclose(moved.structure.frames.rot, expected.rot, atol=1e-5)
        np.testing.assert_allclose(moved.structure.frames.trans, expected.trans, atol=2e-4)

    def test_angles_and_confidence_stay(self, pair):
        still, moved, _ = pair
        np.testing.assert_allclose(moved.structure.torsions, still.structure.torsions, atol=1e-4)
        np.testing.assert_allclose(moved.logits["plddt"], still.logits["plddt"], atol=1e-4)

    def test_a_mirror_image_differs(self, base):
        frames = starting_frames(SIZES["num_res"], 1)
        flip = jnp.array([1.0, 1.0, -1.0])
        mirrored = Rigid(flip[None, :, None] * frames.rot * flip[None, None, :], frames.trans * flip[None])
        a, b = run(base, frames), run(base, mirrored)
        assert np.abs(a.logits["plddt"] - b.logits["plddt"]).max() > 1e-3

    def test_in_float64_it_is_exact(self, base, x64):
        frames = starting_frames(SIZES["num_res"], 1, dtype=jnp.float64)
        motion = starting_frames(1, 2, distance=50.0, dtype=jnp.float64)
        features, params = double(interop.features(base)), double(PARAMS)
        model = AlphaFold(CONFIG, Runtime(dtype="float64"))
        fold = jax.jit(lambda f: model.apply({"params": params}, features.cycle(0), initial(features, CONFIG), f))
        still, moved = fold(frames), fold(motion @ frames)
        assert still.structure.atom14.dtype == jnp.float64
        exists = np.asarray(still.structure.atom14_mask)[..., None]
        expected = motion[:, None].apply(still.structure.atom14)
        np.testing.assert_allclose(exists * moved.structure.atom14, exists * expected, atol=1e-9)
        np.testing.assert_allclose(moved.logits["plddt"], still.logits["plddt"], atol=1e-10)


PER_RESIDUE = {
    0: ("aatype", "residue_index", "seq_mask", "target_feat"),
    1: ("msa_feat", "msa_mask", "extra_msa", "extra_msa_mask", "extra_has_deletion", "extra_deletion_value"),
}


@pytest.mark.equivariance
def test_permuted_residues_permute_the_output(base):
    order = np.random.default_rng(0).permutation(SIZES["num_res"])
    d = {k: v for k, v in base.items() if not k.startswith("template")}  # torsions read the residue before
    permuted = {k: np.take(v, order, axis) for axis, names in PER_RESIDUE.items() for k, v in d.items() if k in names}
    a, b = run(d), run(permuted)
    np.testing.assert_allclose(b.structure.atom37, a.structure.atom37[order], atol=1e-4)
    np.testing.assert_allclose(b.logits["pae"], a.logits["pae"][order][:, order], atol=1e-5)


@pytest.mark.equivariance
@pytest.mark.parametrize("rows", ["msa", "extra_msa"])
def test_the_order_of_alignment_rows_is_nothing(base, rows):
    names = ("msa_feat", "msa_mask") if rows == "msa" else [n for n in PER_RESIDUE[1] if n.startswith("extra")]
    first = 1 if rows == "msa" else 0
    order = np.r_[:first, first + np.random.default_rng(0).permutation(len(base[names[0]]) - first)]
    permuted = base | {n: base[n][order] for n in names}
    a, b = run(base), run(permuted)
    b = b.replace(logits=b.logits | {"masked_msa": a.logits["masked_msa"]})
    close(a, b)


def padded(d, num_res=0, num_seq=0, num_extra=0, num_templ=0):
    """`d` with junk behind False masks: so many residues, MSA rows, extra rows, templates more."""
    rng = np.random.default_rng(7)
    out = {}
    for key, value in d.items():
        lead = num_templ if key.startswith("template") else num_extra if key.startswith("extra") else num_seq
        is_rows = key in PER_RESIDUE[1] or key.startswith("template")
        pads = [lead if is_rows else num_res] + [num_res if is_rows else 0] * (value.ndim > 1)
        if key == "template_mask":
            pads = pads[:1]
        pads += [0] * (value.ndim - len(pads))
        shape = tuple(s + p for s, p in zip(value.shape, pads[: value.ndim], strict=True))
        junk = np.zeros(shape) if "mask" in key else rng.integers(0, 4, shape)
        junk = junk.astype(value.dtype)
        junk[tuple(slice(s) for s in value.shape)] = value
        out[key] = junk
    return out


@pytest.mark.equivariance
@pytest.mark.parametrize(
    "more",
    [
        {"num_res": 3},
        {"num_seq": 2},
        {"num_extra": 3},
        {"num_templ": 1},
        {"num_res": 3, "num_seq": 2, "num_extra": 3, "num_templ": 1},
    ],
    ids=str,
)
def test_padding_with_junk_changes_nothing(base, more):
    d = {k: v for k, v in base.items() if k != "seq_length"}
    a, b = named(run(d)), named(run(padded(d, **more)))
    for key in a:
        cut = np.asarray(b[key])[tuple(slice(s) for s in a[key].shape)]
        limit = 1e-4 if "positions" in key else 1e-5
        np.testing.assert_allclose(cut, a[key], atol=limit, rtol=1e-5, err_msg=key)


@pytest.mark.slow("compiles the small network in one more way")
def test_vmap_is_a_loop(base):
    others = [interop.features(support.dictionary(**SIZES, seed=s)) for s in range(2)]
    batch = jax.tree.map(lambda *x: np.stack(x), *others)
    together = jax.jit(jax.vmap(lambda f: forward(AlphaFold(CONFIG), PARAMS, f, 1)))(batch)
    for i, f in enumerate(others):
        close(jax.tree.map(lambda x, i=i: x[i], together), go(AlphaFold(CONFIG), PARAMS, f, 1))


@pytest.mark.slow("compiles the small network in one more way")
def test_two_stacks_are_one(base):
    split = AlphaFold(preset("tiny", (1, 1)))
    f = interop.features(base)
    close(go(split, split_stack(PARAMS, (1, 1)), f, 0), go(AlphaFold(CONFIG), PARAMS, f, 0))


@partial(jax.jit, static_argnums=0)
def trunk(runtime, params, features):
    """A loss on the Evoformer's output and its gradient: all that the runtime touches."""
    num, (num_seq, num_res) = SIZES["num_res"], features.msa.mask.shape[1:]
    m = jax.random.normal(jax.random.key(0), (num_seq, num_res, CONFIG.evoformer.channels))
    z = jax.random.normal(jax.random.key(1), (num, num, CONFIG.c_z))
    module = Evoformer(CONFIG.evoformer, False, runtime)

    def loss(params):
        out = module.apply({"params": params}, m, z, features.msa.mask[0], jnp.ones((num, num), bool))
        return sum(jnp.mean(jnp.sin(x)) for x in out)

    return jax.value_and_grad(loss)(params)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"remat": False}, marks=pytest.mark.slow("compiles the small network in one more way")),
        pytest.param({"chunk": 1}, marks=pytest.mark.slow("compiles the small network in one more way")),
        {"chunk": 3},
        pytest.param({"chunk": 4}, marks=pytest.mark.slow("compiles the small network in one more way")),
        {"impl": "sdpa"},
    ],
    ids=str,
)
def test_the_runtime_never_changes_the_gradient(base, change):
    f = interop.features(base)
    a, b = (trunk(r, PARAMS["evoformer"], f) for r in (Runtime(), Runtime(**change)))
    largest = max(float(jnp.abs(x).max()) for x in jax.tree.leaves(a[1]))
    errors = jax.tree.map(lambda x, y: float(jnp.abs(x - y).max()) / largest, a, b)
    assert max(jax.tree.leaves(errors)) < 1e-5


@pytest.mark.parametrize("change", [{"remat": False}, {"chunk": 3, "impl": "sdpa"}], ids=str)
def test_the_runtime_never_changes_the_answer(base, change):
    f = interop.features(base)
    close(go(AlphaFold(CONFIG, Runtime(**change)), PARAMS, f, 0), go(AlphaFold(CONFIG), PARAMS, f, 0))


class TestRecycling:
    """Passes feed the next, gradients flow through the last only, each reads its own draw of the MSA."""

    def test_each_pass_reads_its_draw(self, base):
        draws = [interop.features(support.dictionary(**SIZES, seed=s)).msa for s in range(2)]
        one = interop.features(base)
        both = one.replace(msa=jax.tree.map(lambda *x: np.concatenate(x), *draws))
        model = AlphaFold(CONFIG)
        step = jax.jit(lambda msa, prev: cycle(model, PARAMS, one.replace(msa=msa), 0, prev))
        expected = step(draws[1], step(draws[0], initial(one, CONFIG)).prev)
        close(go(model, PARAMS, both, 1), expected)

    def test_no_recycle_is_one_pass(self, base):
        f = interop.features(base)
        close(go(AlphaFold(CONFIG), PARAMS, f, 0), tiny(PARAMS, f))

    @pytest.mark.slow("compiles the small network in one more way")
    def test_gradients_flow_through_the_last_pass_only(self, base):
        f, model = interop.features(base), AlphaFold(CONFIG)
        loss = lambda out: jnp.sum(out.logits["distogram"] ** 2)
        prev = go(model, PARAMS, f, 0).prev
        a = jax.jit(jax.grad(lambda p: loss(forward(model, p, f, 1))))(PARAMS)
        b = jax.jit(jax.grad(lambda p: loss(cycle(model, p, f, 1, prev))))(PARAMS)
        for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
            np.testing.assert_allclose(x, y, atol=1e-5 * max(1, float(jnp.abs(y).max())))

    def test_a_traced_count_is_the_same(self, base):
        f, model = interop.features(base), AlphaFold(CONFIG)
        close(jax.jit(lambda n: forward(model, PARAMS, f, n))(1), go(model, PARAMS, f, 1))


def test_dropout_needs_a_key_and_follows_it(base):
    f, model = interop.features(base), AlphaFold(CONFIG)
    drop = lambda seed: go(model, PARAMS, f, 0, jax.random.key(seed)).logits["distogram"]
    a, b = drop(0), drop(1)
    assert np.abs(a - b).max() > 1e-3
    np.testing.assert_array_equal(a, drop(0))
    assert np.abs(a - go(model, PARAMS, f, 0).logits["distogram"]).max() > 1e-3


def test_bfloat16_stays_near_float32(base):
    f = interop.features(base)
    exact = named(go(AlphaFold(CONFIG), PARAMS, f, 0))
    near = named(go(AlphaFold(CONFIG, Runtime(dtype="bfloat16")), PARAMS, f, 0))
    assert all(x.dtype == jnp.float32 for x in near.values())
    errors = {k: support.relative_error(near[k], exact[k]) for k in exact}
    assert 1e-4 < max(errors.values()) < 0.05, errors


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
def test_lowers_for_every_platform(base, platform):
    whole = jax.jit(lambda params, f: named(forward(AlphaFold(CONFIG), params, f, 1)))
    exported = jax.export.export(whole, platforms=[platform])(PARAMS, interop.features(base))
    assert exported.platforms == (platform,) and len(exported.out_avals) == 12


@pytest.mark.slow("compiles the small network in one more way")
def test_every_output_is_finite_with_nothing_present(base):
    empty = base | {k: np.zeros_like(v) for k, v in base.items() if "mask" in k}
    f = interop.features(empty)
    total = lambda p: sum(jnp.sum(x) for x in forward(AlphaFold(CONFIG), p, f, 0).logits.values())
    grads = jax.jit(jax.grad(total))(PARAMS)
    chex.assert_tree_all_finite((run(empty), grads))
