"""`af2jax scan`: the network in the package, from a sequence and from a table, and bad input in one line."""

import csv

import pytest

from af2jax.cli.finetune import use
from af2jax.cli.main import main
from af2jax.heads import Head

WILD = "MKTAYIAKQR"


def run(tmp_path, *more: str) -> int:
    return main(["scan", WILD, "--params", "mini", "--out", str(tmp_path / "out"), "--num-recycle", "0", *more])


@pytest.mark.medium("compiles the network in the package")
def test_a_scan_by_the_network_in_the_package(tmp_path, capsys):
    assert run(tmp_path, "--positions", "2,4-5") == 0
    rows = list(csv.DictReader((tmp_path / "out" / "variants.csv").open()))
    assert len(rows) == 57 and list(rows[0]) == ["mutant", "mutated_sequence", "zero_shot"]
    assert "57 variants by zero_shot" in capsys.readouterr().out
    assert (tmp_path / "out" / "plots" / "scan_zero_shot.png").exists()
    table = tmp_path / "dms.csv"
    table.write_text("mutant,DMS_score\nK2A,1\nK2C,2\nA4G:Y5F,0\n")
    assert run(tmp_path, "--variants", str(table)) == 0
    assert "zero_shot: Spearman" in capsys.readouterr().out


@pytest.mark.parametrize(
    "more, message",
    [
        (("--positions", "4-11"), "position 11 is past the end"),
        (("--variants", "{}"), "line 2: mutant A2G: residue 2 of the wild type is K, not A"),
        (("--variants", "none.csv"), "none.csv"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, more, message):
    table = tmp_path / "dms.csv"
    table.write_text("mutant,DMS_score\nA2G,1\n")
    assert run(tmp_path, *(text.format(table) for text in more)) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ") and message in error


def test_a_training_recommends_it_for_heads_of_variants_alone():
    """Which --answers-only refuses."""
    variant, chain = Head("variant", outputs=1), Head("chain", outputs=1)
    assert use({"ddg": variant}, "runs/a").startswith("af2jax scan NEW.fasta --params runs/a --out")
    assert use({"ddg": variant, "tm": chain}, "runs/a").startswith("af2jax predict NEW.fasta --params runs/a --answers")
    assert "--answers-only" not in use({}, "runs/a")
