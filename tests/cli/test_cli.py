"""The command line as a stranger meets it: files, exit codes, one line for each error."""

import json

import numpy as np
import pytest

from af2jax.cli.main import main
from af2jax.config import preset
from tests import support

pytestmark = pytest.mark.medium("compiles the small network")


@pytest.fixture
def query(tmp_path):
    path = tmp_path / "q.a3m"
    path.write_text(">q\nACDEFGHI\n>r\nACDEYGHI\n")
    return path


def run(*arguments):
    return main([str(a) for a in arguments])


def test_predicts_and_resumes(query, tmp_path, capsys):
    arguments = ("predict", query, "--random-weights", "--out", tmp_path / "o", "--num-recycle", 0)
    assert run(*arguments) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("device: ") and "not a prediction" in shown.out and "WARNING" not in shown.err
    names = sorted(p.name for p in (tmp_path / "o").iterdir())
    tag = "rank_001_tiny_seed_000"
    structures = [f"q_unrelaxed_{tag}.{kind}" for kind in ("cif", "pdb")]
    plots = [f"q_{kind}.png" for kind in ("coverage", "distogram", "pae", "plddt")]
    others = ["q.done.txt", "q_predicted_aligned_error_v1.json", f"q_scores_{tag}.json", "q_report.html", "index.html"]
    assert names == sorted([*structures, *plots, *others])
    assert "random weights" in json.loads((tmp_path / "o" / f"q_scores_{tag}.json").read_text())["notes"][0]
    assert all("random weights" in (tmp_path / "o" / name).read_text() for name in structures)
    assert run(*arguments) == 0 and "already done, skipped" in capsys.readouterr().out


def test_a_sequence_alone_is_warned_of(tmp_path, capsys):
    fasta = tmp_path / "a.fasta"
    fasta.write_text(">one\nACDEFGHI\n>two\nACDEFGHI\n")
    assert run("predict", fasta, "--random-weights", "--out", tmp_path / "o", "--num-recycle", 0) == 0
    assert capsys.readouterr().err.count("AlphaFold is poor without one") >= 2
    for kind in ("cif", "pdb"):
        text = next((tmp_path / "o").glob(f"two_*.{kind}")).read_text()
        assert "AlphaFold is poor without one" in text


def test_weights_from_a_folder_ranked(query, tmp_path, capsys):
    np.savez(tmp_path / "params_tiny.npz", **support.rule_flat(preset("tiny")))
    arguments = ("predict", query, "--params", tmp_path, "--out", tmp_path / "o", "--num-recycle", 0, "--num-seeds", 2)
    assert run(*arguments) == 0
    found = sorted((tmp_path / "o").glob("*scores*"))
    means = [np.mean(json.loads(f.read_text())["plddt"]) for f in found]
    assert len(found) == 2 and means[0] >= means[1] and "random" not in found[0].read_text()
    assert run("inspect", tmp_path / "params_tiny.npz") == 0 and "preset: tiny" in capsys.readouterr().out


def test_some_fail_and_the_others_are_done(query, tmp_path, capsys):
    (tmp_path / "bad.fasta").write_text(">b\nACD1\n")
    (tmp_path / "notes.md").write_text("no query")
    assert run("predict", tmp_path, "--random-weights", "--out", tmp_path / "o", "--num-recycle", 0) == 3
    assert "line 2, column 4" in capsys.readouterr().err
    assert "bad.fasta" in (tmp_path / "o" / "failures.jsonl").read_text()
    assert (tmp_path / "o" / "q.done.txt").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["q.a3m"], "give either --params DIR"),
        (["q.a3m", "--params", "nowhere"], "holds no params_"),
        (["q.a3m", "--random-weights", "--model", "model_7"], "no preset is called"),
        (["absent.fasta", "--random-weights"], "absent.fasta"),
        (
            ["empty", "--random-weights"],
            "no queries: files must end in .fasta, .fa, .faa, .fas, .csv, .tsv, .a3m, ",
        ),
    ],
)
def test_bad_usage_is_one_line_and_2(query, tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "x.txt").write_text("")
    assert run("predict", *arguments, "--out", "o") == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and message in errors[0] and not (tmp_path / "o").exists()


def test_inspect_names_what_is_wrong(tmp_path, capsys):
    (tmp_path / "x.npz").write_text("<html>")
    assert run("inspect", tmp_path / "x.npz") == 2 and "web page" in capsys.readouterr().err
