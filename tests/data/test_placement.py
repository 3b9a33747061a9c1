"""Missing residues: their place in the full sequence is what the file says."""

import numpy as np
import pytest

from af2jax.data.structure import read_chain
from tests.data.molecules import NAMES, change, cif, pdb, peptide, save, without
from tests.data.test_parse import fails

SEQUENCE = "GSHMKTAYIAKQRGGGGS"


def remark(chain: str, missing: list[tuple[str, int, str]]) -> str:
    """REMARK 465 as the PDB writes it."""
    head = ["REMARK 465", "REMARK 465 MISSING RESIDUES", "REMARK 465   M RES C SSSEQI"]
    return "\n".join(head + [f"REMARK 465     {NAMES[x]} {chain}  {n:4d}{code}" for x, n, code in missing])


def gaps(chain) -> str:
    """The sequence, small letters where a residue is missing."""
    return "".join(x if seen else x.lower() for x, seen in zip(chain.sequence, chain.observed, strict=True))


def test_mmcif_says_it_by_label_numbers(read):
    atoms = without(peptide(SEQUENCE), 1, 2, 3, 8, 15, 16)
    atoms = [change([a], number=100 - a.number)[0] for a in atoms]  # the author's numbers play no part
    found = read(cif(atoms, {1: SEQUENCE}))
    assert gaps(found) == "gshMKTAyIAKQRGggGS" and (found.residue_index == np.arange(18)).all()


def test_the_sequence_may_be_one_string(read):
    text = cif(without(peptide(SEQUENCE), 8), extra="")
    row = "1 polypeptide(L)\n"
    text = text.replace(row, "1 polypeptide(L)\n;GSH(MSE)KTAYIA\nKQRGGGGS\n;\n").replace(
        "_entity_poly.type\n", "_entity_poly.type\n_entity_poly.pdbx_seq_one_letter_code\n"
    )
    assert gaps(read(text)) == "GSHMKTAyIAKQRGGGGS"


@pytest.mark.parametrize("first", [1, -2, 96])
def test_seqres_and_numbers(read, first):
    drop = [first + i for i in (0, 1, 2, 7, 14, 15)]
    found = read(pdb(without(peptide(SEQUENCE, first), *drop), {"A": SEQUENCE}))
    assert gaps(found) == "gshMKTAyIAKQRGggGS"


def test_numbers_say_which_of_equal_letters_is_missing(read):
    for missing in range(14, 18):
        found = read(pdb(without(peptide(SEQUENCE), missing), {"A": SEQUENCE}))
        assert (~found.observed).nonzero()[0].tolist() == [missing - 1]


def test_remark_465_says_it_where_numbers_jump(read):
    """An insertion numbered from 1001, with one of its four glycines missing: only the remark knows which."""
    number = lambda i: i if i <= 13 else 1001 + i - 14
    for missing in range(14, 18):
        atoms = [change([a], number=number(a.number))[0] for a in peptide(SEQUENCE) if a.number not in (1, missing)]
        listed = [("G", 1, " "), ("G", number(missing), " ")]
        found = read(pdb(atoms, {"A": SEQUENCE}, head=remark("A", listed)))
        assert (~found.observed).nonzero()[0].tolist() == [0, missing - 1]


def test_remark_465_with_insertion_codes_that_fall(read):
    """Thrombin's way: 1C, 1B, 1A, 1, 2."""
    codes = {1: (1, "C"), 2: (1, "B"), 3: (1, "A"), 4: (1, " ")}
    atoms = peptide("TFGSGEADC")
    atoms = [
        change([a], number=codes.get(a.number, (a.number - 3, " "))[0], icode=codes.get(a.number, (0, " "))[1])[0]
        for a in atoms
        if a.number not in (1, 2)
    ]
    head = remark("A", [("T", 1, "C"), ("F", 1, "B")])
    assert gaps(read(pdb(atoms, {"A": "TFGSGEADC"}, head=head))) == "tfGSGEADC"


def test_each_chain_has_its_own_remark(read):
    text = pdb(
        [*peptide("GGG", 101), *peptide("GGG", 102, chain="B")],
        {"A": "GGGGG", "B": "GGGGG"},
        head=remark("A", [("G", 104, " "), ("G", 105, " ")]) + "\n" + remark("B", [("G", 101, " "), ("G", 105, " ")]),
    )
    assert gaps(read(text, "A")) == "GGGgg" and gaps(read(text, "B")) == "gGGGg"


def test_a_remark_for_another_chain_or_without_sense_is_passed_over(read):
    for head in (remark("B", [("G", 2, " ")]), remark("A", [("W", 400, " ")]), "REMARK 465 NONE"):
        found = read(pdb(without(peptide(SEQUENCE), 1, 8), {"A": SEQUENCE}, head=head))
        assert gaps(found) == "gSHMKTAyIAKQRGGGGS"


def test_neither_numbers_nor_remarks_alignment_at_the_break(read):
    atoms = change(without(peptide(SEQUENCE), 1, 2, 8, 9), lambda a: a.number > 9, number=500)
    atoms = [change([a], number=500 + a.label)[0] if a.number == 500 else a for a in atoms]
    assert gaps(read(pdb(atoms, {"A": SEQUENCE}))) == "gsHMKTAyiAKQRGGGGS"


def test_of_several_places_none_is_guessed(tmp_path, read):
    text = pdb(peptide("GGG", 101), {"A": "GGGGG"})
    path = save(tmp_path, text)
    fails(
        lambda: read_chain(path),
        f"{path}, chain A: the residues fit 3 places of the file's own sequence; list the missing ones (REMARK 465), "
        "number the residues as the sequence, or give mmCIF",
    )
    assert gaps(read(pdb(peptide("GGG", 2), {"A": "GGGGG"}))) == "gGGGg"  # they count the sequence
    head = remark("A", [("G", 100, " "), ("G", 104, " ")])
    assert gaps(read(pdb(peptide("GGG", 101), {"A": "GGGGG"}, head=head))) == "gGGGg"


def test_unknown_residues_agree_with_any_type(read):
    text = pdb(change(peptide(SEQUENCE), lambda a: a.number == 5, residue="UNK"), {"A": SEQUENCE})
    assert read(text).sequence == SEQUENCE
    text = cif(peptide("MKT"), {1: "MXT"})
    assert read(text).sequence == "MKT"


def test_a_file_that_contradicts_itself(tmp_path):
    path = save(tmp_path, cif(peptide("MKTAY"), {1: "MKWAY"}))
    expected = (
        f"{path}, chain A: residue 3 is THR, position 3 of the file's own sequence is TRP; correct or delete the "
        "sequence records"
    )
    fails(lambda: read_chain(path), expected)
    path = save(tmp_path, pdb(peptide("MKTAY"), {"A": "MKWAY"}))
    fails(lambda: read_chain(path), expected.replace(".cif", ".pdb"))


def test_more_residues_than_the_sequence_has(tmp_path):
    path = save(tmp_path, cif(peptide("MKTAY"), {1: "MKTA"}))
    expected = (
        f"{path}, chain A: residue TYR 5 has no place in the file's own sequence of 4 residues; correct or delete the "
        "sequence records"
    )
    fails(lambda: read_chain(path), expected)
    path = save(tmp_path, pdb(peptide("MKTAY"), {"A": "MKTA"}))
    fails(lambda: read_chain(path), expected.replace(".cif", ".pdb"))


def test_modified_residues_of_the_sequence_count_as_their_parents(read):
    names = ["MSE", "LYS", "SEP", "DAL", "TYR"]
    for text in (cif(without(peptide(names), 3), {1: names}), pdb(without(peptide(names), 3), {"A": names})):
        assert gaps(read(text)) == "MKsxY"  # the D-amino acid is there, but has no atoms for us


@pytest.mark.parametrize("seqres", [{"A": "MKTAY"}, None])
def test_a_residue_without_number(tmp_path, seqres):
    text = pdb(peptide("MKTAY"), seqres)
    path = save(tmp_path, text.replace("THR A   3 ", "THR A     "))
    fails(lambda: read_chain(path), f"{path}, chain A: residue THR has no number; correct it")
