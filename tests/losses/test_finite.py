"""No NaN anywhere: every loss and every gradient stays finite where there is nothing to compare, or nothing to tell
atoms apart by."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax import interop, losses
from af2jax.config import preset
from af2jax.constants.atoms import C, N
from af2jax.geometry import quaternion
from af2jax.geometry.lddt import distances, lddt
from af2jax.geometry.rigid import Rigid
from af2jax.losses import violation
from af2jax.losses.fape import fape
from af2jax.model.alphafold import AlphaFold
from af2jax.model.recycle import forward
from tests import support
from tests.losses import examples

pytestmark = pytest.mark.medium("compiles the gradient of all losses")


@partial(jax.jit, compiler_options=examples.QUICK)
def gradient(said, targets):
    """(every term, gradient of the total) in what the network says, its rotations as quaternions 1 + bi + cj + dk."""

    def loss(said):
        out = examples.outputs(said | {"rot": quaternion.update(said["rot"])}, targets.aatype, targets.seq_mask)
        return losses.total(out, targets)

    return jax.grad(loss, has_aux=True)(said)


def check(d, change=lambda said: said, num_seq=4):
    """Terms and gradients of a prediction of `d` are finite; the terms."""
    targets = jax.tree.map(jnp.asarray, interop.targets(d))
    said = examples.prediction(d["aatype"], num_seq=num_seq)
    said["rot"] = 0.3 * jax.random.normal(jax.random.key(0), said["trans"].shape)
    grads, metrics = gradient(change(said), targets)
    chex.assert_tree_all_finite((grads, metrics))
    return metrics


def origin(said):
    """Every frame the identity at the origin, every angle undefined."""
    return said | {name: jnp.zeros_like(said[name]) for name in ("rot", "trans", "raw")}


def point(d):
    """Every atom observed, and all of them in one place."""
    return d | {"all_atom_positions": np.full_like(d["all_atom_positions"], 3.0)}


def zeros(*names):
    return lambda d: d | {name: np.zeros_like(d[name]) for name in names}


DEGENERATE = {
    "a prediction at the origin": (lambda d: d, origin),
    "a truth in one point": (point, lambda said: said),
    "both": (point, origin),
    "nothing observed": (zeros("all_atom_mask", "all_atom_positions"), lambda said: said),
    "nothing masked": (zeros("bert_mask"), lambda said: said),
    "nothing present": (zeros("all_atom_mask", "bert_mask", "seq_mask"), lambda said: said),
    "nothing present, at the origin": (zeros("all_atom_mask", "bert_mask", "seq_mask"), origin),
    "unknown residues": (lambda d: d | {"aatype": np.full_like(d["aatype"], 20)}, lambda said: said),
    "unknown residues at the origin": (lambda d: d | {"aatype": np.full_like(d["aatype"], 20)}, origin),
    "one unknown residue": (lambda d: d | {"aatype": np.where(np.arange(20) == 3, 20, d["aatype"])}, origin),
    "glycines": (lambda _: examples.dictionary(sequence="G"), lambda said: said),
    "no clamp": (lambda d: d | {"use_clamped_fape": np.float32(0)}, lambda said: said),
    "huge logits": (
        lambda d: d,
        lambda said: said | {"logits": jax.tree.map(lambda x: 1e4 * x, said["logits"])},
    ),
}


@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_input(case):
    change, predict = DEGENERATE[case]
    check(change(examples.dictionary()), predict)


def test_nothing_to_learn_from_counts_nothing():
    """Every term that compares is zero; what is left are the angles' norm and the violations of the prediction."""
    found = check(zeros("all_atom_mask", "bert_mask", "all_atom_positions")(examples.dictionary()))
    of_prediction = {"angle_norm", "violation", "loss", "resolved"}
    assert all(found[name] == 0 for name in found.keys() - of_prediction)
    assert all(found[name] > 0 for name in of_prediction)
    found = check(zeros("all_atom_mask", "bert_mask", "seq_mask")(examples.dictionary()))
    assert not any(found.values())


@pytest.mark.parametrize(
    "num",
    [
        1,
        *(pytest.param(num, marks=pytest.mark.slow("compiles the gradient of all losses once more")) for num in (2, 3)),
    ],
)
def test_few_residues_and_no_alignment(num):
    """Apart, and all in one point."""
    d = examples.dictionary(num, num_seq=1, sequence="DWP", missing=0)
    check(d, num_seq=1)
    check(point(d), origin, num_seq=1)


@pytest.mark.parametrize("who", ["the truth", "both"])
def test_far_from_the_origin_the_loss_is_the_same(who):
    """1e4 angstrom away, where float32 has steps of 0.001. Labels of PAE are bins, and some change."""
    d, shift = examples.dictionary(), np.float32([6e3, -5e3, 6e3])
    away = d | {"all_atom_positions": (d["all_atom_positions"] + shift) * d["all_atom_mask"][..., None]}
    follow = lambda said: said | {"trans": said["trans"] + shift[None, None]}
    here, there = check(d), check(away, follow if who == "both" else lambda said: said)
    for name, value in here.items():
        np.testing.assert_allclose(there[name], value, rtol=2e-2 if name == "pae" else 1e-3, err_msg=name)


def atoms14(num=3):
    """[num 14 3] angstrom, float64: atoms of a made-up chain, the N of residue 1 in the place of the C before it."""
    x = np.random.default_rng(0).normal(size=(num, 14, 3)) + 3.0 * np.arange(num)[:, None, None]
    x[1, N] = x[0, C]
    return jnp.asarray(x)


def of_fape(bcd, trans, points):
    """FAPE where every frame and point is as in the truth, and where each frame's origin is a point."""
    true = Rigid(jnp.tile(jnp.eye(3), (3, 1, 1)), jnp.arange(9.0).reshape(3, 3))
    return fape(Rigid(quaternion.update(bcd), trans), points, true, true.trans, jnp.ones((3, 3), bool))


TRANS = np.arange(9.0).reshape(3, 3)
AATYPE, INDEX, ASYM = jnp.array([3, 14, 7]), jnp.arange(3), jnp.zeros(3, int)
MASK14, JOINED = jnp.ones((3, 14), bool), jnp.ones(2, bool)
TOGETHER = np.array([[0.0, 0, 0], [0, 0, 0], [3, 1, 2], [1, 5, 2]])
CENTRES = np.array([[0.0, 0, 0], [3, 0, 0], [3, 1, 2], [1, 5, 2]])
SINGULAR = {
    "FAPE of the truth": (of_fape, lambda: [np.zeros((3, 3)), TRANS, TRANS]),
    "FAPE in one point": (of_fape, lambda: [np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 3))]),
    "distances of points that coincide": (lambda x: distances(x), lambda: [TOGETHER]),
    "lDDT of points that coincide": (lambda x: lddt(x, jnp.asarray(CENTRES), jnp.ones(4, bool)), lambda: [TOGETHER]),
    "a peptide bond of no length": (
        lambda x: violation.peptide(x, MASK14, AATYPE, JOINED),
        lambda: [atoms14()],
    ),
    "atoms that clash in one place": (lambda x: violation.clash(x, MASK14, AATYPE, INDEX, ASYM), lambda: [atoms14()]),
    "a residue in one point": (lambda x: violation.within(x, MASK14, AATYPE), lambda: [np.zeros((3, 14, 3))]),
}


@pytest.mark.parametrize("case", SINGULAR)
def test_the_gradient_is_right_where_roots_are_singular(case, x64):
    """Not finite alone: equal to the difference quotient, forward and backward, in float64."""
    of, arguments = SINGULAR[case]
    arguments = [jnp.asarray(x) for x in arguments()]
    atol = 1e-5 / arguments[0].size  # chex takes it times the size
    chex.assert_numerical_grads(jax.jit(of), arguments, order=1, atol=atol, rtol=1e-5, eps=1e-7)


CONFIG = preset("tiny")
PER_RESIDUE = (
    *("aatype", "residue_index", "target_feat", "msa_feat", "extra_msa", "extra_msa_mask"),
    *("extra_has_deletion", "extra_deletion_value"),
)
SIZES = {"num_seq": 1, "num_extra": 1, "num_templ": 1}


@partial(jax.jit, compiler_options=examples.QUICK)
def network(params, features, targets):
    """(terms, gradient) of the whole network in training."""

    def loss(params):
        return losses.total(forward(AlphaFold(CONFIG), params, features, 0, jax.random.key(0)), targets)

    return jax.grad(loss, has_aux=True)(params)


def of_network(num, present):
    """The network's input for the query alone: no alignment, no template; residues beyond `present` are padding."""
    d = support.dictionary(3, **SIZES) | {"extra_msa_mask": np.zeros((1, 3), np.float32)}
    rows = lambda name: name.startswith(("msa", "extra"))
    d = {name: x[:, :num] if rows(name) else x[:num] for name, x in d.items() if name in PER_RESIDUE}
    known = examples.dictionary(num, num_seq=1, missing=0, sequence="DWP")
    inside = (np.arange(num) < present).astype(np.float32)
    d |= {"seq_mask": inside, "msa_mask": inside[None]}
    known |= {"seq_mask": inside, "bert_mask": inside[None] * (np.arange(num) == 0)}
    known["aatype"] = d["aatype"]
    return interop.features(d), interop.targets(known)


@pytest.mark.slow("compiles the gradient of all losses once more")
@pytest.mark.parametrize("num, present", [(1, 1), (3, 0), (3, 1), (3, 2), (3, 3)])
def test_the_whole_network_of_few_residues(num, present):
    grads, metrics = network(support.rule_params(CONFIG), *of_network(num, present))
    chex.assert_tree_all_finite((grads, metrics))
    assert (metrics["loss"] > 0) == (present > 0)
    heads = grads["heads"]
    assert any(np.any(x) for x in jax.tree.leaves(heads)) == (present > 0)
