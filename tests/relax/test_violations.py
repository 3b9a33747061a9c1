"""Which residues violate known geometry: each kind, where it is, and as DeepMind's program finds them."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from af2jax.constants.atoms import C, N
from af2jax.constants.chemistry import COS_CA_C_N, LENGTH_C_N, Spread
from af2jax.metrics import stereochemistry
from af2jax.relax.violations import mirrored, violating
from tests.relax.peptides import changed, noisy, peptide, put, without

PEPTIDE = peptide()


def where(protein) -> list[int]:
    return np.flatnonzero(violating(protein)).tolist()


def test_ideal_geometry_has_none():
    assert where(PEPTIDE) == []


def test_each_kind_where_it_is():
    assert where(put(PEPTIDE, (10, "CB"), (10, "CA"), 1.0)) == [10]  # too short a bond within
    assert where(put(PEPTIDE, (15, "CD1"), (3, "CB"), 0.5)) == [3, 15]  # a clash, and distances within

    bond = PEPTIDE.positions[10, N] - PEPTIDE.positions[9, C]
    torn = changed(PEPTIDE, lambda x: x + (np.arange(20) > 9)[:, None, None] * bond)
    assert where(torn) == [9, 10]
    assert where(replace(torn, chain_index=(np.arange(20) > 9).astype(int))) == []


def test_absent_atoms_have_none():
    spoilt = put(PEPTIDE, (10, "CB"), (10, "CA"), 1.0)
    assert where(without(spoilt, (10, "CB"))) == []


def test_mirrored_residues():
    assert not mirrored(PEPTIDE).any()
    mirror = changed(PEPTIDE, lambda x: x * [1, -1, 1])
    assert np.flatnonzero(~mirrored(mirror)).tolist() == [0]  # glycine
    assert not mirrored(without(mirror, (4, "CB")))[4] and mirrored(mirror)[4]
    unknown = replace(mirror, aatype=np.where(np.arange(20) == 4, 20, mirror.aatype))
    assert not mirrored(unknown)[4]


@pytest.mark.slow("minimises")
@pytest.mark.parametrize("noise", [0.05, 0.08])
def test_as_deepminds_program(noise, monkeypatch):
    """Its releases take the tolerance of the length C-N for cos CA-C-N; so does this test."""
    theirs = pytest.importorskip("alphafold.relax.amber_minimize", reason="the oracle is not installed")
    from alphafold.common import protein as their_protein

    monkeypatch.setattr(stereochemistry, "COS_CA_C_N", Spread(COS_CA_C_N.mean, LENGTH_C_N.stddev))
    counts = []
    for seed in range(6):
        spoilt = noisy(PEPTIDE, noise, seed)
        given = their_protein.Protein(
            atom_positions=spoilt.positions.astype(float),
            aatype=spoilt.aatype,
            atom_mask=spoilt.atom_mask.astype(float),
            residue_index=spoilt.residue_index + 1,
            b_factors=np.zeros((20, 37)),
            chain_index=spoilt.chain_index,
        )
        with jax.numpy_rank_promotion("allow"):
            found = theirs.find_violations(given)[0]["total_per_residue_violations_mask"]
        np.testing.assert_array_equal(violating(spoilt), np.asarray(found) > 0)
        counts.append(int(violating(spoilt).sum()))
    print(f"residues with violations: {counts} of 20")
    assert any(0 < count < 20 for count in counts)
