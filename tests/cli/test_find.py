"""`af2jax find`: a folder that is searched, its page, and bad input in one line."""

import csv
import json
import re

import numpy as np
import pytest

from af2jax.cli.find import SLOW
from af2jax.cli.main import main
from af2jax.folds import compare
from tests.folds import chains


@pytest.fixture
def folder(tmp_path):
    for seed in range(5):
        chains.write(tmp_path / "db" / f"s{seed}.pdb", chains.fold(seed))
    return tmp_path


def run(folder, *queries: str, more: tuple[str, ...] = ()) -> int:
    asked = [str(folder / query) for query in queries]
    return main(["find", *asked, "--db", str(folder / "db"), "--out", str(folder / "out"), *more])


@pytest.mark.medium("compiles the structural alignment")
def test_a_search_and_its_files(folder, capsys, monkeypatch):
    monkeypatch.setattr(compare, "_ready", set())
    moved = chains.turned(chains.fold(2), 1.0) + 20
    chains.write(folder / "q.pdb", moved + 0.3 * np.random.default_rng(0).normal(size=moved.shape))
    chains.write(folder / "short.pdb", moved[:9])
    assert run(folder, "q.pdb", "short.pdb") == 3
    shown = capsys.readouterr()
    assert shown.err.count(SLOW) == 1
    assert "q: s2, TM-score 0.9" in shown.out and "failed: " in shown.err and "are too few" in shown.err
    rows = list(csv.DictReader((folder / "out" / "tables" / "hits.csv").open()))
    assert rows[0]["hit"] == "s2" and len(rows) == 5 and float(rows[0]["tm_query"]) > 0.9
    report = json.loads((folder / "out" / "report.json").read_text())
    assert report["numbers"]["search"]["rows"][0]["hit"] == "s2"
    assert "superposed_1" in (folder / "out" / "index.html").read_text()
    assert len(list((folder / "out" / "superposed").glob("*.cif"))) == 5
    assert (folder / "out" / "alignments.fasta").read_text().count(">") == 10
    assert (folder / "db" / "af2jax_find.npz").exists()


@pytest.mark.medium("compiles the structural alignment")
def test_the_query_itself_and_silence(folder, capsys, monkeypatch):
    monkeypatch.setattr(compare, "_ready", set())
    assert run(folder, "db/s1.pdb") == 0
    shown = capsys.readouterr()
    assert re.search(r"^s1: s\d, TM-score 0.\d+ \(the query itself is in the folder: s1\)$", shown.out, re.MULTILINE)
    monkeypatch.setattr(compare, "_ready", set())
    assert run(folder, "db/s1.pdb", more=("--quiet", "--candidates", "1")) == 0
    shown = capsys.readouterr()
    assert shown.out == shown.err == ""
    assert "No other chain was aligned" in (folder / "out" / "index.html").read_text()


@pytest.mark.parametrize(
    "what, message",
    [
        ("short.pdb", "9 residues with a CA atom are too few"),
        ("none.pdb", "none.pdb: no such file"),
        ("db/s0.pdb:B", 'has no chain "B"'),
        ("index", "is not an index, or damaged; name another file with --index, or delete it, and it is made again"),
        ("", "no structure is given; give mmCIF or PDB files"),
        ("empty", "no structures in"),
    ],
)
def test_bad_input_is_one_line(folder, capsys, what, message):
    chains.write(folder / "short.pdb", chains.fold(0)[:9])
    queries = ["db/s0.pdb" if what in ("index", "empty") else what] if what else []
    if what == "index":
        (folder / "db" / "af2jax_find.npz").write_bytes(b"no index")
    if what == "empty":
        for file in (folder / "db").iterdir():
            queries = [file.rename(folder / file.name).name]
    assert run(folder, *queries) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and message in line
