"""af2jax.example: a known structure and its alignment as what the network reads and what it is compared with."""

import dataclasses
import gzip
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

import af2jax
from af2jax import schema
from af2jax.config import Data, preset
from af2jax.constants.residues import GAP, UNKNOWN, encode
from af2jax.data import items, msa
from af2jax.data.dataset import Item
from af2jax.data.examples import example_of
from af2jax.data.structure import read_chain
from tests.data.molecules import change, cif, peptide, save, without
from tests.data.test_parse import fails

CONFIG = preset("tiny")  # 12 clusters, 24 extra rows
PLAIN = replace(CONFIG, data=Data(12, 24, mask_fraction=0.0))
SEQUENCE = "MKTAYIAKQRQISFVKSHFS"
MISSING = (1, 8, 9, 20)
OBSERVED = "".join(x for i, x in enumerate(SEQUENCE, 1) if i not in MISSING)


def rows(first: str, number: int, seed: int = 0) -> str:
    """An A3M with `number` other rows, no two alike, some with insertions."""
    rng = np.random.default_rng(seed)
    text = f">query\n{first}\n"
    for index in range(number):
        letters = rng.choice(list("ACDEFGHIKLMNPQRSTVWY--"), len(first))
        text += f">hit {index}\n" + "".join("g" * rng.choice([0, 0, 0, 2]) + x for x in letters) + "\n"
    return text


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("labels")


@pytest.fixture(scope="module")
def structure(folder) -> Path:
    """Twenty residues, four of them missing; their numbers in the file begin at 101."""
    atoms = without(peptide(SEQUENCE), *MISSING)
    atoms = [change([atom], number=atom.number + 100)[0] for atom in atoms]
    return save(folder, cif(atoms, {1: SEQUENCE}, extra="_refine.ls_d_res_high 1.9"))


@pytest.fixture(scope="module")
def deep(folder) -> Path:
    """An alignment of 30 rows of the full sequence."""
    return save(folder, rows(SEQUENCE, 29), "deep.a3m")


def leaves(tree) -> list[np.ndarray]:
    return [np.asarray(x) for x in jax.tree.leaves(tree)]


def same(a, b) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(leaves(a), leaves(b), strict=True))


def shapes(tree) -> list[tuple]:
    return [(x.shape, x.dtype) for x in leaves(tree)]


def letters(features: schema.Features, draw: int = -1) -> np.ndarray:
    """The clustered rows that the network sees."""
    return np.where(features.msa.mask[draw], features.msa.feat[draw, ..., :23].argmax(-1), -1)


# The pair


def test_the_targets_are_the_chain(structure):
    features, targets = af2jax.example(structure, config=CONFIG)
    known = read_chain(structure)
    schema.check_features(features)
    for name in ("aatype", "residue_index", "seq_mask", "asym_id"):
        np.testing.assert_array_equal(getattr(features, name), getattr(targets, name))
    np.testing.assert_array_equal(targets.aatype, encode(SEQUENCE))
    np.testing.assert_array_equal(targets.residue_index, np.arange(20))
    np.testing.assert_array_equal(targets.positions, known.positions)
    np.testing.assert_array_equal(targets.atom_mask, known.atom_mask)
    assert targets.seq_mask.all() and targets.resolution == np.float32(1.9) and targets.labels == {}
    assert not features.templates.mask.any()
    assert len(features.msa.feat) == CONFIG.num_recycle + 1
    kinds = {x.dtype for x in leaves((features, targets))}
    assert kinds == {np.dtype("float32"), np.dtype("int32"), np.dtype(bool)}


@pytest.mark.parametrize("name", ["model_1", "model_5_ptm", "model_1_multimer_v3"])
def test_every_preset_can_read_it(structure, name):
    config = preset(name)
    features, _ = af2jax.example(structure, config=config)
    assert features.target_feat.shape == (20, config.target_features)
    assert len(features.msa.feat) == config.num_recycle + 1


def test_gaps_of_a_file_without_sequence_are_in_the_residue_index(folder):
    path = save(folder, cif(without(peptide(SEQUENCE), 4, 5)), "gap.cif")
    features, targets = af2jax.example(path, config=CONFIG)
    assert features.residue_index.tolist() == targets.residue_index.tolist() == [0, 1, 2, *range(5, 20)]


def test_compressed_structures_and_alignments(structure, deep, folder):
    packed = [folder / "x.cif.gz", folder / "x.a3m.gz"]
    for path, source in zip(packed, (structure, deep), strict=True):
        path.write_bytes(gzip.compress(source.read_bytes()))
    expected = af2jax.example(structure, "A", deep, CONFIG)
    assert same(af2jax.example(str(packed[0]), "A", packed[1], CONFIG), expected)


# The alignment


def test_the_sequence_alone(structure):
    features, targets = af2jax.example(structure, config=PLAIN)
    assert features.msa.feat.shape[1:] == (1, 20, 49) and features.msa.extra.shape[1:] == (1, 20)
    np.testing.assert_array_equal(letters(features)[0], encode(SEQUENCE))
    np.testing.assert_array_equal(targets.true_msa[0], encode(SEQUENCE))
    assert not features.msa.extra_mask.any() and not targets.bert_mask.any()


def test_what_is_masked_is_said_of_the_last_draw(structure, deep):
    features, targets = af2jax.example(structure, msa=deep, config=CONFIG, seed=3)
    rows = features.msa.mask[-1].any(axis=1)
    seen, said, true = letters(features)[rows], targets.bert_mask[rows], targets.true_msa[rows]
    assert len(seen) > 4 and not targets.bert_mask[~rows].any()
    assert said.any() and (seen[said] != true[said]).any()
    np.testing.assert_array_equal(seen[~said], true[~said])
    assert (seen == msa.MASK).any() and said[seen == msa.MASK].all()
    np.testing.assert_array_equal(true[0], encode(SEQUENCE))
    assert (letters(features, 0)[rows][~said] != true[~said]).any()  # the draws differ


@pytest.mark.parametrize(
    "first", [SEQUENCE, OBSERVED, SEQUENCE.replace("K", "X"), OBSERVED.lower().replace("a", "x").upper()]
)
def test_the_first_row_is_the_sequence_or_what_is_observed(structure, folder, first):
    text = rows(first, 3)
    path = save(folder, text, "first.a3m")
    features, targets = af2jax.example(structure, msa=path, config=PLAIN)
    assert features.msa.feat.shape[1] == 4
    np.testing.assert_array_equal(targets.true_msa[0], encode(SEQUENCE))  # where it has X, too
    observed = np.ones(20, bool) if len(first) == 20 else ~np.isin(np.arange(1, 21), MISSING)
    others = targets.true_msa[features.msa.mask[-1].any(axis=1)][1:]
    assert (others[:, ~observed] == GAP).all()
    expected = {
        bytes(encode(line.translate(str.maketrans("", "", "g"))).astype(np.int8))
        for line in text.split("\n")[3::2]
        if line
    }
    assert {bytes(row[observed].astype(np.int8)) for row in others if (row != GAP).any()} <= expected


def test_insertions_stay_where_they_are(structure, folder):
    path = save(folder, f">q\n{OBSERVED}\n>a\n{OBSERVED[:7]}gggg{OBSERVED[7:-1]}-\n", "insertion.a3m")
    features, _ = af2jax.example(structure, msa=path, config=PLAIN)
    found = [draw[..., 23].sum(axis=0) for draw in features.msa.feat if draw[..., 23].any()]
    assert found and all(x.nonzero()[0].tolist() == [10] for x in found)  # the eighth observed is the eleventh


def test_blocks_of_rows_are_deleted_for_all_draws_alike(structure, deep):
    counts = []
    for seed in range(30):
        features, _ = af2jax.example(structure, msa=deep, config=PLAIN, seed=seed)
        draws = []
        for k in range(len(features.msa.feat)):
            extra = features.msa.extra[k][features.msa.extra_mask[k].any(axis=1)]
            clustered = letters(features, k)
            draws.append({bytes(row.astype(np.int8)) for row in [*clustered[clustered[:, 0] >= 0], *extra]})
        assert all(draw == draws[0] for draw in draws) and bytes(encode(SEQUENCE).astype(np.int8)) in draws[0]
        counts.append(len(draws[0]))
    assert len(set(counts)) > 5 and max(counts) <= 30
    expected = [len(msa.block_delete(np.random.default_rng(i), 30)) for i in range(300)]
    assert abs(np.mean(counts) - np.mean(expected)) < 3


# Chance


def test_a_seed_says_everything(structure, deep):
    make = lambda seed: af2jax.example(structure, msa=deep, config=CONFIG, crop=8, seed=seed)
    assert same(make(5), make(5))
    assert not same(make(5), make(6))
    assert len({x[0].residue_index[0] for x in map(make, range(12))}) > 3


@pytest.mark.parametrize("number", [0, 1, 5, 11, 12, 20, 60])
def test_shapes_do_not_depend_on_the_seed(structure, folder, number):
    path = save(folder, rows(SEQUENCE, number), "shapes.a3m")
    found = [shapes(af2jax.example(structure, msa=path, config=CONFIG, crop=9, seed=seed)) for seed in range(8)]
    assert all(x == found[0] for x in found)
    features, _ = af2jax.example(structure, msa=path, config=CONFIG)
    n_seq, n_extra = features.msa.feat.shape[1], features.msa.extra.shape[1]
    assert (n_seq, n_extra) == {0: (1, 1), 1: (2, 1), 5: (8, 1), 11: (12, 1), 12: (12, 1), 20: (12, 16), 60: (12, 24)}[
        number
    ]


@pytest.mark.medium("draws many examples")
def test_nine_in_ten_are_clamped(structure):
    found = [float(af2jax.example(structure, config=PLAIN, seed=seed)[1].use_clamped_fape) for seed in range(300)]
    assert set(found) == {0.0, 1.0} and 0.85 < np.mean(found) < 0.95


def test_the_share_that_is_clamped_may_be_another(structure):
    for share in (0.0, 1.0):
        config = dataclasses.replace(PLAIN, data=dataclasses.replace(PLAIN.data, clamped=share))
        found = {float(af2jax.example(structure, config=config, seed=seed)[1].use_clamped_fape) for seed in range(30)}
        assert found == {share}


# Residues that are hidden

HIDING = replace(CONFIG, data=replace(CONFIG.data, mask_target=1.0))


def hiding(sequence: str, folder: Path | None, config=HIDING, seed: int = 1):
    """The example of a sequence, with the same 29 homologues each time where a folder is given."""
    msa = save(folder, rows(sequence, 29), f"{sequence}.a3m") if folder else None
    known = items.read_item(Item("x", "x", sequence=sequence))
    return example_of(known, msa and [msa], config, None, seed, None, None)


def test_no_feature_depends_on_a_hidden_residue(folder):
    for place in (None, folder):
        features, targets = hiding(SEQUENCE, place)
        where = np.flatnonzero(targets.bert_mask[0])
        assert 0 < len(where) < 12
        np.testing.assert_array_equal(features.msa.feat[:, 0, where, msa.MASK], 1)  # in every draw
        np.testing.assert_array_equal(features.target_feat[where].argmax(-1), UNKNOWN + 1)
        np.testing.assert_array_equal(targets.true_msa[0], encode(SEQUENCE))
        for letter in "GWX":
            other = "".join(letter if i in where else x for i, x in enumerate(SEQUENCE))
            found = hiding(other, place)
            assert same(found[0], features) and (found[1].true_msa[0, where] == encode(letter)).all()
        seen = np.flatnonzero(~targets.bert_mask[0])
        other = "".join("C" if i == seen[0] else x for i, x in enumerate(SEQUENCE))
        assert not same(hiding(other, place)[0], features)


def test_without_hiding_the_masked_residue_can_be_read(folder):
    config = replace(HIDING, data=replace(HIDING.data, mask_target=0.0))
    features, targets = hiding(SEQUENCE, folder, config)
    np.testing.assert_array_equal(features.target_feat.argmax(-1) - 1, encode(SEQUENCE))
    assert targets.bert_mask[0].any() and same(hiding(SEQUENCE, folder, CONFIG), (features, targets))


def test_what_is_hidden_is_built_as_alanine_of_the_known_atoms(structure):
    features, targets = af2jax.example(structure, config=HIDING, seed=1)
    where, known = targets.bert_mask[0], read_chain(structure)
    assert where.any() and (features.aatype[where] == 0).all() and (features.aatype == targets.aatype).all()
    np.testing.assert_array_equal(features.aatype[~where], known.aatype[~where])
    np.testing.assert_array_equal(targets.positions, known.positions)


@pytest.mark.medium("draws many examples")
def test_the_share_of_examples_that_hide(folder):
    config = replace(CONFIG, data=replace(CONFIG.data, mask_target=0.3))
    found = [hiding(SEQUENCE, None, config, seed)[0].target_feat[:, UNKNOWN + 1].mean() for seed in range(400)]
    assert 0.22 < np.mean(np.array(found) > 0) < 0.36  # 0.3, less those of which no residue was drawn
    assert 0.12 < np.mean([x for x in found if x]) < 0.19


# Windows and padding


def test_a_window_is_the_same_part_of_everything(structure, deep):
    own = {"index": np.arange(20), "vector": np.arange(40.0).reshape(20, 2), "flag": np.arange(20) > 9, "one": 7}
    whole = af2jax.example(structure, msa=deep, config=CONFIG, seed=2, labels=own)
    features, targets = af2jax.example(structure, msa=deep, config=CONFIG, seed=2, labels=own, crop=8)
    start = int(features.residue_index[0])
    part = slice(start, start + 8)
    np.testing.assert_array_equal(targets.labels["index"], np.arange(20)[part])
    np.testing.assert_array_equal(targets.labels["vector"], own["vector"][part])
    np.testing.assert_array_equal(targets.labels["flag"], own["flag"][part])
    assert targets.labels["one"] == 7 and targets.labels["one"].shape == ()
    for name in ("aatype", "positions", "atom_mask", "residue_index"):
        np.testing.assert_array_equal(getattr(targets, name), getattr(whole[1], name)[part])
    np.testing.assert_array_equal(features.msa.feat, whole[0].msa.feat[:, :, part])
    np.testing.assert_array_equal(targets.true_msa, whole[1].true_msa[:, part])
    assert features.seq_mask.all() and targets.use_clamped_fape == whole[1].use_clamped_fape


def test_a_short_chain_is_padded(structure):
    whole = af2jax.example(structure, config=CONFIG, labels={"ss": np.ones(20, np.int64)})
    features, targets = af2jax.example(structure, config=CONFIG, labels={"ss": np.ones(20, np.int64)}, crop=32)
    assert len(features.aatype) == len(targets.aatype) == 32
    assert features.seq_mask.tolist() == targets.seq_mask.tolist() == [True] * 20 + [False] * 12
    assert (
        not targets.atom_mask[20:].any()
        and not targets.bert_mask[:, 20:].any()
        and not features.msa.mask[:, :, 20:].any()
    )
    assert targets.labels["ss"].tolist() == [1] * 20 + [0] * 12
    np.testing.assert_array_equal(targets.positions[:20], whole[1].positions)
    np.testing.assert_array_equal(features.msa.feat[:, :, :20], whole[0].msa.feat)


def test_the_types_of_labels(structure):
    own = {"a": np.arange(20), "b": [0.5] * 20, "c": True, "d": np.float64(2.5), "e": np.zeros((20, 3), np.float16)}
    found = af2jax.example(structure, config=CONFIG, labels=own)[1].labels
    assert {name: str(x.dtype) for name, x in found.items()} == {
        "a": "int32",
        "b": "float32",
        "c": "bool",
        "d": "float32",
        "e": "float16",
    }


# What is refused


def test_arguments_out_of_range(structure):
    fails(lambda: af2jax.example(structure, seed=-1), "seed=-1 is negative; give 0 or more")
    for crop in (0, -3):
        expected = f"crop={crop}: give a positive number of residues, or None for the whole chain"
        fails(lambda: af2jax.example(structure, crop=crop), expected)  # noqa: B023


@pytest.mark.parametrize(
    "value, reason",
    [
        (
            np.zeros(16),
            "has 16 values, the full sequence of {}, chain A has 20 residues (16 observed); give one value for each "
            "of the 20",
        ),
        (["H"] * 20, "is not a number or array of numbers but <U1; encode it"),
        (None, "is not a number or array of numbers but object; encode it"),
        ([[1], [1, 2]], "is not an array, as its rows differ in length; pad them"),
    ],
)
def test_labels_that_do_not_fit(structure, value, reason):
    fails(lambda: af2jax.example(structure, labels={"ss": value}), f'labels["ss"] {reason.format(structure)}')


@pytest.mark.parametrize(
    "first, position, row, wanted",
    [
        ("W" + SEQUENCE[1:], 1, "W", "M"),
        (SEQUENCE[:-1], 20, "nothing", "S"),
        (SEQUENCE + "A", 21, "A", "nothing"),
        (OBSERVED[:5] + "W" + OBSERVED[6:], 6, "W", OBSERVED[5]),
    ],
)
def test_an_alignment_of_another_sequence(structure, folder, first, position, row, wanted):
    path = save(folder, rows(first, 2), "other.a3m")
    fails(
        lambda: af2jax.example(structure, msa=path),
        f"{path}: its first row ({len(first)} residues) is neither the full sequence of {structure}, chain A (20) nor "
        f"its observed residues (16): at position {position} it has {row}, the chain {wanted}; give the chain's own "
        "alignment",
    )


def test_errors_of_the_files_come_through(structure, folder):
    fails(lambda: af2jax.example(folder / "none.cif"), f"{folder / 'none.cif'}: no such file; check the path")
    fails(lambda: af2jax.example(structure, "B"), f'{structure} has no chain "B"; its protein chains are: A')
    fails(
        lambda: af2jax.example(structure, msa=folder / "none.a3m"),
        f"{folder / 'none.a3m'}: no such file; check the path",
    )
