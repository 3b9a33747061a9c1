"""`af2jax predict --answers-only`: one table, resumed where it was killed, shared out, and clear where it cannot be."""

import csv
import json
import re

import numpy as np
import pytest

import af2jax
from af2jax.cli import screen
from af2jax.cli.main import main
from af2jax.heads import summary
from tests.screening import runs

pytestmark = pytest.mark.medium("trains and asks small networks")

SEQUENCES = {"a": "MKTAYIAKQRQI", "b": "GSVKELWPGS", "c": "MKTAYIAK:GSVKEL", "d": "MKTAYIAKQRQI"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return runs.make(tmp_path_factory.mktemp("run"), num_recycle=0)


@pytest.fixture
def ask(place, tmp_path):
    """`ask(*flags)`: the exit code of the command on four sequences; results are in `tmp_path / "out"`."""
    (tmp_path / "new.fasta").write_text("".join(f">{name} x\n{s}\n" for name, s in SEQUENCES.items()))

    def ask(*flags, query=tmp_path / "new.fasta", params=place) -> int:
        fixed = ["predict", query, "--params", params, "--answers-only", "--out", tmp_path / "out"]
        return main([str(a) for a in (*fixed, *flags)])

    return ask


def table(folder, name=summary.TABLE):
    with open(folder / name, newline="") as file:
        return list(csv.DictReader(file))


def test_a_table(ask, place, tmp_path, capsys):
    assert ask() == 0
    out = tmp_path / "out"
    assert sorted(p.name for p in out.iterdir()) == ["answers.csv", "answers.jsonl", "answers_residues.csv"]
    said = capsys.readouterr()
    assert "4 queries in" in said.out and "a minute" in said.out and said.err.count("without an alignment") == 1
    expected = af2jax.answer(place, SEQUENCES)
    found = {(row["query"], row["head"], row["output"]): row for row in table(out)}
    assert len(found) == len(expected.rows) == 4 * 5 + 1
    for row in expected.rows:
        one = found[row["query"], row["head"], str(row["output"])]
        row["table"] = "answers_residues.csv" if row["kind"] == "residue" else ""
        for name, value in row.items():
            shown = f"{value:.6g}" if isinstance(value, float) else str(value)
            assert one[name] == shown, (row["query"], row["head"], name)
    ss = [row for row in table(out, summary.RESIDUES) if (row["query"], row["head"]) == ("c", "ss")]
    assert "".join(row["letter"] for row in ss) == "MKTAYIAKGSVKEL" and ss[-1]["residue"] == "14"
    assert [row["class"] for row in ss] == expected["c"].heads["ss"].best.tolist()
    top = expected["c"].heads["ss"].values.max(-1)
    np.testing.assert_allclose([float(row["probability"]) for row in ss], top, atol=1e-5)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another run of the same heads."""
    return runs.make(tmp_path_factory.mktemp("other"), num_recycle=0, seed=1)


def test_several_runs(ask, place, other, tmp_path, capsys):
    assert ask("--params", other, "--num-seeds", 2) == 0
    assert "by 2 networks with 2 seeds each" in capsys.readouterr().out
    expected = af2jax.answer([place, other], SEQUENCES, num_seeds=2)
    found = {(row["query"], row["head"], row["output"]): row for row in table(tmp_path / "out")}
    for row in expected.rows:
        one = found[row["query"], row["head"], str(row["output"])]
        shown = [f"{x:.6g}" if isinstance(x, float) else str(x) for x in (row["value"], row["spread"])]
        assert [one["value"], one["spread"]] == shown and (one["head"] == "tm") <= (float(one["spread"] or 0) > 0)
    ss = [r for r in table(tmp_path / "out", summary.RESIDUES) if (r["query"], r["head"]) == ("b", "ss")]
    answer = expected["b"].heads["ss"]
    spread = np.take_along_axis(answer.spread, answer.values.argmax(-1)[:, None], -1)[:, 0]
    np.testing.assert_allclose([float(row["spread"]) for row in ss], spread, rtol=1e-4)


@pytest.mark.parametrize("naming", ["colabfold", "alphafold"])
def test_structures_by_several_runs(place, other, tmp_path, naming, capsys):
    (tmp_path / "q.fasta").write_text(f">b\n{SEQUENCES['b']}\n")
    flags = ["--params", place, "--params", other, "--no-plots", "--naming", naming]
    assert main([str(a) for a in ("predict", tmp_path / "q.fasta", "--out", tmp_path / "out", *flags)]) == 0
    said = capsys.readouterr().out
    assert "presets: tiny_1, tiny_2" in said and " ± " in said  # both runs are called "run"
    pattern = "*_scores_*_tiny_?_seed_000.json" if naming == "colabfold" else "b/heads_tiny_?_pred_0.json"
    heads = [json.loads(file.read_text()) for file in (tmp_path / "out").glob(pattern)]
    values = [one.get("heads", one)["tm"]["values"][0] for one in heads]
    (row,) = [row for row in table(tmp_path / "out") if row["head"] == "tm"]
    assert len(values) == 2 and float(row["value"]) == pytest.approx(np.mean(values), rel=1e-5)
    assert float(row["spread"]) == pytest.approx(np.std(values, ddof=1), rel=1e-4)
    pages = [file.read_text() for file in (tmp_path / "out").rglob("*.html")]
    assert len(pages) == 2 and any("tiny_2" in page and "Mean of 2 answers" in page for page in pages)


def test_runs_whose_heads_differ(ask, place, tmp_path, capsys):
    (tmp_path / "odd").mkdir()
    odd = runs.make(tmp_path / "odd", heads={"tm": af2jax.Head("chain", outputs=1, unit="K")})
    for flags in (["--params", odd], ["--params", place]):
        assert ask(*flags) == 2
    assert (
        main([str(a) for a in ("predict", tmp_path / "new.fasta", "--params", place, "--params", odd, "--out", "o")])
        == 2
    )
    first, twice, whole = capsys.readouterr().err.splitlines()
    assert 'head "tm" is not the same in' in first and 'head "tm" is not the same in' in whole
    assert "is named twice; name each place once" in twice and not (tmp_path / "out").exists()


def test_what_was_answered_is_not_asked_again(ask, tmp_path, capsys, monkeypatch):
    """Killed after two answers, in the middle of writing the third."""
    out = tmp_path / "out"
    assert ask() == 0
    whole = (out / "answers.csv").read_bytes()
    lines = (out / "answers.jsonl").read_text().splitlines(keepends=True)
    (out / "answers.jsonl").write_text("".join(lines[:2]) + lines[2][:40])
    (out / "answers.csv").unlink()
    asked, inner = [], screen.Progress.done
    monkeypatch.setattr(screen.Progress, "done", lambda self, name: (asked.append(name), inner(self, name)))
    capsys.readouterr()
    assert ask() == 0
    assert len(asked) == 2 and "2 of 4 queries were answered before, skipped" in capsys.readouterr().out
    assert (out / "answers.csv").read_bytes() == whole
    assert ask() == 0 and len(asked) == 2
    assert ask("--random-seed", 1) == 0 and len(asked) == 6  # other settings: all are asked again
    (tmp_path / "new.fasta").write_text(">a\nMKTAYIAKQRQW\n")
    assert ask("--random-seed", 1) == 0 and asked[6:] == ["a"]
    assert {row["query"] for row in table(out)} == set("abcd")


def test_shards_make_one_table(ask, tmp_path):
    assert ask() == 0
    whole = {json.dumps(row) for row in table(tmp_path / "out")}
    for file in (tmp_path / "out").iterdir():
        file.unlink()
    assert ask("--shard", "1/2") == 0 and {row["query"] for row in table(tmp_path / "out")} == {"a", "c"}
    assert ask("--shard", "2/2") == 0 and {json.dumps(row) for row in table(tmp_path / "out")} == whole
    assert list(dict.fromkeys(row["query"] for row in table(tmp_path / "out"))) == list("abcd")  # as they were given
    with screen.locked(tmp_path / "out" / ".answers.1-of-2.jsonl.lock"):
        assert ask("--shard", "1/2") == 2


def test_what_fails_is_named_and_the_rest_is_answered(ask, tmp_path, monkeypatch, capsys):
    bad = tmp_path / "q.csv"
    bad.write_text("id,sequence\ngood,MKTAYIAKQRQI\nodd,:MKT\n")
    assert ask(query=bad) == 3
    assert {row["query"] for row in table(tmp_path / "out")} == {"good"}
    assert '"job": "odd"' in (tmp_path / "out" / "failures.jsonl").read_text()
    assert "failed: odd:" in capsys.readouterr().err


def test_a_query_that_names_what_is_not_there_fails_alone(ask, tmp_path, capsys):
    (tmp_path / "q.csv").write_text(
        "id,sequence,a3mpath,templatepath\ngood,MKTAYI,,\nbad,MKT,no.a3m,\nodd,MKT,,no.pdb\n"
    )
    assert ask(query=tmp_path / "q.csv") == 3
    assert {row["query"] for row in table(tmp_path / "out")} == {"good"}
    err = capsys.readouterr().err
    assert re.search(r"failed: bad: .*q.csv, line 3: its alignment .*no.a3m is not there", err)
    assert re.search(r"failed: odd: .*q.csv, line 4: templatepath .*no.pdb: no such file", err)


@pytest.mark.parametrize(
    "text, message",
    [
        ("sequence\nMKT\n", 'there is no column "id"; add it: the first line of a table of queries names the'),
        ("id,sequence\na,MKT\na,MKV\n", "this id is that of"),
        ("id,sequence\na,\n", "the sequence is missing; add it or delete the row"),
    ],
)
def test_bad_tables(ask, tmp_path, capsys, text, message):
    (tmp_path / "q.csv").write_text(text)
    assert ask(query=tmp_path / "q.csv") == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1 and not (tmp_path / "out" / "answers.csv").exists()


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--amber"], "makes no structures, so that --amber has no meaning"),
        (["--use-dropout"], "--use-dropout has no meaning"),
        (["--no-plots"], "--plots has no meaning"),
        (["--db", "x.fasta"], "searches nothing: run af2jax search first"),
    ],
)
def test_nothing_is_ignored(ask, tmp_path, capsys, flags, message):
    (tmp_path / "x.fasta").write_text(">x\nMKT\n")
    flags = [tmp_path / f if f == "x.fasta" else f for f in flags]
    assert ask(*flags) == 2 and message in capsys.readouterr().err


def test_without_heads(ask, weights, tmp_path, capsys):
    assert ask(params=weights) == 2
    assert f"--params {weights} has no tuned heads to ask; give a run that trained some" in capsys.readouterr().err
    (tmp_path / "none").mkdir()
    assert ask(params=runs.make(tmp_path / "none", heads={})) == 2
    assert "has no tuned heads to ask" in capsys.readouterr().err
