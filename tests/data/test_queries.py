"""What counts as a query, and that what does not is named: FASTA, tables, alignments, folders."""

import gzip
import re

import pytest

from af2jax.data.parse import read_text
from af2jax.data.queries import Job, content, parse_table, query_files, read_queries
from af2jax.errors import InputError
from af2jax.files import file_name
from tests.mutate import mutations


@pytest.fixture
def folder(tmp_path):
    """A folder of queries of every kind, and of other files."""
    (tmp_path / "a.fasta").write_text(">one words\nMKT\nAYI*\n>sp|P1|X_Y\nmkv\n")
    (tmp_path / "b.CSV").write_text('\ufeffID, note ,Sequence\nt1,"x,\ny",MK tav\n\nt2,,MKTAY*\n', encoding="utf-8")
    (tmp_path / "c.tsv.gz").write_bytes(gzip.compress(b"id\tsequence\nt3\tMKT\n"))
    (tmp_path / "d.a3m.gz").write_bytes(gzip.compress(b">x\nMKTA\n"))
    (tmp_path / "e.v2.sto").write_text("# STOCKHOLM 1.0\nq MK-TA\nr MKWTA\n//\n")
    for name in ("e.v2.hits.sto", ".f.fasta", "q.fasta.txt", "g.a3m.json"):
        (tmp_path / name).write_text("")
    (tmp_path / "inner.a3m").mkdir()
    return tmp_path


def test_every_kind_is_read(folder, caplog):
    jobs, failures = read_queries([folder])
    assert not failures
    assert [(job.name, content(job).sequence) for job in jobs] == [
        ("one", "MKTAYI"),
        ("sp|P1|X_Y", "MKV"),
        ("t1", "MKTAV"),
        ("t2", "MKTAY"),
        ("t3", "MKT"),
        ("d", "MKTA"),
        ("e.v2", "MKTA"),
    ]
    assert jobs[1].source == f"{folder / 'a.fasta'}, line 4" and jobs[3].source.endswith("b.CSV, line 5")
    assert [r.getMessage() for r in caplog.records] == [
        "ignored, no queries by their names: .f.fasta, e.v2.hits.sto, g.a3m.json, q.fasta.txt"
    ]


def test_a_file_that_is_named_is_read_whatever_its_suffix(folder):
    (folder / "q.fasta.txt").write_text(">q\nMKT\n")
    assert read_queries([folder / "q.fasta.txt"])[0][0][:2] == ("q", "MKT")
    assert query_files([folder / "q.fasta.txt", folder / "b.CSV"]) == ([folder / "q.fasta.txt", folder / "b.CSV"], [])


def test_t22_no_usable_input_lists_what_was_ignored_and_the_suffixes(tmp_path):
    (tmp_path / "q.fasta.txt").write_text(">q\nMKT\n")
    with pytest.raises(InputError, match=r"no queries: .* \.fasta, .*\.csv, .*\.a3m, .*\.sto.*; ignored: q.fasta.txt$"):
        read_queries([tmp_path])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="ignored: none"):
        read_queries([tmp_path / "empty"])


def test_what_cannot_be_read_is_named_and_the_others_are_there(folder):
    (folder / "bad.fasta").write_text(">b\nMK7\n")
    (folder / "bad.csv").write_text("id,sequence\nx,MK7\n")
    (folder / "page.a3m.gz").write_bytes(b"\x1f\x8bhalf")
    jobs, failures = read_queries([folder, folder / "none.a3m", folder / "none.fasta"])
    files = [str(folder / name) for name in ("bad.csv", "none.a3m", "none.fasta")]
    assert [name for name, _ in failures] == [files[0], "b", *files[1:]]
    assert "line 2, position 3 of the sequence: '7'" in failures[0][1] and "line 2, column 3: '7'" in failures[1][1]
    assert all("no such file" in reason for _, reason in failures[2:]) and len(jobs) == 8
    with pytest.raises(InputError, match="gzip file is damaged"):
        content(next(job for job in jobs if job.name == "page"))


def test_a_bad_record_leaves_the_others_of_its_file(tmp_path):
    file = tmp_path / "two.fasta"
    file.write_text(">good\nMKT\n>bad one\nMK7\n>empty\n>last\nMKV\n")
    jobs, failures = read_queries([file])
    assert [(job.name, job.query) for job in jobs] == [("good", "MKT"), ("last", "MKV")]
    assert [name for name, _ in failures] == ["bad", "empty"]
    assert f"{file}, line 4, column 3: '7' is not" in failures[0][1] and "has no sequence" in failures[1][1]
    jobs, failures = read_queries([file], whole_files=True)  # a complex without a chain is another complex
    assert not jobs and [name for name, _ in failures] == [str(file)]


def test_a_bad_record_and_a_good_one_of_one_short_name_are_told_apart(tmp_path):
    file = tmp_path / "two.fasta"
    file.write_text(">x one\nMKT\n>x two\nMK7\n>rna|name=r\nMK7\n")
    (job,), failures = read_queries([file])
    assert job.name == "x one" and not job.fault and [name for name, _ in failures] == ["x two", "r"]
    assert "line 4, column 3: '7' is not" in failures[0][1] and "line 5: it is RNA" in failures[1][1]


def test_an_alignment_under_the_name_of_fasta_is_no_query(tmp_path):
    file = tmp_path / "rows.fasta"
    file.write_text(">query\nMKTAY\n>no gap\nMRTAY\n>gap and insertion\nM-kTAY\n")
    jobs, failures = read_queries([file])
    assert not jobs and [name for name, _ in failures] == [str(file)] and "line 6, column 2: '-'" in failures[0][1]


@pytest.mark.parametrize(
    "other, names",
    [
        (">one\nMKV\n", ["one words", "one"]),
        (">one again\nMKTAYI\n", ["one words", "one again"]),
        (">a/b\nMK\n>a_b\nMK\n", ["one", "a/b", "a_b_2"]),
        (">x\nMK\n>?\nMK\n>*\nM\n", ["one", "x", "?", "__2"]),
        (f">{'n' * 130}a\nMK\n>{'n' * 130}b\nMK\n", ["one", "n" * 130 + "a", "n" * 110 + "_2"]),
    ],
)
def test_t06_names_that_would_write_the_same_files_are_told_apart(folder, other, names):
    (folder / "z.fasta").write_text(other)
    jobs, failures = read_queries([folder / "a.fasta", folder / "z.fasta"])
    assert [job.name for job in jobs if job.name != "sp|P1|X_Y"] == names and not failures
    assert len({file_name(job.name) for job in jobs}) == len(jobs) and not any(job.fault for job in jobs)


def test_t06_queries_of_one_whole_name_fail_and_no_other(folder):
    (folder / "z.csv").write_text("id,sequence\nt1,MKV\nt9,MKV\n")
    jobs, failures = read_queries([folder / "b.CSV", folder / "z.csv"])
    assert [bool(job.fault) for job in jobs] == [True, False, True, False] and not failures
    with pytest.raises(InputError, match=r"z.csv, line 2: this query and that of .*b.CSV, line 3 have one name, .t1"):
        content(jobs[2])


def test_names_that_are_not_there_or_not_fit_for_a_terminal(tmp_path):
    (tmp_path / "a.fasta").write_text(">\nMKT\n")
    (tmp_path / "b.csv").write_text("id,sequence\n\x1b[31m red,MKT\n")
    assert [job.name for job in read_queries([tmp_path])[0]] == ["query", "?[31m red"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", 'line 1: there is no column "id"'),
        ("name,sequence\na,MKT\n", 'line 1: there is no column "id"'),
        ("id,seq\na,MKT\n", 'line 1: there is no column "sequence"'),
        ("id,sequence\n", "is empty: it has no row"),
        ("id,sequence\n,MKT\n", "line 2: the id is missing"),
        ("id,sequence\na\n", "line 2: the sequence is missing"),
        ("id,sequence\na,*\n", "line 2: the sequence is missing"),
        ("id,sequence\nb,MK\n\na,MKT\na,MKV\n", "line 5: this id is that of t.csv, line 4 too"),
        ("id,sequence\na,MK-T\n", "line 2, position 3 of the sequence: '-' is not an amino-acid letter"),
        ("id,sequence\na,MKß\n", "line 2, position 3 of the sequence: "),
        ("id,sequence\na,MK/T\n", "line 2, position 3 of the sequence: '/' is not an amino-acid letter; put \":\""),
        ("id,sequence\na,MKT,MKV\n", "line 2: 3 cells under 2 columns"),
        (f"id,sequence\na,{'M' * 200_000}\n", "line 2: this is not a table"),
    ],
)
def test_faults_of_tables(text, message):
    with pytest.raises(InputError, match=f"^t.csv(, | ){re.escape(message)}"):
        parse_table(text, "t.csv")


@pytest.mark.medium("mutates many files")
def test_a_table_of_mutations_raises_nothing_but_bad_input(tmp_path):
    table = b'id,sequence,note\n1abc_A,MKTAYIAKQR:MKT,"a ""b"""\r\n2,mktay,\n"3,4",MKV,x\n'
    path, raised = tmp_path / "t.csv", 0
    for data in mutations(table, 2000, seed=5):
        path.write_bytes(data)
        try:
            assert parse_table(read_text(path), "t.csv")
        except InputError as error:
            raised += 1
            assert "\n" not in str(error)
    assert 200 < raised < 1800


def test_t28_complexes_are_queries_and_empty_chains_fail_with_one_line():
    assert content(Job("q", "MKT:MKV")).sequence == "MKTMKV"
    assert content(Job("q", "MKT:MKV")).sha256 != content(Job("q", "MKTM:KV")).sha256
    with pytest.raises(InputError, match=r"q\.fasta, line 1: chain 2 is empty"):
        content(Job("q", "MKT::MKV", "q.fasta, line 1"))


def test_alignments_of_complexes_too(tmp_path):
    for header, sequence in (("#4\t1", "MKTA"), ("#2,2\t1,1", "MKTA"), ("#4\t2", "MKTAMKTA")):
        (tmp_path / "q.a3m").write_text(f"{header}\n>101\nMKTA\n")
        assert content(Job("q", tmp_path / "q.a3m")).sequence == sequence


def test_the_records_of_a_file_may_be_one_complex(tmp_path):
    (tmp_path / "Dimer.fasta.gz").write_bytes(gzip.compress(b">a\nMKT\n>b\nGG\n"))
    assert read_queries([tmp_path], whole_files=True)[0][0][:2] == ("Dimer", "MKT:GG")
    assert [job.name for job in read_queries([tmp_path])[0]] == ["a", "b"]


def test_the_content_decides_not_the_compression(tmp_path):
    data = b">q\nMKTA\n>r\nMK-A\n"
    for name, written in (("a.a3m", data), ("b.a3m.gz", gzip.compress(data)), ("c.a3m", data + b">s\nMKTA\n")):
        (tmp_path / name).write_bytes(written)
    found = [content(job).sha256 for job in read_queries([tmp_path])[0]]
    assert found[0] == found[1] != found[2]
    assert content(Job("a", "MKT")).sha256 != content(Job("a", "MKV")).sha256


def test_real_inputs_of_colabfold(shared):
    other = shared / "data" / "formats" / "other"
    jobs, failures = read_queries([other / "colabfold__input.csv", other / "colabfold__P54025.fasta"])
    assert [job.name for job in jobs] == ["5AWL_1", "3G5O_A_3G5O_B", "sp|P54025|RL41_METJA"] and not failures
    assert jobs[1].query.count(":") == 1 and ":" not in content(jobs[1]).sequence
