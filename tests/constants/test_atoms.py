"""Atom tables: laws, and equality with DeepMind's constants."""

import numpy as np
import pytest

from af2jax.constants import atoms
from af2jax.constants.residues import RESTYPES


def test_the_two_layouts_hold_the_same_atoms():
    code, slot = np.nonzero(atoms.ATOM14_MASK)
    column = atoms.ATOM14_TO_ATOM37[code, slot]
    np.testing.assert_array_equal(atoms.ATOM37_TO_ATOM14[code, column], slot)
    assert atoms.ATOM37_MASK[code, column].all()
    assert atoms.ATOM37_MASK.sum() == atoms.ATOM14_MASK.sum() == 167
    assert [atoms.ATOM14_NAMES[c][s] for c, s in zip(code, slot, strict=True)] == [atoms.ATOM37[i] for i in column]


def test_x_has_no_atoms_and_every_other_type_a_backbone():
    assert not atoms.ATOM14_MASK[20].any()
    assert not atoms.CHI_MASK[20].any()
    assert atoms.ATOM14_MASK[:20, :4].all()


def test_renaming_is_an_involution_within_one_group():
    twice = np.take_along_axis(atoms.ATOM14_SWAP, atoms.ATOM14_SWAP, axis=1)
    np.testing.assert_array_equal(twice, np.tile(np.arange(14), [21, 1]))
    np.testing.assert_array_equal(np.take_along_axis(atoms.ATOM14_GROUP, atoms.ATOM14_SWAP, axis=1), atoms.ATOM14_GROUP)


def test_default_frames_are_rigid_where_the_group_exists():
    exists = np.concatenate([np.ones([20, 4], bool), atoms.CHI_MASK[:20]], axis=1)
    rot = atoms.GROUP_FRAMES[:20, :, :3, :3][exists]
    np.testing.assert_allclose(rot @ rot.swapaxes(1, 2), np.broadcast_to(np.eye(3), rot.shape), atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(rot), 1, atol=1e-6)
    assert not atoms.GROUP_FRAMES[:20][~exists].any()


@pytest.fixture(scope="module")
def rc():
    return pytest.importorskip("alphafold.common.residue_constants", reason="the oracle is not installed")


@pytest.mark.parametrize(
    "ours, theirs",
    [
        ("ATOM37", "atom_types"),
        ("ATOM14_MASK", "restype_atom14_mask"),
        ("ATOM37_MASK", "restype_atom37_mask"),
        ("ATOM14_GROUP", "restype_atom14_to_rigid_group"),
        ("ATOM14_LOCAL", "restype_atom14_rigid_group_positions"),
        ("CHI_PI_PERIODIC", "chi_pi_periodic"),
    ],
)
def test_table_equals_deepminds(rc, ours, theirs):
    np.testing.assert_array_equal(getattr(atoms, ours), np.array(getattr(rc, theirs)))


def test_frames_equal_deepminds(rc):
    np.testing.assert_allclose(atoms.GROUP_FRAMES, rc.restype_rigid_group_default_frame, atol=1e-6)


def test_chi_equals_deepminds(rc):
    np.testing.assert_array_equal(atoms.CHI_MASK[:20], rc.chi_angles_mask)
    np.testing.assert_array_equal(atoms.CHI_ATOMS[:20], rc.chi_angles_atom_indices)
    assert not atoms.CHI_ATOMS[20].any()


def test_layouts_equal_deepminds(rc):
    for code, letter in enumerate(RESTYPES + "X"):
        name = rc.restype_1to3.get(letter, "UNK")
        assert list(atoms.ATOM14_NAMES[code]) == rc.restype_name_to_atom14_names[name]
        to_37 = [rc.atom_order[atom] if atom else 0 for atom in atoms.ATOM14_NAMES[code]]
        to_14 = [atoms.ATOM14_NAMES[code].index(a) if a in atoms.ATOM14_NAMES[code] else 0 for a in rc.atom_types]
        np.testing.assert_array_equal(atoms.ATOM14_TO_ATOM37[code], to_37)
        np.testing.assert_array_equal(atoms.ATOM37_TO_ATOM14[code], to_14)
        swaps = rc.residue_atom_renaming_swaps.get(name, {})
        swaps = swaps | {b: a for a, b in swaps.items()}
        renamed = [atoms.ATOM14_NAMES[code][i] for i in atoms.ATOM14_SWAP[code]]
        assert renamed == [swaps.get(atom, atom) for atom in atoms.ATOM14_NAMES[code]]
