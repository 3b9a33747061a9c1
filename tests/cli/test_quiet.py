"""`--quiet`: a command that succeeds prints nothing at all, and errors and warnings are still shown."""

import dataclasses
import functools
import os

import pytest

from af2jax.cli.main import COMMANDS, load, main
from af2jax.data import synthetic
from af2jax.pretrained.download import fetch_params
from tests import web
from tests.audit import sets
from tests.cli import training
from tests.pretrained.test_download import GOOD, NAME, tar
from tests.relax.peptides import noisy, peptide

PRINTING = {"inspect", "doctor", "bench"}  # what they print is all they do
LOUD = {name for name in COMMANDS if "quiet" in {field.name for field in dataclasses.fields(load(name))}}
CHAIN = "MKVLITGAGSGIGLELAKQFLAEGHEVIVIGRDPEKLAAAAAE"


@pytest.fixture
def quiet(tmp_path, monkeypatch, capfd):
    """`quiet(command, ...)`: runs it in a folder of its own with --quiet, and returns its exit code and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments) -> tuple[int, str]:
        capfd.readouterr()
        code = main([*map(str, arguments), "--quiet"])
        out, err = capfd.readouterr()
        assert not out
        return code, err

    return run


def test_every_command_that_does_something_can_be_quiet():
    assert set(COMMANDS) - PRINTING == LOUD


@pytest.mark.parametrize("name", sorted(LOUD))
def test_standard_output_is_closed_and_standard_error_is_not(name, monkeypatch, capfd):
    """Of this process, and of Python code that was imported before."""

    def run(self) -> int:
        print("a line")
        os.write(2, b"a warning\n")
        return 0

    monkeypatch.setattr(load(name), "run", run)
    monkeypatch.setattr("af2jax.compilation.persist", lambda: None)
    positional = {"predict": 1, "evaluate": 2, "export": 2, "download": 0}.get(name, 1)
    asked = [name, *["x"] * positional, *([] if name == "export" else ["--out", "o"])]
    asked += {"scan": ["--params", "x"], "find": ["--db", "x"]}.get(name, [])
    assert main([*asked, "--quiet"]) == 0
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("", "a warning\n")
    assert main(asked) == 0 and capfd.readouterr().out == "a line\n"


def test_search(quiet, tmp_path):
    (tmp_path / "q.fasta").write_text(f">one\n{CHAIN}\n")
    (tmp_path / "db.fa").write_text(f">a\n{CHAIN[:20]}WWWW{CHAIN[20:]}\n")
    assert quiet("search", "q.fasta", "--db", "db.fa", "--out", "o") == (0, "")
    assert (tmp_path / "o" / "one.a3m").exists()
    code, err = quiet("search", "none.fasta", "--db", "db.fa", "--out", "o")
    assert code == 2 and err.startswith("error: none.fasta")


def test_fetch(quiet, tmp_path):
    with web.serve() as site:
        site.files["1ubq.cif.gz"] = b"one"
        (tmp_path / "set.csv").write_text("id\n1ubq\n")
        assert quiet("fetch", "set.csv", "--out", "o", "--pdb-url", site.url("")) == (0, "")
        (tmp_path / "set.csv").write_text("id\n1ubq\n9xyz\n")
        code, err = quiet("fetch", "set.csv", "--out", "o", "--pdb-url", site.url(""))
    assert code == 3 and err.startswith("failed: 9xyz.cif.gz: ")


def test_download(quiet, tmp_path, monkeypatch):
    only_tiny = functools.partial(fetch_params, presets=("tiny",))
    monkeypatch.setattr("af2jax.pretrained.download.fetch_params", only_tiny)
    with web.serve() as site:
        site.files["p.tar"] = tar((NAME, GOOD))
        assert quiet("download", "--out", "o", "--url", site.url("p.tar")) == (0, "")
    assert (tmp_path / "o" / NAME).exists()


@pytest.mark.medium("studies a whole data set")
def test_explore(quiet, tmp_path):
    sets.save(tmp_path, sets.clean())
    assert quiet("explore", "table.csv", "--out", "o") == (0, "")
    assert (tmp_path / "o" / "index.html").exists()


@pytest.mark.medium("minimises a peptide")
def test_relax(quiet, tmp_path):
    pytest.importorskip("openmm", reason="OpenMM is not installed")
    pytest.importorskip("pdbfixer", reason="PDBFixer is not installed")
    (tmp_path / "a.pdb").write_text(noisy(peptide("GAG"), 0.1).to_pdb())
    assert quiet("relax", "a.pdb", "--out", "o") == (0, "")
    assert (tmp_path / "o" / "a_relaxed.pdb").exists()


@pytest.mark.medium("compiles the small network")
def test_predict(quiet, weights, tmp_path):
    (tmp_path / "q.a3m").write_text(">q\nACDEFGHI\n>r\nACDEYGHI\n")
    fixed = ("predict", "q.a3m", "--params", weights, "--num-recycle", 0, "--no-plots", "--out", "o")
    assert quiet(*fixed) == (0, "") and (tmp_path / "o" / "index.html").exists()
    assert quiet(*fixed) == (0, "")  # already done
    (tmp_path / "q.a3m").write_text(">q\nACDEFGHI\n")
    code, err = quiet(*fixed)
    assert code == 0 and "AlphaFold is poor without one" in err  # a warning about the result


def test_an_estimate_that_would_not_be_printed_is_refused(quiet, weights, tmp_path):
    code, err = quiet("finetune", training.config(tmp_path, weights), "--dry-run")
    assert code == 2 and err.startswith("error: --dry-run prints")


@pytest.mark.slow("trains, evaluates and compares by the commands")
def test_the_loop(quiet, weights, tmp_path):
    config = training.config(tmp_path, weights, steps=1, warmup=0, accumulate=1, validate_every=1, save_every=1)
    code, err = quiet("finetune", config, "--out", "run")  # the small set lacks classes in some splits
    assert code == 0 and all(line.startswith("WARNING: caution: the split ") for line in err.splitlines())
    assert quiet("evaluate", "run", synthetic.MANIFEST, "--split", "all", "--out", "eval") == (0, "")
    assert quiet("compare", "eval", "run", "--out", "compared") == (0, "")
    beside = "WARNING: new heads (ss), which DeepMind's networks do not have, are in params/heads.npz\n"
    assert quiet("export", "run", "params") == (0, beside)
    assert (tmp_path / "compared" / "index.html").exists() and (tmp_path / "params" / "README.md").exists()
