"""What people hand in, by kind: packed files, blanks, tables, rows other than sequences, formats that are not read."""

import bz2
import gzip
import lzma
import re

import numpy as np
import pytest

from af2jax.data import formats, tables
from af2jax.data.dataset import read_dataset
from af2jax.data.manifest import read_manifest
from af2jax.data.parse import parse_a3m, parse_fasta, read_text
from af2jax.data.pipeline import read_alignment, read_query
from af2jax.data.search.hmmer import _distinct_rows
from af2jax.data.stockholm import parse_stockholm
from af2jax.data.structure import read_chain
from af2jax.errors import InputError
from tests.data import molecules

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQ"
PACKED = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".XZ": lzma.compress}


@pytest.fixture
def write(tmp_path):
    def write(name: str, content: str | bytes):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


# Packed files, and other ways of writing text


@pytest.mark.parametrize("end", PACKED)
def test_packed_files_are_read_by_every_reader(write, end):
    pack = PACKED[end]
    assert parse_fasta(read_text(write(f"q.fasta{end}", pack(b">q\nMKT\n"))), "x")[0].sequence == "MKT"
    assert read_query(write(f"q.a3m{end}", pack(b">q\nMKT\n>h\nM-T\n"))).chains == ("MKT",)
    structure = pack(molecules.pdb(molecules.peptide("MKTAYI")).encode())
    assert read_chain(write(f"s.pdb{end}", structure)).sequence == "MKTAYI"
    (item,) = read_dataset(write(f"t.csv{end}", pack(b"id,sequence\na,MKT\n")))
    assert item.sequence == "MKT"
    assert formats.plain(f"q.a3m{end}") == "q.a3m"


@pytest.mark.parametrize("end, name", [(".gz", "gzip"), (".bz2", "bzip2"), (".XZ", "xz")])
def test_damaged_packed_files_are_named(write, end, name):
    path = write(f"q.fasta{end}", PACKED[end](b">q\nMKTAYIAKQR\n" * 50)[:-6])
    with pytest.raises(
        InputError, match=rf"q.fasta{end}: the {name} file is damaged \(.+\); copy or compress it again"
    ):
        read_text(path)


@pytest.mark.parametrize(
    "data, what",
    [
        (b"PK\x03\x04\x14\0", "a zip archive (.xlsx, .docx and .npz are such); unpack it and give the files in it, or"),
        (b"7z\xbc\xaf\x27", "a 7z archive; unpack it"),
        (b"Rar!\x1a", "a RAR archive; unpack it"),
        (b"%PDF-1.7\n", "a PDF; save it as plain text"),
        (b"\xd0\xcf\x11\xe0\xa1", "an old Excel or Word file; save it as plain text, a table as CSV"),
        (b"{\\rtf1 >q MKT}", "rich text (RTF)"),
        (b"q.fasta".ljust(257, b"\0") + b"ustar\x0000", "a tar archive; unpack it"),
        (gzip.compress(b"q.fasta".ljust(257, b"\0") + b"ustar\x0000", mtime=0), "a tar archive; unpack it"),
    ],
)
def test_binary_formats_are_named_by_every_reader(write, data, what):
    for name, read in (
        ("q.fasta", read_text),
        ("q.csv", read_dataset),
        ("q.pdb", read_chain),
        ("q.tsv", read_manifest),
    ):
        with pytest.raises(InputError, match=re.escape(f"{name} is {what}")):
            read(write(name, data))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_any_system(write, end):
    make = lambda name, text: write(name, text.replace("\n", end))
    assert read_query(make("q.a3m", ">q\nMKT\n>h\nM-T\n")).unpaired[0].codes.shape == (2, 3)
    assert read_alignment(make("q.sto", "# STOCKHOLM 1.0\nq MKT\nh M-T\n//\n")).codes.shape == (2, 3)
    assert read_chain(make("s.pdb", molecules.pdb(molecules.peptide("MKTAYI")))).sequence == "MKTAYI"
    assert [line for line, _ in tables.rows(f"id,sequence{end}a,MKT{end}b,MKV{end}", "x")] == [2, 3]


def test_text_of_windows_in_utf_16(write):
    assert parse_fasta(read_text(write("q.fasta", ">β\r\nMKT\r\n".encode("utf-16"))), "x")[0][:2] == ("β", "MKT")


# Blanks

BLANKS = [" ", "\t", "\u00a0", "\u200b", "\ufeff", "\u2060", "\u202f", "\u3000", "\u00ad", "\u200d", "\u2028"]


@pytest.mark.parametrize("blank", BLANKS, ids=lambda blank: f"{ord(blank):04x}")
def test_blanks_of_any_kind_are_dropped_alike_everywhere(write, blank):
    half = SEQUENCE[:11], SEQUENCE[11:]
    text = f"{blank.join(half)}{blank}"
    assert parse_fasta(f">q\n{text} :{blank}GLN\n", "x")[0].sequence == f"{SEQUENCE}:GLN"
    assert parse_a3m(f">q\n{text}\n", "x").query == SEQUENCE
    assert parse_stockholm(f"# STOCKHOLM 1.0\nq {text}\n//\n", "x").query == SEQUENCE
    assert read_query(text).chains == (SEQUENCE,)
    (item,) = read_dataset(write("t.csv", f'id,sequence\na,"{text}"\n'))
    assert item.sequence == SEQUENCE


def test_chains_over_several_lines():
    text = f">a\n{SEQUENCE} : GLN\n\n>b\n{SEQUENCE} :\nGLN\n\n>c\n{SEQUENCE}: \n\nGLN\n"
    assert [record.sequence for record in parse_fasta(text, "x")] == [f"{SEQUENCE}:GLN"] * 3


def test_what_is_no_letter_is_found_in_its_column_among_blanks():
    with pytest.raises(InputError, match="line 3, column 7: '7' is not"):
        parse_fasta(">q\nMK T\n A\u200b KQ7\n".replace("\u200b", "\u00a0"), "x")


# Tables


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("stated", ["", "sep={}\n", '"sep={}"\r\n', "SEP={}\n"])
def test_the_delimiter_of_every_table_is_recognised(write, sign, stated):
    text = stated.format(sign) + sign.join(["id", "sequence", "note"]) + "\n" + sign.join(["a", "MKT", '"1,2;3\t4"'])
    above = 1 if stated else 0
    expected = [(2 + above, {"id": "a", "sequence": "MKT", "note": "1,2;3\t4"})]
    assert list(tables.rows(text, "x")) == expected
    (item,) = read_dataset(write("set.csv", text))
    assert (item.id, item.sequence, item.values) == ("a", "MKT", {"note": "1,2;3\t4"})
    assert read_manifest(write("m.tsv", text.replace("a", "1ubq", 1)))[0].name == "1ubq.cif.gz"


@pytest.mark.parametrize(
    "text", ["sep=|\nid|sequence\na|MKT\n", "\n\nid,sequence\na,MKT,,\n", "\ufeffid,sequence\na,MKT"]
)
def test_other_ways_of_writing_a_table(text):
    assert [cells for _, cells in tables.rows(text, "x")] == [{"id": "a", "sequence": "MKT"}]


def test_labels_with_a_decimal_comma_stay_whole():
    rows = [cells for _, cells in tables.rows("id;Tm;note\na;48,84;x,y\n", "x")]
    assert rows == [{"id": "a", "Tm": "48,84", "note": "x,y"}]


# Rows that are not sequences

BESIDE = ["ss_dssp", "sa_dssp", "aa_dssp", "ss_pred PSIPRED", "ss_conf", "Consensus", "q_consensus", "1ABC:A:secstr"]


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_rows_of_hhsuite_are_left_out_wherever_they_stand(name, place, caplog):
    rows = [("query", "MKTAYI"), ("hit", "MK-AYI")]
    plain = parse_a3m("".join(f">{n}\n{row}\n" for n, row in rows), "x")
    rows.insert(place, (name, "CC9HHH"))
    text = "".join(f">{n}\n{row}\n" for n, row in rows)
    found = parse_a3m(text, "x") if "9" not in text else parse_a3m(text.replace("9", "H"), "x")
    assert found.query == "MKTAYI" and found.names == plain.names and np.array_equal(found.codes, plain.codes)
    assert caplog.messages == [f"x: left out 1 row that is not a sequence: {name.split()[0]}"]
    sto = "# STOCKHOLM 1.0\n" + "".join(f"{n.split()[0]} {row.replace('9', 'H')}\n" for n, row in rows) + "//\n"
    assert parse_stockholm(sto, "x").names == plain.names
    assert _distinct_rows(text.replace("9", "H")) == ["MKTAYI", "MK-AYI"]


def test_confidences_are_no_letters_that_count():
    assert parse_a3m(">ss_conf\n998731\n>q\nMKTAYI\n", "x").query == "MKTAYI"


def test_an_alignment_of_nothing_else():
    with pytest.raises(InputError, match='x: no row is a sequence, only "ss_pred" and such; put the query first'):
        parse_a3m(">ss_pred\nCCH\n>ss_conf\n999\n", "x")


def test_proteins_that_are_called_alike_are_sequences():
    found = parse_a3m(">query\nMKT\n>ConsensusX\nMKT\n>pass_pred\nMKT\n", "x")
    assert found.names == ("query", "ConsensusX", "pass_pred")
    assert parse_fasta(">Consensus\nMKT\n", "x")[0].name == "Consensus"  # a design, in FASTA


# Alignments of other programs

CLUSTAL = """CLUSTAL{head}


q               MKTAYIAKQR{n1}
h1              MK-AYLAKQR{n1}
                ** **.****

q               QISF{n2}
h1              QISF{n2}
"""


@pytest.mark.parametrize(
    "head", [" W (1.83) multiple sequence alignment", " O(1.2.4) x y", " format alignment by MAFFT"]
)
@pytest.mark.parametrize("numbers", [("", ""), (" 10", "\t14")])
@pytest.mark.parametrize("name", ["q.aln", "q.clustal", "q.clw", "q.a3m", "q.sto"])
def test_clustal_is_read_whatever_it_is_called(write, head, numbers, name):
    found = read_alignment(write(name, CLUSTAL.format(head=head, n1=numbers[0], n2=numbers[1])))
    assert found.query == "MKTAYIAKQRQISF" and found.names == ("q", "h1") and found.codes[1, 2] == 21


def test_two_alignments_in_one_file(write):
    clustal = CLUSTAL.format(head=" W (1.83) multiple", n1="", n2="")
    for text, message in (
        (clustal + clustal, "line 10: a second alignment begins; give one in each file"),
        ("#3\t1\n>101\nMKT\n#4\t1\n>101\nMKTA\n", "line 4: a second alignment begins; give one in each file"),
        (">101\nMKT\n\0>101\nMKTA\n", "a second alignment begins behind a NUL byte; give one in each file"),
        (">q\nMKT\n>h\nMKT\n>q2\nMKTA\n>h\nMKTA\n", "are these two alignments? give one in each file"),
        ("# STOCKHOLM 1.0\nq M\n//\n# STOCKHOLM 1.0\nq M\n//\n", 'line 4: something follows the "//"; give one'),
    ):
        with pytest.raises(InputError, match=re.escape(message)):
            read_alignment(write("q.a3m", text))


def test_a_complex_without_its_query_row(write):
    text = "#22,10\t1,1\n>101\nMKTAYIAKQRQISFVKSHFSRQ----------\n>102\n----------------------GLNDIFEAQK\n"
    message = (
        "line 3, column 23: a gap in the query row; line 1 says chains of 22, 10 residues: put before it a row of "
        "their sequences, joined and without gaps, as ColabFold has it"
    )
    with pytest.raises(InputError, match=message):
        read_query(write("q.a3m", text))
    mended = text.replace(">101", ">101\t102\nMKTAYIAKQRQISFVKSHFSRQGLNDIFEAQK\n>101", 1)
    assert read_query(write("q.a3m", mended)).chains == ("MKTAYIAKQRQISFVKSHFSRQ", "GLNDIFEAQK")


STRANGERS = [
    (" 2 10\nq         MKTAYIAKQR\n", "a PHYLIP alignment; convert it to A3M or Stockholm"),
    ("#NEXUS\nbegin data;\n", "a NEXUS file"),
    ("!!AA_MULTIPLE_ALIGNMENT 1.0\n", "an MSF alignment"),
    ("Query         q\nMatch_columns 10\n", "HHsearch's list of hits; give it by --template-hits"),
    ("HMMER3/f [3.3 | Nov 2019]\n", "a profile, no sequences"),
    (">P1;1abc\nstructureX:1abc\nMKT*\n", "a PIR or Modeller file"),
    ("data_1ABC\n#\nloop_\n", "mmCIF, a structure; give it by --templates"),
    ("ATOM      1  N   MET A   1      11.104\n", "a PDB file, a structure; give it by --templates"),
    ("LOCUS       ABC 22 aa\n", "a GenBank record"),
    ("ID   LYSC_CHICK     Reviewed;\n", "a flat file of UniProt or EMBL"),
    ("@read1 x\nACGT\n+\nIIII\n", "FASTQ"),
    ("<!DOCTYPE html>\n<html>", "a web page; the download has failed"),
    ("<?xml version='1.0'?>", "XML"),
    ("version https://git-lfs.github.com/spec/v1\noid", "a pointer, not the file"),
    ('{"name": "x", "sequences": []}', "JSON"),
    ("version: 1\nsequences:\n  - protein:\n", "YAML"),
]


@pytest.mark.parametrize("text, what", STRANGERS)
def test_other_formats_are_named_by_every_reader_of_text(write, text, what):
    for read in (parse_fasta, parse_a3m, parse_stockholm, lambda t, source: list(tables.rows(t, source))):
        with pytest.raises(InputError, match=re.escape(f"x, line 1: this is {what}")):
            read(text, "x")
    with pytest.raises(InputError, match=re.escape(f"this is {what}")):
        read_alignment(write("q.aln", f"\n{text}"))


def test_what_is_called_wrongly_is_told_its_name():
    for read, text, message in (
        (lambda t, s: list(tables.rows(t, s)), ">q\nMKT\n", "this is FASTA or A3M; call the file .fasta or .a3m"),
        (parse_fasta, "CLUSTAL W (1.83)\n\nq MKT\n", "this is a CLUSTAL alignment; call the file .aln"),
        (parse_fasta, "#3,3\t1,1\n>101\nMKTMKT\n", "this is ColabFold's alignment of a complex; call the file .a3m"),
        (parse_fasta, ">q\nCC(=O)O\n", "'(' is not an amino-acid letter; if it is SMILES, leave it out"),
        (parse_fasta, ">q\nMKT/MKV\n", "'/' is not an amino-acid letter; put \":\" between chains"),
    ):
        with pytest.raises(InputError, match=re.escape(message)):
            read(text, "x")


@pytest.mark.parametrize("parse", [parse_fasta, parse_a3m])
def test_comments(parse):
    """As in the first FASTA, and as many programs write them: above, between and below."""
    text = "; made by hand\n# 2024\n>a\nAC\n;more\nDE\n>b\nACDF\n# end\n"
    found, plain = parse(text, "x"), parse("\n\n>a\nAC\n\nDE\n>b\nACDF\n", "x")
    assert repr(found) == repr(plain)


def test_text_in_the_encoding_of_windows(write):
    path = write("q.fasta", ">a\n>b, 37 °C\nACD".encode("cp1252"))
    message = (
        f"{path}, line 2: this is not UTF-8 (byte 0xb0 at offset 10, '°' in the encoding of Windows); save it as UTF-8"
    )
    with pytest.raises(InputError, match=re.escape(message)):
        read_text(path)
