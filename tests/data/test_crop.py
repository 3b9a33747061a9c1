"""Windows of a chain: where they begin, what they cut, what padding adds."""

import chex
import jax
import numpy as np
import pytest

from af2jax.data import crop, transforms
from af2jax.data.examples import example
from tests.data.molecules import cif, peptide, save


def starts(n_res: int, size: int, clamped: bool, draws: int = 4000) -> np.ndarray:
    """How often a window begins at each place."""
    rng = np.random.default_rng(0)
    found = [crop.start(rng, n_res, size, clamped) for _ in range(draws)]
    return np.bincount(found, minlength=max(n_res - size, 0) + 1) / draws


@pytest.mark.parametrize("n_res, size", [(5, 5), (5, 9), (1, 1)])
def test_a_chain_that_fits_begins_at_its_begin(n_res, size):
    assert starts(n_res, size, True, 50).tolist() == starts(n_res, size, False, 50).tolist() == [1.0]


def test_any_window_is_equally_likely_without_clamp():
    np.testing.assert_allclose(starts(13, 8, False), [1 / 6] * 6, atol=0.02)


def test_early_windows_are_more_frequent_with_clamp():
    """The last place is drawn from 0 to 5 first: place i has the mean over last >= i of 1 / (last + 1)."""
    expected = [sum(1 / (last + 1) for last in range(i, 6)) / 6 for i in range(6)]
    np.testing.assert_allclose(starts(13, 8, True), expected, atol=0.02)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    path = save(tmp_path_factory.mktemp("crop"), cif(peptide("MKTAYIAKQR"), {1: "MKTAYIAKQR"}))
    labels = {"one": 3.0, "each": np.arange(10), "vector": np.arange(20.0).reshape(10, 2)}
    return example(path, labels=labels)


def test_labels_of_pairs_are_cut_and_padded_on_both_axes(pair):
    features, targets = pair
    several, whole = np.arange(200.0).reshape(10, 10, 2), np.arange(3.0)
    targets = targets.replace(labels={"pair": np.arange(100).reshape(10, 10), "several": several, "whole": whole})
    _, part = crop.cut(features, targets, np.array([3, 4, 8]))
    assert part.labels["pair"].tolist() == [[33, 34, 38], [43, 44, 48], [83, 84, 88]]
    assert part.labels["several"].tolist() == several[[3, 4, 8]][:, [3, 4, 8]].tolist()
    grown = crop.pad_targets(part, 5, 1)
    assert grown.labels["pair"].shape == (5, 5) and grown.labels["several"].shape == (5, 5, 2)
    assert grown.labels["pair"][:3, :3].tolist() == part.labels["pair"].tolist() and not grown.labels["pair"][3:].any()
    assert part.labels["whole"].tolist() == whole.tolist() and part.labels["pair"].shape == (3, 3)


def test_every_field_with_residues_is_cut(pair):
    """The axes that had 10 residues have 4, and hold residues 3 to 6."""
    cut = crop.cut(*pair, np.arange(3, 7))
    flat = zip(jax.tree_util.tree_leaves_with_path(pair), jax.tree.leaves(cut), strict=True)
    axes = 0
    for (path, whole), part in flat:
        where = [axis for axis, size in enumerate(whole.shape) if size == 10]
        assert len(where) <= 1, path
        if where:
            axes += 1
            np.testing.assert_array_equal(part, np.take(whole, range(3, 7), axis=where[0]))
        else:
            np.testing.assert_array_equal(part, whole)
    assert axes == 26
    assert cut[1].labels["one"] == 3.0 and cut[1].labels["vector"].tolist() == [[6, 7], [8, 9], [10, 11], [12, 13]]


def test_padding_is_absent_and_takes_nothing_away(pair):
    features, targets = pair
    grown = crop.pad_targets(targets, 14, 3)
    assert grown.seq_mask.tolist() == [True] * 10 + [False] * 4
    assert not grown.atom_mask[10:].any() and not grown.bert_mask[1:].any() and not grown.bert_mask[:, 10:].any()
    assert grown.labels["each"].tolist() == [*range(10), 0, 0, 0, 0] and grown.labels["vector"].shape == (14, 2)
    back = crop.cut(transforms.pad(features, n_res=14), grown, np.arange(10))[1]
    chex.assert_trees_all_equal(back.replace(true_msa=back.true_msa[:1], bert_mask=back.bert_mask[:1]), targets)
