"""Structures on which relaxation has failed people: each ends with a finite result or one line, and soon."""

import time
from dataclasses import replace

import numpy as np
import pytest

from af2jax.constants.atoms import ATOM37_INDEX
from af2jax.constants.residues import UNKNOWN
from af2jax.errors import InputError
from af2jax.relax import minimise, relax
from af2jax.relax.system import System
from af2jax.relax.violations import mirrored
from tests.relax.peptides import changed, facing, noisy, peptide, put, rows, together, unknown_at, without

pytest.importorskip("openmm", reason="OpenMM is not installed")
pytest.importorskip("pdbfixer", reason="PDBFixer is not installed")

PEPTIDE = peptide()
SIDE_CHAIN = ("CB", "CG", "CD", "NE", "CZ", "NH1", "NH2")  # of residue 5, an arginine


pytestmark = pytest.mark.medium("minimises peptides")


def sound(given, **settings):
    """The result, which has the atoms of the input at finite places and lower energy."""
    found = relax(given, **settings)
    np.testing.assert_array_equal(found.protein.atom_mask, given.atom_mask)
    assert np.isfinite(found.protein.positions[given.atom_mask]).all() and np.isfinite(found.rmsd)
    assert np.isfinite(found.energy_before) and found.energy_after < found.energy_before
    return found


def refused(given, match: str) -> None:
    start = time.monotonic()
    with pytest.raises(InputError, match=match) as failure:
        relax(given)
    assert "\n" not in str(failure.value) and time.monotonic() - start < 10


# What the force field does not have


def test_t03_x_is_left_out_and_said_before_the_run(caplog, monkeypatch):
    """T3: X once stopped the run after hours."""
    given = unknown_at(PEPTIDE, 5, 12)
    found = sound(given)
    assert "no force field, left as they were: A10 UNK, A17 UNK" in found.notes
    monkeypatch.setattr(minimise, "build", lambda *_: pytest.fail("the warning comes first"))
    caplog.clear()
    with pytest.raises(pytest.fail.Exception):
        relax(given)
    assert "no force field for these residues, which will stay as they are: A10 UNK" in caplog.text


def test_x_with_atoms_keeps_them():
    aatype = PEPTIDE.aatype.copy()
    aatype[5] = UNKNOWN
    given = replace(noisy(PEPTIDE, 0.05), aatype=aatype)
    found = sound(given)
    np.testing.assert_array_equal(found.protein.positions[5], given.positions[5])
    assert (found.protein.positions[[4, 6]] != given.positions[[4, 6]]).any()


@pytest.mark.parametrize("atom", ["N", "CA", "C"])
def test_a_residue_without_backbone_is_left_out(atom):
    found = sound(without(PEPTIDE, (5, atom)))
    assert "no force field, left as they were: A10 ARG" in found.notes


def test_one_residue_alone_is_left_out():
    found = sound(unknown_at(PEPTIDE, 1, 12, 14))
    assert "no force field, left as they were: A5 GLY, A6 UNK, A17 UNK, A18 ASN, A19 UNK" in found.notes


@pytest.mark.parametrize(
    "given",
    [rows(PEPTIDE, slice(0, 1)), rows(PEPTIDE, slice(0, 0)), unknown_at(PEPTIDE, *range(20))],
    ids=["one", "none", "all X"],
)
def test_nothing_to_relax(given):
    refused(given, "q: no two residues of known type with N, CA and C are joined, so nothing can be relaxed")


def test_two_residues():
    sound(rows(PEPTIDE, slice(8, 10)))


def test_missing_side_chains_are_added_and_dropped():
    given = without(PEPTIDE, *((5, name) for name in SIDE_CHAIN), (14, "CB"), (3, "O"))
    found = sound(given)
    assert "atoms added for the force field, then dropped: A8 PHE, A10 ARG, A19 VAL" in found.notes
    assert np.isnan(found.protein.positions[5, ATOM37_INDEX["CG"]]).all()


def test_a_terminal_oxygen_that_is_there_is_kept_and_moved():
    given = PEPTIDE.atom_mask.copy()
    given[19, ATOM37_INDEX["OXT"]] = True
    x = PEPTIDE.positions.copy()
    c, ca, o = (x[19, ATOM37_INDEX[name]] for name in ("C", "CA", "O"))
    axis = (c - ca) / np.linalg.norm(c - ca)
    x[19, ATOM37_INDEX["OXT"]] = 2 * (c + axis * ((o - c) @ axis)) - o
    found = sound(replace(PEPTIDE, positions=x, atom_mask=given))
    oxygen, carbon = (found.protein.positions[19, ATOM37_INDEX[name]] for name in ("OXT", "C"))
    assert abs(np.linalg.norm(oxygen - carbon) - 1.25) < 0.03


def test_atoms_that_the_type_does_not_have_stay():
    """And an OXT within a chain."""
    given, mask = PEPTIDE.positions.copy(), PEPTIDE.atom_mask.copy()
    more = [0, 9], [ATOM37_INDEX["CB"], ATOM37_INDEX["OXT"]]  # of a glycine, and within
    mask[more], given[more] = True, [[0, 0, 30], [0, 9, 30]]
    found = sound(replace(PEPTIDE, positions=given, atom_mask=mask))
    np.testing.assert_array_equal(found.protein.positions[more], given[more])


# Chains


def test_chains_and_breaks():
    """The numbers break, not the fold: no bond is drawn across, and neighbours in space stay where they are."""
    given = rows(PEPTIDE, np.r_[0:8, 12:20])
    found = sound(given)
    assert found.rmsd < 0.4 and found.violations_after == 0
    two = together(PEPTIDE, changed(PEPTIDE, lambda x: x + np.array([0, 25, 0])))
    assert sound(two).violations_after == 0


@pytest.mark.parametrize(("gap", "mended"), [(2, True), (5, True), (15, False)])
def test_a_long_bond_is_closed_unless_the_chain_is_broken(gap, mended):
    found = sound(changed(PEPTIDE, lambda x: x + (np.arange(20) > 9)[:, None, None] * np.array([0, 0, gap])))
    assert (found.violations_after == 0) == mended and found.rmsd < 1
    assert ("geometry still violated: A14 TRP, A15 ALA" in found.notes) != mended


def test_numbers_that_jump_within_a_chain_that_does_not():
    index = PEPTIDE.residue_index + 7 * (np.arange(20) > 9)
    found = sound(replace(PEPTIDE, residue_index=index))
    bond = np.linalg.norm(found.protein.positions[9, 2] - found.protein.positions[10, 0])
    assert abs(bond - 1.33) < 0.05


# Sulfurs


@pytest.mark.parametrize("distance", [0.0, 1.2, 2.05, 2.9])
def test_t04_near_sulfurs_are_bonded(distance):
    """T4: at 1.2 angstrom they once took a hundred attempts."""
    found = sound(facing(distance))
    bond = np.linalg.norm(np.subtract(*found.protein.positions[[1, 4], ATOM37_INDEX["SG"]]))
    assert abs(bond - 2.04) < 0.15 and found.violations_after == 0


def test_farther_sulfurs_are_not():
    found = sound(facing(3.4))
    assert np.linalg.norm(np.subtract(*found.protein.positions[[1, 4], ATOM37_INDEX["SG"]])) > 3.2


def test_three_sulfurs_share_one_bond():
    found = sound(facing(2.0, 2.4))
    x = found.protein.positions[[1, 4, 7], ATOM37_INDEX["SG"]]
    assert np.sum(np.linalg.norm(x[[0, 0, 1]] - x[[1, 2, 2]], axis=-1) < 2.5) == 1


# Atoms in each other


@pytest.mark.parametrize("by", [0.0, 0.1])
@pytest.mark.parametrize("onto", [(3, "CA"), (10, "CA")])
def test_atoms_on_top_of_each_other(by, onto):
    found = sound(put(PEPTIDE, (10, "CB"), onto, by))
    assert found.violations_before > 0 == found.violations_after and found.rounds < 3


def test_atoms_without_order():
    assert sound(noisy(PEPTIDE, 0.5)).violations_before == 20


@pytest.mark.parametrize("by", [0.0, 0.05])
def test_chains_in_each_other_are_refused(by):
    refused(together(PEPTIDE, changed(PEPTIDE, lambda x: x + by)), "parts lie upon each other; this cannot be relaxed")


def test_a_heap_is_refused():
    refused(changed(PEPTIDE, lambda x: 0 * x), "167 of 167 atoms are nearer than 0.5 angstrom to another")


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e7])
def test_positions_that_are_none(value):
    x = PEPTIDE.positions.copy()
    x[3, 1, 2] = value
    refused(replace(PEPTIDE, positions=x), "q: positions are not finite, or beyond 1e6 angstrom")


def test_mirrored_residues_stay_so_and_are_named():
    cb, ca = ATOM37_INDEX["CB"], ATOM37_INDEX["CA"]

    def flip(x):
        x[10, cb] = 2 * x[10, ca] - x[10, cb]  # an alanine
        return x

    found = sound(changed(PEPTIDE, flip))
    assert mirrored(found.protein).tolist() == [i == 10 for i in range(20)]
    assert "handed as D-amino acids: A15 ALA" in found.notes and found.violations_after == 0
    assert sound(changed(PEPTIDE, lambda x: x * [1, 1, -1])).violations_after == 0


def test_a_handedness_that_changed_is_named(monkeypatch):
    answers = iter([np.arange(20) == 3, np.arange(20) == 4])
    monkeypatch.setattr(minimise, "mirrored", lambda _: next(answers))
    notes = relax(PEPTIDE).notes
    assert "handed as D-amino acids: A8 PHE" in notes and "handedness changed: A8 PHE, A9 TYR" in notes


@pytest.mark.parametrize(("pairs", "reason"), [(8, "3 attempts failed"), (9, "18 of 167 atoms are nearer")])
def test_a_tenth_of_the_atoms_may_be_on_others(pairs, reason, monkeypatch):
    def fails(*_):
        raise ValueError

    monkeypatch.setattr(minimise, "build", fails)
    given = PEPTIDE
    for i in range(pairs):
        given = put(given, (2 * i + 1, "O"), (2 * i + 1, "C"), 0.3)
    refused(given, reason)


# Attempts


def test_three_attempts_and_a_reason(monkeypatch):
    starts = []

    def fails(protein, positions, *_):
        starts.append(positions)
        raise ZeroDivisionError("0.0 cannot be\nraised")

    monkeypatch.setattr(minimise, "build", fails)
    refused(
        put(PEPTIDE, (10, "CB"), (3, "CA")), r"q: not relaxed, 3 attempts failed \(ZeroDivisionError 0.0 cannot be r"
    )
    moved = [np.abs(x - put(PEPTIDE, (10, "CB"), (3, "CA")).positions).max(axis=(1, 2)) for x in starts]
    assert len(starts) == 3 and all(np.flatnonzero(m).tolist() == [3, 10] for m in moved)


def test_what_is_not_finite_is_tried_again(monkeypatch):
    seen, build = [], minimise.build

    def first_fails(*arguments):
        system = build(*arguments)
        seen.append(system)
        if len(seen) == 1:
            system.context.setPositions(np.full((system.context.getSystem().getNumParticles(), 3), np.nan))
        return system

    monkeypatch.setattr(minimise, "build", first_fails)
    assert sound(PEPTIDE).violations_after == 0 and len(seen) == 2


def test_an_energy_that_is_not_finite_is_tried_again(monkeypatch):
    energies, energy = iter([np.inf, -1.0]), System.energy
    monkeypatch.setattr(System, "energy", lambda system: next(energies, None) or energy(system))
    assert sound(PEPTIDE).violations_after == 0 and next(energies, None) is None


@pytest.mark.slow("minimises many peptides")
def test_spoilt_at_random():
    """50 short peptides, each spoilt in several ways: a result or one line, each within half a minute."""
    ways = [
        lambda p, r: noisy(p, 10 ** r.uniform(-2, 0.7), int(r.integers(99))),
        lambda p, r: put(p, (int(r.integers(8)), "CA"), (int(r.integers(8)), "N"), r.choice([0, 0.01, 1])),
        lambda p, r: without(p, *((int(r.integers(8)), name) for name in r.choice(["N", "CA", "O", "CB", "CG"], 2))),
        lambda p, r: unknown_at(p, int(r.integers(8))),
        lambda p, r: replace(p, chain_index=np.sort(r.integers(0, 3, len(p.aatype)))),
        lambda p, r: replace(p, residue_index=p.residue_index[r.permutation(len(p.aatype))]),
        lambda p, r: changed(p, lambda x: x * np.where(r.random(3) < 0.5, 1, -1)),
        lambda p, r: changed(p, lambda x: np.where(r.random((len(x), 1, 1)) < 0.2, x[:1], x)),
        lambda p, r: facing(*r.uniform(0, 4, 2)),
    ]
    rng, ends = np.random.default_rng(0), {"relaxed": 0, "refused": 0}
    for _ in range(50):
        given = peptide("".join(rng.choice(list("ARNDCQEGHILKMFPSTWYV"), 8)), int(rng.integers(9)))
        for way in rng.choice(len(ways), rng.integers(1, 4)):
            given = ways[way](given, rng)
        start = time.monotonic()
        try:
            found = relax(given)
            assert np.isfinite(found.protein.positions[given.atom_mask]).all()
            ends["relaxed"] += 1
        except InputError as error:
            assert "\n" not in str(error)
            ends["refused"] += 1
        assert time.monotonic() - start < 30
    print(ends)
    assert min(ends.values()) > 3
