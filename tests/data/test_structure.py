"""read_chain: which chain of a file it is, what the arrays hold, and what is refused, each in one line."""

import time

import numpy as np
import pytest

from af2jax.constants.atoms import ATOM37_INDEX
from af2jax.data.structure import read_chain
from tests.data.molecules import Atom, change, cif, pdb, peptide, save, without
from tests.data.test_parse import fails

SEQUENCE = "MKTAYIAKQR"
FORMATS = {"cif": lambda atoms: cif(atoms, {1: SEQUENCE}), "pdb": lambda atoms: pdb(atoms, {"A": SEQUENCE})}
BASES = {"DA": "C1'", "DG": "C1'", "DT": "C1'", "DC": "C1'"}


def nucleic(chain: str, names=("DA", "DG", "DT", "DC"), **fields) -> list[Atom]:
    """A few atoms of each nucleotide."""
    atoms = ("P", "O5'", "C5'", "C4'", "C3'", "O3'", "C1'")
    return [
        Atom(atom, name, i + 1, (5.0 * i + k, 30.0, 2.0 * k), label=i + 1, chain=chain, **fields)
        for i, name in enumerate(names)
        for k, atom in enumerate(atoms)
    ]


# What is read


@pytest.mark.parametrize("form", FORMATS)
def test_a_whole_chain(read, form):
    atoms = peptide(SEQUENCE)
    found = read(FORMATS[form](atoms))
    assert found.sequence == SEQUENCE and found.name == "A" and found.observed.all()
    np.testing.assert_array_equal(found.residue_index, np.arange(10))
    assert found.atom_mask.sum() == len(atoms)
    for atom in atoms:
        position = found.positions[atom.number - 1, ATOM37_INDEX[atom.name]]
        np.testing.assert_allclose(position, atom.position, atol=6e-4)  # three decimals are written
    assert (found.positions[~found.atom_mask] == 0).all()
    types = [x.dtype for x in (found.aatype, found.residue_index, found.positions, found.atom_mask)]
    assert types == [np.int32, np.int32, np.float32, bool]


@pytest.mark.parametrize("form", FORMATS)
def test_compressed_files_and_odd_line_ends_are_the_same(read, form):
    text = FORMATS[form](peptide(SEQUENCE))
    plain = read(text)
    for other in (
        read(text, name=f"x.{form}.gz"),
        read(text.replace("\n", "\r\n")),
        read("\ufeff" + text, name=f"bom.{form}"),
        read(text, name="no_suffix"),
    ):
        np.testing.assert_array_equal(other.positions, plain.positions)
        assert other.sequence == plain.sequence


def test_an_mmcif_file_may_begin_with_comments(read):
    text = "# " * 200 + "\n#\n\n# made by hand\n" + cif(peptide(SEQUENCE), {1: SEQUENCE})
    assert read(text, name="x.cif").sequence == SEQUENCE


def test_many_number_signs_are_no_trap(tmp_path):
    path, start = save(tmp_path, "# " * 28 + "x\n", "x.cif"), time.perf_counter()
    fails(lambda: read_chain(path), f"{path} is not an mmCIF or PDB file that can be read: it has no atoms")
    assert time.perf_counter() - start < 2


def test_of_several_models_the_first(read):
    atoms = peptide(SEQUENCE)
    moved = change(atoms, position=(9.0, 9.0, 9.0))
    body = lambda atoms, number: f"MODEL     {number:4d}\n{pdb(atoms).removesuffix('END' + chr(10))}ENDMDL\n"
    expected = read(pdb(atoms)).positions
    np.testing.assert_array_equal(read(body(atoms, 1) + body(moved, 2) + "END\n").positions, expected)
    text = cif([*atoms, *moved], {1: SEQUENCE}, model=lambda atom: 1 + (atom.position == (9.0, 9.0, 9.0)))
    np.testing.assert_array_equal(read(text).positions, expected)


def test_the_method(read):
    text = cif(peptide(SEQUENCE), {1: SEQUENCE}, extra="_exptl.entry_id X\n_exptl.method 'SOLUTION NMR'")
    assert read(text).method == "SOLUTION NMR"
    assert read(pdb(peptide(SEQUENCE), head="EXPDTA    X-RAY DIFFRACTION")).method == "X-RAY DIFFRACTION"
    assert read(pdb(peptide(SEQUENCE))).method == ""


# Which chain


def test_author_identifiers_come_before_labels(read):
    first = peptide("MKTAY", chain="B", label_chain="A", entity=1)
    second = peptide("GGSGG", chain="C", label_chain="B", entity=2)
    text = cif([*first, *second], {1: "MKTAY", 2: "GGSGG"})
    assert [read(text, chain).sequence for chain in ("B", "C", "A", " B ")] == ["MKTAY", "GGSGG", "MKTAY", "MKTAY"]
    assert read(text, "A").name == "B"


def test_a_label_is_no_way_around_an_author_identifier(read, tmp_path):
    """Author chain C is DNA; that the protein's label is C too makes it no protein."""
    dna = nucleic("C", label_chain="A", entity=1)
    text = cif([*dna, *peptide("MKTAY", label_chain="C", entity=2)], {2: "MKTAY"}, {1: "polydeoxyribonucleotide"})
    assert read(text).sequence == read(text, "A").sequence == "MKTAY"
    path = save(tmp_path, text)
    fails(lambda: read_chain(path, "C"), f"{path}: chain C is not a protein but DNA; the protein chains are: A")


def test_the_chain_must_be_named_where_several_are(tmp_path):
    path = save(tmp_path, pdb([*peptide("MKTAY"), *peptide("GGSGG", chain="B")]))
    fails(lambda: read_chain(path), f"{path} has 2 protein chains: A, B; name one of them")
    fails(lambda: read_chain(path, "X"), f'{path} has no chain "X"; its protein chains are: A, B')
    fails(lambda: read_chain(path, ""), f'{path} has no chain ""; its protein chains are: A, B')
    assert read_chain(path, "B").sequence == "GGSGG"


def test_an_author_chain_of_two_proteins_is_told_apart_by_labels(tmp_path):
    two = [*peptide("MKTAY", label_chain="P"), *peptide("GGSGG", 11, label_chain="Q", entity=2)]
    path = save(tmp_path, cif(two, {1: "MKTAY", 2: "GGSGG"}))
    fails(lambda: read_chain(path, "A"), f"{path}: author chain A holds 2 proteins; give a label id: P, Q")
    assert [read_chain(path, label).sequence for label in "PQ"] == ["MKTAY", "GGSGG"]


def test_parts_of_a_chain_apart_from_each_other(read):
    atoms, other = peptide("MKTAYIAK"), peptide("GSG", chain="B", entity=2)
    mixed = [*atoms[:20], *other, *atoms[20:]]
    for text in (pdb(mixed, ter=False), cif(mixed)):
        assert read(text, "A").sequence == "MKTAYIAK" and read(text, "B").sequence == "GSG"


def test_a_chain_without_identifier(read):
    text = pdb([*peptide("MKTAY", chain=" "), *peptide("GGSGG", chain="B")])
    assert [read(text, chain).sequence for chain in ("", " ", "(blank)", "B")] == ["MKTAY", "MKTAY", "MKTAY", "GGSGG"]
    assert read(text, "").name == "(blank)"


def test_long_identifiers(read):
    text = cif([*peptide("MKTAY", chain="AAA-2"), *peptide("GGSGG", chain="AAA", entity=2)], {1: "MKTAY", 2: "GGSGG"})
    assert read(text, "AAA-2").sequence == "MKTAY" and read(text, "AAA").sequence == "GGSGG"


# What is refused


@pytest.mark.parametrize("form", ["cif", "pdb"])
def test_nucleic_acids_are_refused_by_name(tmp_path, form):
    dna, protein = nucleic("D", entity=2), peptide("MKTAY")
    write = (lambda x: cif(x, {}, {2: "polydeoxyribonucleotide"})) if form == "cif" else pdb
    path = save(tmp_path, write([*protein, *dna]))
    fails(lambda: read_chain(path, "D"), f"{path}: chain D is not a protein but DNA; the protein chains are: A")
    path = save(tmp_path, write(dna))
    fails(lambda: read_chain(path), f"{path} has no protein chain: D is DNA; give a structure of a protein")
    rna = pdb(change(change(dna, residue="A"), lambda a: a.number > 2, residue="U"))
    path = save(tmp_path, rna)
    fails(lambda: read_chain(path), f"{path} has no protein chain: D is RNA; give a structure of a protein")


def test_chains_of_d_amino_acids_are_refused_by_name(tmp_path):
    mirrored = peptide(["DAL", "DVA", "DLE", "DPN"], chain="D", entity=2)
    path = save(tmp_path, cif([*peptide("MKTAY"), *mirrored], {}, {2: "polypeptide(D)"}))
    expected = f"{path}: chain D is not a protein but D-amino acids; the protein chains are: A"
    fails(lambda: read_chain(path, "D"), expected)


@pytest.mark.parametrize("form", FORMATS)
def test_traces_are_refused_by_name(tmp_path, form):
    frames = ", so there are no frames to learn from; give an all-atom model"
    path = save(tmp_path, FORMATS[form]([atom for atom in peptide(SEQUENCE) if atom.name == "CA"]))
    fails(lambda: read_chain(path), f"{path}, chain A: it is a trace of CA atoms alone{frames}")
    path = save(tmp_path, FORMATS[form]([atom for atom in peptide(SEQUENCE) if atom.name != "C"]))
    fails(lambda: read_chain(path), f"{path}, chain A: no residue has N, CA and C observed{frames}")
    path = save(tmp_path, FORMATS[form](change(peptide(SEQUENCE), occupancy=0.0)))
    fails(lambda: read_chain(path), f"{path}, chain A: all its atoms have occupancy 0{frames}")


def test_one_whole_residue_is_enough(read):
    atoms = [atom for atom in peptide(SEQUENCE) if atom.name == "CA" or atom.number == 4]
    found = read(pdb(atoms))
    assert found.observed.all() and found.atom_mask[:, :3].all(axis=1).sum() == 1


def test_water_and_ligands_are_no_chain(tmp_path, read):
    water = [Atom("O", "HOH", 100 + i, (i, 0.0, 50.0), chain="W", record="HETATM") for i in range(4)]
    path = save(tmp_path, pdb(water))
    fails(lambda: read_chain(path), f"{path} has no protein chain; give a structure of a protein")
    own = change(water, chain="A")
    haem = [Atom("FE", "HEM", 200, (0.0, 0.0, 60.0), record="HETATM", element="FE")]
    text = pdb(peptide(SEQUENCE)).replace("END\n", "") + pdb([*haem, *own], ter=False)
    assert read(text).sequence == SEQUENCE


def test_amino_acids_as_ligands_are_not_of_the_chain(read):
    ligand = change(peptide("E", 301), record="HETATM")
    text = pdb(peptide(SEQUENCE)).replace("END\n", "") + pdb(ligand, ter=False)
    assert read(text).sequence == SEQUENCE
    atoms = [*peptide(SEQUENCE), *change(ligand, label=".", label_chain="B", entity=2)]
    text = cif(atoms, {1: SEQUENCE}).replace("2 polymer", "2 non-polymer").replace("2 polypeptide(L)\n", "")
    assert read(text).sequence == SEQUENCE


def test_two_molecules_under_one_number(tmp_path):
    atoms = peptide("MKTAY")
    path = save(tmp_path, pdb(change(atoms, lambda a: a.residue == "THR", number=2)))
    expected = f"{path}, chain A: LYS and THR are both numbered 2 and are not alternates; renumber them"
    fails(lambda: read_chain(path), expected)


def test_names_never_break_a_message(tmp_path):
    path = save(tmp_path, cif(peptide("MKTAY"), {1: "MKWAY"}), "two\nlines.cif")
    shown = str(path).replace("\n", "?")
    fails(lambda: read_chain(path, "B\nC"), f'{shown} has no chain "B?C"; its protein chains are: A')
    expected = (
        f"{shown}, chain A: residue 3 is THR, position 3 of the file's own sequence is TRP; correct or delete the "
        "sequence records"
    )
    fails(lambda: read_chain(path), expected)


def test_insertion_codes_keep_the_order_of_the_file(read):
    atoms = peptide("MKTAYIAK")
    number = {
        1: (10, " "),
        2: (11, " "),
        3: (11, "A"),
        4: (11, "B"),
        5: (12, " "),
        6: (15, "B"),
        7: (15, "A"),
        8: (15, " "),
    }
    atoms = [change([atom], number=number[atom.number][0], icode=number[atom.number][1])[0] for atom in atoms]
    for found in (read(pdb(atoms)), read(cif(change(atoms, label=".")))):
        assert found.sequence == "MKTAYIAK"
        np.testing.assert_array_equal(found.residue_index, [0, 1, 2, 3, 4, 7, 8, 9])
    found = read(pdb(atoms, {"A": "GMKTAYIAKG"}))
    assert found.sequence == "GMKTAYIAKG" and (~found.observed).nonzero()[0].tolist() == [0, 9]


def test_gaps_of_a_chain_without_sequence_stay_gaps(read):
    atoms = without(peptide(SEQUENCE, first=-3), 0, 1)
    found = read(pdb(atoms))
    assert found.sequence == "MKTIAKQR"
    np.testing.assert_array_equal(found.residue_index, [0, 1, 2, 5, 6, 7, 8, 9])
    np.testing.assert_array_equal(read(cif(atoms)).residue_index, found.residue_index)
