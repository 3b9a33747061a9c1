"""The flags of colabfold_batch: each has the same meaning here, or is answered."""

import contextlib
import io
import re

import pytest
import tyro

from af2jax.cli import colabfold
from af2jax.cli.main import COMMANDS, load, main
from af2jax.cli.predict import Predict

# All that the parser of ColabFold 1.6.3 (`colabfold_batch --help`) lists.
FLAGS = [
    "--msa-only",
    "--msa-mode",
    "--pair-mode",
    "--pair-strategy",
    "--templates",
    "--custom-template-path",
    "--custom-template-cache-path",
    "--max-template-date",
    "--max-template-hits",
    "--pdb-hit-file",
    "--local-pdb-path",
    "--num-recycle",
    "--recycle-early-stop-tolerance",
    "--num-ensemble",
    "--num-seeds",
    "--random-seed",
    "--num-models",
    "--model-type",
    "--model-order",
    "--initial-guess",
    "--use-dropout",
    "--max-seq",
    "--max-extra-seq",
    "--max-msa",
    "--disable-cluster-profile",
    "--calc-extra-ptm",
    "--no-use-probs-extra",
    "--data",
    "--amber",
    "--num-relax",
    "--relax-max-iterations",
    "--relax-tolerance",
    "--relax-stiffness",
    "--relax-max-outer-iterations",
    "--use-gpu-relax",
    "--rank",
    "--stop-at-score",
    "--jobname-prefix",
    "--save-all",
    "--save-recycles",
    "--save-single-representations",
    "--save-pair-representations",
    "--skip-output",
    "--overwrite-existing-results",
    "--zip",
    "--sort-queries-by",
    "--host-url",
    "--disable-unified-memory",
    "--recompile-padding",
    "--use-fast-kernels",
    "--no-use-fast-kernels",
    "--use-pallas",
    "--kernel-backend",
    "--compile-mode",
    "--debug-logging",
    "--af3-json",
]
VALUES = {"--max-template-date": "2021-09-30", "--max-msa": "512:1024", "--model-order": "1,2", "--rank": "ptm"}
SWITCHES = ("--use-dropout", "--amber", "--use-gpu-relax", "--overwrite-existing-results", "--save-")


def test_the_table_has_each_flag_once():
    assert len(FLAGS) == 56 == len(set(FLAGS))
    tables = (set(colabfold.SAME), set(colabfold.SWITCHES), set(colabfold.ANSWERS))
    assert sorted(FLAGS) == sorted(flag for table in tables for flag in table)


@pytest.mark.parametrize("flag", colabfold.SAME)
def test_flags_of_the_same_meaning_are_read(flag):
    values = [] if flag.startswith(SWITCHES) else [VALUES.get(flag, "2")]
    arguments = ["q.fasta", "--out", "o", flag, *values]
    assert colabfold.answer(["predict", *arguments]) == ""
    command = tyro.cli(Predict, args=arguments)
    assert command != tyro.cli(Predict, args=arguments[:3])


@pytest.mark.parametrize("flag", colabfold.ANSWERS)
@pytest.mark.parametrize("form", ["{} x", "{}=x", "{}"])
def test_each_other_flag_is_answered_in_one_line(flag, form, capsys):
    spelt = form.format(flag).split()
    assert main(["predict", "q.fasta", "--out", "o", *spelt]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {flag} of colabfold_batch: ")
    assert re.search(r"there is no such thing here, because|write |leave it out|are given by", line)


def flags_of(command) -> set[str]:
    """The flags that a command reads."""
    with pytest.raises(SystemExit), contextlib.redirect_stdout(io.StringIO()) as out:
        tyro.cli(command, args=["--help"])
    return set(re.findall(r"--[a-z][a-z0-9-]+", out.getvalue()))


def test_the_words_that_answers_name_are_flags():
    known = set().union(*(flags_of(command) for command in map(load, COMMANDS)))
    for text in (*colabfold.ANSWERS.values(), *colabfold.SWITCHES.values(), *colabfold.VALUES.values()):
        assert set(re.findall(r"--[a-z-]+[a-z]", text)) <= known, text


def test_data_points_to_params(capsys):
    assert main(["predict", "q.fasta", "--data", "weights", "--out", "o"]) == 2
    assert "--data of colabfold_batch: write --params DIR" in capsys.readouterr().err


def test_a_switch_here_takes_a_value():
    say = lambda *flags: colabfold.answer(["predict", "q", *flags])
    assert "takes a structure" in say("--templates") and "takes a structure" in say("--templates", "--amber")
    assert not say("--templates", "a.cif:A") and not say("--templates=a.cif")
    assert "write --rank auto" in say("--rank", "multimer") and "write --rank auto" in say("--rank=multimer")
    assert not say("--rank", "auto") and not colabfold.answer(["relax", "q", "--data"])
    hits = ("--template-hits", "q.hhr", "--custom-template-path", "mmcif")
    assert not say(*hits) and "templatepath" in say(*hits[2:])


@pytest.mark.parametrize(
    "arguments", [("in.fasta", "out dir"), ("in.fasta", "out dir", "--amber"), ("--num-recycle", "3", "in", "out dir")]
)
def test_a_folder_without_its_flag_is_answered_in_one_line(arguments, capsys):
    """`colabfold_batch INPUT OUT`, its flags before or after."""
    assert main(["predict", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: out dir: write --out 'out dir'; ")


def test_queries_without_a_folder_are_not_taken_for_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.fasta").write_text(">b\nACDEF\n")
    for arguments in (["a.fasta"], ["a.fasta", "b.fasta"], ["a.fasta", "--params", "mini"], ["a", "b", "--out", "o"]):
        assert colabfold.answer(["predict", *arguments]) == ""
    assert colabfold.answer(["relax", "a.pdb", "out"]) == "" == colabfold.answer(["predict", "a", "b", "--help"])
