"""Statistics of a data set: relations, noise, groups and clusters on data with a known answer."""

import numpy as np
import pytest
from scipy import stats

from af2jax.audit import groups, homologues, leakage, relations, signal
from af2jax.audit.columns import Column
from af2jax.audit.label_column import LabelColumn
from af2jax.audit.look import Seen
from af2jax.constants.residues import RESTYPES
from af2jax.data.dataset import Item

RNG = np.random.default_rng(0)
SEQUENCES = ["".join(RNG.choice(list(RESTYPES), 60)) for _ in range(60)]
ALONE = np.arange(60)


def seen(splits, sequences=SEQUENCES) -> list[Seen]:
    rows = zip(splits, sequences, strict=False)
    return [Seen(Item(f"p{i}", f"line {i}", split=split), sequence) for i, (split, sequence) in enumerate(rows)]


def column(cells, kind="number") -> Column:
    return Column("x", kind, tuple(map(str, cells)), 0, {})


def test_a_relation_is_shown_and_none_is_not():
    known = np.array([sequence.count("W") + 0.5 * sequence.count("A") for sequence in SEQUENCES], float)
    found = signal.of_proteins(SEQUENCES, known, ALONE)
    assert found.shown and found.score > 0.5 and found.p == pytest.approx(1 / 200)
    values = [signal.of_proteins(SEQUENCES, RNG.normal(size=60), ALONE).p for _ in range(30)]
    assert 0.25 < np.mean(values) < 0.75 and np.mean(np.array(values) <= 0.05) < 0.25  # as p of nothing is spread
    assert signal.of_proteins(SEQUENCES[:10], known[:10], ALONE[:10]) is None


def test_homologues_share_a_label():
    groups_, values = np.repeat(np.arange(20), 3), np.repeat(RNG.normal(size=20), 3)
    found = signal.of_proteins(SEQUENCES, values, groups_)
    assert found.shown and found.by == "the mean of its homologues"


def test_variants_of_one_length_are_told_by_their_letters():
    first, variants, values = SEQUENCES[0], [], []
    for _ in range(150):
        place, letter = int(RNG.integers(4)), RNG.choice(list("AW"))
        variants.append(first[:place] + letter + first[place + 1 :])
        values.append(place * (1 if letter == "A" else -1) + 0.1 * RNG.normal())
    assert signal.of_proteins(variants, np.array(values), np.zeros(150, int)).score > 0.8


@pytest.mark.medium("fits many times")
def test_residues():
    hot = [np.eye(2)[[int(a in "AVILMF") for a in sequence]] for sequence in SEQUENCES[:20]]
    assert signal.of_residues(SEQUENCES[:20], hot).score > 0.9
    assert not signal.of_residues(SEQUENCES[:20], [RNG.normal(size=60) for _ in range(20)]).shown


def test_noise_of_repeats():
    """Two measurements each, with a variance of 1 within and 3 between."""
    truth = RNG.normal(size=2000) * np.sqrt(3)
    values = np.stack([truth + RNG.normal(size=2000) for _ in range(2)], axis=1).ravel()
    repeats = tuple((2 * i, 2 * i + 1) for i in range(2000))
    one = LabelColumn(column(values), (), False, values, None, repeats)
    share, number = one.noise
    assert share == pytest.approx(0.25, abs=0.03) and number == 4000


def test_outliers():
    values = np.append(RNG.normal(size=500), [7.5, -9, np.nan])
    one = LabelColumn(column(values), (), False, values, None)
    assert one.outliers.tolist() == [500, 501]
    flat = LabelColumn(column(values), (), False, np.ones(9), None)
    assert flat.outliers.tolist() == []


def test_correlation_and_covariance():
    x, y = RNG.normal(size=(2, 40))
    y[3], z = np.nan, x**3
    rho, cov = relations.tables({"x": x, "y": y, "z": z, "few": np.where(np.arange(40) < 9, x, np.nan)})
    both = np.isfinite(y)
    assert rho[0, 1] == pytest.approx(stats.spearmanr(x[both], y[both]).statistic)
    assert cov[0, 1] == pytest.approx(np.cov(x[both], y[both])[0, 1]) and rho[0, 2] == pytest.approx(1)
    assert np.isnan(rho[3]).all() and np.isnan(cov[:, 3]).all()


def test_what_a_group_explains():
    cells = np.repeat(["a", "b", "c"], 20)
    values = RNG.normal(size=60) + np.repeat([0, 1, 3], 20)
    one = LabelColumn(column(values), (), False, values, None)
    share, p = groups.explained(column(cells, "class"), one)
    parts = values.reshape(3, 20)
    assert p == pytest.approx(stats.f_oneway(*parts).pvalue)
    assert share == pytest.approx(1 - parts.var(axis=1).mean() / values.var())


def test_clusters():
    parts = seen(["train", "test", "train", "test", "valid"])
    found = homologues.study(parts, np.array([4, 1, 4, 4, 2]))
    assert found.clusters == [[0, 2, 3], [1], [4]] and found.effective == pytest.approx(25 / 11)
    assert found.crossing == [True, False, False] and found.alone == 2
    assert found.splits == [("train", 2, 1, 2), ("valid", 1, 1, 0), ("test", 2, 2, 1)]
    (leak, *_) = leakage.findings(found, parts)
    assert leak.kind == "leak" and leak.rows == ("p3 (test) and p0 (train), and 1 more",)
