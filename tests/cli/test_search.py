"""`af2jax search` as a stranger meets it, and the alignments that other commands ask for."""

import json
import os
from functools import partial

import pytest

from af2jax.cli import alignments, batch
from af2jax.cli.alignments import SearchOptions, alignment_for, template_hits_for
from af2jax.cli.main import main
from af2jax.data.parse import complex_header, parse_a3m
from af2jax.data.queries import Job
from af2jax.data.search import server
from af2jax.errors import InputError
from tests.data.search.stand_in import QUERY, QUICK, RESULT, StandIn, pack, status

A = "MKVLITGAGSGIGLELAKQFLAEGHEVIVIGRDPEKLAAAAAE"
B = "MSEQNNTEMTFQIQRIYTKDISFEAPNAPHVFQKDWQPEVKLDLDT"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "q.fasta").write_text(f">one\n{A}\n>two words\n{B}\n")
    (tmp_path / "db.fa").write_text(f">a\n{A[:20]}WWWW{A[20:]}\n>b\n{B[:30]}{B[33:]}\n>c\nWWWW\n")
    (tmp_path / "seqres.txt").write_text(f">1abc_A mol:protein length:43  X\n{A}\n")
    return tmp_path


def run(*arguments) -> int:
    return main(["search", *map(str, arguments), "--out", "o"])


def test_every_query_has_its_alignment_and_template_hits(folder, capsys):
    assert run("q.fasta", "--db", "db.fa", "--db", "db.fa", "--seqres", "seqres.txt") == 0
    assert capsys.readouterr().out == "one: 3 rows, 1 template hit\ntwo: 3 rows, 0 template hits\n"
    names = {p.name for p in (folder / "o").iterdir()}
    assert names == {f"{n}.{kind}{j}" for n in ("one", "two") for kind in ("a3m", "hits.sto") for j in ("", ".json")}
    hit = f">a/1-47 [subseq from] a\n{A[:20]}wwww{A[20:]}\n"
    assert (folder / "o" / "one.a3m").read_text() == f">one\n{A}\n{hit}{hit}"
    assert "1abc_A/1-43" in (folder / "o" / "one.hits.sto").read_text()


def test_what_was_searched_is_not_searched_again(folder, monkeypatch):
    assert run("q.fasta", "--db", "db.fa", "--seqres", "seqres.txt") == 0
    before = {p: p.stat().st_mtime_ns for p in (folder / "o").iterdir()}
    (folder / "o" / "two.a3m").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(alignments, "_hits", lambda name, sequence, *rest: [] if sequence == B else pytest.fail("again"))
        assert run("q.fasta", "--db", "db.fa") == 0
    same = {p for p in before if p.stat().st_mtime_ns == before[p]}
    assert {p.name for p in before.keys() - same} == {"two.a3m", "two.a3m.json"}

    (folder / "db.fa").write_text((folder / "db.fa").read_text() + f">d\n{A}\n")  # another database
    assert run("q.fasta", "--db", "db.fa") == 0
    assert parse_a3m((folder / "o" / "one.a3m").read_text(), "").names[1].startswith("d/1-43")


@pytest.mark.parametrize("large", [False, True])
def test_a_file_of_equal_size_is_another(large, folder, monkeypatch):
    """A database or an alignment that was edited to the same size is searched again."""
    calls = []
    monkeypatch.setattr(alignments, "_hits", lambda name, *rest: calls.append(name) or [])
    if large:  # too large for a SHA-256: its time tells
        monkeypatch.setattr(batch, "LARGE", 0)
    hhm = folder / "uniclust_hhm.ffdata"
    hhm.write_text("AAAA")
    options = SearchOptions(db=(folder / "db.fa",), hhblits_db=(folder / "uniclust",))
    for count, file in enumerate((None, None, folder / "db.fa", hhm)):
        if file:
            file.write_text(file.read_text().replace("A", "V"))
            os.utime(file, ns=(count, count))
        alignment_for(Job("one", A), options, folder / "o")
        assert len(calls) == (1 if count < 2 else count)


def test_presets_and_seeds_search_once(folder, monkeypatch):
    calls = []
    monkeypatch.setattr(alignments, "_hits", lambda name, *rest: calls.append(name) or [])
    options, out = SearchOptions(db=(folder / "db.fa",)), folder / "o"
    paths = {alignment_for(Job("a/b", A), options, out) for _ in range(3)}
    assert paths == {out / "a_b.a3m"} and calls == ["a/b"]
    own = folder / "own.a3m"
    assert alignment_for(Job("own", own), options, out) == own and len(calls) == 1


def test_a_file_of_the_user_s_is_not_overwritten(folder, capsys):
    (folder / "o").mkdir()
    (folder / "o" / "one.a3m").write_text("mine")
    assert run("q.fasta", "--db", "db.fa") == 3
    assert "one.a3m was not made by a search" in capsys.readouterr().err
    assert (folder / "o" / "one.a3m").read_text() == "mine" and (folder / "o" / "two.a3m").exists()


def test_one_query_fails_and_the_others_are_done(folder, capsys):
    (folder / "bad.fasta").write_text(">bad\nAC1\n")
    (folder / "empty_chain.fasta").write_text(f">e\n{A}::{B}\n")
    (folder / "x.a3m").write_text(f">x\n{A}\n")
    assert run(folder, "--db", "db.fa") == 3  # the folder has the database db.fa too: three queries more
    failed = [json.loads(line)["job"] for line in (folder / "o" / "failures.jsonl").read_text().splitlines()]
    assert failed == ["bad", "e", "x"]
    assert "chain 2 is empty" in (err := capsys.readouterr().err) and "is an alignment already" in err
    assert len(list((folder / "o").glob("*.a3m"))) == 5


def test_nothing_half_done_is_kept(folder, capsys):
    text = (folder / "db.fa").read_text()
    (folder / "db.fa").write_text(text + ">cut off")
    assert run("q.fasta", "--db", "db.fa") == 4
    assert capsys.readouterr().err.count("is cut off") == 2
    assert [p.name for p in (folder / "o").iterdir()] == ["failures.jsonl"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((), "nothing to search: give --db"),
        (("--db", "none.fa"), "--db none.fa: no such file"),
        (("--seqres", "none.fa"), "--seqres none.fa: no such file"),
        (("--db", "db.fa", "--cpus", "0"), "at least one thread"),
    ],
)
def test_bad_usage_is_one_line_and_2(folder, capsys, arguments, message):
    assert run("q.fasta", *arguments) == 2
    assert message in capsys.readouterr().err and not (folder / "o").exists()


def test_complexes_are_as_colabfold_writes_them(folder):
    (folder / "c.fasta").write_text(f">c\n{B}:{A}:{A}\n")
    assert run("c.fasta", "--db", "db.fa") == 0
    text = (folder / "o" / "c.a3m").read_text()
    assert complex_header(text) == ((len(B), len(A)), (1, 2))
    rows = parse_a3m(text, "")
    assert rows.query == B + A and [n.split("/")[0] for n in rows.names] == ["101\t102", "101", "b", "102", "a"]
    gaps = (rows.codes == 21).all(axis=0), (rows.codes[1:3] == 21).all(axis=0), (rows.codes[3:] == 21).all(axis=0)
    assert not gaps[0].any() and gaps[1].tolist() == [False] * len(B) + [True] * len(A)
    assert gaps[2].tolist() == [True] * len(B) + [False] * len(A)
    with pytest.raises(InputError, match="one chain at a time"):
        template_hits_for(Job("c", ""), folder / "o" / "c.a3m", folder / "seqres.txt", SearchOptions(), folder / "o")


def test_templates_of_an_alignment_that_is_there(folder, capsys):
    (folder / "x.a3m").write_text(f">x\n{A}\n>y\n{A[:20]}ww{A[20:-1]}-\n")
    assert run("x.a3m", "--seqres", "seqres.txt") == 0
    assert capsys.readouterr().out == "x: 2 rows, 1 template hit\n"
    assert sorted(p.name for p in (folder / "o").iterdir()) == ["x.hits.sto", "x.hits.sto.json"]


def test_a_server_is_asked_once(folder, capsys, monkeypatch):
    monkeypatch.setattr(server, "fetch", partial(server.fetch, patience=QUICK))
    (folder / "s.fasta").write_text(f">s\n{QUERY}\n")
    with StandIn(status("RUNNING"), status("COMPLETE"), pack(RESULT)) as stand_in:
        assert [run("s.fasta", "--msa-server", stand_in.url) for _ in range(2)] == [0, 0]
    shown = capsys.readouterr()
    assert shown.out == "s: 3 rows\n" * 2 and shown.err == f"WARNING: s: the sequence is sent to {stand_in.url}\n"
    assert len(stand_in.asked) == 3 and stand_in.asked[0][2].startswith("af2jax/")


def test_programs_that_are_not_installed_are_named(folder, capsys, monkeypatch):
    monkeypatch.setenv("PATH", os.fspath(folder))
    (folder / "hh_cs219.ffdata").touch()
    (folder / "mm.dbtype").touch()
    assert run("q.fasta", "--hhblits-db", "hh") == 4
    assert "hhblits is not installed: install the package hhsuite" in capsys.readouterr().err
    assert run("q.fasta", "--mmseqs-db", "mm") == 4
    assert "mmseqs is not installed: install the package mmseqs2" in capsys.readouterr().err
