"""Atoms to torsions, backbone frames and pseudo beta."""

from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.constants.atoms import ATOM37_INDEX, ATOM37_MASK, CHI_PI_PERIODIC
from af2jax.constants.residues import encode
from af2jax.geometry import quaternion
from af2jax.geometry.rigid import Rigid
from af2jax.protein import frames

torsions = jax.jit(frames.torsions)
backbone_frames = jax.jit(frames.backbone_frames)


@pytest.fixture(scope="module")
def cloud():
    """Random atoms, a fifth absent: aatype [2 22] with a gap code, positions [2 22 37 3], atom_mask [2 22 37]."""
    rng = np.random.default_rng(0)
    aatype = np.stack([np.arange(22), rng.permutation(22)]).astype(np.int32)
    mask = (rng.uniform(size=(2, 22, 37)) > 0.2) & ATOM37_MASK[np.minimum(aatype, 20)]
    positions = 5 * rng.normal(size=(2, 22, 37, 3)).astype(np.float32) * mask[..., None]
    return jnp.asarray(aatype), jnp.asarray(positions, jnp.float32), jnp.asarray(mask)


@pytest.mark.medium("compiles for more than a second")
def test_torsions_ignore_motion_and_turn_back_in_a_mirror(cloud):
    aatype, positions, mask = cloud
    motion = Rigid(quaternion.random_rotation(jax.random.key(7), (1, 1, 1)), jnp.array([[[[3.0, -20, 5]]]]))
    found, other, exists = torsions(*cloud)
    assert 50 < exists.sum() < exists.size
    for x, moved in zip((found, other), torsions(aatype, motion.apply(positions), mask)[:2], strict=True):
        np.testing.assert_allclose(x, moved, atol=2e-4)
    mirrored = torsions(aatype, positions * jnp.array([[[[1.0, 1, -1]]]]), mask)[0]
    sign = jnp.where(exists[..., None], jnp.array([-1.0, 1])[None, None, None], 1)
    np.testing.assert_allclose(mirrored, found * sign, atol=1e-5)


def test_the_other_naming_is_that_of_exchanged_atoms():
    """Where two atoms face each other across the axis, exchanging them gives the second result."""
    aatype = jnp.asarray(encode("DEFY"))
    groups = ["CB CG OD1 OD2", "CG CD OE1 OE2", "CB CG CD1 CD2", "CB CG CD1 CD2"]  # axis start and end, two atoms
    index = np.array([[ATOM37_INDEX[name] for name in group.split()] for group in groups])
    rows = np.arange(4)[:, None]
    positions = np.random.default_rng(1).normal(size=(4, 37, 3))
    start, end, first, _ = positions[rows, index].swapaxes(0, 1)
    along = (end - start) / np.linalg.norm(end - start, axis=-1, keepdims=True)
    out = first - end
    positions[rows, index[:, 3:]] = (end + 2 * np.sum(out * along, -1, keepdims=True) * along - out)[:, None]
    exchanged = positions.copy()
    exchanged[rows, index[:, 2:]] = positions[rows, index[:, [3, 2]]]

    mask = jnp.asarray(ATOM37_MASK)[aatype]
    found, other, _ = torsions(aatype, jnp.asarray(positions, jnp.float32), mask)
    renamed, _, _ = torsions(aatype, jnp.asarray(exchanged, jnp.float32), mask)
    last = np.arange(4), 3 + np.argmax(CHI_PI_PERIODIC[aatype], axis=1)
    np.testing.assert_allclose(other[last], renamed[last], atol=1e-4)
    np.testing.assert_allclose(other[last], -found[last], atol=1e-6)


@pytest.mark.medium("compiles for more than a second")
def test_absent_atoms_give_the_placeholder_and_finite_gradients(cloud):
    aatype, positions, mask = cloud
    found, other, exists = torsions(*cloud)
    assert exists.dtype == bool
    assert not exists[:, 0, :2].any()  # no residue before the first
    for x in (found, other):
        np.testing.assert_array_equal(x[~exists], np.broadcast_to([1, 0], x[~exists].shape))
    gradient = jax.jit(jax.grad(lambda p: sum(jnp.sum(jnp.sin(x)) for x in frames.torsions(aatype, p, mask)[:2])))
    assert np.isfinite(gradient(positions)).all()
    assert np.isfinite(gradient(jnp.zeros_like(positions))).all()


def test_a_gap_counts_as_x(cloud):
    aatype, positions, _ = cloud
    mask = jnp.ones(positions.shape[:-1], bool)
    as_x = torsions(jnp.where(aatype == 21, 20, aatype), positions, mask)
    chex.assert_trees_all_equal(torsions(aatype, positions, mask), as_x)


def test_leading_axes_are_a_loop(cloud):
    one = torsions(*(x[1] for x in cloud))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, atol=1e-6), torsions(*cloud), one)


@pytest.mark.medium("compiles for more than a second")
def test_backbone_frames_put_c_on_x_and_n_above(cloud):
    _, positions, mask = cloud
    rigid, exists = backbone_frames(positions, mask)
    np.testing.assert_array_equal(exists, mask[..., :3].all(-1))
    n, ca, c = (np.asarray(rigid.inverse_apply(positions[..., i, :]))[exists] for i in range(3))
    np.testing.assert_allclose(ca, 0, atol=1e-6)
    np.testing.assert_allclose(c[:, 1:], 0, atol=1e-4)
    np.testing.assert_allclose(n[:, 2], 0, atol=1e-4)
    assert (c[:, 0] > 0).all()
    assert (n[:, 1] > 0).all()
    gradient = jax.jit(jax.grad(lambda p: jnp.sum(frames.backbone_frames(p, mask)[0].rot ** 3)))
    assert np.isfinite(gradient(positions)).all()


def test_pseudo_beta_is_cb_but_for_glycine_ca():
    aatype = jnp.asarray(encode("AGX"))
    positions = jnp.arange(3 * 37 * 3, dtype=jnp.float32).reshape(3, 37, 3)
    atom = np.array([3, 1, 3])
    np.testing.assert_array_equal(frames.pseudo_beta(aatype, positions), positions[np.arange(3), atom])
    mask = jnp.zeros((2, 3, 37), bool).at[0, :, 1].set(True).at[1, :, 3].set(True)
    found = frames.pseudo_beta_mask(jnp.stack([aatype, aatype]), mask)
    np.testing.assert_array_equal(found, [[False, True, False], [True, False, True]])


def test_double_precision(cloud):
    with jax.enable_x64(True):
        aatype, positions, mask = cloud
        positions = positions.astype(jnp.float64)
        found = torsions(aatype, positions, mask)[:2], frames.backbone_frames(positions, mask)[0]
        assert {x.dtype for x in jax.tree.leaves(found)} == {jnp.dtype("float64")}


def test_torsions_equal_deepminds(cloud, oracle):
    aatype, positions, mask = cloud
    theirs = jax.jit(lambda a, p, m: oracle.atom37_to_torsion_angles(a, p, m, placeholder_for_undefined=True))
    expected = theirs(aatype, positions, mask.astype(jnp.float32))
    found, other, exists = torsions(*cloud)
    np.testing.assert_array_equal(exists, expected["torsion_angles_mask"])
    np.testing.assert_allclose(found, expected["torsion_angles_sin_cos"], atol=1e-4)
    np.testing.assert_allclose(other, expected["alt_torsion_angles_sin_cos"], atol=1e-4)


def test_backbone_frames_equal_deepminds(cloud, oracle):
    aatype, positions, mask = cloud
    theirs = jax.jit(oracle.atom37_to_frames)(aatype, positions, mask.astype(jnp.float32))
    flat = theirs["rigidgroups_gt_frames"][..., 0, :]
    rigid, exists = backbone_frames(positions, mask)
    found = jnp.concatenate([rigid.rot.reshape(2, 22, 9), rigid.trans], axis=-1)
    np.testing.assert_allclose(found[exists], flat[exists], atol=1e-5)
    np.testing.assert_array_equal(exists, theirs["rigidgroups_gt_exists"][..., 0])


@pytest.mark.medium("compiles for more than a second")
def test_golden_labels():
    """Backbone frames, chi angles and pseudo beta of a label dictionary that DeepMind's pipeline made."""
    path = Path(__file__).resolve().parents[3] / "shared" / "golden" / "model_1_ptm_forward.npz"
    if not path.is_file():
        pytest.skip("no golden files beside this checkout")
    with np.load(path, allow_pickle=False) as file:
        golden = {name.removeprefix("in/"): file[name] for name in file.files if name.startswith("in/")}
    aatype = jnp.asarray(golden["aatype"], jnp.int32)
    positions = jnp.asarray(golden["all_atom_positions"], jnp.float32)
    mask = jnp.asarray(golden["all_atom_mask"] > 0)

    found, _, exists = torsions(aatype, positions, mask)
    np.testing.assert_array_equal(exists[:, 3:], golden["chi_mask"])
    chi = np.stack([np.sin(golden["chi_angles"]), np.cos(golden["chi_angles"])], axis=-1)
    np.testing.assert_allclose(found[:, 3:][exists[:, 3:]], chi[exists[:, 3:]], atol=1e-4)

    rigid, exists = backbone_frames(positions, mask)
    np.testing.assert_array_equal(exists, golden["rigidgroups_gt_exists"][:, 0])
    expected = golden["rigidgroups_gt_frames"][:, 0]
    np.testing.assert_allclose(rigid.rot.reshape(-1, 9)[exists], expected[exists, :9], atol=1e-5)
    np.testing.assert_allclose(rigid.trans[exists], expected[exists, 9:], atol=1e-5)

    found = frames.pseudo_beta(aatype, positions), frames.pseudo_beta_mask(aatype, mask)
    np.testing.assert_allclose(found[0], golden["pseudo_beta"], atol=1e-6)
    np.testing.assert_array_equal(found[1], golden["pseudo_beta_mask"])
    templates = [jnp.asarray(golden[f"template_{name}"]) for name in ("aatype", "all_atom_positions", "all_atom_masks")]
    np.testing.assert_array_equal(frames.pseudo_beta(*templates[:2]), golden["template_pseudo_beta"])
    found = frames.pseudo_beta_mask(templates[0], templates[2] > 0)
    np.testing.assert_array_equal(found, golden["template_pseudo_beta_mask"])
