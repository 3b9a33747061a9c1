"""Stockholm and PSICOV alignments: what is read, every fault with its whole message, real files, damaged files."""

import re

import numpy as np
import pytest

from af2jax.constants.residues import LETTERS
from af2jax.data.parse import Alignment, parse_a3m, read_text
from af2jax.data.pipeline import read_alignment
from af2jax.data.stockholm import parse_psicov, parse_stockholm, rows
from af2jax.errors import InputError
from tests.data.test_parse import check_a3m, fails, letters
from tests.mutate import mutations

SMALL = """# STOCKHOLM 1.0
#=GF ID test
#=GS hit/3-9 DE [subseq from] a hit

query     AC--DE
hit/3-9   -CghDe
#=GR hit/3-9 PP 888888
other     A-~_.*

query     ..F
hit/3-9   k.L
other     ..-
#=GC RF   ..x
//
"""


def test_rows_deletions_and_names():
    found = parse_stockholm(SMALL, "x")
    assert found.query == "ACDEF" and found.names == ("query", "hit/3-9", "other")
    assert letters(found) == ["ACDEF", "-CDEL", "A--X-"]
    np.testing.assert_array_equal(found.deletions, [[0, 0, 0, 0, 0], [0, 0, 2, 0, 1], [0, 0, 0, 0, 0]])
    assert found.codes.dtype == np.int8 and found.deletions.dtype == np.int32
    assert rows(SMALL, "x")[1] == {"hit/3-9": "[subseq from] a hit"}


def test_residues_behind_the_last_of_the_query_have_no_position():
    found = parse_stockholm("# STOCKHOLM 1.0\nq -AC--\nh gACgg\n//", "x")
    assert letters(found) == ["AC", "AC"] and found.deletions.tolist() == [[0, 0], [1, 0]]


def test_however_it_is_written_the_alignment_is_the_same():
    expected = parse_stockholm(SMALL, "x")
    joined = [f"{block.name}\t{block.letters}" for block in rows(SMALL, "x")[0]]
    for text in ("# STOCKHOLM 1.0\n" + "\n".join(joined) + "\n//", "\n".join([*joined, "//"])):
        for end in ("\n", "\r\n", "\r"):
            same(parse_stockholm(text.replace("\n", end), "x"), expected)


def same(a: Alignment, b: Alignment) -> None:
    assert (a.names, a.query) == (b.names, b.query)
    np.testing.assert_array_equal(a.codes, b.codes)
    np.testing.assert_array_equal(a.deletions, b.deletions)


def test_nothing_at_the_end_gives_a_warning(caplog):
    same(parse_stockholm(SMALL.replace("//", ""), "x.sto"), parse_stockholm(SMALL, "x"))
    assert caplog.messages == ['x.sto: there is no "//" at the end; is the file complete?']


def test_an_alignment_without_names():
    found = parse_psicov("AC-DE\n\n-CFDE \n", "x")
    assert found.query == "ACDE" and letters(found) == ["ACDE", "-CDE"] and found.names == ("row 1", "row 2")
    np.testing.assert_array_equal(found.deletions, [[0, 0, 0, 0], [0, 0, 1, 0]])


@pytest.mark.parametrize(
    "text, message",
    [
        ("# STOCKHOLM 1.0\n//\n", "x is empty: it has no row; the first row is the query"),
        ("", "x is empty: it has no row; the first row is the query"),
        (
            "# STOCKHOLM 1.0\nq ACD\nh AC\n//",
            'x, line 3: row "h" has 2 columns, other rows 3; align it again or delete it, and give each row a name of '
            "its own",
        ),
        ("q ACD\nACD\n//", "x, line 2: a row of a Stockholm alignment is a name and its residues; correct it"),
        ("q ACD\nA1\tA1D\n//", "x, line 2, column 5: '1' is not an amino-acid letter; leave out numbers and names"),
        ("q AC\n\nq AéD\n//", "x, line 3, column 4: 'é' is not an amino-acid letter"),
        ("q ---\nh ACD\n//", "x, line 1: the query row has no residue; the first row is the query"),
        ("q A\n//\nq A\n//", 'x, line 3: something follows the "//"; give one alignment in each file'),
    ],
)
def test_faults(text, message):
    fails(lambda: parse_stockholm(text, "x"), message)


def test_the_content_tells_the_format(tmp_path):
    """Whatever a file is called, if it begins as Stockholm or A3M does."""
    expected = parse_stockholm(SMALL, "x")
    bare = SMALL.split("\n", 1)[1]
    for name, text in {"a.txt": SMALL, "b.a3m": SMALL, "c.sto": SMALL, "d.stk": bare}.items():
        (tmp_path / name).write_text(text)
        same(read_alignment(tmp_path / name), expected)
    (tmp_path / "e.sto").write_text(">q\nACD\n>b\nA-D\n")
    assert read_alignment(tmp_path / "e.sto").names == ("q", "b")
    (tmp_path / "f.aln").write_text("ACD\nA-D\n")
    assert letters(read_alignment(tmp_path / "f.aln")) == ["ACD", "A-D"]


@pytest.mark.medium("mutates many files")
def test_damaged_files_give_an_alignment_or_one_line():
    """2000 each, of Stockholm and of .aln."""
    for parse, text in ((parse_stockholm, SMALL), (parse_psicov, "ACDEF\n-CDE-\nGG--F\n")):
        read = 0
        for data in mutations(text.encode(), 2000, seed=5):
            try:
                check_a3m(parse(data.decode("utf-8", "replace"), "x"))
                read += 1
            except InputError as error:
                assert len(str(error).splitlines()) == 1
        assert 100 < read < 1900


# Real files


def files(shared) -> list:
    data = shared / "data"
    names = [*(data / "formats" / "sto").iterdir(), *(data / "msa").rglob("*.sto*")]
    return sorted(path for path in names if ".a3m" not in path.name)


REFUSED = {"prody__msa_Cys_knot.sth": "line 52: row .* has 224 columns, other rows 112"}  # one row stands there twice


def test_real_alignments(shared):
    """17 of many programs, of which one is refused, and 21 of AlphaFold's pipeline."""
    paths = files(shared)
    assert len(paths) == 38
    for path in paths:
        text = read_text(path)
        try:
            found = parse_stockholm(text, path.name)
        except InputError as error:
            assert re.search(REFUSED[path.name], str(error)) and len(str(error).splitlines()) == 1
            continue
        assert path.name not in REFUSED
        check_a3m(found)
        names = [line.split()[0] for line in text.splitlines() if line.strip() and line[0] not in "#/"]
        assert found.names == tuple(dict.fromkeys(names))


def test_real_alignments_without_names(shared):
    """All are read, with one column for each residue of the first row."""
    paths = sorted(set((shared / "data").rglob("*.aln*")) - set((shared / "data" / "reported").rglob("*")))
    assert len(paths) == 27
    for path in paths:
        found = read_alignment(path)
        check_a3m(found)
        lines = read_text(path).split()
        assert len(found.codes) == len(lines) and found.query == lines[0].replace("-", "")


@pytest.mark.medium("parses by DeepMind's code too")
@pytest.mark.parity
def test_rows_and_deletions_are_alphafolds(shared):
    """On every file; where it has "." or small letters in the query's columns, on what AlphaFold's code can read."""
    parsers = pytest.importorskip("alphafold.data.parsers", reason="the oracle (alphafold-colabfold) is not installed")
    from alphafold.common import residue_constants as rc

    as_they_are = 0
    for path in files(shared):
        if path.name in REFUSED:
            continue
        text = read_text(path)
        plain = re.sub(r"^([^#/\s]\S*\s+)(\S+)$", lambda m: m[1] + m[2].upper().replace(".", "-"), text, flags=re.M)
        as_they_are += "." not in "".join(block.letters for block in rows(text, "")[0])
        theirs, ours = parsers.parse_stockholm(plain), parse_stockholm(text, path.name)
        ids = np.array([[rc.HHBLITS_AA_TO_ID[letter] for letter in row] for row in theirs.sequences])
        np.testing.assert_array_equal(ours.codes, np.array(rc.MAP_HHBLITS_AATYPE_TO_OUR_AATYPE)[ids])
        np.testing.assert_array_equal(ours.deletions, theirs.deletion_matrix)
        assert list(ours.names) == list(theirs.descriptions)
        a3m = parse_a3m(parsers.convert_stockholm_to_a3m(plain), path.name)
        np.testing.assert_array_equal(ours.codes, a3m.codes)
        np.testing.assert_array_equal(ours.deletions, a3m.deletions)
    assert as_they_are > 20


def test_letters_of_a_query(shared):
    """The row of the query in AlphaFold's files is the sequence that was searched."""
    path = shared / "data" / "msa" / "2q2k_A" / "uniref90_hits.sto"
    found = parse_stockholm(read_text(path), path.name)
    assert found.query == "".join(LETTERS[code] for code in found.codes[0]) and len(found.query) == 70
