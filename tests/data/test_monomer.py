"""One residue of a file: its type and the atoms that count as observed."""

import numpy as np
import pytest

from af2jax.constants.atoms import ATOM37, ATOM37_INDEX, ATOM37_MASK
from af2jax.constants.residues import CODES
from af2jax.data.monomer import code
from af2jax.data.structure import read_chain
from tests.data.molecules import Atom, change, cif, pdb, peptide, save
from tests.data.test_parse import fails


def extra(number: int, residue: str, names: str, x: float = 20.0, **fields) -> list[Atom]:
    """More atoms of a residue, in a row at `x`."""
    return [
        Atom(name, residue, number, (x, float(i), 3.0), label=number, **fields) for i, name in enumerate(names.split())
    ]


def atoms_of(chain, index: int) -> set[str]:
    return {ATOM37[i] for i in np.flatnonzero(chain.atom_mask[index])}


def insert(atoms: list[Atom], more: list[Atom]) -> list[Atom]:
    """In the order of residues."""
    return sorted([*atoms, *more], key=lambda atom: atom.number)


def both(read, atoms, names) -> list:
    return [read(cif(atoms, {1: names})), read(pdb(atoms, {"A": names})), read(pdb(atoms))]


# Types


@pytest.mark.parametrize(
    "name, letter",
    [
        ("MSE", "M"),
        ("SEP", "S"),
        ("HYP", "P"),
        ("MLY", "K"),
        ("PCA", "E"),
        ("DAL", "X"),
        ("UNK", "X"),
        ("ACE", "X"),
        ("SEC", "X"),
        ("ASX", "X"),
        ("DA", "X"),
        ("A", "X"),
        ("HOH", "X"),
        ("???", "X"),
        ("", "X"),
        ("TRP", "W"),
    ],
)
def test_a_name_counts_as_its_parent(name, letter):
    assert code(name) == CODES[letter]


def test_selenium_is_sulphur(read):
    names = ["GLY", "MSE", "GLY"]
    atoms = change(peptide(names), lambda a: a.residue == "MSE", record="HETATM")
    selenium = Atom("SE", "MSE", 2, (1.0, 2.0, 3.0), label=2, record="HETATM", element="SE")
    for found in both(read, insert(atoms, [selenium, *extra(2, "MSE", "CG CE", record="HETATM")]), names):
        assert found.sequence == "GMG" and atoms_of(found, 1) == {"N", "CA", "C", "O", "CB", "CG", "SD", "CE"}
        np.testing.assert_array_equal(found.positions[1, ATOM37_INDEX["SD"]], [1, 2, 3])


def test_a_modified_residue_keeps_what_its_parent_has(read):
    names = ["GLY", "SEP", "GLY"]
    atoms = insert(peptide(names), extra(2, "SEP", "OG P O1P", record="HETATM"))
    for found in both(read, atoms, names):
        assert found.sequence == "GSG" and atoms_of(found, 1) == {"N", "CA", "C", "O", "CB", "OG"}


def test_a_chromophore_keeps_no_atom(read):
    names = ["GLY", "CRO", "GLY"]
    atoms = [a for a in peptide(names) if a.residue == "GLY"] + extra(
        2, "CRO", "N1 CA1 C1 N2 CA2 C2 O2 N3 CA3 C3 O3 CB1"
    )
    found = read(cif(sorted(atoms, key=lambda a: a.number), {1: names}))
    assert found.sequence == "GTG" and found.observed.tolist() == [True, False, True]


def test_d_amino_acids_among_others_are_unknown_and_have_no_atoms(read):
    names = ["GLY", "DAL", "GLY", "VAL"]
    for found in both(read, peptide(names), names):
        assert found.sequence == "GXGV" and found.observed.tolist() == [True, False, True, True]
        assert len(found.residue_index) == 4 and (found.positions[1] == 0).all()


def test_unknown_residues_keep_their_backbone_and_cb(read):
    names = ["GLY", "UNK", "GLY"]
    for found in both(read, insert(peptide(names), extra(2, "UNK", "CG CD1")), names):
        assert found.sequence == "GXG" and atoms_of(found, 1) == {"N", "CA", "C", "O", "CB"}


def test_caps_are_unknown(read):
    names = ["ACE", "ALA", "GLY", "NH2"]
    atoms = peptide(names)
    atoms = [a for a in atoms if a.residue not in ("ACE", "NH2") or a.name in ("C", "O")]
    atoms = change(atoms, lambda a: a.residue == "NH2", name="N")[:-1]
    found = read(cif(change(atoms, lambda a: a.residue in ("ACE", "NH2"), record="HETATM"), {1: names}))
    assert found.sequence == "XAGX" and found.observed.tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    "name, letter, side",
    [
        ("HID", "H", "CG ND1 CE1"),
        ("HIE", "H", "ND1"),
        ("HSD", "H", "CG ND1"),
        ("HSE", "H", "ND1 NE2"),
        ("CYX", "C", "SG"),
        ("CYM", "C", "SG"),
        ("ASH", "D", "OD1"),
        ("GLH", "E", "OE2"),
        ("LYN", "K", "NZ"),
        ("HSE", "X", "OG"),
    ],
)
def test_names_of_force_fields(read, name, letter, side):
    found = read(pdb(insert(peptide(["GLY", name, "GLY"]), extra(2, name, side))))
    assert found.sequence == f"G{letter}G"
    assert letter == "X" or set(side.split()) < atoms_of(found, 1)


# Atoms


def test_hydrogens_and_deuterium_are_dropped(read):
    more = [*extra(2, "ALA", "HA HB1 HB2"), *extra(2, "ALA", "D", element="D"), *extra(2, "ALA", "CG1")]
    for found in both(read, insert(peptide("GAG"), more), "GAG"):
        assert atoms_of(found, 1) == {"N", "CA", "C", "O", "CB"}


def test_the_last_oxygen_is_kept(read):
    for found in both(read, [*peptide("GAG"), *extra(3, "GLY", "OXT")], "GAG"):
        assert atoms_of(found, 2) == {"N", "CA", "C", "O", "OXT"}


def test_atoms_of_occupancy_zero_were_not_observed(read):
    atoms = change(peptide("GAG"), lambda a: (a.number, a.name) in [(2, "CB"), (3, "O")], occupancy=0.0)
    for found in both(read, atoms, "GAG"):
        assert atoms_of(found, 1) == {"N", "CA", "C", "O"} and atoms_of(found, 2) == {"N", "CA", "C"}


def test_of_alternates_the_conformer_of_highest_occupancy(read):
    plain = [a for a in peptide("GSG") if a.name not in ("CB", "OG")]
    side = lambda alt, x, occupancy: extra(2, "SER", "CB OG", x, alt=alt, occupancy=occupancy)
    for a, b, expected in [(0.3, 0.7, 31.0), (0.7, 0.3, 30.0), (0.5, 0.5, 30.0)]:
        for found in both(read, insert(plain, [*side("A", 30.0, a), *side("B", 31.0, b)]), "GSG"):
            x = found.positions[1, [ATOM37_INDEX["CB"], ATOM37_INDEX["OG"]], 0]
            np.testing.assert_array_equal(x, [expected] * 2)


def test_conformers_are_not_mixed(read):
    """B has the higher mean occupancy, although A's OG has the highest of all; what B lacks comes from A."""
    plain = [a for a in peptide("GRG") if a.name != "CB"]
    alternates = [
        *extra(2, "ARG", "CB", 30.0, alt="A", occupancy=0.2),
        *extra(2, "ARG", "CG", 30.0, alt="A", occupancy=0.65),
        *extra(2, "ARG", "CD", 30.0, alt="A", occupancy=0.2),
        *extra(2, "ARG", "CB CG", 31.0, alt="B", occupancy=0.6),
    ]
    for found in both(read, insert(plain, alternates), "GRG"):
        x = [found.positions[1, ATOM37_INDEX[name], 0] for name in ("CB", "CG", "CD")]
        assert x == [31.0, 31.0, 30.0]


def test_of_two_types_in_one_place_the_one_of_highest_occupancy(read):
    rest = [a for a in peptide("GSG") if a.number != 2]
    for names in (["GLY", "SER", "GLY"], ["GLY", "PRO", "GLY"]):
        for low, high, letter in ((0.4, 0.6, "P"), (0.6, 0.4, "S")):
            variants = [
                *change(peptide("GSG")[4:9], alt="A", occupancy=low),
                *change(peptide("GPG")[4:9], alt="B", occupancy=high),
                *extra(2, "PRO", "CG CD", alt="B", occupancy=high),
            ]
            pairs = [*rest[:4], *variants, *rest[4:]]
            listed = ["GLY", "SER,PRO", "GLY"]
            interleaved = [*rest[:4], *sorted(variants, key=lambda a: a.name), *rest[4:]]
            for found in (read(cif(pairs, {1: listed})), read(pdb(pairs, {"A": names})), read(pdb(interleaved))):
                assert found.sequence == f"G{letter}G"
                assert ("CD" in atoms_of(found, 1)) == (letter == "P")


def test_nh1_of_arginine_is_the_one_nearer_to_cd(read):
    plain = peptide("GRG")
    cd, near, far = (
        Atom(n, "ARG", 2, p, label=2) for n, p in [("CD", (20.0, 0, 0)), ("NH1", (22.0, 0, 0)), ("NH2", (24.0, 0, 0))]
    )
    swapped = [*change([near], name="NH2"), *change([far], name="NH1")]
    for pair in ([near, far], swapped):
        for found in both(read, insert(plain, [cd, *pair]), "GRG"):
            assert found.positions[1, [ATOM37_INDEX["NH1"], ATOM37_INDEX["NH2"]], 0].tolist() == [22.0, 24.0]
    alone = both(read, insert(plain, [cd, swapped[1]]), "GRG")
    assert all(found.positions[1, ATOM37_INDEX["NH1"], 0] == 24.0 for found in alone)  # nothing to compare with
    origin = [Atom(n, "ARG", 2, (x, 0.0, 0.0), label=2) for n, x in (("CD", 1.0), ("NH1", 5.0))]
    for found in both(read, insert(plain, origin), "GRG"):  # an atom that is missing is at the origin, not near CD
        assert found.positions[1, ATOM37_INDEX["NH1"], 0] == 5.0


def test_atoms_that_the_type_has_not_are_dropped(read):
    found = read(pdb(insert(peptide("GAG"), extra(2, "ALA", "CG SG ZN"))))
    assert not (found.atom_mask & ~ATOM37_MASK[found.aatype])[:, :36].any()


@pytest.mark.parametrize("value, name", [("?", "no position in space"), (".", "no position"), ("1e9", "no position")])
def test_an_atom_without_position_in_mmcif(tmp_path, value, name):
    atoms = peptide("GAG")
    x = f"{atoms[4].position[0]:.3f}"
    path = save(tmp_path, cif(atoms).replace(f"? {x} ", f"? {value} ", 1))
    fails(lambda: read_chain(path), f"{path}, chain A: atom N of ALA 2 has no position in space; correct it")


def test_an_occupancy_that_is_no_number_in_mmcif(tmp_path, read):
    text = cif(peptide("GAG"))
    path = save(tmp_path, text.replace(" 1.0 20.0 2 A", " high 20.0 2 A", 1))
    fails(lambda: read_chain(path), f"{path}, chain A: the occupancy of atom N of ALA 2 is not a number; correct it")
    assert read(text.replace(" 1.0 20.0 ", " ? 20.0 ")).atom_mask.sum() == 13  # not stated: 1
