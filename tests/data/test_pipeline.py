"""af2jax.features: what people have in, the network's features out; and every fault in one line."""

import gzip
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import af2jax
from af2jax import schema
from af2jax.config import PRESETS, Data, preset
from af2jax.constants.residues import GAP, encode
from af2jax.data.parse import parse_a3m
from af2jax.data.pipeline import read
from af2jax.errors import InputError
from tests.data.test_parse import LIKELY, fails

CONFIG = preset("tiny")  # 12 clusters, 24 extra rows
SEQUENCE = "ACDEFGHIKLMNPQRSTVWY"


def rows(number: int, seed: int = 0, width: int = 20) -> str:
    """An A3M of the query and `number` other rows, with gaps and insertions, no two alike."""
    rng = np.random.default_rng(seed)
    text = f">query\n{SEQUENCE[:width]}\n"
    for index in range(number):
        letters = rng.choice(list("ACDEFGHIKLMNPQRSTVWY--"), width)
        text += f">hit {index}\n" + "".join("g" * rng.choice([0, 0, 0, 1, 4]) + x for x in letters) + "\n"
    return text


@pytest.fixture
def write(tmp_path):
    """Writes a file and returns its path; ".gz" is compressed."""

    def write(name: str, text: str) -> Path:
        data = text.encode()
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return tmp_path / name

    return write


def leaves(tree) -> list[np.ndarray]:
    return [np.asarray(x) for x in jax.tree.leaves(tree)]


def same(a, b) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(leaves(a), leaves(b), strict=True))


def aligned(query, msa=None):
    return read(query, msa=msa).alignment


# Ways in


def test_a_sequence_is_the_same_in_every_form(write):
    expected = af2jax.features(SEQUENCE, CONFIG)
    wrapped = f"\ufeff>my-seq.1 a > b\r\n{SEQUENCE[:7].lower()}\r\n\r\n{SEQUENCE[7:]}*\r\n"
    files = [write("a.fasta", f">a\n{SEQUENCE}"), write("b.fa.gz", wrapped), write("c.txt", wrapped)]
    files += [write("d.a3m", f"#20\t1\n>101\n{SEQUENCE}"), write("e.a3m.gz", f">a\n{SEQUENCE}\n")]
    for query in [*files, *map(str, files), f" {SEQUENCE[:5].lower()}\n{SEQUENCE[5:]}*\n"]:
        assert same(af2jax.features(query, CONFIG), expected), query
    np.testing.assert_array_equal(expected.aatype, encode(SEQUENCE))


def test_an_alignment_is_the_same_in_every_form(write):
    text = rows(30)
    expected = af2jax.features(write("a.a3m", text), CONFIG)
    assert same(af2jax.features(write("b.A3M.gz", text.replace("\n", "\r\n")), CONFIG), expected)
    apart = {"msa": write("c.txt", text)}
    assert same(af2jax.features(SEQUENCE, CONFIG, **apart), expected)
    assert same(af2jax.features(write("a.fasta", f">a\n{SEQUENCE}"), CONFIG, **apart), expected)


def test_a_single_sequence_stands_alone(caplog):
    found = schema.check_features(af2jax.features("MKV", CONFIG, cycles=1))
    assert found.msa.feat.shape == (1, 1, 3, 49) and found.msa.extra.shape == (1, 1, 3)
    assert found.msa.mask.all() and not found.msa.extra_mask.any()
    assert caplog.messages == ["single sequence without an alignment: AlphaFold is poor without one"]


def test_one_residue_is_a_protein():
    assert af2jax.features("M", CONFIG).msa.feat.shape == (4, 1, 1, 49)


def test_letters_that_are_no_standard_amino_acid(write):
    """The query's B, J, O, U, X, Z are X to the network; in the alignment B is D, Z is E, U is C, as in AlphaFold."""
    alignment = aligned("ABJOUXZ")
    assert alignment.query == "ABJOUXZ" and alignment.codes[0].tolist() == [0, 3, 20, 20, 4, 20, 6]
    found = af2jax.features("ABJOUXZ", replace(CONFIG, data=Data(12, 24, mask_fraction=0.0)))
    assert found.aatype.tolist() == [0, 20, 20, 20, 20, 20, 20]
    np.testing.assert_array_equal(found.msa.feat[0, 0, :, :23].argmax(-1), alignment.codes[0])
    first = write("x.a3m", ">a\nADJXCOE\n>b\nAAAAAAA\n")  # the same codes as the query's
    assert len(aligned("ABJOUXZ", first).codes) == 2


# Fields


@pytest.mark.parametrize("name", ["tiny", "model_1_ptm", "model_3", "model_5", "model_1_multimer_v3"])
def test_fields_of_a_preset(name, write):
    config = preset(name)
    found = schema.check_features(af2jax.features(write("a.a3m", rows(9)), config))
    assert found.msa.feat.shape == (config.num_recycle + 1, 10, 20, 49) or name == "tiny"
    assert found.target_feat.shape == (20, config.target_features)
    f = {name: np.asarray(getattr(found, name)).dtype for name in schema._AXES if "." not in name}
    assert f == dict.fromkeys(f, np.dtype(np.int32)) | {"seq_mask": np.dtype(bool), "target_feat": np.dtype("float32")}
    kinds = {"feat": "f", "mask": "b", "extra": "i", "extra_mask": "b"}
    assert {k: getattr(found.msa, k).dtype.kind for k in kinds} == kinds
    assert {x.dtype.itemsize for x in leaves(found)} == {1, 4}
    assert all(np.isfinite(x).all() for x in leaves(found))
    assert not found.templates.mask.any()


@pytest.mark.parametrize(
    "number, n_seq, n_extra", [(0, 1, 1), (1, 2, 1), (11, 12, 1), (12, 12, 1), (13, 12, 2), (35, 12, 24), (60, 12, 24)]
)
def test_the_presets_limits(write, number, n_seq, n_extra):
    found = af2jax.features(write("a.a3m", rows(number)), CONFIG, cycles=2)
    assert found.msa.feat.shape[:2] == (2, n_seq) and found.msa.extra.shape[:2] == (2, n_extra)
    assert found.msa.extra_mask.all() == (number > 11)


def test_the_limits_of_every_preset_are_deepminds():
    """The rows that DeepMind's networks read: with templates, 4 of 512 are theirs."""
    limits = {name: (config.data.clusters, config.data.extra) for name, config in PRESETS.items()}
    for suffix in ("", "_ptm"):
        expected = [(508, 5120), (508, 1024), (512, 5120), (512, 5120), (512, 1024)]
        assert [limits[f"model_{i}{suffix}"] for i in range(1, 6)] == expected
    assert [limits[f"model_{i}_multimer_v3"] for i in range(1, 6)] == [(508, 2048)] * 3 + [(508, 1152)] * 2
    assert {limits[f"model_{i}_multimer{v}"] for i in range(1, 6) for v in ("", "_v2")} == {(252, 1152)}


def test_rows_that_repeat_are_dropped(write):
    """The insertions of the first of them are kept, and the profile counts it once."""
    text = f">q\n{SEQUENCE}\n>a\nggA{SEQUENCE[1:]}\n>b\n{'A' * 20}\n>c\n{'A' * 10}ggg{'A' * 10}\n"
    found = af2jax.features(write("a.a3m", text), replace(CONFIG, data=Data(12, 24, mask_fraction=0.0)), cycles=1)
    assert found.msa.feat.shape[1] == 2
    assert not found.msa.feat[..., 23].any()  # neither the query nor "b" has an insertion


def test_deletions_reach_the_features(write):
    config = replace(CONFIG, data=Data(12, 24, mask_fraction=0.0))
    found = af2jax.features(write("a.a3m", f">q\n{SEQUENCE}\n>a\nAAAggg{'A' * 17}\n"), config, cycles=1)
    has, value = found.msa.feat[0, 1, :, 23], found.msa.feat[0, 1, :, 24]
    np.testing.assert_array_equal(np.flatnonzero(has), [3])
    np.testing.assert_allclose(value[3], 0.5, atol=1e-6)  # 2/pi atan(3/3)


def test_gaps_are_letters_of_the_alignment(write):
    config = replace(CONFIG, data=Data(12, 24, mask_fraction=0.0))
    found = af2jax.features(write("a.a3m", f">q\n{SEQUENCE}\n>a\n{'-' * 20}\n"), config, cycles=1)
    assert (found.msa.feat[0, 1, :, :23].argmax(axis=-1) == GAP).all() and found.msa.mask.all()


# Seeds


def test_seeds_and_draws(write):
    query = write("a.a3m", rows(60))
    get = lambda **options: af2jax.features(query, CONFIG, **options)
    base = get(seed=3, cycles=3)
    assert same(base, get(seed=3, cycles=3)) and not same(base, get(seed=4, cycles=3))
    cut = lambda x: jax.tree.map(lambda y: y[:2], x.msa)
    assert same(cut(base), get(seed=3, cycles=2).msa)  # draw k does not depend on the number of draws
    feats = base.msa.feat
    assert all((feats[i] != feats[j]).any() for i, j in ((0, 1), (0, 2), (1, 2)))
    extras = base.msa.extra
    assert all((extras[i] != extras[j]).any() for i, j in ((0, 1), (0, 2), (1, 2)))
    assert (get(seed=4, cycles=1).msa.feat[0] != feats[1]).any()  # nor is a draw of one seed that of the next
    assert same(base.aatype, get(seed=9).aatype) and get().msa.feat.shape[0] == CONFIG.num_recycle + 1


def test_the_query_is_the_first_row_of_every_draw(write):
    config = replace(CONFIG, data=replace(CONFIG.data, mask_fraction=0.0))
    found = af2jax.features(write("a.a3m", rows(60)), config)
    first = found.msa.feat[:, 0, :, :23].argmax(axis=-1)
    np.testing.assert_array_equal(first, np.broadcast_to(encode(SEQUENCE), first.shape))
    others = found.msa.feat[:, 1:, :, :23].argmax(axis=-1)
    assert not (others == encode(SEQUENCE)).all(axis=-1).any()


def test_a_share_of_the_clustered_rows_is_masked(write):
    found = af2jax.features(write("a.a3m", rows(11)), CONFIG, cycles=20)
    share = found.msa.feat[..., 22].mean()  # 0.7 of 15 % become the mask token
    assert abs(share - 0.105) < 5 * np.sqrt(0.105 * 0.895 / (20 * 12 * 20))
    assert not (found.msa.extra == 22).any()


# Faults


@pytest.mark.parametrize(
    "query, message",
    [
        ("", "the query is empty; give a FASTA or A3M file or a sequence"),
        (" \n*", "the query is empty; give a FASTA or A3M file or a sequence"),
        (
            "ACD-E",
            "\"ACD-E\": no such file, and no sequence of amino-acid letters either ('-' at position 4)",
        ),
        (
            ">a\nACDE",
            "\">a?ACDE\": no such file, and no sequence of amino-acid letters either ('>' at position 1)",
        ),
        (
            "/no/such/folder/of/this/machine/with/a/long/name/query.fasta",
            '"/no/such/folder/of/this/machine/with/a/long/name/query.fasta": no such file, and no sequence of '
            "amino-acid letters either ('/' at position 1)",
        ),
        ("AC::DE", 'the query sequence: chain 2 is empty; put one ":" between two chains, none else'),
        ("none.a3m", "none.a3m: no such file; check the path"),
        (Path("none.fasta"), "none.fasta: no such file; check the path"),
        (Path("."), ". is a folder; give one file in it"),
        ("A\nB.a3m", "A?B.a3m: no such file; check the path"),
    ],
    ids=str,
)
def test_queries_that_cannot_be_read(query, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fails(lambda: af2jax.features(query, CONFIG), message)


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("a.fasta", ">a\nAC::DE", '{}, line 1: chain 2 is empty; put one ":" between two chains, none else'),
        (
            "a.fasta",
            ">a\nAC-D",
            "{}, line 2, column 3: '-' is not an amino-acid letter; if it is an alignment, call the file .a3m",
        ),
        ("a.fasta", "", "{} is empty: it has no record; give a header line and a sequence"),
        ("a.a3m", "", "{} is empty: it has no record; give a header line and a sequence"),
        (
            "a.a3m",
            "#2,4\t1,1\n>a\nACDEF",
            "{}, line 1: the header declares chains of 2, 4 residues in 1, 1 copies, the first row "
            "has 5 residues; correct one of them",
        ),
        (
            "a.a3m",
            ">a\nACD\n>b\nAC",
            '{}, line 3: row 2 ("b") has 2 aligned columns, the query has 3; align it again or delete it',
        ),
        ("a\nb.fasta", ">a\nA1", "{}, line 2, column 2: '1' is not an amino-acid letter; leave out numbers and names"),
    ],
)
def test_files_that_are_no_query(write, name, text, message):
    path = write(name, text)
    fails(lambda: af2jax.features(path, CONFIG), message.format(str(path).replace("\n", "?")))


def test_a_fasta_that_is_no_text(tmp_path):
    path = tmp_path / "a.fasta"
    path.write_bytes(b"\xff\0>a")
    message = f"{path} is not a text file (byte 0xff at offset 0); give plain text in UTF-8"
    fails(lambda: af2jax.features(path, CONFIG), message)


@pytest.mark.parametrize(
    "row, message",
    [
        ("ACDEF", 'its first row (5 residues) is not the query "query" (6): at position 6 it has nothing, the query G'),
        (
            "ACDEFGH",
            'its first row (7 residues) is not the query "query" (6): at position 7 it has H, the query nothing',
        ),
        ("ACDWFG", 'its first row (6 residues) is not the query "query" (6): at position 4 it has W, the query E'),
        ("CDEFG", 'its first row (5 residues) is not the query "query" (6): at position 1 it has C, the query A'),
    ],
)
def test_an_alignment_of_another_query(write, row, message):
    path = write("a.a3m", f">q\n{row}\n>hit\n{'-' * len(row)}\n")
    fails(lambda: af2jax.features("ACDEFG", CONFIG, msa=path), f"{path}: {message}; give the query's own alignment")


def test_two_alignments(write):
    a, b = write("a.a3m", rows(2)), write("b.a3m", rows(2))
    message = f"{a} is an alignment already, and {b} is given beside it; give one"
    fails(lambda: af2jax.features(a, CONFIG, msa=b), message)


# Several alignments, other formats


STO = "# STOCKHOLM 1.0\nquery -ACDEF\nhit/2-6 gAC-EF\nother -WCDEF\n//\n"


def test_alignments_follow_one_another(write):
    """As AlphaFold joins what it found in several data bases: each begins with the query, repeats are dropped later."""
    a, b = write("a.sto", STO), write("b.a3m.gz", ">x\nACDEF\n>y\nAC-EF\n>z\nACgDEW\n")
    found = aligned("ACDEF", [a, b])
    assert found.names == ("query", "hit/2-6", "other", "x", "y", "z") and found.query == "ACDEF"
    np.testing.assert_array_equal(found.deletions[:, [0, 2]], [[0, 0], [1, 0], [0, 0], [0, 0], [0, 0], [0, 1]])
    assert aligned("AUDEF", [a, b]).query == "AUDEF"  # in alignments U is C
    turned = aligned("ACDEF", [b, a])
    np.testing.assert_array_equal(turned.codes, np.roll(found.codes, 3, axis=0))
    plain = replace(CONFIG, data=Data(12, 24, mask_fraction=0.0))
    features = af2jax.features("ACDEF", plain, cycles=1, msa=[a, b])
    rows = {bytes(row) for row in features.msa.feat[0, :, :, :23].argmax(axis=-1).astype(np.int8)}
    assert len(features.msa.feat[0]) == 4 and rows == {bytes(row) for row in found.codes}
    alone = write("q.sto", STO)
    assert same(af2jax.features(alone, CONFIG), af2jax.features("ACDEF", CONFIG, msa=[alone]))
    fails(
        lambda: aligned("ACDEF", [a, write("c.sto", STO.replace("ACDEF", "ACWEF"))]),
        f'{a.parent}/c.sto: its first row (5 residues) is not the query "query" (5): at position 3 it has W, the query '
        "D; give the query's own alignment",
    )


@pytest.mark.parametrize("text", ["", "\n", "#A3M#\n", "# STOCKHOLM 1.0\n//\n"])
def test_a_search_that_found_nothing_leaves_the_query_alone(write, text, caplog):
    """T10: whatever an empty file looks like."""
    path = write("x.a3m", text)
    assert same(af2jax.features("ACDEF", CONFIG, msa=path), af2jax.features("ACDEF", CONFIG))
    assert caplog.messages[0] == f"{path} has no row: it adds nothing to the query"
    assert "single sequence without an alignment: AlphaFold is poor without one" in caplog.messages
    other = write("y.a3m", ">q\nACDEF\n>h\nAC-EF\n")
    assert len(aligned("ACDEF", [path, other]).codes) == 2


@pytest.mark.parity
def test_joined_alignments_are_alphafolds(shared):
    """UniRef90, BFD, MGnify and UniProt hits of one query: the rows and deletions of AlphaFold's own pipeline."""
    pipeline = pytest.importorskip(
        "alphafold.data.pipeline", reason="the oracle (alphafold-colabfold) is not installed"
    )
    from alphafold.common import residue_constants as rc
    from alphafold.data import parsers

    folder = shared / "data" / "msa" / "2q2k_A"
    names = ["uniref90_hits.sto", "bfd_uniclust_hits.a3m", "mgnify_hits.sto", "uniprot_hits.sto"]
    parse = lambda name: (parsers.parse_a3m if "a3m" in name else parsers.parse_stockholm)((folder / name).read_text())
    theirs = pipeline.make_msa_features([parse(name) for name in names])
    query = parse(names[0]).sequences[0]
    found = aligned(query, [folder / name for name in names])
    codes = np.array(rc.MAP_HHBLITS_AATYPE_TO_OUR_AATYPE)[theirs["msa"]]
    np.testing.assert_array_equal(found.codes, codes)
    np.testing.assert_array_equal(found.deletions, theirs["deletion_matrix_int"])
    first = np.sort(np.unique(codes, axis=0, return_index=True)[1])
    features = af2jax.features(query, replace(CONFIG, data=Data(99, 1, 0.0)), msa=[folder / n for n in names], cycles=1)
    assert features.msa.feat.shape[1] == len(first) < len(codes)


def test_a_missing_alignment(tmp_path):
    path = tmp_path / "none.a3m"
    fails(lambda: af2jax.features("ACD", CONFIG, msa=path), f"{path}: no such file; check the path")


def test_seeds_and_numbers_of_draws_that_make_no_sense():
    fails(lambda: af2jax.features("ACD", CONFIG, seed=-1), "seed=-1 is negative; give 0 or more")
    for cycles in (0, -2):
        message = f"cycles={cycles}: at least one draw of the MSA is needed"
        fails(lambda cycles=cycles: af2jax.features("ACD", CONFIG, cycles=cycles), message)


@settings(max_examples=100, deadline=None)
@given(query=st.text(max_size=12) | LIKELY.map(bytes.decode))
def test_any_text_gives_features_or_one_line(query):
    try:
        found = af2jax.features(query, CONFIG, cycles=1)
    except InputError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert schema.check_features(found).msa.feat.shape == (1, 1, len(found.aatype), 49)


# Real files


def test_a_real_alignment(shared):
    path = shared / "data" / "msa" / "1a3p_A" / "mgnify_hits.a3m.gz"
    found = schema.check_features(af2jax.features(path, preset("model_1_ptm"), cycles=1))
    alignment = aligned(path)
    kept = len(np.unique(alignment.codes, axis=0))
    assert (kept, found.msa.feat.shape[1], found.msa.extra.shape[1]) == (kept, min(kept, 508), max(kept - 508, 1))
    np.testing.assert_array_equal(found.aatype, encode("PGAPSSYDGYCLNGGVAMHIESLDSYTCNCVIGYSGDRCQTRDLR"))
    assert all(np.isfinite(x).all() for x in leaves(found))


def test_an_alignment_is_the_files():
    alignment = aligned("ACD")
    expected = parse_a3m(">query\nACD", "x")
    assert alignment.query == expected.query and (alignment.codes == expected.codes).all()
