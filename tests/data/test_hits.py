"""Template hits: every format to one kind of alignment, equal to AlphaFold's, and every fault in one line."""

import csv

import numpy as np
import pytest

from af2jax.data.hits import Hit, parse_hhr, parse_hmmsearch, parse_m8, read_hits
from af2jax.data.parse import read_text
from af2jax.errors import InputError
from tests.data.test_parse import fails
from tests.mutate import mutations

QUERY = "MKTAYIAKQRQISFVKSHFS"
HHR = """Query         my query
Match_columns 20

 No Hit                             Prob E-value P-value  Score    SS Cols Query HMM  Template HMM
  1 1abc_A First; some protein     100.0 3.7E-34 4.8E-38  210.3   0.0   12    3-16      8-19  (40)

No 1
>1abc_A First; some protein; HET: NAG; 1.40A {Triticum aestivum}
Probab=99.95  E-value=3.7e-34  Score=210.31  Aligned_cols=10  Identities=100%  Similarity=2.050  Sum_probs=9.5

Q ss_pred             CCCCC
Q my                3 TAY-IAKQ    9 (20)
Q Consensus         3 ~a~-~~~~    9 (20)
                      ||+ .|+
T Consensus         8 ta~~~~~~   13 (40)
T 1abc_A            8 TAYG--KQ   13 (40)
T ss_dssp             CCCC
Confidence            9999999

Q my               10 RQISFVK   16 (20)
T 1abc_A           14 RQI-FVL   19 (40)

No 2
>2XYZ_b2
Probab=10.00  E-value=1  Score=1  Aligned_cols=2  Identities=0%  Similarity=0.1  Sum_probs=0.0
Q my                1 MK    2 (20)
T 2XYZ_b2           5 WW    6 (9)

Done!
"""
STO = """# STOCKHOLM 1.0
#=GS 1abc_A/2-13 DE [subseq from] mol:protein length:40  First
#=GS 2xyz_B/1-4  DE [subseq from] mol:na length:40  some RNA

1abc_A/2-13          -KTAYggIA-QRQISn-------
2xyz_B/1-4           GGGG-..--------.-------
my_model_v2_C        MKTAY..IAKQRQIS.FVKSHFS
#=GC RF              xxxxx..xxxxxxxx.xxxxxxx
//
"""
M8 = "101\t1abc_A\t0.500\t4\t30\t0\t3\t7\t1\t5\t1e-3\t70\t2M1I1M1D1M\n"
M8 += "101\t2xyz_B\t1.000\t2\t0\t0\t19\t20\t4\t5\t2\t9\t2M"


def plain(hit: Hit) -> tuple:
    return (*hit[:3], hit.query.tolist(), hit.target.tolist(), *hit[5:])


def test_hits_of_hhsearch():
    first, second = parse_hhr(HHR, QUERY, "x")
    aligned = [2, 3, 4, 7, 8, 9, 10, 11, 13, 14, 15], [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
    assert plain(first) == ("1abc_A", "1abc", "A", *aligned, "TAYGKQRQIFVL", 9.5, None)
    assert plain(second) == ("2XYZ_b2", "2xyz", "b2", [0, 1], [0, 1], "WW", 0.0, None)
    assert parse_hhr(HHR[: HHR.index("No 1")], QUERY, "x") == []


def test_hits_of_hmmsearch():
    """Small letters are residues of the hit alone; what is not a protein is left out; a name may be any."""
    first, second = parse_hmmsearch(STO, QUERY, "x")
    aligned = [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12], [0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 12]
    assert plain(first) == ("1abc_A", "1abc", "A", *aligned, "KTAYGGIAQRQISN", None, None)
    assert plain(second) == ("my_model_v2_C", "my_model_v2", "C", list(range(20)), list(range(20)), QUERY, None, None)


def test_hits_of_mmseqs():
    first, second = parse_m8(M8, QUERY, "x")
    assert plain(first) == ("1abc_A", "1abc", "A", [2, 3, 5, 6], [0, 1, 2, 4], "", None, 0.5)
    assert plain(second) == ("2xyz_B", "2xyz", "B", [18, 19], [3, 4], "", None, 1.0)


OTHER = "the hit has another query, which differs from this one (20 residues) at position"


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("TAY-IAKQ ", "TAY-IWKQ ", f"x, line 7: {OTHER} 7; give the query's own hits"),
        ("RQISFVK   16", "RQISFVK   17", "x, line 7: the hit has a row of 7 residues that counts 8; correct it"),
        (
            "RQI-FVL",
            "RQI=FVL",
            'x, line 7: the hit has a row that cannot be read: "T 1abc_A           14 RQI=FVL   19 (40)"; correct it',
        ),
        ("T 1abc_A           14 RQI-FVL   19 (40)\n", "", "x, line 7: the hit is cut off; search again, or delete it"),
        ("Sum_probs=0.0", "", "x, line 23: the hit has no name or no Sum_probs; is the .hhr file damaged?"),
        (">2XYZ_b2", "", "x, line 23: the hit has no name or no Sum_probs; is the .hhr file damaged?"),
        (
            "Q my                1 MK    2",
            "Q my               20 MK   21",
            f"x, line 23: {OTHER} 20; give the query's own hits",
        ),
    ],
)
def test_faults_of_an_hhr(old, new, message):
    assert old in HHR
    fails(lambda: parse_hhr(HHR.replace(old, new), QUERY, "x"), message)


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "# STOCKHOLM 1.0\n1abc_A/1-3 MKT\n//",
            'x, line 2: row "1abc_A/1-3" has 3 positions, the query 20 residues; give the query\'s own hits',
        ),
        (
            "1abc_A/1-3 MK?\n//",
            'x, line 1: row "1abc_A/1-3" has characters that are not amino-acid letters; correct it',
        ),
        ("1abc_A\n//", "x, line 1: a row of a Stockholm alignment is a name and its residues; correct it"),
    ],
)
def test_faults_of_hmmsearch(text, message):
    fails(lambda: parse_hmmsearch(text, QUERY, "x"), message)


COLUMNS = "13 columns are needed, as ColabFold has them: the last is a CIGAR string; search again"


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("\t2M1I1M1D1M", "", f"x, line 1: {COLUMNS}"),
        ("\t2M1I1M1D1M", "\t2X", f"x, line 1: {COLUMNS}"),
        ("\t3\t7\t", "\tthree\t7\t", f"x, line 1: {COLUMNS}"),
        ("0.500", "50 %", 'x, line 1: the part of equal residues is "50 %"; give a number from 0 to 1'),
        (
            "\t3\t7\t",
            "\t3\t8\t",
            "x, line 1: the alignment does not fit its ends or the query of 20 residues; delete it",
        ),
        (
            "\t19\t20\t",
            "\t20\t21\t",
            "x, line 2: the alignment does not fit its ends or the query of 20 residues; delete it",
        ),
        ("101\t2xyz", "102\t2xyz", "x, line 2: the hits of a second query begin; give the hits of one chain"),
    ],
)
def test_faults_of_mmseqs(old, new, message):
    fails(lambda: parse_m8(M8.replace(old, new), QUERY, "x"), message)


@pytest.mark.parametrize("parse, text", [(parse_hhr, HHR), (parse_hmmsearch, STO), (parse_m8, M8)])
def test_damaged_files_give_hits_or_one_line(parse, text):
    """2000 of each format; the positions of a hit are there whatever becomes of the file."""
    read = 0
    for data in mutations(text.encode(), 2000, seed=11):
        try:
            for hit in parse(data.decode("utf-8", "replace"), QUERY, "x"):
                assert len(hit.query) == len(hit.target) and (hit.query < len(QUERY)).all() and (hit.query >= 0).all()
                assert (hit.target >= 0).all() and (not hit.sequence or (hit.target < len(hit.sequence)).all())
            read += 1
        except InputError as error:
            assert len(str(error).splitlines()) == 1
    assert read > 100


# Real files


@pytest.fixture(scope="module")
def queries(shared) -> dict[str, str]:
    """The sequence of each folder of alignments."""
    with open(shared / "data" / "msa_cases.tsv", encoding="utf-8") as table:
        return {row["case"]: row["query"] for row in csv.DictReader(table, delimiter="\t")}


def files(shared) -> list:
    data = shared / "data"
    return sorted([*data.rglob("*.hhr*"), *(data / "msa").rglob("pdb_hits.sto*"), *data.rglob("*.m8")])


FORMATS = {  # hits of files whose query is unknown
    "biopython__2uvo_hhblits.hhr": 32,
    "biopython__2uvo_hhblits_emptytable.hhr": 0,
    "biopython__2uvo_hhblits_onlyheader.hhr": 0,
    "biopython__2uvo_hhsearch.hhr": 32,
    "biopython__4y9h_hhsearch_server_NOssm.hhr.gz": 29,
    "biopython__7rbx_A_hhsearch_trunc.hhr": 1,
    "biopython__hhsearch_q9bsu1_uniclust_w_ss_pfamA_30.hhr": 16,
    "openfold-3__m8_cigar.m8": 2,
}


def test_real_hits(shared, queries):
    """28 files of HHsearch and HHblits 2 and 3, hmmsearch and MMseqs2; those of an unknown query with X for it."""
    count = 0
    assert len(files(shared)) == 28
    for path in files(shared):
        name = path.parent.name
        if path.name == "alphafold2__pdb70.m8":  # of five queries
            with pytest.raises(InputError, match="line 85: the hits of a second query begin"):
                read_hits(path, "X" * 5000)
            continue
        found = read_hits(path, queries.get(name, "X" * 5000))
        assert name in queries or len(found) == FORMATS[path.name], (path.name, len(found))
        text = read_text(path)
        begin = ">" if ".hhr" in path.name else "#=GS " if ".sto" in path.name else "1"
        assert len(found) == sum(line.startswith(begin) for line in text.split("\n")), path
        count += len(found)
        for hit in found:
            assert (np.diff(hit.query) > 0).all() and (np.diff(hit.target) > 0).all() and hit.name
        if name in queries and found:
            with pytest.raises(InputError, match=r"own hits|does not fit"):
                read_hits(path, "W" * 40)
    assert count > 5000


@pytest.mark.parity
def test_hits_are_alphafolds(shared, queries):
    """Names, aligned residues, sequences and sums of probabilities of all hits that AlphaFold's code can read."""
    parsers = pytest.importorskip("alphafold.data.parsers", reason="the oracle (alphafold-colabfold) is not installed")
    from alphafold.data import templates

    count = 0
    for path in files(shared):
        if path.parent.name not in queries or ".m8" in path.name:
            continue
        text, query = read_text(path), queries[path.parent.name]
        if ".hhr" in path.name:
            if "Template_Neff" not in text or "\n>tr|" in text or "\n>UP20|" in text:
                continue  # of hh-suite 2, or hits that are not chains
            theirs = parsers.parse_hhr(text)
        else:
            a3m = parsers.convert_stockholm_to_a3m(text, remove_first_row_gaps=False)
            theirs = parsers.parse_hmmsearch_a3m(query, a3m, skip_first=False)
        for hit, other in zip(read_hits(path, query), theirs, strict=True):
            pairs = templates._build_query_to_hit_index_mapping(
                other.query, other.hit_sequence, other.indices_hit, other.indices_query, query
            )
            assert dict(zip(hit.query.tolist(), hit.target.tolist(), strict=True)) == pairs
            assert hit.name == other.name.split()[0] and hit.sum_probs == other.sum_probs
            assert hit.sequence == other.hit_sequence.replace("-", "") and len(hit.query) == other.aligned_cols
            count += 1
    assert count > 4000
