"""Searches inside the process: what is planted is found, rows are HMMER's own, a bad database is one line."""

import bz2
import csv
import gzip
import lzma
import random
import re
import shutil
import subprocess

import pytest

from af2jax.data.parse import parse_a3m
from af2jax.data.search import database, hmmer
from af2jax.data.search.database import blocks
from af2jax.errors import InputError

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def drawn(rng: random.Random, length: int) -> str:
    return "".join(rng.choices(LETTERS, k=length))


def mutated(rng: random.Random, sequence: str, rate: float) -> str:
    return "".join(rng.choice(LETTERS) if rng.random() < rate else letter for letter in sequence)


def rows_of(text: str) -> list[tuple[str, str]]:
    """Names (up to the first space) and rows of a text that has one line for each row."""
    lines = text.split("\n")
    return [(header[1:].split()[0], row) for header, row in zip(lines[::2], lines[1::2], strict=False)]


@pytest.fixture(scope="module")
def query():
    return drawn(random.Random(0), 90)


@pytest.fixture(scope="module")
def fasta(query):
    """A small database: copies of the query, more and more mutated, among unrelated sequences."""
    rng = random.Random(1)
    records = [(f"none{n}", drawn(rng, rng.randrange(30, 200))) for n in range(300)]
    records += [(f"copy{n}", mutated(rng, query, 0.06 * n)) for n in range(8)]
    records += [("longer", query[:40] + "WWHWW" + query[40:]), ("shorter", query[:40] + query[50:])]
    rng.shuffle(records)
    return "".join(f">{name} mol:protein length:{len(s)}\n{s[:60]}\n{s[60:]}\n" for name, s in records)


@pytest.fixture
def path(fasta, tmp_path):
    path = tmp_path / "db.fasta"
    path.write_text(fasta)
    return path


def test_what_is_planted_is_found(query, path):
    text = hmmer.jackhmmer("my query", query, [path])
    assert text.startswith(f">my query\n{query}\n>copy0/1-90 [subseq from] mol:protein length:90\n{query}\n")
    found = dict(rows_of(text)[1:])
    assert {name.split("/")[0] for name in found} == {*(f"copy{n}" for n in range(8)), "longer", "shorter"}
    assert found["longer/1-95"] == query[:40] + "wwhww" + query[40:]
    assert found["shorter/1-80"] == query[:40] + "-" * 10 + query[50:]
    assert parse_a3m(text, "").codes.shape == (11, 90)


def test_how_it_is_read_changes_nothing(query, fasta, path, tmp_path, monkeypatch):
    once = hmmer.jackhmmer("q", query, [path], cpus=1)
    packed = tmp_path / "db.fasta.gz"
    packed.write_bytes(gzip.compress(fasta[:9000].encode()) + gzip.compress(fasta[9000:].encode()))
    assert hmmer.jackhmmer("q", query.lower(), [packed]) == once
    templates = hmmer.template_hits(once, path)
    monkeypatch.setattr(database, "_BLOCK", 1000)
    assert hmmer.jackhmmer("q", query, [path], cpus=3) == once and hmmer.template_hits(once, packed) == templates


def test_databases_follow_each_other(query, path, tmp_path):
    other = tmp_path / "other.fa"
    other.write_text(f">x\n{query}\n")
    first, second = (hmmer.jackhmmer("q", query, [p]) for p in (path, other))
    assert hmmer.jackhmmer("q", query, [path, other]) == first + second.split("\n", 2)[2]
    assert hmmer.jackhmmer("q", query, []) == f">q\n{query}\n"


@pytest.mark.parametrize(
    "name, rows", [("mgy_clusters.fa", 4), ("MGnify.fasta", 4), ("uniref90.fasta", 6), ("bfd.fa", 11)]
)
def test_no_more_rows_than_alphafold_takes(query, path, monkeypatch, name, rows):
    every = rows_of(hmmer.jackhmmer("q", query, [path]))
    assert (hmmer.MAX_ROWS, hmmer.MAX_ROWS_OF["mgy"]) == (10_000, 501)
    monkeypatch.setattr(hmmer, "MAX_ROWS", 6)
    monkeypatch.setattr(hmmer, "MAX_ROWS_OF", {"mgy": 4, "mgnify": 4, "bfd": None})
    assert rows_of(hmmer.jackhmmer("q", query, [path.rename(path.with_name(name))])) == every[:rows]


def test_progress_goes_to_the_end(query, path, monkeypatch):
    monkeypatch.setattr(database, "_BLOCK", 4000)
    seen = []
    hmmer.jackhmmer("q", query, [path], progress=lambda *call: seen.append(call))
    assert len(seen) > 5 and seen == sorted(seen) and seen[-1] == ("db.fasta", 310, 1.0)


def test_odd_letters(query, tmp_path):
    path = tmp_path / "db.fasta"
    path.write_text(f">stop\n{query[:45]}*{query[46:]}\n>odd\n{query[:45]}U{query[46:]}\n")
    rows = dict(rows_of(hmmer.jackhmmer("q", query, [path])))
    assert rows["odd/1-90"] == query[:45] + "U" + query[46:]
    # HMMER puts a stop into an insertion; the letter is X, which readers of A3M know.
    assert rows["stop/1-90"].replace("-", "") == query[:45] + "x" + query[46:]


def test_templates_stand_on_the_query_s_columns(query, path):
    text = hmmer.template_hits(hmmer.jackhmmer("q", query, [path]), path)
    assert text.startswith("# STOCKHOLM 1.0\n") and text.endswith("//\n")
    rows = stockholm(text)
    assert "longer/1-95" in rows and "copy7/1-90" in rows and "q" not in rows
    assert all(sum(c.isupper() or c == "-" for c in row) == 90 for row in rows.values())
    assert rows["longer/1-95"].replace(".", "") == query[:40] + "wwhww" + query[40:]
    assert "#=GS longer/1-95" in text and "[subseq from] mol:protein length:95" in text


def test_templates_as_alphafold_reads_them(query, path):
    hmmsearch = pytest.importorskip("alphafold.data.tools.hmmsearch", reason="DeepMind's code is not installed")
    # Names as in the PDB's file; its parser reads the residues' numbers from them.
    path.write_text(re.sub(r">([a-z]+)(\d*) ", lambda m: f">1{m[1][:2]}{m[2] or 0}_A ", path.read_text()))
    text = hmmer.template_hits(hmmer.jackhmmer("q", query, [path]), path)
    tool = hmmsearch.Hmmsearch.__new__(hmmsearch.Hmmsearch)
    hits = tool.get_template_hits(text, query)
    assert {h.name for h in hits} >= {"1co0_A", "1lo0_A", "1sh0_A"}
    (shorter,) = (h for h in hits if h.name == "1sh0_A")
    assert shorter.aligned_cols == 80 and shorter.indices_hit == [*range(40), *[-1] * 10, *range(40, 80)]


def test_nothing_found(query, path):
    path.write_text(f">other\n{drawn(random.Random(5), 8)}\n")
    assert hmmer.jackhmmer("q", query, [path]) == f">q\n{query}\n"
    assert hmmer.template_hits(f">q\n{query}\n", path) == hmmer.NO_HITS


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "db.fasta is empty"),
        (b" \n\n", "db.fasta is empty"),
        (gzip.compress(b"", mtime=0), "db.fasta is empty"),
        (b">a\nAC-D\n", "has no protein: it is skipped whole, 1 record"),
        (b">a\nAC\0D\n>b\nA1\n", "has no protein: it is skipped whole, 2 records"),
        (b"PK\x03\x04\x00", 'is not FASTA: it begins with "PK???"'),
        (b"# STOCKHOLM 1.0\n", "is not FASTA: it begins with"),
        (b">a\nACD\n>b", 'is cut off: it ends in the header "b"'),
        (b">a\nACD\n>b\n", 'is cut off: it ends in the header "b"'),
        (gzip.compress(b">a\nACD\n" * 9000, mtime=0)[:-9], "cannot be read to its end"),
        (gzip.compress(b">a\nACD\n", mtime=0) + b"more", "cannot be read to its end"),
        (b"\x1f\x8b\x08 no gzip", "cannot be read to its end"),
    ],
)
def test_bad_databases_are_one_line(query, path, content, message):
    path.write_bytes(content)
    for attempt in (lambda: hmmer.jackhmmer("q", query, [path]), lambda: hmmer.template_hits(f">q\n{query}\n", path)):
        with pytest.raises(InputError) as error:
            attempt()
        assert message in str(error.value) and str(path) in str(error.value) and "\n" not in str(error.value)


ODD = [b">na\nCT05ATCTTTG\n", b">gaps\nAC-D\n", b">dots\nAC..D\n", b">\nACD\n", b">long\n" + b"A" * 100_001 + b"\n"]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("packed", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_one_bad_record_is_skipped_and_counted(query, path, odd, packed, caplog):
    good = f">hit\n{query}\n>other\n{query[:40]}\n".encode()
    path.write_bytes(packed(good))
    expected = hmmer.jackhmmer("q", query, [path])
    path.write_bytes(packed(odd + good[:-6] + b"\n" + odd + good))
    names = [sequence.name for block in blocks(path) for sequence in block]
    assert names == ["hit", "other", "hit", "other"]
    name = odd.split()[0][1:].decode()
    assert caplog.messages == [f'{path}: skipped 2 records that are not proteins, "{name}" first']
    path.write_bytes(packed(odd + good))
    assert hmmer.jackhmmer("q", query, [path]) == expected and ">hit" in expected


@pytest.mark.parametrize("name, message", [("", "is a folder"), ("none.fa", "no such file"), ("a\0b", "is not a path")])
def test_what_is_no_file(query, tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        hmmer.jackhmmer("q", query, [tmp_path / name])


@pytest.mark.parametrize("sequence", ["", "AC:D", "A C", "AC1"])
def test_a_query_is_one_chain_of_letters(path, sequence):
    with pytest.raises(InputError, match="amino-acid letters only"):
        hmmer.jackhmmer("q", sequence, [path])


@pytest.mark.medium("reads hundreds of damaged files")
def test_mutated_input_raises_nothing_else(query, fasta, tmp_path):
    rng = random.Random(2)
    path = tmp_path / "db.fasta"
    small = re.sub(r"(?m)^>none\d.*\n.*\n.*\n", "", fasta).encode() + f">last\n{query}\n".encode()
    path.write_bytes(small)
    a3m = hmmer.jackhmmer("q", query, [path]).encode()
    done = 0
    for trial in range(200):
        data, alignment, sequence = bytearray(small), bytearray(a3m), query
        if trial % 3 == 2:
            sequence = "".join(rng.choices("ACDEFGHIKLMNPQRSTVWYXBZUOJ", k=rng.choice([1, 2, 5, 300])))
        target = alignment if trial % 3 == 1 else data
        for _ in range(rng.choice([1, 3, 10])):
            at = rng.randrange(len(target) + 1)
            target[at : at + rng.choice([0, 1, 40])] = rng.choice(
                [
                    b"",
                    b">",
                    b"\n",
                    b"\r",
                    b"\0",
                    b"*",
                    b".",
                    b"-",
                    b"~",
                    b"\xff",
                    b" ",
                    b">x\n",
                    b"acd",
                    rng.randbytes(3),
                ]
            )
        packed = bytearray(gzip.compress(data))
        if trial % 4 == 3:
            packed[rng.randrange(len(packed))] ^= 1 << rng.randrange(8)
        path.write_bytes(packed if trial % 2 else data)
        try:
            parse_a3m(hmmer.jackhmmer("q", sequence, [path]), "")
            done += 1
            hmmer.template_hits(alignment.decode("latin-1"), path)
        except InputError as error:
            assert "\n" not in str(error)
    assert 40 < done < 180


# Beside HMMER's own programs.


def stockholm(text: str) -> dict[str, str]:
    rows: dict[str, str] = {}
    for line in text.split("\n"):
        if line and not line.startswith(("#", "//")):
            name, row = line.split()
            rows[name] = rows.get(name, "") + row
    return rows


def content(path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()


def table(path) -> list[dict]:
    csv.field_size_limit(10**9)
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture(scope="module")
def everything(shared, tmp_path_factory):
    """A database of all the sequences of the shared data: chains, queries, and the rows of all alignments."""
    data, found = shared / "data", {}
    for chain in table(data / "chains.tsv"):
        found |= {chain["sequence"]: chain["id"], chain["seqres"]: chain["id"]}
    found |= {case["query"]: case["case"] for case in table(data / "msa_cases.tsv")}
    for path in sorted((data / "msa").rglob("*")):
        kind = path.name.removesuffix(".gz").rpartition(".")[2]
        if kind in ("a3m", "a2m", "fasta"):
            rows = (record.partition("\n")[2] for record in content(path).split(">"))
        elif kind in ("sto", "aln"):
            rows = stockholm(content(path)).values() if kind == "sto" else content(path).split()
        else:
            continue
        found |= {re.sub("[^A-Z]", "", row.upper()): path.parent.name for row in rows}
    for sample in ("pdb_seqres_2022_09_28", "uniref90"):
        text = content(data / "formats" / "other" / f"alphafold3__{sample}__subsampled_1000.fasta.gz")
        found |= {lines[1]: lines[0] for lines in (record.split("\n") for record in text.split(">")[1:])}
    found.pop("", None)
    path = tmp_path_factory.mktemp("everything") / "db.fasta"
    path.write_text("".join(f">s{n} {name}\n{sequence}\n" for n, (sequence, name) in enumerate(found.items())))
    return path


def run(program: str, *arguments) -> None:
    if not shutil.which(program):
        pytest.skip(f"{program} (HMMER) is not installed")
    subprocess.run([program, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


@pytest.mark.slow("searches large databases")
@pytest.mark.parametrize("case", ["6kwc_A", "lysozyme_P61626", "3l4q_C"])
def test_rows_are_hmmer_s_own(shared, everything, case, tmp_path):
    (query,) = (row["query"] for row in table(shared / "data" / "msa_cases.tsv") if row["case"] == case)
    ours = hmmer.jackhmmer(case, query, [everything])

    fasta, sto, hits = (tmp_path / name for name in ("q.fasta", "q.sto", "hits.sto"))
    fasta.write_text(f">{case}\n{query}\n")
    filters = ["--F1", 0.0005, "--F2", 0.00005, "--F3", 0.0000005]
    run("jackhmmer", "-A", sto, "--noali", *filters, "--incE", 0.0001, "-E", 0.0001, "-N", 1, fasta, everything)
    theirs = stockholm(sto.read_text())
    columns = [letter != "-" for letter in theirs[case]]
    as_a3m = lambda row: "".join(
        c if column else c.lower() for c, column in zip(row, columns, strict=True) if column or c != "-"
    )
    assert rows_of(ours) == [(name, as_a3m(row)) for name, row in theirs.items()] and len(theirs) > 1000

    # As AlphaFold goes on: rows once, no empty columns, a profile of the marked columns, a search without filters.
    kept = {as_a3m(row).translate({n: None for n in range(97, 123)}): name for name, row in reversed(theirs.items())}
    kept = [name for name in theirs if name in kept.values()]
    full = [any(theirs[name][n] != "-" for name in kept) for n in range(len(columns))]
    compact = lambda row: "".join(c for c, keep in zip(row, full, strict=True) if keep)
    mark = compact("".join("x" if column else "." for column in columns))
    lines = [f"{name} {compact(theirs[name])}" for name in kept]
    sto.write_text("\n".join(["# STOCKHOLM 1.0", *lines, f"#=GC RF {mark}", "//", ""]))
    run("hmmbuild", "--hand", "--amino", tmp_path / "q.hmm", sto)
    thresholds = [word for option in ("-E", "--incE", "--domE", "--incdomE") for word in (option, 100)]
    filters = [word for option in ("--F1", "--F2", "--F3") for word in (option, 0.1)]
    run("hmmsearch", "--noali", *filters, *thresholds, "-A", hits, tmp_path / "q.hmm", everything)
    theirs, ours = stockholm(hits.read_text()), stockholm(hmmer.template_hits(ours, everything))
    assert ours == theirs and len(theirs) > 1000
    # The order too, but for hits whose scores are one unit of rounding apart.
    assert sum(a != b for a, b in zip(ours, theirs, strict=True)) < 0.01 * len(theirs)
