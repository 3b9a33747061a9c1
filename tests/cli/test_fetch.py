"""`af2jax fetch` as a stranger meets it: exit codes, what is named."""

import pytest

from af2jax.cli.main import main
from tests import web


@pytest.fixture
def site():
    with web.serve() as site:
        site.files |= {"1ubq.cif.gz": b"one", "4hhb.cif.gz": b"two", "t.csv": b"a,b\n"}
        yield site


@pytest.fixture
def run(site, tmp_path):
    def run(text: str, *options: str) -> int:
        (tmp_path / "set.csv").write_text(text)
        paths = [str(tmp_path / "set.csv"), "--out", str(tmp_path / "data")]
        return main(["fetch", *paths, "--pdb-url", site.url(""), *options])

    return run


def test_structures_and_tables(site, run, tmp_path, capsys):
    table = f"id,url\n1UBQ,\n4hhb_A,\n,{site.url('t.csv')}\n"
    assert run(table) == 0
    assert {p.name: p.read_bytes() for p in (tmp_path / "data").iterdir()} == site.files
    assert "3 of 3 files are as" in capsys.readouterr().out and (tmp_path / "set.csv.lock").exists()
    site.files["1ubq.cif.gz"] = b"changed"
    assert run(table) == 0
    (tmp_path / "data" / "1ubq.cif.gz").unlink()
    assert run(table) == 3
    shown = capsys.readouterr().err.splitlines()
    assert shown[0].startswith("failed: 1ubq.cif.gz: ") and "--update takes it" in shown[1]
    assert run(table, "--update") == 0 and (tmp_path / "data" / "1ubq.cif.gz").read_bytes() == b"changed"


def test_exit_codes(run, capsys):
    assert run("id\n1ubq\n9xyz\n") == 3
    assert "failed: 9xyz.cif.gz: " in capsys.readouterr().err
    assert run("id\n9xyz\n") == 4
    capsys.readouterr()
    assert run("id\n1ubq\nnonsense\n") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and "line 3" in line


def test_no_manifest(tmp_path, capsys):
    assert main(["fetch", str(tmp_path / "none.tsv"), "--out", str(tmp_path)]) == 2
    assert "none.tsv: no such file" in capsys.readouterr().err
