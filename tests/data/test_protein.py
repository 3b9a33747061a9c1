"""Structure files as proteins: what was written is read back, and what is left out is said."""

import gzip
from dataclasses import fields, replace

import numpy as np
import pytest

from af2jax.constants.atoms import ATOM37_INDEX
from af2jax.data.protein import read_protein
from af2jax.errors import InputError
from tests.data.molecules import Atom, change, cif, pdb, peptide, save
from tests.mutate import mutations
from tests.protein.test_files import PROTEIN

CD, NH1 = ATOM37_INDEX["CD"], ATOM37_INDEX["NH1"]
ACID = Atom("C", "ACT", 301, (40.0, 0, 0), record="HETATM")
WATER = Atom("O", "HOH", 302, (50.0, 0, 0), record="HETATM")


@pytest.fixture
def read(tmp_path):
    return lambda text: read_protein(save(tmp_path, text))


@pytest.mark.parametrize("kind", ["pdb", "cif"])
@pytest.mark.parametrize("predicted", [True, False])
def test_what_was_written_is_read_back(kind, predicted, tmp_path):
    """Chains keep their letters, residues their numbers, predictions their notes; X, without atoms, is in no file."""
    x = PROTEIN.positions.copy()
    x[1, NH1] = x[1, CD] + 1  # the one nearer to CD, as it is read
    given = replace(
        PROTEIN,
        positions=x,
        predicted=predicted,
        chain_index=PROTEIN.chain_index * 7 + 3,
        residue_index=np.arange(23) - 2,
    )
    path = tmp_path / f"a.b.{kind}.gz"
    path.write_bytes(gzip.compress((given.to_pdb() if kind == "pdb" else given.to_mmcif()).encode()))
    found, there = read_protein(path), given.atom_mask.any(axis=1)
    assert found.name == "a.b" and found.predicted == predicted
    assert found.notes == (given.notes if predicted else ())
    for field in fields(given)[:6]:
        atol = {"positions": 6e-4, "plddt": 6e-3}.get(field.name, 0)
        expected = getattr(given, field.name)[there]
        np.testing.assert_allclose(getattr(found, field.name), expected, rtol=0, atol=atol, err_msg=field.name)
        assert getattr(found, field.name).dtype.kind == expected.dtype.kind


@pytest.mark.parametrize("kind", ["pdb", "cif"])
def test_notes_are_read_back_whatever_their_length(kind, tmp_path):
    """Lines of a PDB file hold 69 characters, so that a long note continues in the next ones."""
    long = "3 of 17 residues of the sequence have no atoms here, and the well-known network places them: 1-2"
    notes = ("short", long, f"{'x' * 69}", "a last one", f"{long}, {long}")
    given = replace(PROTEIN, notes=notes)
    found = read_protein(save(tmp_path, given.to_pdb() if kind == "pdb" else given.to_mmcif()))
    assert found.notes == notes


def test_files_say_that_they_are_predictions_or_do_not():
    other = replace(PROTEIN, predicted=False)
    assert PROTEIN.to_pdb().startswith("HEADER    PREDICTED STRUCTURE") and "_ma_qa_metric" in PROTEIN.to_mmcif()
    assert "af2jax prediction of" in PROTEIN.to_mmcif()
    for text in (other.to_pdb(), other.to_mmcif()):
        assert "af2jax" not in text and "_ma_" not in text and "PREDICT" not in text and "this is not" in text
    assert "_pdbx_poly_seq_scheme" in other.to_mmcif()


@pytest.mark.parametrize("form", [pdb, cif])
def test_chains_numbers_and_what_is_no_protein(form, read):
    atoms = peptide("MKTA", first=-1, chain="H") + peptide("GG", first=7, chain="B", entity=2)
    others = [ACID, WATER] if form is pdb else []
    found = read(form([*change(atoms, occupancy=0.5), *others]))
    assert found.sequence == "MKTAGG" and found.residue_index.tolist() == [-2, -1, 0, 1, 6, 7]
    assert found.chain_index.tolist() == [7] * 4 + [1] * 2 and not found.predicted
    assert found.names == {1: "B", 7: "H"}
    assert found.notes == (("left out, as no protein: ACT",) if others else ())
    assert found.plddt.tolist() == [20.0] * 6 and found.atom_mask.sum() == 4 * 5 + 2 * 4
    np.testing.assert_allclose(found.positions[0, 1], atoms[1].position, atol=1e-3)


def test_insertion_codes_are_numbered_on(read):
    atoms = peptide("MKTA", first=5)
    atoms = change(atoms, lambda atom: atom.number == 7, number=6, icode="A")
    atoms = change(atoms, lambda atom: atom.number == 8, number=7)
    found = read(pdb(atoms))
    assert found.residue_index.tolist() == [4, 5, 6, 7]
    assert found.notes == ("chain A: numbers do not rise, so residues are numbered on",)


def test_chains_of_long_names_keep_them(read):
    chains = ["long", "A", "AB", "longer"]
    atoms = [
        atom for i, chain in enumerate(chains) for atom in peptide("GG", chain=chain, entity=i + 1, label_chain=f"L{i}")
    ]
    found = read(cif(atoms))
    assert found.chain_index[::2].tolist() == [1, 0, 63, 2]
    assert found.names == {0: "A", 1: "long", 2: "longer", 63: "AB"} and found.notes == ()
    assert "chain long, a longer name" in found.beyond_pdb()
    again = read(found.to_mmcif())
    assert list(again.names.values()) == list(found.names.values()) and again.sequence == found.sequence


def test_chains_without_a_name_get_free_letters(read):
    found = read(pdb(peptide("GG", chain=" ") + peptide("GG", chain="A", entity=2)))
    assert found.names == {0: "A", 1: "B"} and found.chain_index.tolist() == [1, 1, 0, 0]
    assert found.notes == ("chain (blank) is B here",)


def test_hydrogens_and_unknown_atoms_are_left_out(read):
    atoms = peptide("MK")
    found = read(pdb([*atoms, Atom("HA", "LYS", 2, (1.0, 2, 3), element="H"), Atom("QQ", "LYS", 2, (1.0, 2, 4))]))
    assert found.atom_mask.sum() == 10 and not found.atom_mask[:, ATOM37_INDEX["OXT"]].any()


def test_no_protein_is_one_line(read, tmp_path):
    with pytest.raises(InputError, match="has no protein chain; give a structure of a protein"):
        read(pdb([ACID]))
    with pytest.raises(InputError, match="no atom of its protein chains is known and observed"):
        read(pdb(change(peptide("MKT"), occupancy=0.0)))
    with pytest.raises(InputError, match="no such file"):
        read_protein(tmp_path / "absent.pdb")


@pytest.mark.slow("reads many damaged files")
@pytest.mark.parametrize(
    "text", [PROTEIN.to_pdb(), PROTEIN.to_mmcif(), pdb(peptide("MKTA"))], ids=["pdb", "cif", "few"]
)
def test_damaged_files_are_one_line(text, tmp_path):
    path, read = tmp_path / "a", 0
    for data in mutations(text.encode(), 500, seed=0):
        path.write_bytes(data)
        try:
            assert np.isfinite(read_protein(path).plddt).all()
            read += 1
        except InputError as error:
            assert "\n" not in str(error)
    assert 0 < read < 500


@pytest.mark.medium("reads many real files")
def test_real_files(shared):
    """Every file of the collection: a protein that can be written again, or one line."""
    ends = {"read": 0, "refused": 0}
    for path in sorted((shared / "data" / "structures").glob("pdb/*")):
        try:
            found = read_protein(path)
        except InputError as error:
            assert "\n" not in str(error)
            ends["refused"] += 1
            continue
        again = found.structure()[0]
        assert sum(len(chain) for chain in again) == found.atom_mask.any(axis=1).sum()
        ends["read"] += 1
    assert ends["read"] > 35 and ends["refused"] > 5
