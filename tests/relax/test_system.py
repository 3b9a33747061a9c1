"""What OpenMM is given: which residues are joined, which particles are whose, and what energy means."""

from dataclasses import replace

import numpy as np
import pytest

from af2jax.constants.atoms import ATOM37_INDEX, ATOM37_MASK
from af2jax.relax.system import build, segments
from tests.relax.peptides import changed, peptide, rows, together, unknown_at, without

PEPTIDE = peptide()


def runs(protein) -> list[list[int]]:
    return [run.tolist() for run in segments(protein)]


@pytest.mark.parametrize(
    ("protein", "expected"),
    [
        (PEPTIDE, [range(20)]),
        (unknown_at(PEPTIDE, 1, 12, 14), [range(2, 12), range(15, 20)]),
        (without(PEPTIDE, (7, "C")), [range(7), range(8, 20)]),
        (without(PEPTIDE, (7, "O"), (7, "CB")), [range(20)]),
        (rows(PEPTIDE, np.r_[0:8, 12:20]), [range(8), range(8, 16)]),
        (replace(PEPTIDE, residue_index=PEPTIDE.residue_index * 2), [range(20)]),
        (replace(PEPTIDE, chain_index=np.repeat([0, 1], 10)), [range(10), range(10, 20)]),
        (together(PEPTIDE, PEPTIDE), [range(20), range(20, 40)]),
        (rows(PEPTIDE, slice(3, 4)), []),
        (rows(PEPTIDE, slice(0, 0)), []),
    ],
)
def test_segments(protein, expected):
    assert runs(protein) == [list(run) for run in expected]


def test_a_bond_of_up_to_ten_angstrom_joins_successive_numbers():
    bond = PEPTIDE.positions[10, 0] - PEPTIDE.positions[9, 2]
    bond /= np.linalg.norm(bond)
    later = (np.arange(20) > 9)[:, None, None]
    for by, joined in ((8.5, True), (8.8, False)):  # and 1.33
        assert len(runs(changed(PEPTIDE, lambda x, by=by: x + by * bond * later))) == (1 if joined else 2)
    numbers = PEPTIDE.residue_index + later[:, 0, 0]
    for by, joined in ((0.6, True), (0.75, False)):
        moved = changed(PEPTIDE, lambda x, by=by: x + by * bond * later)
        assert len(runs(replace(moved, residue_index=numbers))) == (1 if joined else 2)


@pytest.fixture
def system():
    pytest.importorskip("openmm", reason="OpenMM is not installed")
    pytest.importorskip("pdbfixer", reason="PDBFixer is not installed")
    given = without(PEPTIDE, (5, "CB"))
    return build(given, given.positions, segments(given), gpu=False)


def test_each_atom_is_a_particle(system):
    mask = ATOM37_MASK[PEPTIDE.aatype]
    mask[5, ATOM37_INDEX["CB"]] = False
    np.testing.assert_array_equal(np.stack([system.residue, system.column], 1), np.argwhere(mask))
    np.testing.assert_allclose(system.positions(), PEPTIDE.positions[mask], atol=1e-3)
    assert len(set(system.particle)) == mask.sum() and system.completed.tolist() == [5]


def test_energy_is_that_of_the_force_field_and_springs_hold(system):
    """A motion of the whole costs no energy, whatever the springs say; afterwards they pull it back."""
    held = system.positions()
    system.minimise(np.full(len(system.particle), 10.0), 2.39, 0)
    energy = system.energy()
    whole = system.context.getState(getPositions=True).getPositions(asNumpy=True)
    system.context.setPositions(whole._value + 0.05)
    assert system.energy() == pytest.approx(energy, abs=0.05)
    state = system.context.getState(getEnergy=True)
    springs = state.getPotentialEnergy()._value / 4.184 - energy
    assert springs == pytest.approx(0.5 * 10 * np.sum((system.positions() - held) ** 2), rel=0.01) and springs > 500
