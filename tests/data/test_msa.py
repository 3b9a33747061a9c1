"""What happens to an alignment: equal to DeepMind's code where nothing is drawn, true to its odds elsewhere."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from af2jax.constants.residues import GAP, UNKNOWN
from af2jax.data import msa

CODES = np.array([[0, 1, 2], [5, 21, 20], [0, 1, 2], [5, 21, 20], [0, 1, 3]], np.int8)


def random(seed: int, rows: int, n_res: int, top: int = 22) -> tuple[np.ndarray, np.ndarray]:
    """Codes, and deletions that are mostly 0."""
    rng = np.random.default_rng(seed)
    deletions = rng.integers(1, 30, (rows, n_res)) * (rng.random((rows, n_res)) < 0.3)
    return rng.integers(0, top, (rows, n_res)).astype(np.int8), deletions.astype(np.int32)


def alike(seed: int, rows: int, n_res: int) -> tuple[np.ndarray, np.ndarray]:
    """Like `random`, with a few families of rows, gaps and X among them, so that nearness means something."""
    rng = np.random.default_rng(seed)
    families = rng.integers(0, 22, (4, n_res))
    noise, deletions = random(seed + 1, rows, n_res)
    codes = np.where(rng.random((rows, n_res)) < 0.4, noise, families[rng.integers(4, size=rows)])
    return codes.astype(np.int8), deletions


# Rows and profiles


def test_deduplicate_keeps_the_first_of_each_kind():
    np.testing.assert_array_equal(msa.deduplicate(CODES), [0, 1, 4])
    np.testing.assert_array_equal(msa.deduplicate(CODES[:1]), [0])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 3))
def test_deduplicate_against_numpy(seed, rows, n_res):
    codes, _ = random(seed, rows, n_res, top=3)
    first = np.unique(codes, axis=0, return_index=True)[1]
    np.testing.assert_array_equal(msa.deduplicate(codes), np.sort(first))


def test_profile_counts_gaps_and_x():
    found = msa.profile(CODES)
    np.testing.assert_allclose(found[0, [0, 5]], [0.6, 0.4])
    np.testing.assert_allclose(found[1, [1, GAP]], [0.6, 0.4])
    np.testing.assert_allclose(found[2, [2, 3, UNKNOWN]], [0.4, 0.2, 0.4])
    assert found.dtype == np.float32 and np.allclose(found.sum(axis=1), 1)
    np.testing.assert_array_equal(msa.profile(CODES[:1]), np.eye(22)[CODES[0]])


# Against DeepMind's code


@pytest.fixture(scope="module")
def theirs():
    """The transforms of a monomer's features, in NumPy."""
    return pytest.importorskip(
        "alphafold.model.tf.data_transforms", reason="the oracle (alphafold-colabfold) is not installed"
    )


@pytest.fixture(scope="module")
def theirs_in_jax():
    """The transforms that AlphaFold-Multimer runs inside its network."""
    return pytest.importorskip(
        "alphafold.model.modules_multimer", reason="the oracle (alphafold-colabfold, dm-haiku) is not installed"
    )


@pytest.mark.parity
@pytest.mark.parametrize("rows", [1, 2, 30])
def test_profile_is_deepminds(theirs, theirs_in_jax, rows):
    codes, _ = random(1, rows, 9)
    expected = theirs.make_hhblits_profile({"msa": codes.astype(np.int32)})["hhblits_profile"]
    np.testing.assert_array_equal(msa.profile(codes), expected)
    in_jax = theirs_in_jax.make_msa_profile({"msa": codes, "msa_mask": np.ones(codes.shape)})
    np.testing.assert_allclose(msa.profile(codes), in_jax, atol=1e-6)


def clustered(theirs, seed: int, rows: int, extra: int, n_res: int, ragged: bool):
    """DeepMind's dictionary after clustering a random alignment with mask tokens, and our arguments for the same."""
    (codes, deletions), (more, more_deletions) = alike(seed, rows, n_res), alike(seed, extra, n_res)
    rng = np.random.default_rng(seed)
    codes[rng.random(codes.shape) < 0.15] = msa.MASK
    present = rng.random(codes.shape) < 0.8 if ragged else np.ones(codes.shape, bool)
    more_present = rng.random(more.shape) < 0.8 if ragged else np.ones(more.shape, bool)
    protein = {
        "msa": codes.astype(np.int32),
        "msa_mask": present.astype(np.float32),
        "deletion_matrix": deletions.astype(np.float32),
        "extra_msa": more.astype(np.int32),
        "extra_msa_mask": more_present.astype(np.float32),
        "extra_deletion_matrix": more_deletions.astype(np.float32),
        "aatype": np.zeros(n_res, np.int32),
        "between_segment_residues": np.zeros(n_res, np.int32),
    }
    protein = theirs.summarize_clusters()(theirs.nearest_neighbor_clusters()(protein))
    return theirs.make_msa_feat()(protein), (codes, more, deletions, more_deletions, present, more_present)


SIZES = [(1, 1, 5), (1, 7, 5), (2, 0, 5), (5, 40, 11), (12, 60, 1), (3, 1100, 6)]  # 1100: more than one CHUNK


@pytest.mark.parity
@pytest.mark.parametrize("rows, extra, n_res", SIZES)
def test_clusters_and_features_are_deepminds(theirs, rows, extra, n_res):
    expected, (codes, more, deletions, more_deletions, *masks) = clustered(theirs, 3, rows, extra, n_res, ragged=False)
    nearest = msa.nearest_clusters(codes, more, *masks)
    np.testing.assert_array_equal(nearest, expected["extra_cluster_assignment"])
    profile, mean = msa.summarise(nearest, codes, more, deletions, more_deletions, *masks)
    np.testing.assert_allclose(profile, expected["cluster_profile"], atol=2e-6)
    np.testing.assert_allclose(mean, expected["cluster_deletion_mean"], rtol=2e-6)
    feat = msa.msa_feat(codes, deletions, profile, mean)
    assert feat.dtype == np.float32
    np.testing.assert_allclose(feat, expected["msa_feat"], atol=3e-6)
    for found, name in zip(msa.deletion_features(more_deletions), ("has_deletion", "deletion_value"), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected[f"extra_{name}"], atol=1e-7)


@pytest.mark.parity
@pytest.mark.parametrize("seed", range(5))
def test_nearest_clusters_are_deepminds_under_masks(theirs, seed):
    expected, (codes, more, _, _, *masks) = clustered(theirs, seed, 9, 80, 7, ragged=True)
    np.testing.assert_array_equal(msa.nearest_clusters(codes, more, *masks), expected["extra_cluster_assignment"])


@pytest.mark.parity
def test_features_are_those_of_deepminds_network(theirs_in_jax):
    codes, deletions = random(5, 6, 8, top=23)
    rng = np.random.default_rng(5)
    profile, mean = rng.dirichlet(np.ones(23), (6, 8)).astype(np.float32), rng.uniform(0, 9, (6, 8)).astype(np.float32)
    batch = {"msa": codes, "deletion_matrix": deletions, "cluster_profile": profile, "cluster_deletion_mean": mean}
    np.testing.assert_allclose(
        msa.msa_feat(codes, deletions, profile, mean), theirs_in_jax.create_msa_feat(batch), atol=1e-6
    )
    extra = {"extra_msa": codes, "extra_deletion_matrix": deletions, "extra_msa_mask": np.ones(codes.shape)}
    expected, _ = theirs_in_jax.create_extra_msa_feature(extra, 4)
    np.testing.assert_allclose(np.stack(msa.deletion_features(deletions[:4]), -1), expected[..., 23:], atol=1e-6)


@pytest.mark.parity
def test_nearest_clusters_are_those_of_deepminds_network(theirs_in_jax):
    """Where one cluster is the nearest, its soft assignment is ours; it counts each row N_res times, which 1/N_res in
    the mask of the centres undoes, so the centres are taken out of both sums before they are compared.
    """
    (codes, deletions), (more, more_deletions) = alike(8, 5, 16), alike(8, 60, 16)
    present, more_present = np.ones(codes.shape, bool), np.ones(more.shape, bool)
    agreement = ((more[:, None] == codes[None]) & (more[:, None] != GAP)).sum(axis=-1)
    best = np.sort(agreement, axis=1)
    clear = best[:, -1] > best[:, -2]
    assert clear.sum() > 20
    more, more_deletions, more_present = more[clear], more_deletions[clear], more_present[clear]
    nearest = msa.nearest_clusters(codes, more, present, more_present)
    np.testing.assert_array_equal(nearest, agreement[clear].argmax(axis=1))
    profile, mean = msa.summarise(nearest, codes, more, deletions, more_deletions, present, more_present)
    count = (1 + np.bincount(nearest, minlength=5))[:, None]
    batch = {
        "msa": codes,
        "msa_mask": np.full(codes.shape, 1 / 16, np.float32),
        "deletion_matrix": np.zeros_like(deletions),
        "extra_msa": more,
        "extra_msa_mask": more_present.astype(np.float32),
        "extra_deletion_matrix": more_deletions,
    }
    with jax.numpy_rank_promotion("allow"):
        their_profile, their_mean = theirs_in_jax.nearest_neighbor_clusters(batch)
    centre = np.eye(23)[codes] / count[..., None]
    np.testing.assert_allclose(profile - centre, their_profile - centre / 16, atol=1e-5)
    np.testing.assert_allclose(mean - deletions / count, their_mean, atol=1e-5)


# By hand


def test_gaps_and_masks_do_not_agree():
    yes = lambda x: np.ones(np.shape(x), bool)
    centres = np.array([[GAP, GAP, 3], [GAP, 7, msa.MASK], [0, 1, UNKNOWN]], np.int8)
    extra = np.array([[GAP, GAP, 5], [GAP, 7, 9], [4, 4, UNKNOWN], [0, 1, 3]], np.int8)
    # nothing agrees: the first; one letter beats two gaps; X is a letter
    np.testing.assert_array_equal(msa.nearest_clusters(centres, extra, yes(centres), yes(extra)), [0, 1, 2, 2])
    hidden = yes(extra)
    hidden[3, :2] = False
    np.testing.assert_array_equal(msa.nearest_clusters(centres, extra, yes(centres), hidden), [0, 1, 2, 0])


def test_a_cluster_is_summed_with_its_centre_over_what_is_present():
    centres, extra = np.array([[0, 1], [2, 2]], np.int8), np.array([[0, 3], [0, 1], [0, 1]], np.int8)
    deletions, more = np.array([[3, 0], [0, 8]], np.int32), np.array([[0, 6], [0, 0], [9, 0]], np.int32)
    present = np.array([[True, True], [True, False]])
    more_present = np.array([[True, True], [True, False], [True, False]])
    nearest = np.array([0, 0, 0], np.int32)
    profile, mean = msa.summarise(nearest, centres, extra, deletions, more, present, more_present)
    np.testing.assert_allclose(mean, [[12 / 4, 6 / 2], [0, 0]])
    expected = np.zeros((2, 2, 23))
    expected[0, 0, 0], expected[0, 1, 1], expected[0, 1, 3], expected[1, 0, 2] = 1, 0.5, 0.5, 1
    np.testing.assert_allclose(profile, expected)  # where no row is present, zero


# What is drawn


@pytest.mark.parametrize("rows, clusters", [(1, 1), (1, 5), (2, 1), (2, 2), (9, 4), (9, 9), (9, 50)])
def test_sample_deals_every_row_once_and_the_query_first(rows, clusters):
    for seed in range(20):
        chosen, rest = msa.sample(np.random.default_rng(seed), rows, clusters)
        assert chosen[0] == 0 and len(chosen) == min(rows, clusters)
        assert sorted([*chosen, *rest]) == list(range(rows))


def test_sample_is_fair():
    """Each other row is a centre equally often, in each place: within 5 sigma of 4000 draws."""
    rng, draws = np.random.default_rng(0), 4000
    counts = np.zeros((3, 8))
    for _ in range(draws):
        counts[np.arange(3), msa.sample(rng, 8, 3)[0]] += 1
    assert (counts[0] == [draws] + [0] * 7).all()
    sigma = np.sqrt(draws * (1 / 7) * (6 / 7))
    assert (np.abs(counts[1:, 1:] - draws / 7) < 5 * sigma).all() and not counts[1:, 0].any()


def test_block_deletion_keeps_the_query_and_deletes_five_runs():
    np.testing.assert_array_equal(msa.block_delete(np.random.default_rng(0), 1), [0])
    for seed in range(50):
        kept = msa.block_delete(np.random.default_rng(seed), 40)
        assert kept[0] == 0 and (np.diff(kept) > 0).all() and kept[-1] < 40
        runs = np.diff(np.append(kept, 40)) - 1  # lengths of the runs that are gone
        assert 0 < (runs > 0).sum() <= 5 and 0 < runs.sum() <= 5 * 12
        assert sum(-(-run // 12) for run in runs) <= 5  # each run is covered by blocks of 12


def within(count, total, odds, sigmas=5):
    """`count` of `total` independent events of these odds is not further from its mean than so many sigma."""
    return np.all(np.abs(count - total * odds) <= sigmas * np.sqrt(total * odds * (1 - odds)))


def test_a_share_of_the_letters_is_masked():
    codes, _ = random(0, 400, 50)
    for fraction in (0.15, 0.5):
        masked, chosen = msa.mask_bert(np.random.default_rng(1), codes, msa.profile(codes), fraction)
        assert within(chosen.sum(), chosen.size, fraction) and masked.dtype == codes.dtype
        assert within(chosen.sum(axis=0), len(chosen), fraction) and within(chosen.sum(axis=1), 50, fraction)
        np.testing.assert_array_equal(masked[~chosen], codes[~chosen])
        assert ((masked == msa.MASK) <= chosen).all()


def test_the_fates_of_a_masked_letter():
    """10 % any amino acid, 10 % the profile, 10 % stay, 70 % the mask token. The letter here is X and the profile
    gap, so that each fate can be told from the others.
    """
    codes = np.full((2000, 100), UNKNOWN, np.int8)
    profile = np.eye(22, dtype=np.float32)[np.full(100, GAP)]
    masked, chosen = msa.mask_bert(np.random.default_rng(2), codes, profile, 0.15)
    fates = np.bincount(masked[chosen], minlength=23)
    assert within(fates, chosen.sum(), np.array([0.005] * 20 + [0.1, 0.1, 0.7]))
    assert (codes == UNKNOWN).all()  # the input is left alone


def test_letters_are_drawn_from_the_profile_of_their_own_position():
    """The odds of DeepMind's make_masked_msa, for every letter of every position, with fractions of 1."""
    n_res, rows = 6, 40_000
    rng = np.random.default_rng(3)
    column = rng.integers(0, 22, n_res).astype(np.int8)
    profile = rng.dirichlet(np.full(22, 0.3), n_res).astype(np.float32)
    profile[0] = np.eye(22)[4]
    masked, chosen = msa.mask_bert(rng, np.tile(column, (rows, 1)), profile, 1.0)
    assert chosen.all()
    any_letter = np.array([0.05] * 20 + [0, 0])
    odds = 0.1 * any_letter[None] + 0.1 * profile + 0.1 * np.eye(22)[column]
    for i in range(n_res):
        assert within(np.bincount(masked[:, i], minlength=23), rows, np.append(odds[i], 0.7))


@pytest.mark.parametrize("fraction, expected", [(0.0, 0), (1.0, 12)])
def test_none_and_all(fraction, expected):
    codes, _ = random(0, 3, 4)
    masked, chosen = msa.mask_bert(np.random.default_rng(0), codes, msa.profile(codes), fraction)
    assert chosen.sum() == expected
    if not expected:
        np.testing.assert_array_equal(masked, codes)


def test_the_generator_decides():
    codes, _ = random(0, 30, 20)
    draw = lambda seed: msa.mask_bert(np.random.default_rng(seed), codes, msa.profile(codes), 0.15)
    np.testing.assert_array_equal(draw(7)[0], draw(7)[0])
    assert (draw(7)[1] != draw(8)[1]).any()
    assert (msa.sample(np.random.default_rng(7), 30, 9)[0] != msa.sample(np.random.default_rng(8), 30, 9)[0]).any()
