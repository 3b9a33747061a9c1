"""Secondary structure of ideal geometry, of chains with breaks and gaps, and as mkdssp finds it in real chains."""

import csv
import shutil
import subprocess

import numpy as np
import pytest

from af2jax.constants.atoms import CA, C, N, O
from af2jax.constants.residues import CODES
from af2jax.data import synthetic
from af2jax.data.protein import read_protein
from af2jax.protein.record import chain_name
from af2jax.protein.secondary import secondary

ALPHA, STRAND, TURN = (-62, -43), (-120, 135), [(55, 38), (78, 20)]
CLASS = {**dict.fromkeys("HGI", "H"), **dict.fromkeys("EB", "E")}  # the others are C


def chain(torsions):
    """[N_res 37 3]: N, CA, C and O of ideal geometry with these (phi, psi) in degrees."""
    backbone = synthetic._backbone(synthetic.Fold("", np.array(torsions, float)))
    out = np.full((len(torsions), 37, 3), np.nan)
    out[:, [N, CA, C]] = backbone
    for i, (_, psi) in enumerate(torsions):
        out[i, O] = synthetic._place(*backbone[i], 1.231, np.deg2rad(120.5), np.deg2rad(psi + 180))
    return out


HELIX, HAIRPIN = chain([ALPHA] * 12), chain([STRAND] * 4 + TURN + [STRAND] * 4)


def found(positions, aatype=None, missing=(), asym_id=None):
    """The letters, of alanine in one chain with all backbone atoms where nothing else is said."""
    num = len(positions)
    mask = ~np.isnan(positions[..., 0])
    for residue, atom in missing:
        mask[residue, atom] = False
    zeros = np.zeros(num, np.int32)
    return secondary(
        zeros if aatype is None else aatype, positions, mask, zeros if asym_id is None else np.array(asym_id)
    )


@pytest.mark.parametrize("torsions", [ALPHA, (-49, -26), (-57, -70)], ids=["alpha", "3-10", "pi"])
def test_an_ideal_helix(torsions):
    assert found(chain([torsions] * 12)) == "CHHHHHHHHHHC"


def test_an_ideal_hairpin_and_a_lone_strand():
    assert found(HAIRPIN) == "CEEECCEEEC"
    assert found(HAIRPIN[:5]) == "CCCCC"
    assert found(chain([STRAND] * 12)) == "CCCCCCCCCCCC"


def test_strands_pair_between_chains():
    """The hairpin without its turn; but a helix ends where its chain does, and a residue at a start gives no bond."""
    strands = np.concatenate([HAIRPIN[:4], HAIRPIN[6:]])
    assert found(strands, asym_id=[0] * 4 + [1] * 4) == found(strands) == "CEECCEEC"
    assert found(HELIX, asym_id=[0] * 6 + [1] * 6) == "CHHHHCCHHHHC"


def test_a_break_is_where_the_bond_is_too_long():
    away = np.array([0, 0, 30.0])
    apart = np.concatenate([HELIX[:6], HELIX[6:] + away])
    assert found(apart) == "CHHHHCCHHHHC"
    bond = HELIX[6, N] - HELIX[5, C]
    stretched = lambda length: np.concatenate([HELIX[:6], HELIX[6:] + bond * (length / np.linalg.norm(bond) - 1)])
    assert found(stretched(2.6)) == "CHHHHCCHHHHC"
    assert found(stretched(1.6)) == "CHHHHHHHHHHC"


def test_a_rigid_motion_changes_nothing():
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    turn *= np.linalg.det(turn)
    for positions in (HELIX, HAIRPIN):
        assert found(positions @ turn + [500, -20, 3]) == found(positions)


def test_missing_atoms():
    """A residue without one of the four is unknown, and the chain is broken there; no other atom counts."""
    for atom in (N, CA, C, O):
        assert found(HELIX, missing=[(6, atom)]) == "CHHHHC-CCCCC"
    assert found(HELIX, missing=[(i, O) for i in range(12)]) == "-" * 12
    assert found(HAIRPIN, missing=[(0, O), (9, N)]) == "-CEECCEEC-"


@pytest.mark.parametrize("place, expected", [(3, "CHHHHC"), (4, "CCCCCC"), (5, "CCCCCC")], ids=str)
def test_proline_gives_no_bond(place, expected):
    """Six residues of a helix have two bonds, which the last two give."""
    assert found(HELIX[:6]) == "CHHHHC"
    assert found(HELIX[:6], aatype=np.where(np.arange(6) == place, CODES["P"], CODES["A"])) == expected


@pytest.mark.parametrize("num", range(5))
def test_short_chains(num):
    assert found(HELIX[:num]) == "C" * num


def test_atoms_in_one_place_have_no_structure():
    with np.errstate(all="raise"):
        assert found(np.zeros((9, 37, 3))) == "C" * 9


@pytest.mark.medium("runs mkdssp on many chains")
def test_as_mkdssp_finds_it_in_real_chains(shared, tmp_path):
    """At least 99.95 % of the residues; with mkdssp 4.2.2 all 2,950."""
    if shutil.which("mkdssp") is None or b"version 4" not in subprocess.check_output(["mkdssp", "--version"]):
        pytest.skip("no mkdssp 4 on this machine")
    rows = list(csv.DictReader((shared / "data/chains.tsv").open(), delimiter="\t"))[::14]
    same = total = 0
    for row in rows:
        protein = read_protein(shared / "data" / row["file"])
        ours = secondary(protein.aatype, protein.positions, protein.atom_mask, protein.chain_index)
        theirs = mkdssp(protein, tmp_path)
        keys = zip(protein.chain_index, protein.residue_index + 1, strict=True)
        same += sum(a == theirs.get((chain_name(int(c)), int(i)), "-") for a, (c, i) in zip(ours, keys, strict=True))
        total += len(ours)
    assert len(rows) >= 25 and total > 2500
    assert same >= 0.9995 * total, f"{same} of {total}"


def mkdssp(protein, folder):
    """{(chain, number): class} of the residues that mkdssp takes."""
    source, target = folder / "in.pdb", folder / "out.dssp"
    body = [line for line in protein.to_pdb().splitlines() if line.startswith(("ATOM", "TER", "END"))]
    header = "HEADER    PROTEIN                                 01-JAN-00   1XXX"  # a date and a cell it insists on
    cell = "CRYST1    1.000    1.000    1.000  90.00  90.00  90.00 P 1           1"
    source.write_text("\n".join([header.ljust(80), cell.ljust(80), *body]) + "\n")
    subprocess.run(["mkdssp", "--output-format", "dssp", source, target], check=True, capture_output=True)
    lines = iter(target.read_text().splitlines())
    next(line for line in lines if line.startswith("  #  RESIDUE"))
    return {(line[11], int(line[5:10])): CLASS.get(line[16], "C") for line in lines if line[13] != "!"}
