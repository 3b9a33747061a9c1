"""Residues that gemmi merges because they share a number and a name: found, whatever reads them."""

import dataclasses
import re

import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from af2jax.data import alphafold_finetune, preflight
from af2jax.data.coordinates import read_structure
from af2jax.data.dataset import read_dataset
from af2jax.data.protein import read_protein
from af2jax.data.structure import read_chain, read_chains, read_complex
from af2jax.errors import InputError
from tests.data import molecules

SEQUENCE = "MKTAYIAAKQ"
ATOMS = molecules.peptide(SEQUENCE)
MERGED = molecules.change(ATOMS, lambda atom: atom.number == 8, number=7, label=7)  # two alanines


def doubled(atoms, names: tuple[str, ...], **fields):
    """The atoms, those of residue 5 of these names once more, a little aside."""
    aside = lambda x: (x[0] + 1.5, *x[1:])
    more = [
        dataclasses.replace(a, position=aside(a.position), **fields) for a in atoms if a.number == 5 and a.name in names
    ]
    return sorted([*atoms, *more], key=lambda a: a.number)


@pytest.mark.parametrize("residue", ["ALA", "MSE", "HID"])
@pytest.mark.parametrize("form", [molecules.pdb, molecules.cif])
def test_two_residues_of_one_number_and_name_are_refused_by_every_reader(tmp_path, form, residue):
    if (form, residue) == (molecules.cif, "HID"):
        pytest.skip("protonation states are names in PDB files alone")
    path = molecules.save(tmp_path, form(molecules.change(MERGED, lambda a: a.number == 7, residue=residue)))
    shown = "HIS" if residue == "HID" else residue
    where = "lines 32 and 37" if form is molecules.pdb else "atoms 32 and 37"
    message = f"{path}, {where}: CA of {shown} 7 of chain A stands twice; if these are two residues"
    config = preset("tiny")
    for read in (
        lambda: read_protein(path),  # `af2jax relax`
        lambda: read_chain(path),
        lambda: af2jax.example(path, config=config),
        lambda: af2jax.features(SEQUENCE, config, templates=[path]),
    ):
        with pytest.raises(InputError, match=re.escape(message)):
            read()


@pytest.mark.parametrize("form", [molecules.pdb, molecules.cif])
def test_the_other_chains_of_the_file_are_read(tmp_path, form, caplog):
    """A chain of doubled residues is lost alone: with a word where it was not asked for, an error where it was."""
    whole = molecules.peptide("GLNDIFEAQK", chain="B")
    path = molecules.save(tmp_path, form([*MERGED, *whole]))
    known = read_protein(path)
    assert known.chain_names == ("B",) and "chain A is left out: two of its residues have one number" in known.notes
    assert [message.startswith("chain A is left out: ") for message in caplog.messages] == [True]
    assert read_chain(path, "B").sequence == "GLNDIFEAQK"
    caplog.clear()
    assert [chain.name for chain in read_chains(path)] == ["B"] and "chain A is left out: " in caplog.text
    config = preset("tiny")
    assert af2jax.features("GLNDIFEAQK", config, templates=[f"{path}:B"]).templates.mask.sum() == 1
    for read in (lambda: read_chain(path, "A"), lambda: read_complex(path, "*"), lambda: read_complex(path, "A,B")):
        with pytest.raises(InputError, match="CA of ALA 7 of chain A stands twice"):
            read()
    items = read_dataset(tmp_path)
    assert [item.chain for item in items] == ["A", "B"]
    found = preflight.check([dataclasses.replace(item, split="train") for item in items], {}, config)
    assert [item.chain for item in found.items] == ["B"] and "CA of ALA 7" in found.problems[0][1]


def test_residues_that_a_table_counts_are_all_there(tmp_path):
    """alphafold_finetune's pairs count the residues of all chains of a file, so that none may be left out."""
    path = molecules.save(tmp_path, molecules.pdb([*MERGED, *molecules.peptide("GLNDIFEAQK", chain="B")]))
    with pytest.raises(InputError, match="CA of ALA 7 of chain A stands twice"):
        alphafold_finetune.placed(path, "0:0;1:1", np.zeros(10, np.int32), "line 2")


@pytest.mark.parametrize("form", [molecules.pdb, molecules.cif])
def test_as_many_ca_are_read_as_stand_in_the_file(tmp_path, form):
    path = molecules.save(tmp_path, form(ATOMS))
    assert read_chain(path).atom_mask[:, 1].sum() == read_protein(path).atom_mask[:, 1].sum() == len(SEQUENCE)


def test_alternates_that_lost_their_identifiers_are_read_once(tmp_path, caplog):
    path = molecules.save(tmp_path, molecules.pdb(doubled(ATOMS, ("CB", "O"), occupancy=0.4)))
    plain = molecules.save(tmp_path, molecules.pdb(ATOMS), "plain.pdb")
    for chain in read_structure(path)[0]:
        for residue in chain:
            assert len({(a.name, a.altloc) for a in residue}) == len(residue)
    assert (read_chain(path).positions == read_chain(plain).positions).all()
    assert "1 residue has an atom twice without alternate locations" in caplog.text


def test_alternates_with_identifiers_are_no_doubles(tmp_path, caplog):
    first = molecules.change(ATOMS, lambda a: a.number == 5, alt="A", occupancy=0.6)
    path = molecules.save(tmp_path, molecules.pdb(doubled(first, ("N", "CA", "C", "O", "CB"), alt="B", occupancy=0.4)))
    assert read_chain(path).sequence == SEQUENCE and not caplog.text
