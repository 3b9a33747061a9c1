"""`af2jax score`, and `af2jax predict --initial-guess`: given structures in batches that resume."""

import csv
import dataclasses
import json
import re

import pytest

from af2jax.cli.main import main
from tests.data.molecules import cif, pdb, peptide, save, without
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
    assert "without an alignment" not in out + err  # which neither protocol wants
    rows = table(tmp_path)
    assert [(row["structure"], row["pair"], row["network"]) for row in rows] == [
        ("one", "A-B", "tiny"),
        ("two", "A-B", "tiny"),
    ]
    assert all(float(row[name]) >= 0 for row in rows for name in ("plddt", "iptm", "ipsae_min", "rmsd", "actifptm"))
    assert json.loads((tmp_path / "out" / "failures.jsonl").read_text())["job"] == "bad"
    page, index = (
        (tmp_path / "out" / name).read_text().replace("<wbr>", "") for name in ("one_report.html", "index.html")
    )
    assert "The given structure" in page and "was what the first pass started from" in page
    assert "<h1>Scores by initial guess of one</h1>" in page and "pae_interaction (angstrom)" in page
    assert "RMSD of the first (angstrom)" in page and "without an alignment" not in page and ">Alignment<" not in page
    assert page.index(">The given structure<") < page.index(">The network&#x27;s own structure<")
    assert "<h1>Scores of given structures: 2 done, 1 failed</h1>" in index and 'href="scores.csv"' in index
    assert "protocol: initial-guess; network: tiny; seed: 0; recycles: 0" in index
    heads = re.findall(r"<th scope=col>(.*?)</th>", index)
    assert heads[:5] == ["structure", "chains", "RMSD to the input (angstrom)", "pae_interaction (angstrom)", "ipSAE"]
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(<td.*?)</tr>", index)][:2]
    assert [cell[1:3] for cell in cells] == [["A-B", f"{float(row['rmsd']):.2f}"] for row in rows]
    assert all(re.search(r'<a href="(one|two)_report.html"><img .*>(one|two)</a>', cell[0]) for cell in cells)

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
    """Scores by another protocol are not lost in silence: the command says so, and --overwrite-... replaces them."""
    file = save(tmp_path, pdb(together(SEQUENCE, "WALKDEW")), "one.pdb")
    rank = ("score", file, "--no-plots", "--protocol", "af2rank")
    assert run(*rank)[0] == 0
    (row,) = rows = table(tmp_path)
    assert row["protocol"] == "af2rank" and float(row["composite"]) > 0 and row["recycles"] == "1"
    assert (row["target"], row["cyclic"], row["residues"], row["observed"]) == ("", "", "17", "17")
    scores = next((tmp_path / "out").glob("*_scores_*.json"))
    before, page = scores.read_text(), (tmp_path / "out" / "one_report.html").read_text()
    assert "without its sequence and side chains (AF2Rank" in page and "<h1>Scores by AF2Rank of one</h1>" in page
    assert "May the network&#x27;s own structure be read as a whole?" in page
    guess = ("score", file, "--no-plots", "--target", "B", "--num-recycle", 1)
    for other, what in (
        (guess, "protocol = af2rank (now initial-guess)"),
        ((*rank, "--num-recycle", 2), "recycles = 1 (now 2)"),
        ((*rank, "--cyclic", "B"), "cyclic = none (now B)"),
        ((*rank, "--random-seed", 1), "by tiny with seed 0"),
        ((*rank, "--random-weights"), "by other weights of tiny"),
    ):
        code, _, err = run(*other)
        assert code == 2 and err.count("\n") == 1 and "has scores of one" in err and what in err
        assert "give another folder, or --overwrite-existing-results" in err and table(tmp_path) == rows
    assert scores.read_text() == before and run(*rank)[1].count("already done, skipped") == 1
    assert run(*rank, "--num-seeds", 2)[0] == 0 and row in table(tmp_path) and len(table(tmp_path)) == 2
    assert run(*guess, "--overwrite-existing-results", "--cyclic", "A")[0] == 0
    (row,) = table(tmp_path)
    assert (row["protocol"], row["target"], row["cyclic"]) == ("initial-guess", "B", "A")
    marker = json.loads((tmp_path / "out" / "one.done.txt").read_text())
    assert marker["settings"]["structure"][1:] == [None, "initial-guess", ["B"]]
    assert "chain A is cyclic: its ends are joined" in (tmp_path / "out" / "one_report.html").read_text()


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
    page = (tmp_path / "out" / "two_report.html").read_text()
    assert "<h1>Scores of the files of two</h1>" in page and "0.141" in page and "no network was run" in page
    index = (tmp_path / "out" / "index.html").read_text()
    assert index.count('<a href="two_report.html">') == 1 and index.count('<a href="three_report.html">') == 3
    assert (
        run("score", *files, *pae("two", "three"))[1].count("already done, skipped") == 2 and len(table(tmp_path)) == 4
    )
    code, _, err = run("score", *files, *pae("two", "two"))
    assert code == 3 and err.strip().endswith(
        f"two.json: a PAE of 61 residues, {files[1]} has 59; give the PAE file of this structure"
    )
    assert run("score", *files, *pae("two", "two"))[0] == 3 and len(table(tmp_path)) == 4
    assert run("score", files[1], *pae("two"))[0] == 2  # of what was given nothing can be used
    code, _, err = run("score", f"{files[0]}:A", *pae("two"))
    assert code == 2 and f"--pae scores whole files: give {files[0]}, not {files[0]}:A" in err
    code, _, err = run("score", files[0], "--num-recycle", 0, "--random-weights")
    assert code == 2 and "has scores of two with protocol = files (now initial-guess)" in err
    assert run("score", files[0], *pae("two", "three"))[0] == 2


def test_with_pae_what_is_asked_is_done_or_refused(run, tmp_path):
    """Shards are honoured, and whatever says how to fold is named and refused."""
    atoms, pae = case("two")
    for name in ("one", "two"):
        (tmp_path / f"{name}.pdb").write_text(atoms.to_pdb())
        (tmp_path / f"{name}.json").write_text(json.dumps({"pae": pae.tolist()}))
    both = [tmp_path / "one.pdb", tmp_path / "two.pdb", "--pae", tmp_path / "one.json", "--pae", tmp_path / "two.json"]
    for flags, named in (
        (("--naming", "alphafold"), "--naming"),
        (("--no-plots", "--num-recycle", 0), "--num-recycle, --no-plots"),
        (("--protocol", "af2rank", "--random-weights"), "--protocol, --random-weights"),
    ):
        code, _, err = run("score", *both, *flags)
        assert code == 2 and err.count("\n") == 1 and f"nothing is folded: leave {named} out" in err
    assert run("score", *both, "--shard", "3/2")[0] == 2 and not (tmp_path / "out" / "scores.csv").exists()
    for part, names in (("2/2", ["two"]), ("1/2", ["one", "two"])):
        assert run("score", *both, "--shard", part)[0] == 0
        assert [row["structure"] for row in table(tmp_path)] == names


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


def test_nothing_that_can_be_read_is_2_and_some_is_3(run, tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.pdb").write_text("HEADER\n")
    bad = [tmp_path / "a.pdb", tmp_path / "b.pdb"]
    assert run("score", bad[0])[0] == 2 and run("score", *bad)[0] == 2
    good = save(tmp_path, pdb(peptide(SEQUENCE)), "good.pdb")
    assert run("score", *bad, good, "--no-plots", "--num-recycle", 0)[0] == 3


def test_residues_without_atoms_are_told(run, tmp_path):
    """They are of the sequence, so that the network places them."""
    save(tmp_path, cif(without(peptide(SEQUENCE), 1, 2, 6), {1: SEQUENCE}), "gaps.cif")
    code, _, err = run("score", tmp_path / "gaps.cif", "--no-plots", "--num-recycle", 0)
    text = "3 of 10 residues of the sequence have no atoms in the given structure, and the network places them"
    assert code == 0 and f"{text}: 1-2, 6" in err
    (row,) = table(tmp_path)
    assert (row["residues"], row["observed"]) == ("10", "7") and float(row["rmsd"]) > 0
    assert f"{text}: 1-2, 6" in (tmp_path / "out" / "gaps_report.html").read_text()
    assert f"{text}: 1-2, 6" in json.loads(next((tmp_path / "out").glob("gaps_scores_*")).read_text())["notes"]


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
