"""What a file is, by how it begins: what is packed is unpacked, and what no reader here reads is named.

A new format is a row of a table. Readers of text call `refuse`; those of bytes pass `unpacked`.
"""

import bz2
import gzip
import lzma
import re
import zlib
from pathlib import Path

from af2jax.errors import InputError

PACKED = (".gz", ".bz2", ".xz")  # what may follow any suffix
PACKERS = (  # first bytes, name, how a whole is unpacked, how a stream is
    (b"\x1f\x8b", "gzip", gzip.decompress, lambda file: gzip.GzipFile(fileobj=file)),
    (b"BZh", "bzip2", bz2.decompress, bz2.BZ2File),
    (b"\xfd7zXZ\0", "xz", lzma.decompress, lzma.LZMAFile),
)
DAMAGED = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)  # what these raise

ARCHIVE = "unpack it and give the files in it"
PLAIN = "save it as plain text, a table as CSV"
BINARY = (  # first bytes, what it is, what to do
    (b"PK\x03\x04", "a zip archive (.xlsx, .docx and .npz are such)", f"{ARCHIVE}, or {PLAIN}"),
    (b"7z\xbc\xaf", "a 7z archive", ARCHIVE),
    (b"Rar!", "a RAR archive", ARCHIVE),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it, or pack it by gzip, bzip2 or xz"),
    (b"%PDF", "a PDF", PLAIN),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", PLAIN),
    (b"{\\rtf", "rich text (RTF)", PLAIN),
    (b"\x89HDF", "HDF5", "give text"),
    (b"\x93NUMPY", "a NumPy array", "give text"),
)
TAR = slice(257, 262)  # where a tar archive says that it is one

CONVERT = "convert it to A3M or Stockholm"
SEQUENCES = "give FASTA or a table with the columns id and sequence"
TEXT = {  # name: (how it begins, what it is, what to do); the first that fits counts
    "PIR": (r">[PF]1;", "a PIR or Modeller file", SEQUENCES),
    "FASTA": (r">", "FASTA or A3M", "call the file .fasta or .a3m"),
    "Stockholm": (r"# STOCKHOLM", "a Stockholm alignment", "call the file .sto"),
    "CLUSTAL": (r"CLUSTAL|MUSCLE \(|PROBCONS", "a CLUSTAL alignment", "call the file .aln"),
    "PHYLIP": (r"\d+[ \t]+\d+[ \t]*\n", "a PHYLIP alignment", CONVERT),
    "NEXUS": (r"#NEXUS", "a NEXUS file", CONVERT),
    "MSF": (r"!!AA_MULTIPLE|PileUp|.*\bMSF: +\d+", "an MSF alignment", CONVERT),
    "hhr": (r"Query  .*\nMatch_columns", "HHsearch's list of hits", "give it by --template-hits"),
    "profile": (
        r"HMMER3/|HMMER2|HHM\b|HHsearch 1",
        "a profile, no sequences",
        "give the alignment that it was made from",
    ),
    "BLAST": (r"T?BLAST[NPX]|PSIBLAST", "a report of BLAST", CONVERT),
    "mmCIF": (r"data_\S+\n|loop_\n", "mmCIF, a structure", f"give it by --templates; as a query {SEQUENCES}"),
    "PDB": (
        r"(HEADER|TITLE|REMARK|CRYST1|MODEL|ATOM|HETATM)  ",
        "a PDB file, a structure",
        f"give it by --templates; as a query {SEQUENCES}",
    ),
    "GenBank": (r"LOCUS  ", "a GenBank record", SEQUENCES),
    "UniProt": (r"ID   \S+", "a flat file of UniProt or EMBL", SEQUENCES),
    "FASTQ": (r"@\S+.*\n[A-Za-z.*~-]+\n\+", "FASTQ, reads of nucleic acids", "translate them to protein"),
    "web": (r"<!doctype html|<html", "a web page", "the download has failed: get the file itself"),
    "XML": (r"<\?xml|<\w+", "XML", SEQUENCES),
    "LFS": (
        r"version https://git-lfs|/?(\.\./)*\.git/annex/",
        "a pointer, not the file",
        "get it by git lfs or git annex",
    ),
    "JSON": (
        r"[\[{]\s*[\"\[{\]}]",
        "JSON",
        "as a query, that of AlphaFold Server and AlphaFold 3 is read: give the file by its name",
    ),
    "YAML": (
        r"(?:#.*\n|\s)*(?:version *: *\d+|sequences *:)",
        "YAML",
        "as a query, that of Boltz is read: give the file by its name",
    ),
}


def plain(name: str) -> str:
    """A file name without what says that the file is packed."""
    return name[: -len(found[0])] if (found := [end for end in PACKED if name.lower().endswith(end)]) else name


def locate(folder: Path, name: str) -> Path:
    """The file that a table in `folder` means: beside it, compressed, or under a path of which only the end is there.

    A file that is nowhere is returned as it was named, to be reported where it is read.
    """
    parts = Path(name).parts
    for start in range(len(parts)):
        place = folder.joinpath(*parts[start:])
        for file in (place, *(Path(f"{place}{end}") for end in PACKED)):
            if is_file(file):
                return file
        if Path(name).is_absolute():
            break
    return folder / name


def is_file(path: Path) -> bool:
    """Whether a file is there; False too for what is not a path."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, a NUL
        return False


def unpacked(data: bytes, source: str) -> bytes:
    """The content of a file, which may be packed.

    Raises:
        InputError: it is damaged, or an archive or another binary format that is not read.
    """
    for begin, name, unpack, _ in PACKERS:
        if data.startswith(begin):
            try:
                data = unpack(data)
            except DAMAGED as error:
                reason = " ".join(str(error).split())
                raise InputError(
                    f"{source}: the {name} file is damaged ({reason}); copy or compress it again"
                ) from None
            break
    for begin, what, cure in (*BINARY, (data[: TAR.start] + b"ustar", "a tar archive", ARCHIVE)):
        if data[: TAR.stop].startswith(begin):
            raise InputError(f"{source} is {what}; {cure}")
    return data


def is_format(text: str, name: str) -> bool:
    """Whether a text begins as a format of the table."""
    return re.match(TEXT[name][0], text[:2000].lstrip(), re.IGNORECASE) is not None


def refuse(text: str, source: str, *read: str) -> None:
    """Passes where a text begins as none of the formats of the table but those that the reader reads.

    Raises:
        InputError: it does; the message says what it is and what to do.
    """
    for name, (_, what, cure) in TEXT.items():
        if is_format(text, name):
            if name in read:
                return
            number = text[: len(text) - len(text.lstrip())].count("\n") + 1
            raise InputError(f"{source}, line {number}: this is {what}; {cure}")
