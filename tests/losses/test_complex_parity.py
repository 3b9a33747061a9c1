"""The structural loss of complexes and its gradient against DeepMind's, chains in their right order."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax import interop, losses
from af2jax.geometry import quaternion
from tests.losses import complexes, examples, theirs, theirs_complex

pytestmark = [pytest.mark.parity, pytest.mark.medium("compiles all losses of DeepMind's and ours")]
pytest.importorskip(
    "alphafold.model.folding_multimer", reason="the oracle (alphafold-colabfold, dm-haiku) is not installed"
)

STRUCTURE = {"fape": 0.5, "sidechain_fape": 0.5, "chi": 0.5, "angle_norm": 0.01, "violation": 1.0}  # DeepMind's weights
ONE, TWO, THREE = ("GDEFYRKCSWAHMNVLQTIPDEFY",), ("GDEFYRKCSWAH", "MNVLQTIPDEFY"), ("FYRKCSWA", "FYRKCSWA", "MNVLQTIP")


@partial(jax.jit, compiler_options=examples.QUICK)
def our_gradient(theta, targets):
    def loss(theta):
        outputs = examples.outputs(theta | {"logits": {}}, targets.aatype, targets.seq_mask)
        return losses.total(outputs, targets, STRUCTURE | {"fape_last": 0.0})

    return jax.grad(loss, has_aux=True)(theta)


@partial(jax.jit, compiler_options=examples.QUICK)
def their_gradient(theta, d):
    return jax.grad(theirs_complex.structural, has_aux=True)(theta, d)


def said(d, **options):
    """What a network says of the structure, each frame turned in any way. Rotations are differentiated as matrices."""
    made = complexes.prediction(d, **options)
    q = jax.random.normal(jax.random.key(3), (*made["trans"].shape[:2], 4))
    return {"rot": quaternion.rotation(q / jnp.linalg.norm(q, axis=-1, keepdims=True))} | {
        name: made[name] for name in ("trans", "raw")
    }


def padded(d):
    """The last four residues are padding."""
    inside = (np.arange(len(d["aatype"])) < len(d["aatype"]) - 4).astype(np.float32)
    masked = ("aatype", "seq_mask", "all_atom_positions", "all_atom_mask")
    return d | {name: (d[name].T * inside).T.astype(d[name].dtype) for name in masked}


CASES = {
    "two chains": lambda: complexes.dictionary(TWO, restart=False),
    "three chains, two copies": lambda: complexes.dictionary(THREE, restart=False),
    "not clamped": lambda: complexes.dictionary(TWO, restart=False) | {"use_clamped_fape": np.float32(0)},
    "padding": lambda: padded(complexes.dictionary(TWO, restart=False)),
    "far apart": lambda: complexes.dictionary(THREE, apart=400.0),
    "one chain": lambda: complexes.dictionary(ONE),
}


def compare(d, theta, numbers=None):
    """Ours against theirs, which gets other residue `numbers` if given."""
    batch = {k: jnp.asarray(v) for k, v in (d | ({} if numbers is None else {"residue_index": numbers})).items()}
    with theirs_complex.corrected():
        expected, parts = their_gradient(theta, batch)
    found, metrics = our_gradient(theta, jax.tree.map(jnp.asarray, interop.targets(d)))
    terms = {
        "fape_last": parts["fape"],
        "fape": parts["bb_loss"],
        "sidechain_fape": parts["sidechain_fape"],
        "chi": parts["chi_loss"],
        "angle_norm": parts["angle_norm_loss"],
        "loss": parts["loss"],
    }
    for name, value in terms.items():
        error = abs(float(metrics[name]) - float(value)) / max(abs(float(value)), 1e-6)
        assert error < 1e-4, (name, float(metrics[name]), float(value))
    for name, value in expected.items():
        error = float(jnp.max(jnp.abs(found[name] - value))) / max(float(jnp.max(jnp.abs(value))), 1e-6)
        assert error < 1e-4, (name, error)
    return metrics


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients(case):
    d = CASES[case]()
    compare(d, said(d, near=60.0 if case == "far apart" else 5.0))


def test_clashes_of_residues_of_one_number():
    """DeepMind's code overlooks those of different chains; so it gets numbers of which none comes twice."""
    d = complexes.dictionary(THREE)
    metrics = compare(d, said(d), numbers=d["residue_index"] + 100 * d["asym_id"])
    apart = compare(d, said(d, near=60.0))
    assert metrics["violation"] > apart["violation"] + 0.01


def test_one_chain_of_a_network_for_complexes_is_always_clamped():
    """The one number that differs from DeepMind's for one chain: `use_clamped_fape` below 1, which its code ignores."""
    d = CASES["one chain"]()
    open_ = d | {"use_clamped_fape": np.float32(0)}
    theta = said(d)
    with pytest.raises(AssertionError, match="fape"):
        compare(open_, theta)
    compare(d, theta)


def test_the_floor_of_the_distance():
    """Near 0 DeepMind's FAPE of complexes differs from its own of one chain, and so from ours: by 0.0015 at most."""
    d = CASES["two chains"]()
    theta = said(d)
    with theirs_complex.corrected(floor=False):
        batch = {k: jnp.asarray(v) for k, v in d.items()}
        loss, parts = jax.jit(theirs_complex.structural, compiler_options=examples.QUICK)(theta, batch)
    _, metrics = our_gradient(theta, jax.tree.map(jnp.asarray, interop.targets(d)))
    for name, value in {"fape": parts["bb_loss"], "sidechain_fape": parts["sidechain_fape"], "loss": loss}.items():
        assert 0 < metrics[name] - value < 1.5e-3, name


def test_terms_of_the_heads():
    """DeepMind's heads do not look at chains."""
    d = complexes.dictionary(THREE)
    theta = complexes.prediction(d)
    q = jax.random.normal(jax.random.key(3), (*theta["trans"].shape[:2], 4))
    theta |= {"rot": q / jnp.linalg.norm(q, axis=-1, keepdims=True)}
    i = jnp.arange(len(d["aatype"]))  # of PAE's diagonal, see tests/losses/test_parity.py
    pae = theta["logits"]["pae"].at[i, i, 0].set(theta["logits"]["pae"][i, i, 1])
    theta["logits"]["pae"] = pae
    with theirs.corrected(), jax.numpy_dtype_promotion("standard"):
        whole = {k: jnp.asarray(v) for k, v in (d | theirs.labels(d)).items()}
        _, expected = jax.jit(theirs.total, compiler_options=examples.QUICK)(theta, whole)

    @partial(jax.jit, compiler_options=examples.QUICK)
    def ours(theta, targets):
        made = theta | {"rot": quaternion.rotation(theta["rot"])}
        outputs = examples.outputs(made, targets.aatype, targets.seq_mask)
        return losses.total(outputs, targets, dict.fromkeys(theirs.HEADS, 1.0))[1]

    found = ours(theta, jax.tree.map(jnp.asarray, interop.targets(d)))
    for name, their in theirs.HEADS.items():
        np.testing.assert_allclose(found[name], expected[f"{their}/loss"], rtol=1e-5, err_msg=name)
