"""`af2jax relax`: files in, relaxed files out; what fails is named and the others are done."""

import json
from dataclasses import replace

import numpy as np
import pytest

from af2jax.cli.main import main
from af2jax.data.protein import read_protein
from af2jax.errors import InputError
from tests.relax.peptides import noisy, peptide, together, without

pytest.importorskip("openmm", reason="OpenMM is not installed")
pytest.importorskip("pdbfixer", reason="PDBFixer is not installed")

GOOD = noisy(peptide("GACDWG"), 0.1)
RANDOM = "random weights: this is not a prediction"


pytestmark = pytest.mark.medium("minimises peptides")


@pytest.fixture
def folder(tmp_path):
    """A prediction in two formats, a structure of two chains, one without backbone, a file of another kind."""
    folder = tmp_path / "in"
    folder.mkdir()
    predicted = replace(GOOD, notes=(RANDOM,))
    (folder / "a.pdb").write_text(predicted.to_pdb())
    (folder / "a.cif").write_text(predicted.to_mmcif())
    apart = replace(GOOD, positions=GOOD.positions + np.float32(30))
    pair = without(together(GOOD, apart), (8, "CA"))
    (folder / "b.pdb").write_text(replace(pair, predicted=False, chain_index=pair.chain_index + 7).to_pdb())
    (folder / "c.pdb").write_text("no structure")
    (folder / "notes.txt").write_text("")
    return folder


def run(*arguments):
    return main(["relax", *map(str, arguments)])


def test_relaxes_a_folder_and_goes_on(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(folder, "--out", out) == 3
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0].startswith("device: OpenMM ") and lines[0].endswith(" on CPU")
    assert lines[1].startswith("a: ") and "residues with violations 4 -> 0" in lines[1]
    assert "  no force field, left as they were: I7 CYS" in lines
    failed = [line for line in shown.err.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 1 and "c.pdb" in failed[0]
    assert json.loads((out / "relax_failures.jsonl").read_text())["job"] == "c"
    names = [f"{name}_relaxed.{kind}" for name in "ab" for kind in ("cif", "json", "pdb")]
    assert sorted(p.name for p in out.iterdir()) == [*names, "relax_failures.jsonl"]

    assert run(folder, "--out", out) == 3
    assert capsys.readouterr().out.count("already done, skipped") == 2
    assert run(folder, "--out", out, "--stiffness", 20) == 3  # other settings: done again
    assert "skipped" not in capsys.readouterr().out
    (folder / "a.cif").write_text(peptide("GAG").to_mmcif())  # another content: the same
    assert run(folder, "--out", out, "--stiffness", 20) == 3
    assert capsys.readouterr().out.count("already done, skipped") == 1
    assert read_protein(out / "a_relaxed.cif").sequence == "GAG"


def test_what_the_files_say(folder, tmp_path):
    out = tmp_path / "out"
    assert run(folder / "a.cif", folder / "b.pdb", "--out", out, "--max-outer-iterations", 1) == 0
    record = json.loads((out / "a_relaxed.json").read_text())
    assert record["energy_after"] < record["energy_before"] and 0 < record["rmsd"] < 1 and record["rounds"] == 1
    assert record["file"] == "a.cif" and record["settings"]["rounds"] == 1 and len(record["sha256"]) == 64
    for kind in ("cif", "pdb"):
        found = read_protein(out / f"a_relaxed.{kind}")
        assert found.predicted and found.sequence == "GACDWG" and RANDOM in found.notes
        assert any(note.startswith("relaxed with AMBER ff99SB") for note in found.notes)
        np.testing.assert_allclose(found.plddt, GOOD.plddt, atol=6e-3)
        assert 0 < np.abs(found.positions - GOOD.positions).max() < 2
        np.testing.assert_array_equal(found.residue_index, GOOD.residue_index)
        other = (out / f"b_relaxed.{kind}").read_text()
        assert "relaxed with AMBER" in other and "PREDICTED" not in other and "_ma_" not in other
        chains = read_protein(out / f"b_relaxed.{kind}").chain_index
        assert chains.tolist() == [7] * 6 + [8] * 6


def test_its_own_results_are_no_input(folder, capsys):
    assert run(folder, "--out", folder) == 3 and run(folder, "--out", folder) == 3
    assert not list(folder.glob("*_relaxed_relaxed*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.pdb"], "absent.pdb: no such file; check the path"),
        (["in/a.pdb:A"], "in/a.pdb:A: no such file; check the path"),
        (["empty"], "no structures in empty: files must end in .cif, .mmcif, .pdb, .ent (.gz too)"),
        (["in/a.cif", "in/a.pdb"], "in/a.cif and in/a.pdb would write the same files; rename one"),
        (["in", "--rounds", "1"], None),
        (["in", "--max-outer-iterations", "0"], "rounds=0; give 1 or more"),
        (["in", "--tolerance", "nan"], "tolerance=nan; give a positive number"),
    ],
)
def test_bad_usage_is_one_line_and_2(folder, tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    try:
        code = run(*arguments, "--out", "o")
    except SystemExit as stop:  # by the parser of arguments
        code = stop.code
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert code == 2 and not (tmp_path / "o").exists()
    assert message is None or (len(errors) == 1 and message in errors[0])


def test_out_that_is_a_file(folder, capsys):
    assert run(folder, "--out", folder / "a.pdb") == 2 and "is a file, not a folder" in capsys.readouterr().err


def test_no_gpu_is_said_at_once(folder, tmp_path, capsys, monkeypatch):
    import openmm

    monkeypatch.setattr(openmm.Platform, "getNumPlatforms", lambda: 1)
    assert run(folder, "--out", tmp_path / "o", "--gpu") == 2
    assert "error: OpenMM finds no GPU platform, only Reference; pip install" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_nothing_to_begin_with_is_2_and_all_failed_is_4(folder, tmp_path, monkeypatch):
    """As of predict and score."""
    assert run(folder / "c.pdb", "--out", tmp_path / "o") == 2

    def fails(*given, **more):
        raise InputError("it does not settle")

    monkeypatch.setattr("af2jax.relax.relax", fails)
    assert run(folder / "a.pdb", "--out", tmp_path / "o") == 4
    assert run(folder / "a.pdb", folder / "c.pdb", "--out", tmp_path / "o") == 4


def test_what_pdb_cannot_hold_is_mmcif_alone(folder, tmp_path, capsys):
    far = replace(GOOD, residue_index=GOOD.residue_index + 10000)
    (folder / "far.cif").write_text(far.to_mmcif())
    assert run(folder / "far.cif", "--out", tmp_path / "o") == 0
    assert "far: no PDB file, only mmCIF: residue 10010" in capsys.readouterr().err
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == ["far_relaxed.cif", "far_relaxed.json"]
