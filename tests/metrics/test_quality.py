"""lDDT equal to biotite's, cases worked out by hand, laws; and what calibration says of predictors that we know."""

import csv

import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.constants.atoms import ATOM37, CA
from af2jax.metrics.quality import calibration, lddt, lddt_ca
from tests.losses import examples

KNOWN = examples.dictionary()  # an extended chain, some atoms missing
TRUE, MASK = KNOWN["all_atom_positions"], KNOWN["all_atom_mask"] > 0
RNG = np.random.default_rng(0)
FOUND = (TRUE + RNG.normal(size=TRUE.shape) * np.linspace(0, 3, len(TRUE))[:, None, None]).astype(np.float32)
PREDICTED = RNG.uniform(0, 100, 20_000)
ALL = np.ones(20_000, bool)


def biotites(found, true, mask):
    """biotite's lDDT, overall and per residue with atoms, 0 to 100."""
    structure = pytest.importorskip("biotite.structure", reason="biotite is not installed")
    residue, column = np.nonzero(mask)
    reference = structure.AtomArray(len(residue))
    reference.coord, reference.res_id, reference.chain_id[:] = true[mask], residue + 1, "A"
    reference.atom_name = np.array(ATOM37)[column]
    return 100 * structure.lddt(reference, found[mask]), 100 * structure.lddt(reference, found[mask], "residue")


def compare(found, true, mask):
    """Both scores of both kinds equal biotite's; returns the one over all atoms."""
    ca = np.zeros_like(mask)
    ca[:, CA] = mask[:, CA]
    ours = {True: lddt_ca(*map(jnp.asarray, (found[:, CA], true[:, CA], mask[:, CA])))}
    ours[False] = lddt(*map(jnp.asarray, (found, true, mask)))
    for only_ca, chosen in ((True, ca), (False, mask)):
        overall, per_residue = biotites(found, true, chosen)
        np.testing.assert_allclose(ours[only_ca].overall, overall, atol=1e-3)
        np.testing.assert_allclose(np.asarray(ours[only_ca].per_residue)[chosen.any(1)], per_residue, atol=1e-3)
    return ours[False]


def test_lddt_equals_biotites():
    score = compare(FOUND, TRUE, MASK)
    assert 30 < score.overall < 80 and score.per_residue[0] > 90  # neither all nor nothing
    lonely = MASK & (np.arange(20) % 19 == 0)[:, None]  # two residues far apart: no distance counts, theirs is NaN too
    compare(FOUND, TRUE, MASK & (np.arange(20) % 2 == 0)[:, None])
    score = lddt(*map(jnp.asarray, (FOUND, TRUE, lonely)))
    assert np.isnan(score.overall) and np.isnan(score.per_residue).all()
    assert np.isnan(biotites(FOUND, TRUE, lonely)[1]).all()


def test_lddt_of_real_conformations_equals_biotites(shared):
    from af2jax.data.structure import read_chain

    rows = csv.DictReader((shared / "data/pairs.tsv").open(), delimiter="\t")
    row = next(row for row in rows if row["seq_a"] == row["seq_b"] and float(row["ca_rmsd"]) > 3)
    found, true = (read_chain(shared / "data" / row[name]) for name in ("file_a", "file_b"))
    a, b = found.observed, true.observed
    mask = found.atom_mask[a] & true.atom_mask[b]
    assert 30 < compare(found.positions[a], true.positions[b], mask).overall < 95


def test_lddt_worked_out():
    """Three residues 5 angstrom apart on a line, the last one 0.75 too far: 3 of its 4 thresholds hold."""
    true = jnp.asarray([[0.0, 0, 0], [5, 0, 0], [10, 0, 0]])
    score = lddt_ca(true.at[2, 0].add(0.75), true, jnp.ones(3, bool))
    np.testing.assert_allclose(score.per_residue, [87.5, 87.5, 75], rtol=1e-6)
    np.testing.assert_allclose(score.overall, 100 * (1 + 0.75 + 0.75) / 3, rtol=1e-6)
    # Two atoms each: the distance inside a residue, wrong by 9, does not count; the third residue is out of reach.
    true = jnp.asarray([[[0.0, 0, 0], [0, 1, 0]], [[5, 0, 0], [5, 1, 0]], [[30, 0, 0], [30, 1, 0]]])
    score = lddt(true.at[2, 1, 1].add(9), true, jnp.ones((3, 2), bool))
    np.testing.assert_allclose(score.per_residue, [100, 100, np.nan])
    np.testing.assert_allclose(score.overall, 100)


def test_padding_motion_and_masked_atoms_change_no_lddt():
    expected = lddt(*map(jnp.asarray, (FOUND, TRUE, MASK)))
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], np.float32)
    junk = lambda x: np.concatenate([np.where(MASK[..., None], x, np.nan), np.full((5, 37, 3), 3.0)]).astype(np.float32)
    padded = lddt(*map(jnp.asarray, (junk(FOUND @ turn + 9), junk(TRUE), np.pad(MASK, [(0, 5), (0, 0)]))))
    np.testing.assert_allclose(padded.overall, expected.overall, rtol=1e-5)
    np.testing.assert_allclose(padded.per_residue[:20], expected.per_residue, rtol=1e-5)
    assert np.isnan(padded.per_residue[20:]).all()


def test_a_perfect_predictor_is_calibrated():
    found = calibration(PREDICTED, PREDICTED, ALL)
    np.testing.assert_allclose([found.error, found.pearson, found.spearman], [0, 1, 1], atol=1e-12)
    np.testing.assert_allclose(found.edges, np.arange(0, 101, 10))
    np.testing.assert_array_equal(found.count, np.histogram(PREDICTED, found.edges)[0])
    np.testing.assert_allclose(found.predicted, found.found)
    # Calibrated on average, though no single residue is: 0 or 100, the odds as predicted.
    chance = calibration(PREDICTED, np.where(RNG.uniform(0, 100, 20_000) < PREDICTED, 100.0, 0.0), ALL)
    assert chance.error < 2 and 0.4 < chance.pearson < 0.8


def test_a_predictor_that_boasts_is_not():
    boast = calibration(PREDICTED, PREDICTED - 20, ALL, bins=5)
    np.testing.assert_allclose([boast.error, boast.pearson, boast.spearman], [20, 1, 1])
    np.testing.assert_allclose(boast.predicted - boast.found, 20)
    np.testing.assert_allclose(boast.predicted, [10, 30, 50, 70, 90], atol=1)
    opposite = calibration(PREDICTED, 100 - PREDICTED, ALL)
    np.testing.assert_allclose([opposite.pearson, opposite.spearman], -1)
    assert 45 < opposite.error < 55


def test_calibration_worked_out():
    """Two bins; a bin has its lower edge; a masked residue and one without an lDDT do not count."""
    predicted = np.array([20, 40, 50, 100, 70, 70], float)
    found = np.array([30, 60, 40, 100, np.nan, 0])
    score = calibration(predicted, found, np.arange(6) < 5, bins=2)
    np.testing.assert_array_equal(score.count, [2, 2])
    np.testing.assert_allclose(score.predicted, [30, 75])
    np.testing.assert_allclose(score.found, [45, 70])
    np.testing.assert_allclose(score.error, (2 * 15 + 2 * 5) / 4)
    np.testing.assert_allclose(score.spearman, 0.8)  # ranks 1 2 3 4 and 1 3 2 4


def test_correlations_equal_scipys():
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    x, y = np.round(RNG.normal(size=(2, 200)) * 20 + 50)  # with ties
    score = calibration(x, y + 0.3 * x, np.ones(200, bool))
    np.testing.assert_allclose(score.pearson, stats.pearsonr(x, y + 0.3 * x)[0])
    np.testing.assert_allclose(score.spearman, stats.spearmanr(x, y + 0.3 * x)[0])


def test_calibration_of_nothing_or_equal_values_is_nan():
    with np.errstate(all="raise"):
        nothing = calibration(PREDICTED, PREDICTED, ~ALL)
        equal = calibration(np.full(20_000, 50.0), PREDICTED, ALL)
    assert np.isnan([nothing.error, nothing.pearson, nothing.spearman]).all()
    assert (nothing.count == 0).all() and np.isnan(nothing.predicted).all() and np.isnan(nothing.found).all()
    assert np.isnan([equal.pearson, equal.spearman]).all() and equal.error < 2 and equal.count[5] == 20_000
