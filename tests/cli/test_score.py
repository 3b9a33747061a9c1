"""`af2jax score`, and `af2jax predict --initial-guess`: given structures in batches that resume."""

import csv
import dataclasses
import json

import pytest

from af2jax.cli.main import main
from tests.data.molecules import pdb, peptide, save
from tests.goldens.interfaces import case

pytestmark = pytest.mark.medium("compiles the small network")
SEQUENCE = "MKTAYIAKQR"


def together(first: str, second: str, shift: float = 6.0):
    moved = lambda x, y, z: (x, y + shift, z + 1)
    return [*peptide(first), *(dataclasses.replace(a, position=moved(*a.position)) for a in peptide(second, chain="B"))]


@pytest.fixture
def run(weights, tmp_path, capsys):
    """`run(command, *arguments)`: (exit code, standard output, standard error); results are in `tmp_path / "out"`."""

    def run(command, *arguments) -> tuple:
        own = (
            []
            if "--params" in arguments or "--pae" in arguments or "--random-weights" in arguments
            else ["--params", weights]
        )
        capsys.readouterr()
        code = main([str(a) for a in (command, *arguments, "--out", tmp_path / "out", *own)])
        return code, *capsys.readouterr()

    return run


def table(folder) -> list[dict]:
    with (folder / "out" / "scores.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_batch_resumes(run, tmp_path):
    """Two structures and a broken one: what was judged is skipped, what has changed is judged again."""
    folder = tmp_path / "designs"
    folder.mkdir()
    save(folder, pdb(together(SEQUENCE, "WALKDEW")), "one.pdb")
    save(folder, pdb(together(SEQUENCE, "WALKDEF")), "two.pdb")
    (folder / "bad.pdb").write_text("HEADER\n")
    flags = ("--no-plots", "--num-recycle", 0)
    code, out, err = run("score", folder, *flags)
    assert code == 3 and "one: 17 residues, mean pLDDT" in out and "A from the given structure" in out
    assert err.count("failed: ") == 1 and "bad.pdb is not an mmCIF or PDB file" in err
    rows = table(tmp_path)
    assert [(row["structure"], row["pair"], row["network"]) for row in rows] == [
        ("one", "A-B", "tiny"),
        ("two", "A-B", "tiny"),
    ]
    assert all(float(row[name]) >= 0 for row in rows for name in ("plddt", "iptm", "ipsae_min", "rmsd", "actifptm"))
    assert json.loads((tmp_path / "out" / "failures.jsonl").read_text())["job"] == "bad"
    page = (tmp_path / "out" / "one_report.html").read_text()
    assert "The given structure" in page and "was what the first pass started from" in page

    code, out, _ = run("score", folder, *flags)
    assert code == 3 and out.count("already done, skipped") == 2 and table(tmp_path) == rows
    save(folder, pdb(together(SEQUENCE, "WALKDEF", 9.0)), "two.pdb")
    save(folder, pdb(peptide("WALK")), "bad.pdb")
    code, out, _ = run("score", folder, *flags)
    assert code == 0 and "one: already done, skipped" in out and "two: 17 residues" in out
    mended, *again = table(tmp_path)
    assert again[0] == rows[0] and again[1] != rows[1] and mended["structure"] == "bad" and mended["pair"] == ""
    assert not (tmp_path / "out" / "failures.jsonl").exists()


def test_protocols_and_their_recycles(run, tmp_path):
    file = save(tmp_path, pdb(together(SEQUENCE, "WALKDEW")), "one.pdb")
    assert run("score", file, "--no-plots", "--protocol", "af2rank")[0] == 0
    (row,) = table(tmp_path)
    assert row["protocol"] == "af2rank" and float(row["composite"]) > 0
    scores = next((tmp_path / "out").glob("*_scores_*.json"))
    before = scores.read_text()
    assert "without its sequence and side chains (AF2Rank" in (tmp_path / "out" / "one_report.html").read_text()
    assert run("score", file, "--no-plots", "--target", "B", "--num-recycle", 1)[0] == 0
    assert table(tmp_path)[0]["protocol"] == "initial-guess" and scores.read_text() != before
    marker = json.loads((tmp_path / "out" / "one.done.txt").read_text())
    assert marker["settings"]["structure"][1:] == [None, "initial-guess", ["B"]]


def test_chains_keep_their_names(run, tmp_path):
    atoms = [dataclasses.replace(a, chain="H") if a.chain == "A" else a for a in together(SEQUENCE, "WALKDEW")]
    file = save(tmp_path, pdb(atoms), "one.pdb")
    assert run("score", f"{file}:B,H", "--no-plots", "--num-recycle", 0)[0] == 0
    (row,) = table(tmp_path)
    assert row["structure"] == "one_B_H" and row["pair"] == "B-H"


def test_files_of_other_programs(run, tmp_path):
    for name in ("two", "three"):
        atoms, pae = case(name)
        (tmp_path / f"{name}.pdb").write_text(atoms.to_pdb())
        (tmp_path / f"{name}.json").write_text(json.dumps({"pae": pae.tolist(), "ptm": 0.5, "iptm": 0.4}))
    files = [tmp_path / "two.pdb", tmp_path / "three.pdb"]
    pae = lambda *names: [x for name in names for x in ("--pae", tmp_path / f"{name}.json")]
    code, out, _ = run("score", *files, *pae("two", "three"))
    assert code == 0 and "two: 61 residues, A-B ipSAE 0.141" in out and len(table(tmp_path)) == 4
    assert json.loads((tmp_path / "out" / "two_scores.json").read_text())["ipsae"] == {"A-B": 0.200354, "B-A": 0.141478}
    code, _, err = run("score", *files, *pae("two", "two"))
    assert code == 3 and err.strip().endswith(
        f"two.json: a PAE of 61 residues, {files[1]} has 59; give the PAE file of this structure"
    )
    assert run("score", files[0], *pae("two", "three"))[0] == 2
    assert run("score", files[0], *pae("two"), "--random-weights")[0] == 2


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--random-weights", "--model", "model_3_ptm", "--protocol", "af2rank"),
         "model_3_ptm reads no templates, which the protocol af2rank needs; choose a network that does, such as"),
        (("--random-weights", "--model", "model_3_ptm", "--target", "B"), "model_3_ptm reads no templates"),
        (("--target", "C"), 'no chain is called "C"; give one of A, B'),
        (("--cyclic", "C"), 'no chain is called "C"; give one of A, B'),
    ],
)  # fmt: skip
def test_bad_requests_are_one_line(run, tmp_path, flags, reason):
    file = save(tmp_path, pdb(together(SEQUENCE, "WALKDEW")), "one.pdb")
    code, _, err = run("score", file, *flags)
    assert code == 2 and err.startswith("error: ") and reason in err and err.count("\n") == 1
    assert not (tmp_path / "out" / "scores.csv").exists()


def test_no_such_chain_or_file(run, tmp_path):
    file = save(tmp_path, pdb(peptide(SEQUENCE)), "one.pdb")
    for given, reason in (
        (f"{file}:Z", 'has no chain "Z"; its protein chains are: A'),
        (tmp_path / "x.pdb", "no such file"),
    ):
        code, _, err = run("score", given)
        assert code == 2 and reason in err and err.count("\n") == 1


def test_predict_from_an_initial_guess(run, tmp_path):
    (tmp_path / "q.fasta").write_text(f">q\n{SEQUENCE}\n>w\nWWWWWWWWWW\n")
    file = save(tmp_path, pdb(peptide(SEQUENCE)), "guess.pdb")
    plain = ("predict", tmp_path / "q.fasta", "--no-plots", "--num-recycle", 0)
    atoms = lambda: next((tmp_path / "out").glob("q_unrelaxed_*.pdb")).read_text()
    assert run(*plain)[0] == 0
    before = atoms()
    code, out, err = run(*plain, "--initial-guess", file)
    assert code == 3 and "q: 10 residues" in out and "A from the given structure" in out
    assert "is not chain 1 of the query (10): at position 1 it has M, the query W; give a structure of this" in err
    assert atoms() != before and [row["structure"] for row in table(tmp_path)] == ["q"]
    assert "q: already done, skipped" in run(*plain, "--initial-guess", file)[1]
    save(tmp_path, pdb(peptide(SEQUENCE[:9] + "K")), "guess.pdb")
    assert run(*plain, "--initial-guess", file)[0] == 4
    code, _, err = run(*plain, "--initial-guess", tmp_path / "none.pdb")
    assert code == 2 and err.strip().endswith("none.pdb: no such file; check the path")
