"""From an alignment to draws and features, and padding: nothing is lost, nothing that was added is seen."""

import jax
import numpy as np
import pytest

from af2jax import schema
from af2jax.config import Data, preset
from af2jax.constants.residues import encode
from af2jax.data import msa
from af2jax.data.assembly import number
from af2jax.data.transforms import (
    assembled,
    bucket,
    bucket_rows,
    buckets,
    draw_msa,
    no_template,
    pad,
    padded,
    stack_draws,
    target_feat,
)
from af2jax.errors import InputError
from af2jax.inference import predict
from af2jax.model.alphafold import AlphaFold
from tests import support
from tests.data.test_msa import alike

ROWS, RES = 40, 9
CODES, DELETIONS = alike(1, ROWS, RES)
PROFILE = msa.profile(CODES)
ALL = Data(clusters=6, extra=100)


def draw(seed: int = 0, data: Data = ALL, rows: int = ROWS):
    return draw_msa(np.random.default_rng(seed), CODES[:rows], DELETIONS[:rows], PROFILE, data)


def leaves(tree) -> list[np.ndarray]:
    return [np.asarray(x) for x in jax.tree.leaves(tree)]


def same(a, b) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(leaves(a), leaves(b), strict=True))


# Draws


@pytest.mark.parametrize(
    "rows, clusters, extra, sizes",
    [
        (40, 6, 100, (6, 34)),
        (40, 6, 10, (6, 10)),
        (40, 40, 10, (40, 1)),
        (40, 99, 10, (40, 1)),
        (40, 39, 10, (39, 1)),
        (2, 1, 10, (1, 1)),
        (2, 6, 10, (2, 1)),
        (1, 6, 10, (1, 1)),
    ],
)
def test_sizes_and_types_of_a_draw(rows, clusters, extra, sizes):
    found = draw(0, Data(clusters=clusters, extra=extra), rows)
    m = found.msa
    assert (len(m.feat), len(m.extra)) == sizes and m.feat.shape[1:] == (RES, 49)
    dtypes = [np.asarray(x).dtype for x in (m.feat, m.mask, m.extra, m.extra_mask)]
    assert dtypes == [np.float32, bool, np.int32, bool] and found.true_msa.dtype == np.int8
    assert m.extra_has_deletion.dtype == m.extra_deletion_value.dtype == np.float32
    assert m.mask.all() and m.extra_mask.all() == (rows > clusters)  # nothing left: one row, masked
    assert m.extra_mask.any() == (rows > clusters)
    np.testing.assert_array_equal(found.true_msa[0], CODES[0])


def test_a_draw_deals_every_row_once():
    found = draw()
    dealt = [*map(bytes, found.true_msa), *map(bytes, found.msa.extra.astype(np.int8))]
    assert sorted(dealt) == sorted(map(bytes, CODES))


def test_what_is_masked_is_said():
    found = draw(0, Data(clusters=ROWS, extra=4))
    letters = found.msa.feat[..., :23].argmax(axis=-1)
    assert (found.msa.feat[..., :23].sum(axis=-1) == 1).all()
    np.testing.assert_array_equal(letters[~found.bert_mask], found.true_msa[~found.bert_mask])
    assert (letters == msa.MASK).any() and found.bert_mask[letters == msa.MASK].all()
    unmasked = draw(0, Data(clusters=ROWS, extra=4, mask_fraction=0.0))
    assert not unmasked.bert_mask.any() and not (unmasked.msa.feat[..., 22] > 0).any()


@pytest.mark.parity
@pytest.mark.parametrize("seed", range(3))
def test_a_draw_is_deepminds_for_the_same_choice_of_rows(seed):
    """DeepMind's clustering and features of the rows that were drawn, as they were masked."""
    theirs = pytest.importorskip("alphafold.model.tf.data_transforms", reason="the oracle is not installed")
    codes = np.unique(CODES, axis=0)  # a row can be told by its letters
    deletions = DELETIONS[: len(codes)]
    found = draw_msa(np.random.default_rng(seed), codes, deletions, PROFILE, ALL)
    number = {bytes(row): index for index, row in enumerate(codes)}
    centres = [number[bytes(row)] for row in found.true_msa]
    extra = [number[bytes(row)] for row in found.msa.extra.astype(np.int8)]
    protein = {
        "aatype": np.zeros(RES, np.int32),
        "between_segment_residues": np.zeros(RES, np.int32),
        "msa": found.msa.feat[..., :23].argmax(axis=-1).astype(np.int32),
        "msa_mask": np.ones((len(centres), RES), np.float32),
        "deletion_matrix": deletions[centres].astype(np.float32),
        "extra_msa": codes[extra].astype(np.int32),
        "extra_msa_mask": np.ones((len(extra), RES), np.float32),
        "extra_deletion_matrix": deletions[extra].astype(np.float32),
    }
    expected = theirs.make_msa_feat()(theirs.summarize_clusters()(theirs.nearest_neighbor_clusters()(protein)))
    np.testing.assert_allclose(found.msa.feat, expected["msa_feat"], atol=3e-6)
    np.testing.assert_allclose(found.msa.extra_has_deletion, expected["extra_has_deletion"], atol=1e-7)
    np.testing.assert_allclose(found.msa.extra_deletion_value, expected["extra_deletion_value"], atol=1e-7)


def test_clusters_are_made_of_all_rows_before_the_extra_rows_are_cut():
    few, many = draw(3, Data(clusters=6, extra=2)), draw(3, ALL)
    np.testing.assert_array_equal(few.msa.feat, many.msa.feat)
    np.testing.assert_array_equal(few.msa.extra, many.msa.extra[:2])


def test_a_draw_is_decided_by_its_generator():
    assert same(draw(5), draw(5)) and not same(draw(5), draw(6))


def test_stacked_draws_are_the_draws():
    draws = [draw(seed).msa for seed in range(3)]
    stacked = stack_draws(draws)
    assert stacked.feat.shape == (3, 6, RES, 49)
    assert all(same(jax.tree.map(lambda x, i=i: x[i], stacked), one) for i, one in enumerate(draws))


# One chain


@pytest.mark.parametrize("width", [21, 22])
def test_target_features(width):
    sequence = "ARNDCQEGHILKMFPSTWYVX"
    found = target_feat(encode(sequence), width)
    np.testing.assert_array_equal(found[:, width - 21 :], np.eye(21))
    assert not found[:, : width - 21].any()  # no domain break


def test_features_of_one_chain():
    config = preset("tiny")
    ids = number(["ACDEFGHIK"])
    found = schema.check_features(assembled(encode("ACDEFGHIK"), ids, stack_draws([draw().msa]), config))
    np.testing.assert_array_equal(found.residue_index, np.arange(9))
    assert found.seq_mask.all() and not found.templates.mask.any() and not found.templates.atom_mask.any()
    assert {x.dtype.name for x in leaves(found)} == {"int32", "bool", "float32"}
    assert same(found.asym_id, np.ones(9)) and same(found.entity_id, np.ones(9)) and same(found.sym_id, np.ones(9))
    assert same(no_template(9), found.templates)


# Padding


OLD = {"n_res": 8, "n_seq": 5, "n_extra": 6, "n_templ": 2}
FEATURES = support.features()


def inner(features: schema.Features) -> schema.Features:
    """The part of padded features that was there before."""
    axes = dict(zip(("N_res", "N_seq", "N_extra", "N_templ"), OLD.values(), strict=True))

    def cut(name: str, x):
        return x[tuple(slice(axes.get(axis)) for axis in schema._AXES[name].split())]

    fields = {name: cut(name, getattr(features, name)) for name in schema._AXES if "." not in name}
    for group, kind in (("msa", schema.Msa), ("templates", schema.Templates)):
        names = [name for name in schema._AXES if name.startswith(f"{group}.")]
        parts = {name.split(".")[1]: cut(name, getattr(getattr(features, group), name.split(".")[1])) for name in names}
        fields[group] = kind(**parts)
    return schema.Features(**fields)


@pytest.mark.parametrize(
    "sizes",
    [{}, {"n_res": 11}, {"n_seq": 9}, {"n_extra": 10}, {"n_templ": 4}, dict(n_res=9, n_seq=6, n_extra=7, n_templ=3)],
    ids=str,
)
def test_padding_changes_nothing_that_was_there_and_masks_what_it_adds(sizes):
    found = schema.check_features(pad(FEATURES, **sizes))
    asked = OLD | sizes
    assert (len(found.aatype), found.msa.feat.shape[1]) == (asked["n_res"], asked["n_seq"])
    assert (found.msa.extra.shape[1], len(found.templates.mask)) == (asked["n_extra"], asked["n_templ"])
    assert same(inner(found), FEATURES)
    assert [x.dtype for x in leaves(found)] == [x.dtype for x in leaves(FEATURES)]
    for new, old in zip(leaves(found), leaves(FEATURES), strict=True):  # so what was added is zero and False
        assert np.count_nonzero(new) == np.count_nonzero(old)


def test_padding_of_a_draw_of_every_cycle():
    config = preset("tiny")
    features = assembled(
        encode("ACDEFGHIK"), number(["ACDEFGHIK"]), stack_draws([draw(seed).msa for seed in range(4)]), config
    )
    found = schema.check_features(pad(features, n_res=12, n_seq=7, n_extra=40))
    assert found.msa.feat.shape == (4, 7, 12, 49) and found.msa.mask.sum() == 4 * 6 * 9
    np.testing.assert_array_equal(found.msa.feat[:, :6, :9], features.msa.feat)


def test_padding_to_the_same_sizes_is_nothing():
    assert same(pad(FEATURES, **OLD), FEATURES) and same(pad(FEATURES), FEATURES)


@pytest.mark.parametrize("name", OLD)
def test_padding_cannot_cut(name):
    size = OLD[name]
    with pytest.raises(InputError) as caught:
        pad(FEATURES, **{name: size - 1})
    assert str(caught.value) == f"padding cannot cut: the features have {name}={size}, {size - 1} was asked for"


# Few shapes


def test_buckets_of_residues_waste_little():
    sizes = np.arange(1, 4001)
    found = np.array([bucket(int(n)) for n in sizes])
    assert (found >= sizes).all() and (np.diff(found) >= 0).all() and (found % 16 == 0).all()
    assert [bucket(n) for n in (1, 16, 17, 256, 257, 512, 513, 1024, 1025)] == [
        16,
        16,
        32,
        256,
        288,
        512,
        576,
        1024,
        1152,
    ]
    added = found / sizes - 1
    assert added[96:].max() < 0.155 and added[96:1024].mean() < 0.06
    assert len(np.unique(found[:256])) == 16 and len(np.unique(found[:2048])) == 40
    assert [bucket(int(n)) for n in np.unique(found)] == np.unique(found).tolist()


def test_few_lengths_share_a_bucket():
    lengths = [40, 60, 60, *[70] * 5, *[90] * 8, *[100] * 7, *[120] * 3, *[140] * 8, *[150] * 11, 700]
    expected = {40: 64, 60: 64, 70: 96, 90: 96, 100: 128, 120: 128, 140: 144, 150: 160, 700: 704}
    assert buckets(lengths) == [expected[length] for length in lengths]
    assert buckets([]) == [] and buckets([33, 17]) == [48, 32]  # by more than a third
    assert buckets([*[40] * 7, 60]) == [64] * 8 and buckets([*[40] * 8, 60]) == [*[48] * 8, 64]


def test_buckets_of_rows():
    sizes = [1, 16, 17, 64, 65, 256, 257, 508, 5120]
    assert [bucket_rows(n, 508) for n in sizes] == [16, 16, 64, 64, 256, 256, 508, 508, 508]
    assert [bucket_rows(n, 5120) for n in (257, 1025, 4097)] == [1024, 4096, 5120] and bucket_rows(1, 12) == 12


def test_padded_features_have_few_shapes():
    """Every length and depth up to a bucket's is one shape."""
    config, shapes = preset("tiny"), set()
    for n_res, rows in ((3, 1), (9, 5), (9, 12), (9, 20), (9, 25)):
        codes, deletions = alike(2, rows, n_res)
        one = draw_msa(np.random.default_rng(0), codes, deletions, msa.profile(codes), config.data)
        found = padded(
            assembled(codes[0].clip(0, 20), number(["A" * len(codes[0])]), stack_draws([one.msa]), config), config.data
        )
        schema.check_features(found)
        shapes.add((found.msa.feat.shape, found.msa.extra.shape, found.templates.mask.shape))
    assert shapes == {((1, 12, 16, 49), (1, 16, 16), (1,))}


@pytest.mark.medium("compiles the small network")
def test_padded_predictions_are_the_unpadded_ones():
    config = preset("tiny")
    model, params = AlphaFold(config), support.rule_params(config)
    one = predict(model, params, FEATURES, num_recycle=2)
    other = predict(model, params, padded(FEATURES, config.data), num_recycle=2)
    np.testing.assert_allclose(other.protein.positions, one.protein.positions, atol=1e-4)
    np.testing.assert_array_equal(other.protein.atom_mask, one.protein.atom_mask)
    for name, limit in (("plddt", 1e-4), ("pae", 1e-4), ("ptm", 1e-6)):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), atol=limit)
