"""Torsions to atoms (Algorithm 24)."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.constants import chemistry
from af2jax.constants.atoms import ATOM14_MASK, ATOM14_NAMES, ATOM37_MASK, ATOM37_TO_ATOM14, CHI_MASK
from af2jax.constants.residues import LETTERS, ONE_TO_THREE
from af2jax.geometry import quaternion
from af2jax.geometry.rigid import Rigid
from af2jax.protein import atoms, frames


@jax.jit
def build(aatype, backbone, torsions):
    groups = atoms.groups(aatype, backbone, torsions)
    atom14 = atoms.atom14(aatype, groups)
    return groups, atom14, atoms.atom14_to_atom37(atom14, aatype)


@pytest.mark.medium("compiles a gradient")
def test_torsions_survive_the_round_trip(residues):
    aatype, _, torsions = residues
    _, _, atom37 = build(*residues)
    exists = atoms.atom37_mask(aatype, jnp.ones(42, bool))
    found, _, mask = jax.jit(frames.torsions)(aatype, atom37, exists)
    np.testing.assert_array_equal(mask[:, 3:], CHI_MASK[aatype])
    np.testing.assert_array_equal(mask[:, 2], aatype < 20)
    known = np.array(mask).copy()
    known[:, :2] = False  # pre-omega and phi also take the residue before
    np.testing.assert_allclose(found[known], torsions[known], atol=1e-4)


@pytest.mark.medium("compiles every residue's atoms")
def test_backbone_frames_survive_the_round_trip(residues):
    aatype, backbone, _ = residues
    _, _, atom37 = build(*residues)
    found, mask = frames.backbone_frames(atom37, jnp.asarray(ATOM37_MASK)[aatype])
    np.testing.assert_array_equal(mask, aatype < 20)
    np.testing.assert_allclose(found.rot[mask], backbone.rot[mask], atol=1e-5)
    np.testing.assert_allclose(found.trans[mask], backbone.trans[mask], atol=1e-5)


def test_bonds_and_angles_are_ideal_whatever_the_torsions(residues):
    """To 4 deviations for bonds and 5 for angles; the ring of proline closes at one pucker only."""
    _, atom14, _ = build(*residues)
    for code, slots in zip(residues[0], np.asarray(atom14), strict=True):
        name = ONE_TO_THREE[LETTERS[code]]
        place = dict(zip(ATOM14_NAMES[code], slots, strict=True))
        for bond in chemistry.BONDS[name]:
            if name != "PRO" or "CD" not in bond.atoms:
                length = np.linalg.norm(place[bond.atoms[0]] - place[bond.atoms[1]])
                assert abs(length - bond.length) < 4 * bond.stddev, (name, bond)
        for angle in chemistry.ANGLES[name]:
            if name != "PRO":
                a, b, c = (place[atom] for atom in angle.atoms)
                cosine = (a - b) @ (c - b) / np.linalg.norm(a - b) / np.linalg.norm(c - b)
                assert abs(np.arccos(cosine) - angle.angle) < 5 * angle.stddev, (name, angle)


@pytest.mark.medium("compiles for more than a second")
def test_atoms_move_with_the_backbone(residues):
    aatype, backbone, torsions = residues
    motion = Rigid(quaternion.random_rotation(jax.random.key(7), (1,)), jnp.array([[3.0, -20, 5]]))
    _, moved, _ = build(aatype, motion @ backbone, torsions)
    _, atom14, _ = build(*residues)
    expected = jnp.where(ATOM14_MASK[aatype][..., None], motion[:, None].apply(atom14), 0)
    np.testing.assert_allclose(moved, expected, atol=2e-5)


@pytest.mark.medium("compiles for more than a second")
def test_layouts_and_masks_agree(residues):
    aatype = residues[0]
    _, atom14, atom37 = build(*residues)
    seq_mask = jnp.arange(42) % 5 != 0
    mask14, mask37 = atoms.atom14_mask(aatype, seq_mask), atoms.atom37_mask(aatype, seq_mask)
    assert mask14.dtype == mask37.dtype == bool
    np.testing.assert_array_equal(mask14.sum(-1), mask37.sum(-1))
    assert not mask14[~seq_mask].any()
    np.testing.assert_array_equal(np.any(atom37 != 0, axis=-1), ATOM37_MASK[aatype])
    row, column = np.nonzero(ATOM37_MASK[aatype])
    np.testing.assert_array_equal(atom37[row, column], atom14[row, ATOM37_TO_ATOM14[aatype[row], column]])


@pytest.mark.medium("compiles for more than a second")
def test_gradients_are_finite(residues):
    value = lambda backbone, torsions: jnp.sum(build(residues[0], backbone, torsions)[2] ** 2)
    grads = jax.jit(jax.grad(value, argnums=(0, 1)))(*residues[1:])
    chex.assert_tree_all_finite(grads)
    assert np.abs(grads[1][:, 2]).max() > 0


def test_double_precision(residues):
    with jax.enable_x64(True):
        aatype, backbone, torsions = residues
        wide = jax.tree.map(lambda x: x.astype(jnp.float64), (backbone, torsions))
        assert {x.dtype for x in jax.tree.leaves(jax.eval_shape(build, aatype, *wide))} == {jnp.dtype("float64")}


@pytest.mark.medium("compiles for more than a second")
def test_parity_with_deepmind(residues, oracle):
    from alphafold.model import r3

    aatype, backbone, torsions = residues

    @jax.jit
    def theirs(aatype, backbone, torsions):
        rigids = r3.Rigids(r3.rots_from_tensor3x3(backbone.rot), r3.vecs_from_tensor(backbone.trans))
        groups = oracle.torsion_angles_to_frames(aatype, rigids, torsions)
        atom14 = oracle.frames_and_literature_positions_to_atom14_pos(aatype, groups)
        tables = {
            "residx_atom37_to_atom14": jnp.asarray(ATOM37_TO_ATOM14)[aatype],
            "atom37_atom_exists": jnp.asarray(ATOM37_MASK)[aatype],
        }
        atom14 = r3.vecs_to_tensor(atom14)
        return r3.rigids_to_tensor_flat12(groups), atom14, oracle.atom14_to_atom37(atom14, tables)

    groups, atom14, atom37 = theirs(aatype, backbone, torsions)
    found = build(aatype, backbone, torsions)
    np.testing.assert_allclose(found[0].rot.reshape(42, 8, 9), groups[..., :9], atol=1e-5)
    np.testing.assert_allclose(found[0].trans, groups[..., 9:], atol=2e-5)
    np.testing.assert_allclose(found[1], atom14, atol=2e-5)
    np.testing.assert_allclose(found[2], atom37, atol=2e-5)
