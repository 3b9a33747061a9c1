"""Reading FASTA and A3M: every way of writing one alignment, every fault with its whole message, and random bytes."""

import gzip
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from af2jax.constants.residues import LETTERS
from af2jax.data.parse import complex_header, parse_a3m, parse_fasta, quote, read_text, split_chains
from af2jax.errors import InputError
from tests.mutate import mutations


def fails(call, message: str):
    """`call` raises an InputError of exactly these words, in one line."""
    with pytest.raises(InputError) as caught:
        call()
    assert str(caught.value) == message and len(message.splitlines()) == 1


def letters(alignment) -> list[str]:
    return ["".join(LETTERS[code] for code in row) for row in alignment.codes]


# What is read


def test_a_fasta_file():
    text = ">sp|P1|my-seq.1 first > of two\nacde\nFGhi*\n\n  >b\r\n KL\t\r\nm:NP \r\n"
    first, second = parse_fasta(text, "x")
    assert first == ("sp|P1|my-seq.1 first > of two", "ACDEFGHI", 1)  # the whole header, ">" inside it too
    assert second == ("b", "KLM:NP", 5) and split_chains(second.sequence, "x") == ["KLM", "NP"]


def test_every_letter_is_an_amino_acid_of_a_fasta():
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert parse_fasta(f">a\n{alphabet.lower()}", "x")[0].sequence == alphabet


def test_codes_of_an_alignment():
    found = parse_a3m(">a\nABCDEFGHIJKLMNOPQRSTUVWXYZ\n>b\nA-------------------------", "x")
    assert letters(found) == ["ADCDEFGHIXKLMNXPQRSTCVWXYE", "A" + "-" * 25]
    assert found.query == "ABCDEFGHIJKLMNOPQRSTUVWXYZ" and found.names == ("a", "b")
    assert found.codes.dtype == np.int8 and found.deletions.dtype == np.int32


def test_insertions_are_counted_before_the_next_position():
    found = parse_a3m(">query\nACDE\n>hit\nxxA-yDzzzEww\n>query\n--dDE", "x")  # a name may come twice
    assert letters(found) == ["ACDE", "A-DE", "--DE"]
    np.testing.assert_array_equal(found.deletions, [[0, 0, 0, 0], [2, 0, 1, 3], [0, 0, 1, 0]])  # "ww" has none behind


def test_fill_of_an_a2m_counts_for_nothing():
    found = parse_a3m(">q\n..AC..D.\n>b\nxxA-..Dy\n>c\n..ACzzD.", "x")
    assert found.query == "ACD" and letters(found) == ["ACD", "A-D", "ACD"]
    np.testing.assert_array_equal(found.deletions, [[0, 0, 0], [2, 0, 0], [0, 0, 2]])


@pytest.mark.parametrize(
    "text, expected",
    [
        ("#191\t1\n>101\nA", ((191,), (1,))),
        ("#191,60\t1,2\n", ((191, 60), (1, 2))),
        ("#191,60\t1,2\r\n>101", ((191, 60), (1, 2))),
        ("# 191 1\n", None),
        ("#191\n", None),
        ("#191\t1 residues\n", None),
        (">101\nA\n#191\t1\n", None),
        ("", None),
        (f"#{'9' * 5000}\t1\n", None),  # a number that Python itself refuses to read
    ],
)
def test_the_first_line_of_colabfold(text, expected):
    assert complex_header(text) == expected


ROW = st.lists(st.tuples(st.sampled_from(LETTERS), st.integers(0, 3)), min_size=7, max_size=7)
STYLE = st.fixed_dictionaries(
    {
        "wrap": st.integers(1, 9),
        "end": st.sampled_from(["\n", "\r\n", "\r"]),
        "bom": st.booleans(),
        "comment": st.booleans(),
        "blank": st.booleans(),
        "stop": st.booleans(),
        "null": st.booleans(),
        "zip": st.booleans(),
        "tail": st.sampled_from(["", "mn"]),
    }
)


def written(rows: list, style: dict) -> bytes:
    """An A3M file of rows of (letter, insertions before it) in one of the styles that people's files have."""
    lines = ["#7\t1"] if style["comment"] else []
    for index, row in enumerate(rows):
        text = "".join("k" * count + letter for letter, count in row) + (style["tail"] if index else "")
        text += "*" if style["stop"] else ""
        lines += [f">row {index}"] + [text[i : i + style["wrap"]] for i in range(0, len(text), style["wrap"])]
        lines += ["", "  "] if style["blank"] else []
    text = ("\ufeff" if style["bom"] else "") + style["end"].join(lines) + ("\0" if style["null"] else "")
    return gzip.compress(text.encode()) if style["zip"] else text.encode()


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("parse") / "x.a3m"


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(ROW, max_size=4), style=STYLE)
def test_however_it_is_written_the_alignment_is_the_same(file, rows, style):
    rows = [[("ACDEFGX"[i], 0) for i in range(7)], *rows]
    file.write_bytes(written(rows, style))
    found = parse_a3m(read_text(file), "x")
    assert letters(found) == ["".join(letter for letter, _ in row) for row in rows]
    np.testing.assert_array_equal(found.deletions, [[count for _, count in row] for row in rows])
    assert found.query == "ACDEFGX" and found.names == tuple(f"row {i}" for i in range(len(rows)))


def test_wrapped_equals_unwrapped_for_fasta(file):
    sequence = "MKTAYIAKQRQISFVKSHFSRQ"
    for end in ("\n", "\r\n", "\r"):
        lines = [">a", *(sequence[i : i + 5] for i in range(0, len(sequence), 5)), "", "*"]
        file.write_bytes(gzip.compress(("\ufeff" + end.join(lines)).encode()))
        assert [(r.name, r.sequence) for r in parse_fasta(read_text(file), "x")] == [("a", sequence)]


def test_nul_bytes_are_dropped_with_a_warning(caplog):
    assert letters(parse_a3m(">a\0\nAC\0D\n>b\nA-D\n\0", "x.a3m")) == ["ACD", "A-D"]
    assert caplog.messages == ["x.a3m: dropped 3 NUL bytes"]


@pytest.mark.parity
def test_equals_deepminds_reader():
    parsers = pytest.importorskip("alphafold.data.parsers", reason="the oracle (alphafold-colabfold) is not installed")
    from alphafold.common import residue_constants as rc

    rng = np.random.default_rng(0)
    capitals, small = "ABCDEFGHIJKLMNOPQRSTUVWXYZ-", "abcdefghijklmnopqrstuvwxyz"
    lines = [">query", "".join(rng.choice(list(capitals[:-1]), 40))]
    for index in range(30):
        insertions = ["".join(rng.choice(list(small), rng.integers(4))) for _ in range(41)]
        row = "".join(a + b for a, b in zip(insertions, rng.choice(list(capitals), 40), strict=False))
        lines += [f">hit {index}", row + insertions[-1]]
    theirs, ours = parsers.parse_a3m("\n".join(lines)), parse_a3m("\n".join(lines), "x")
    ids = np.array([[rc.HHBLITS_AA_TO_ID[letter] for letter in row] for row in theirs.sequences])
    np.testing.assert_array_equal(ours.codes, np.array(rc.MAP_HHBLITS_AATYPE_TO_OUR_AATYPE)[ids])
    np.testing.assert_array_equal(ours.deletions, theirs.deletion_matrix)
    assert ours.names == tuple(theirs.descriptions)


# Faults

NUMBERS, ALIGNED = "; leave out numbers and names", "; if it is an alignment, call the file .a3m"
SMILES = "; if it is SMILES, leave it out: proteins alone are folded"
CHAINS = '; put ":" between chains, and nothing else'


@pytest.mark.parametrize(
    "letter, cure",
    [("-", ALIGNED), (".", ALIGNED), ("1", NUMBERS), ("*", ""), ("é", ""), ("#", SMILES), ("/", CHAINS), ("|", CHAINS)],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_letter_that_is_no_amino_acid_in_a_fasta(letter, cure, end):
    text = end.join([">a", "ACD", ">b", "ACDE", f"  ACDEF{letter}GH"])
    fails(lambda: parse_fasta(text, "x.fa"), f"x.fa, line 5, column 8: {letter!r} is not an amino-acid letter{cure}")


@pytest.mark.parametrize(
    "letter, cure", [("1", NUMBERS), ("*", ""), ("é", ""), (":", ""), ("#", SMILES), ("_", ""), ("/", CHAINS)]
)
def test_a_letter_that_is_no_amino_acid_in_an_a3m(letter, cure):
    text = f"#6\t1\n>a\nACDEFG\n>b\nAC\n\n D{letter}EF-"
    fails(lambda: parse_a3m(text, "x.a3m"), f"x.a3m, line 7, column 3: {letter!r} is not an amino-acid letter{cure}")


EITHER = [
    ("", "x is empty: it has no record; give a header line and a sequence"),
    ("\ufeff \r\n\t\n"[1:], "x is empty: it has no record; give a header line and a sequence"),
    (">a\n>b\nAC", 'x, line 1: the header "a" has no sequence; add it or delete the header'),
    (">b\nAC\n>a\n\n", 'x, line 3: the header "a" has no sequence; add it or delete the header'),
    (">a\n*\n", 'x, line 1: the header "a" has no sequence; add it or delete the header'),
    (">", 'x, line 1: the header "" has no sequence; add it or delete the header'),
    ("\nACDEF\n", 'x, line 2: a sequence without a header; put a line ">name" before it'),
    ("ACDEF\n>a\nACDEF", 'x, line 1: a sequence without a header; put a line ">name" before it'),
    ("# STOCKHOLM 1.0\n\na ACD\n//", "x, line 1: this is a Stockholm alignment; call the file .sto"),
]


@pytest.mark.parametrize("text, message", EITHER)
@pytest.mark.parametrize("parse", [parse_fasta, parse_a3m])
def test_faults_of_both_formats(parse, text, message):
    fails(lambda: parse(text, "x"), message)


@pytest.mark.parametrize("second", ["AC", "ACDE"])
def test_two_records_of_one_name(second):
    fails(
        lambda: parse_fasta(f">a\nAC\n>b\nAC\n> a \n{second}", "x"),
        'x, lines 1 and 5: two records are called "a"; rename one',
    )


@pytest.mark.parametrize("sequence, number", [("A::B", 2), (":A", 1), ("A:", 2), (":::::", 1), ("A:C::D", 3)])
def test_an_empty_chain(sequence, number):
    fails(
        lambda: split_chains(sequence, "x, line 1"),
        f'x, line 1: chain {number} is empty; put one ":" between two chains, none else',
    )


A3M = [
    ("#only\n# comments", "x is empty: it has no record; give a header line and a sequence"),
    (">a\nAC-D", "x, line 2, column 3: a gap in the query row; delete this column from every row"),
    (
        ">a\nAC\nDe\n>b\nACD",
        "x, line 3, column 2: a lower-case letter in the query row; "
        "write the query in capitals, with a column for each of its residues",
    ),
    (">a\n..\n>b\n..", "x, line 1: the query row has no residue; the first row is the query"),
    (
        ">a\nACD\n>b\nA-D\n>UniRef100_A0\nA\n-\n>c\nACDE",
        'x, line 5: row 3 ("UniRef100_A0") has 2 aligned columns, the query has 3; align it again or delete it',
    ),
    (
        ">a\nACD\n>b\nACdDE",
        'x, line 3: row 2 ("b") has 4 aligned columns, the query has 3; align it again or delete it',
    ),
    (
        ">a\nACD\n>b\nacd",
        'x, line 3: row 2 ("b") has 0 aligned columns, the query has 3; align it again or delete it',
    ),
]


@pytest.mark.parametrize("text, message", A3M)
def test_faults_of_an_a3m(text, message):
    fails(lambda: parse_a3m(text, "x"), message)


def test_names_in_messages_are_short_and_printable():
    assert quote("a\tb\n\x1b[31m") == '"a?b??[31m"'
    assert quote("x" * 40) == f'"{"x" * 40}"' and quote("x" * 41) == f'"{"x" * 40}…"'


# Files

DAMAGED = gzip.compress(b">a\nACDEFGHIKLMNPQRSTVWY\n", mtime=0)


@pytest.mark.parametrize(
    "data, message",
    [
        (b"\x89PNG\r\n\x1a\n\0", "{} is not a text file (byte 0x89 at offset 0); give plain text in UTF-8"),
        (
            gzip.compress(b"\x80\0", mtime=0),
            "{} is not a text file (byte 0x80 at offset 0); give plain text in UTF-8",
        ),
        (
            DAMAGED[:-9],
            "{}: the gzip file is damaged (Compressed file ended before the end-of-stream marker was reached); "
            "copy or compress it again",
        ),
        (
            DAMAGED[:2] + b"\x07" + DAMAGED[3:],
            "{}: the gzip file is damaged (Unknown compression method); copy or compress it again",
        ),
        (
            DAMAGED[:-1] + b"\x55",
            "{}: the gzip file is damaged (Incorrect length of data produced); copy or compress it again",
        ),
    ],
)
def test_files_that_are_no_text(file, data, message):
    file.write_bytes(data)
    fails(lambda: read_text(file), message.format(file))


def test_missing_files_and_folders(tmp_path):
    missing = tmp_path / "none.a3m"
    fails(lambda: read_text(missing), f"{missing}: no such file; check the path")
    fails(lambda: read_text(tmp_path), f"{tmp_path} is a folder; give one file in it")
    fails(lambda: read_text("a\0b"), "'a\\x00b' cannot be read: the name is not a path")
    fails(lambda: read_text("a" * 5000), f"{'a' * 5000!r} cannot be read: File name too long")


def test_a_line_break_in_a_file_name_breaks_no_message(tmp_path):
    fails(lambda: read_text(tmp_path / "a\nb"), f"{tmp_path}/a?b: no such file; check the path")


# Anything at all


def value_or_one_line(call):
    """What `call` returns, or None where it raised an InputError of one line."""
    try:
        return call()
    except InputError as error:
        assert len(str(error).splitlines()) == 1 and len(str(error)) < 1000
        return None


def check_fasta(records):
    assert records and len({r.name for r in records}) == len(records)
    assert all(set(r.sequence) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ:") and r.sequence for r in records)


def check_a3m(alignment):
    shape = (len(alignment.names), len(alignment.query))
    assert alignment.codes.shape == alignment.deletions.shape == shape and min(shape) > 0
    assert alignment.codes.min() >= 0 and alignment.codes.max() <= 21 and alignment.codes[0].max() <= 20
    assert alignment.deletions.min() >= 0 and not alignment.deletions[0].any()


WORDS = [">", ">a", "AC", "ACD", "a", "-", ".", "*", "#", "#3\t1", ":", "é", "\x00", "\ufeff"]
LIKELY = st.lists(st.sampled_from([*WORDS, " ", "\n", "\n", "\r\n", "\r"]), max_size=14).map(
    lambda pieces: "".join(pieces).encode()
)
VALID = st.sampled_from([DAMAGED, gzip.compress(b">a\nACD\n>b\nA-d\nD\n", mtime=0), b"#3\t1\n>a\nACD\n>b\nA-dD\n"])
FLIPPED = st.builds(
    lambda data, at, byte: data[: at % len(data)] + bytes([byte]) + data[at % len(data) + 1 :],
    VALID,
    st.integers(0, 99),
    st.integers(0, 255),
)
CUT = st.builds(lambda data, at: data[: at % len(data)], VALID, st.integers(0, 99))


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=60) | LIKELY | FLIPPED | CUT)
def test_any_bytes_give_a_value_or_one_line(file, data):
    file.write_bytes(data)
    text = value_or_one_line(lambda: read_text(file))
    if text is not None:
        complex_header(text)
        if (records := value_or_one_line(lambda: parse_fasta(text, "x"))) is not None:
            check_fasta(records)
        if (alignment := value_or_one_line(lambda: parse_a3m(text, "x"))) is not None:
            check_a3m(alignment)


@pytest.mark.parametrize("parse, check", [(parse_fasta, check_fasta), (parse_a3m, check_a3m)])
def test_damaged_files_give_a_value_or_one_line(parse, check):
    """2000 of each format."""
    text = ">query x\nACDEF\nGHIKL\n>hit/1-9\nAC-EFggGHIKL\n>other\n-CDE-..GHIKLm\n"
    text = text if parse is parse_a3m else re.sub("[-.]", "", text)
    found = [
        value_or_one_line(lambda data=data: parse(data.decode("utf-8", "replace"), "x"))
        for data in mutations(text.encode(), 2000, seed=1)
    ]
    for value in filter(None, found):
        check(value)
    assert 100 < sum(value is not None for value in found) < 1950


# The field: real files of ten tools


@pytest.mark.medium("reads many real alignments")
def test_real_alignments(shared):
    """72 files: refused are one empty file and six whose first row is not a plain query or whose rows are ragged."""
    paths = sorted(p for folder in ("msa", "formats") for p in (shared / "data" / folder).rglob("*.a[23]m*"))
    refused, rows = Counter(), 0
    for path in paths:
        text = read_text(path)
        try:
            alignment = parse_a3m(text, path.name)
        except InputError as error:
            message = str(error)
            assert message.startswith(path.name) and len(message.splitlines()) == 1
            kinds = ("is empty", "a gap in the query", "a lower-case letter in the query", "aligned columns")
            refused[next(kind for kind in kinds if kind in message)] += 1
            continue
        check_a3m(alignment)
        rows += len(alignment.codes)
        assert len(alignment.codes) == sum(line.startswith(">") for line in text.splitlines())
    assert (len(paths), rows) == (72, 160085)
    assert refused == {
        "is empty": 1,
        "a gap in the query": 2,
        "a lower-case letter in the query": 3,
        "aligned columns": 1,
    }


def test_real_fasta_files(shared):
    paths = sorted(set((shared / "data").rglob("*.fasta*")) - set((shared / "data" / "reported").rglob("*")))
    parsed = [value_or_one_line(lambda path=path: parse_fasta(read_text(path), path.name)) for path in paths]
    for records in filter(None, parsed):
        check_fasta(records)
    refused = [path.name for path, records in zip(paths, parsed, strict=True) if records is None]
    assert refused == ["Cluster279.fasta", "Cluster92.fasta"]  # alignments under the name of FASTA: they have gaps
    assert sum(map(len, filter(None, parsed))) > 2000
