"""From a file to gemmi's model: damage, resolution, PDB as programs write it; and hundreds of spoilt files."""

import gzip
import random
import tarfile

import numpy as np
import pytest

from af2jax.data.coordinates import read_structure
from af2jax.data.structure import read_chain
from af2jax.errors import InputError
from tests.data.molecules import Atom, change, cif, pdb, peptide, save, without
from tests.data.test_parse import fails

SEQUENCE = "MKTAYIAKQR"
TEXT = pdb(peptide(SEQUENCE))

# Files


def test_no_file(tmp_path):
    path = tmp_path / "absent.pdb"
    fails(lambda: read_structure(path), f"{path}: no such file; check the path")
    fails(lambda: read_structure(tmp_path), f"{tmp_path} cannot be read (Is a directory); give one mmCIF or PDB file")
    fails(lambda: read_structure("a\0b"), "a?b cannot be read (the name is not a path); give one mmCIF or PDB file")


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "it has no atoms"),
        ("\n\n", "it has no atoms"),
        ("<html><body>404 Not Found</body></html>\n", "it has no atoms"),
        (">query\nMKTAYIAKQR\n", "it has no atoms"),
        ("HEADER    NOTHING BUT A HEADER\nEND\n", "it has no atoms"),
        ("\x01\x02\x7f\n", "it has no atoms"),
        ("data_x\n_cell.length_a 1.0\n", "no data block has atoms (_atom_site)"),
    ],
)
def test_what_is_no_structure(tmp_path, text, reason):
    path = save(tmp_path, text, "x.pdb")
    fails(lambda: read_structure(path), f"{path} is not an mmCIF or PDB file that can be read: {reason}")


def test_archives_and_binary_formats(tmp_path):
    with tarfile.open(tmp_path / "x.pdb", "w") as archive:
        archive.add(save(tmp_path, TEXT, "in.pdb"), "in.pdb")
    for name in ("x.pdb", "y.pdb.gz"):
        path = tmp_path / name
        path.write_bytes(gzip.compress((tmp_path / "x.pdb").read_bytes()) if name == "y.pdb.gz" else path.read_bytes())
        expected = f"{path} is a tar archive; unpack it and give the files in it"
        fails(lambda: read_structure(path), expected)  # noqa: B023


def test_an_mmcif_file_cut_short_says_where(tmp_path):
    path = save(tmp_path, cif(peptide(SEQUENCE), {1: SEQUENCE})[:-60])
    with pytest.raises(InputError, match=r"is not an mmCIF or PDB file that can be read: .*\d+.*") as caught:
        read_structure(path)
    assert len(str(caught.value).splitlines()) == 1


def test_damaged_gzip(tmp_path):
    whole = gzip.compress(TEXT.encode())
    for name, data in {"short": whole[:-20], "flipped": whole[:60] + b"\0\0" + whole[62:], "head": whole[:5]}.items():
        path = tmp_path / f"{name}.pdb.gz"
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"the gzip file is damaged \(.+\); copy or compress it again$") as caught:
            read_structure(path)
        assert len(str(caught.value).splitlines()) == 1


def test_of_several_blocks_the_first_with_atoms(read):
    assert (
        read("data_first\n_cell.length_a 1.0\n" + cif(peptide(SEQUENCE), {1: SEQUENCE}), name="x.cif").sequence
        == SEQUENCE
    )


# Resolution

REFINE, RECONSTRUCTION, REFLECTIONS = (
    "_refine.ls_d_res_high",
    "_em_3d_reconstruction.resolution",
    "_reflns.d_resolution_high",
)


@pytest.mark.parametrize(
    "extra, expected",
    [
        ("", 0.0),
        (f"{REFINE} 2.5\n{REFLECTIONS} 2.4", 2.5),
        (f"{REFLECTIONS} 2.4\n{REFINE} 2.5", 2.5),
        (f"{REFINE} 2.5\n{RECONSTRUCTION} 3.4", 2.5),
        (f"{REFLECTIONS} 2.4", 2.4),
        (f"{RECONSTRUCTION} 3.4", 3.4),
        (f"{REFINE} ?", 0.0),
        (f"{REFINE} .", 0.0),
        (f"{REFINE} ?\n{RECONSTRUCTION} 3.4\n{REFLECTIONS} 2", 3.4),
        (f"{REFINE} .\n{REFLECTIONS} '2.10(5)'", 2.1),
        (f"{REFINE} 0.0\n{REFLECTIONS} -1", 0.0),
        (f"{REFINE} high", 0.0),
        (f"{REFINE} 1e999", 0.0),
        (f"loop_\n_refine.pdbx_refine_id\n{REFINE}\n'X-RAY DIFFRACTION' 2.2\n'NEUTRON DIFFRACTION' 1.9", 2.2),
        (f"_exptl.method 'SOLUTION NMR'\n{REFINE} ?", 0.0),
    ],
)
def test_the_resolution_of_mmcif(read, extra, expected):
    assert read(cif(peptide(SEQUENCE), {1: SEQUENCE}, extra=extra)).resolution == expected


@pytest.mark.parametrize(
    "head, expected",
    [
        ("REMARK   2 RESOLUTION.    1.74 ANGSTROMS.", 1.74),
        ("REMARK   2 RESOLUTION. NOT APPLICABLE.", 0.0),
        ("REMARK   2 RESOLUTION.         ANGSTROMS.", 0.0),
        ("", 0.0),
    ],
)
def test_the_resolution_of_pdb(read, head, expected):
    assert read(pdb(peptide(SEQUENCE), head=f"REMARK   2\n{head}")).resolution == expected


# PDB as it comes


def spoil(column: int, text: str) -> str:
    """The file with other text in the third line of atoms."""
    lines = TEXT.split("\n")
    lines[2] = lines[2][:column] + text + lines[2][column + len(text) :]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text", ["   1.0.0", "     abc", "        ", "     nan", "     inf", "********", "   1_000", "  1,000 "]
)
@pytest.mark.parametrize("column", [30, 38, 46])
def test_coordinates_that_are_no_numbers(tmp_path, column, text):
    spoilt = spoil(column, text)
    path = save(tmp_path, spoilt)
    shown = repr(spoilt.split("\n")[2][30:54])
    fails(lambda: read_structure(path), f"{path}, line 3: the coordinates {shown} are not numbers; correct it")


def test_occupancies(tmp_path, read):
    path = save(tmp_path, spoil(54, "  1.OO"))
    fails(lambda: read_structure(path), f"{path}, line 3: the occupancy '  1.OO' is not a number; correct it")
    whole = read(TEXT)
    for blank in (
        "\n".join(x[:54] for x in TEXT.split("\n")),
        "\n".join(x[:54] + " " * 6 + x[60:] for x in TEXT.split("\n")),
    ):
        np.testing.assert_array_equal(read(blank).atom_mask, whole.atom_mask)
    zero = read(spoil(54, "  0.00"))
    assert zero.atom_mask.sum() == whole.atom_mask.sum() - 1


def test_lines_that_end_in_an_identifier_and_a_number(read):
    """The format before 1996."""
    old = "\n".join(f"{x[:72]:<72}1ABC{i:4d}" if x.startswith("ATOM") else x for i, x in enumerate(TEXT.split("\n")))
    np.testing.assert_array_equal(read(old).positions, read(TEXT).positions)


def test_ter_at_a_break_does_not_end_the_chain(read):
    atoms = without(peptide(SEQUENCE), 4, 5)
    lines = pdb(atoms).split("\n")
    broken = "\n".join([*lines[:15], "TER", *lines[15:]])
    assert lines[14][22:26] == "   3" and lines[15][22:26] == "   6"
    for text in (broken, broken.replace("TER\nEND", "END")):
        assert read(text).sequence == "MKTIAKQR"
        assert read(text).residue_index.tolist() == [0, 1, 2, 5, 6, 7, 8, 9]


def test_two_molecules_under_one_identifier(tmp_path):
    first = [*peptide("MKT"), Atom("OXT", "THR", 3, (0.0, 0.0, 9.0))]
    for one, two in ((first, peptide("GSG", 4)), (peptide("MKT"), peptide("GSG", 1))):
        lines = [*pdb(one).split("\n")[:-2], *pdb(two).split("\n")]
        path = save(tmp_path, "\n".join(lines))
        end = lines.index("TER") + 1
        fails(
            lambda: read_structure(path),  # noqa: B023
            f"{path}, line {end}: TER ends chain A, which continues in line {end + 1}; if they are two molecules, give "
            "each its own chain identifier, else delete TER and OXT",
        )


def test_models_do_not_share_ends(read):
    body = pdb(peptide(SEQUENCE)).replace("END\n", "")
    assert read(f"MODEL        1\n{body}ENDMDL\nMODEL        2\n{body}ENDMDL\nEND\n").sequence == SEQUENCE


# Hundreds of spoilt files


def mutate(text: str, rng: random.Random) -> str:
    """A few changes of the kinds that happen: bytes, lines, fields."""
    lines = text.split("\n")
    for _ in range(rng.randint(1, 4)):
        i = rng.randrange(len(lines))
        kind = rng.randrange(7)
        if kind == 0:
            del lines[i]
        elif kind == 1:
            lines.insert(i, lines[rng.randrange(len(lines))])
        elif kind == 2:
            j = rng.randrange(len(lines))
            lines[i], lines[j] = lines[j], lines[i]
        elif kind == 3:
            lines[i] = lines[i][: rng.randrange(len(lines[i]) + 1)]
        elif kind == 4 and lines[i]:
            j = rng.randrange(len(lines[i]))
            lines[i] = lines[i][:j] + chr(rng.choice([0, 9, 32, 35, 39, 42, 59, 63, 65, 95, 200])) + lines[i][j + 1 :]
        elif kind == 5:
            fields = lines[i].split(" ")
            fields[rng.randrange(len(fields))] = rng.choice(
                ["?", ".", "nan", "-1", "999999", "loop_", "data_", "'", "\n;x\n;"]
            )
            lines[i] = " ".join(fields)
        else:
            lines = lines[: max(i, 1)]
        lines = lines or [""]
    return "\n".join(lines)


ATOMS = [*peptide(SEQUENCE), *peptide("GSXG", chain="B", entity=2)]
SEEDS = {
    "cif": cif(change(ATOMS, lambda a: a.number == 3, alt="A", occupancy=0.5), {1: SEQUENCE, 2: "GSXG"}),
    "pdb": pdb(without(ATOMS, 5), {"A": SEQUENCE, "B": "GSXG"}, head="REMARK 465     TYR A     5"),
}


@pytest.mark.parametrize("form", SEEDS)
def test_spoilt_files_give_chains_or_one_line(tmp_path, form):
    rng, read, refused = random.Random(0), 0, set()
    for _ in range(400):
        path = save(tmp_path, mutate(SEEDS[form], rng), f"x.{form}")
        try:
            found = read_chain(path, rng.choice(["A", "B", None]))
        except InputError as error:
            assert len(str(error).splitlines()) == 1 and str(error).startswith(str(path))
            refused.add(str(error).removeprefix(str(path))[:30])
        else:
            read += 1
            assert np.isfinite(found.positions).all() and (found.positions[~found.atom_mask] == 0).all()
            assert len(found.aatype) == len(found.residue_index) and (np.diff(found.residue_index) > 0).all()
    assert read > 40 and len(refused) > 10
