"""Ideal chemistry: consistent with the ideal atom positions, equal to DeepMind's."""

import numpy as np
import pytest

from af2jax.constants import atoms, chemistry
from af2jax.constants.residues import CODES, THREE_TO_ONE


def test_ideal_positions_have_ideal_bonds():
    """Within a rigid group the positions need no torsion: their distances are the bond lengths, to 4 deviations."""
    checked = 0
    for residue, bonds in chemistry.BONDS.items():
        code = CODES[THREE_TO_ONE[residue]]
        for bond in bonds:
            a, b = (atoms.ATOM14_NAMES[code].index(atom) for atom in bond.atoms)
            if atoms.ATOM14_GROUP[code, a] == atoms.ATOM14_GROUP[code, b]:
                length = np.linalg.norm(atoms.ATOM14_LOCAL[code, a] - atoms.ATOM14_LOCAL[code, b])
                assert abs(length - bond.length) < 4 * bond.stddev, (residue, bond)
                checked += 1
    assert checked > 70


def test_every_bonded_atom_has_a_radius():
    assert {atom[0] for bonds in chemistry.BONDS.values() for bond in bonds for atom in bond.atoms} == set(
        chemistry.RADII
    )


def test_figures_equal_deepminds():
    rc = pytest.importorskip("alphafold.common.residue_constants", reason="the oracle is not installed")
    bonds, _, angles = rc.load_stereo_chemical_props()
    assert {n: [(*b.atoms, b.length, b.stddev) for b in bs] for n, bs in chemistry.BONDS.items()} == {
        n: [tuple(b) for b in bs] for n, bs in bonds.items()
    }
    for name, expected in angles.items():
        assert [a.atoms for a in chemistry.ANGLES[name]] == [tuple(a[:3]) for a in expected]
        np.testing.assert_allclose([a.angle for a in chemistry.ANGLES[name]], [a[3] for a in expected], rtol=1e-12)
        np.testing.assert_allclose([a.stddev for a in chemistry.ANGLES[name]], [a[4] for a in expected], rtol=1e-12)
    assert rc.van_der_waals_radius == chemistry.RADII
    lengths = chemistry.LENGTH_C_N, chemistry.LENGTH_C_N_PRO
    assert [s.mean for s in lengths] == rc.between_res_bond_length_c_n
    assert [s.stddev for s in lengths] == rc.between_res_bond_length_stddev_c_n
    assert [chemistry.COS_C_N_CA.mean, chemistry.COS_C_N_CA.stddev] == rc.between_res_cos_angles_c_n_ca
    assert [chemistry.COS_CA_C_N.mean, chemistry.COS_CA_C_N.stddev] == rc.between_res_cos_angles_ca_c_n
