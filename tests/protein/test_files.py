"""Structure files: what other programs read back is what was written."""

import dataclasses
import shutil
import subprocess

import numpy as np
import pytest

from af2jax.constants.atoms import ATOM37, ATOM37_MASK
from af2jax.constants.residues import THREE
from af2jax.errors import InputError
from af2jax.protein.files import Protein
from af2jax.protein.record import chain_name
from tests.support import helix


def protein(lengths=(23,), aatype=None, skip=(), scatter=False, **fields) -> Protein:
    """A helix of so many residues in each chain; numbers jump by 10 at the positions in `skip`."""
    rng, size = np.random.default_rng(0), sum(lengths)
    aatype = np.arange(size) % 20 if aatype is None else np.asarray(aatype)
    mask = ATOM37_MASK[aatype]
    positions = rng.uniform(-99, 99, (size, 37, 3)) if scatter else helix(size, rng)
    number = np.concatenate([np.arange(n) for n in lengths]) + 10 * sum((np.arange(size) >= s) * 1 for s in skip)
    return Protein(
        aatype=aatype,
        positions=(positions * mask[..., None]).astype(np.float32),
        atom_mask=mask,
        residue_index=number,
        chain_index=np.repeat(np.arange(len(lengths)), lengths),
        plddt=rng.uniform(0, 100, size).astype(np.float32),
        **{"name": "it's a/name", "notes": ("random weights: this is not a prediction",)} | fields,
    )


PROTEIN = protein((12, 11), aatype=np.r_[np.arange(20), [20, 3, 7]], scatter=True)
CASES = {
    "one chain": protein(),
    "X": protein((7, 3, 2), aatype=[20, 1, 2, 20, 20, 5, 20, 20, 20, 20, 8, 8]),
    "breaks": protein(skip=(5, 6, 20)),
    "three chains": protein((7, 7, 9), aatype=np.r_[np.arange(7), np.arange(7), np.arange(9)]),
    "scattered": PROTEIN,
    "63 chains": protein((2,) * 63, aatype=[3, 8] * 63),
}
SMALL = [name for name in CASES if name != "63 chains"]
BOTH = [*((name, "cif") for name in CASES), *((name, "pdb") for name in SMALL)]


def write(case: str, kind: str, folder):
    path = folder / f"a.{kind}"
    path.write_text(CASES[case].to_pdb() if kind == "pdb" else CASES[case].to_mmcif())
    return CASES[case], path


def compare(p: Protein, chains, numbers, residues, atoms, positions, b_factors):
    """One entry for each atom, in order, against the protein."""
    count = p.atom_mask.sum(1)
    assert list(chains) == [chain_name(int(c)) for c in np.repeat(p.chain_index, count)]
    np.testing.assert_array_equal(numbers, np.repeat(p.residue_index + 1, count))
    assert list(residues) == [THREE[a] for a in np.repeat(p.aatype, count)]
    assert list(atoms) == [ATOM37[j] for _, j in np.argwhere(p.atom_mask)]
    np.testing.assert_allclose(positions, p.positions[p.atom_mask], atol=6e-4)
    np.testing.assert_allclose(b_factors, np.repeat(p.plddt, count), atol=6e-3)


@pytest.mark.parametrize(("case", "kind"), BOTH)
def test_gemmi_reads_back(case, kind, tmp_path):
    gemmi = pytest.importorskip("gemmi")
    p, path = write(case, kind, tmp_path)
    structure = gemmi.read_structure(str(path))
    found = [(a.chain.name, a.residue.seqid.num, a.residue.name, a.atom) for a in structure[0].all()]
    compare(p, *zip(*((*x[:3], x[3].name, x[3].pos.tolist(), x[3].b_iso) for x in found), strict=True))
    assert "this is not a prediction" in path.read_text()
    structure.setup_entities()
    sequences = [structure.get_entity_of(chain.get_polymer()).full_sequence for chain in structure[0]]
    there = [a for a, c in zip(p.aatype, p.chain_index, strict=True) if p.atom_mask[p.chain_index == c].any()]
    assert [name for sequence in sequences for name in sequence] == [THREE[a] for a in there]


@pytest.mark.parametrize(("case", "kind"), BOTH)
def test_biotite_reads_back(case, kind, tmp_path):
    pdb = pytest.importorskip("biotite.structure.io.pdb", reason="biotite is not installed")
    pdbx = pytest.importorskip("biotite.structure.io.pdbx")
    p, path = write(case, kind, tmp_path)
    if kind == "pdb":
        atoms = pdb.PDBFile.read(str(path)).get_structure(model=1, extra_fields=["b_factor"])
    else:
        file = pdbx.CIFFile.read(str(path))
        atoms = pdbx.get_structure(file, model=1, extra_fields=["b_factor"], use_author_fields=True)
    compare(p, atoms.chain_id, atoms.res_id, atoms.res_name, atoms.atom_name, atoms.coord, atoms.b_factor)


@pytest.mark.parametrize(("case", "kind"), BOTH)
def test_biopython_reads_back(case, kind, tmp_path):
    library = pytest.importorskip("Bio.PDB", reason="biopython is not installed")
    p, path = write(case, kind, tmp_path)
    parser = library.PDBParser(PERMISSIVE=False, QUIET=True) if kind == "pdb" else library.MMCIFParser(QUIET=True)
    atoms = list(parser.get_structure("a", str(path)).get_atoms())
    residue = [a.get_parent() for a in atoms]
    compare(
        p,
        [r.get_parent().id for r in residue],
        [r.id[1] for r in residue],
        [r.resname for r in residue],
        [a.name for a in atoms],
        [a.coord for a in atoms],
        [a.bfactor for a in atoms],
    )


@pytest.mark.parametrize("case", CASES)
def test_modelcif_reads_back(case, tmp_path):
    reader = pytest.importorskip("modelcif.reader", reason="python-modelcif is not installed")
    p, path = write(case, "cif", tmp_path)
    with open(path) as file:
        (system,) = reader.read(file)
    (model,) = (m for group in system.model_groups for m in group)
    scores, (total,) = model.qa_metrics[1:], model.qa_metrics[:1]
    assert len(model._atoms) == p.atom_mask.sum() and len(scores) == len(p.plddt)
    np.testing.assert_allclose([s.value for s in scores], p.plddt, atol=6e-3)
    assert total.value == pytest.approx(p.plddt.mean(), abs=6e-3)
    chains = [p.aatype[p.chain_index == c] for c in np.unique(p.chain_index)]
    found = {unit.id: [m.id for m in unit.entity.sequence] for unit in system.asym_units}
    assert found == {chain_name(i): [THREE[a] for a in chain] for i, chain in enumerate(chains)}
    assert len(system.entities) == len({tuple(chain) for chain in chains})


@pytest.mark.parametrize("case", CASES)
def test_the_scheme_of_residues(case):
    gemmi = pytest.importorskip("gemmi")
    p = CASES[case]
    block = gemmi.cif.read_string(p.to_mmcif()).sole_block()
    columns = ["seq_id", "mon_id", "pdb_seq_num", "auth_seq_num", "auth_mon_id", "pdb_strand_id"]
    found = [list(row) for row in block.find("_pdbx_poly_seq_scheme.", columns)]
    known, seen = [], {}
    for a, number, c, there in zip(p.aatype, p.residue_index + 1, p.chain_index, p.atom_mask.any(1), strict=True):
        seen[c] = seen.get(c, 0) + 1
        author = [str(number), THREE[a]] if there else ["?", "?"]
        known.append([str(seen[c]), THREE[a], str(number), *author, chain_name(int(c))])
    assert found == known


@pytest.mark.parametrize("case", ["one chain", "X", "breaks", "three chains"])
@pytest.mark.parametrize("kind", ["cif", "pdb"])
def test_mkdssp_finds_every_residue(case, kind, tmp_path):
    if not shutil.which("mkdssp"):
        pytest.skip("mkdssp is not installed")
    p, path = write(case, kind, tmp_path)
    out = tmp_path / "a.dssp"
    done = subprocess.run(
        ["mkdssp", "--output-format", "dssp", str(path), str(out)], capture_output=True, text=True, timeout=60
    )
    assert not done.returncode, done.stderr
    lines = out.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.lstrip().startswith("#  RESIDUE"))
    found = [(x[11], int(x[5:10]), x[13]) for x in lines[start + 1 :] if x[13] != "!"]
    rows = np.flatnonzero(p.atom_mask.any(1))
    known = [(chain_name(int(p.chain_index[i])), p.residue_index[i] + 1, p.sequence[i]) for i in rows]
    assert found == known


def test_pdb_columns():
    lines = PROTEIN.to_pdb().splitlines()
    assert lines[0].startswith("HEADER") and any(x.startswith("CRYST1") for x in lines) and lines[-1].startswith("END")
    assert {len(line) for line in lines if line.startswith("ATOM")} == {80}
    atom = next(x for x in lines if x.startswith("ATOM") and x[12:16].strip() == "NH1")
    assert atom[12:16] == " NH1" and atom[17:20] == "ARG" and atom[21] == "A" and int(atom[22:26]) == 2
    assert float(atom[60:66]) == pytest.approx(PROTEIN.plddt[1], abs=6e-3)


def test_long_and_foreign_notes_stay_in_their_lines():
    notes = ("a note that does not end " * 9, "två\nlines")
    lines = dataclasses.replace(PROTEIN, notes=notes).to_pdb().splitlines()
    remarks = [line for line in lines if line.startswith("REMARK")]
    assert len(remarks) > 4 and max(map(len, lines)) == 80 and remarks[-1] == "REMARK   1 tv? lines"
    assert lines[len(remarks) + 1].startswith("SEQRES")


def test_what_is_not_finite_is_not_written():
    bad = PROTEIN.positions.copy()
    bad[3, 1, 0] = np.nan
    for broken in (dict(positions=bad), dict(plddt=PROTEIN.plddt * np.inf)):
        for text in (Protein.to_pdb, Protein.to_mmcif):
            with pytest.raises(InputError, match="positions or scores that are not finite; nothing is written"):
                text(dataclasses.replace(PROTEIN, **broken))


def test_without_atoms_nothing_is_written():
    with pytest.raises(InputError, match="no residue is of a known type"):
        protein((5,), aatype=[20] * 5).to_mmcif()


def test_chain_names():
    names = [chain_name(i) for i in range(62 + 62 * 62 + 1)]
    assert len(set(names)) == len(names) and names[:2] + names[61:64] == ["A", "B", "9", "AA", "AB"]
    assert names[-2:] == ["99", "AAA"]


def test_t24_what_pdb_cannot_hold():
    glycines = protein((9000, 9000, 7000), aatype=[7] * 25000)
    cases = {
        "63 chains, more than the 62": CASES["63 chains"],
        "100000 atoms, more than": glycines,
        "residue 10012, above the 9999": dataclasses.replace(PROTEIN, residue_index=PROTEIN.residue_index + 10000),
        "positions farther from the origin": dataclasses.replace(PROTEIN, positions=PROTEIN.positions - 1000),
    }
    for reason, large in cases.items():
        assert reason in large.beyond_pdb()
        with pytest.raises(InputError, match=f"{reason}.*; use the mmCIF file"):
            large.to_pdb()
    assert "10012" in cases["residue 10012, above the 9999"].to_mmcif()


def test_t24_the_last_atom_of_a_pdb_file():
    glycines = protein((9000, 9000, 6999), aatype=[7] * 24999)  # 99,996 atoms and three ends of chains
    glycines = dataclasses.replace(glycines, positions=glycines.positions % 100)
    records = [line[6:11] for line in glycines.to_pdb().splitlines() if line.startswith(("ATOM", "TER"))]
    assert [int(serial) for serial in records] == list(range(1, 100000))


NAMED = dataclasses.replace(CASES["three chains"], chain_names=("H", "L", "x"))


@pytest.mark.parametrize("kind", ["cif", "pdb"])
def test_chains_are_called_as_given(kind, tmp_path):
    gemmi = pytest.importorskip("gemmi")
    path = tmp_path / f"a.{kind}"
    path.write_text(NAMED.to_pdb() if kind == "pdb" else NAMED.to_mmcif())
    model = gemmi.read_structure(str(path))[0]
    assert [(chain.name, len(chain)) for chain in model] == [("H", 7), ("L", 7), ("x", 9)]
    if kind == "cif":
        block = gemmi.cif.read(str(path)).sole_block()
        for column in ("_struct_asym.id", "_ma_target_entity_instance.asym_id"):
            assert list(block.find_values(column)) == ["H", "L", "x"]
        for column in ("_ma_qa_metric_local.label_asym_id", "_pdbx_poly_seq_scheme.pdb_strand_id"):
            assert list(block.find_values(column)) == ["H"] * 7 + ["L"] * 7 + ["x"] * 9


def test_names_of_more_than_one_letter_are_in_mmcif_alone():
    long = dataclasses.replace(NAMED, chain_names=("H", "heavy", "L"))
    assert "chain heavy, a longer name than the one character" in long.beyond_pdb() and "heavy" in long.to_mmcif()
    with pytest.raises(InputError, match=r"chain heavy, a longer name.*; use the mmCIF file"):
        long.to_pdb()


@pytest.mark.parametrize("names", [("H", "L"), ("H", "L", "L"), ("H", "L", "x", "y")], ids=str)
def test_each_chain_has_a_name_of_its_own(names):
    with pytest.raises(InputError, match="3 chains cannot be called H, L"):
        dataclasses.replace(NAMED, chain_names=names).to_mmcif()
