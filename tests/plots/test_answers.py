"""Plots of what heads answer: the caption says what follows from these numbers, and every form can be drawn."""

import numpy as np
import pytest

from af2jax.plots import figure
from af2jax.plots.answers import APART, pairs, track
from tests.plots.captions import caption
from tests.protein.test_files import protein

ONE = protein((40,), name="job", notes=())
TWO = protein((20, 20), name="job", notes=("random weights: this is not a prediction",))
MADE = "Head of runs/a; not calibrated."


def chances(best, classes=3, top=0.8):
    """Probabilities [... classes] of which those of the classes `best` are `top`."""
    best = np.asarray(best)
    return np.where(np.arange(classes) == best[..., None], top, (1 - top) / (classes - 1))


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved."""
    kept, save = [], figure.save
    monkeypatch.setattr(figure, "save", lambda out, path: kept.append(out) or save(out, path))
    return kept


def test_classes_along_the_sequence(tmp_path, drawn):
    values = chances(np.arange(40) // 20)
    values[4:7] = [0.4, 0.3, 0.3]
    text = caption(track(tmp_path / "a.png", ONE, "ss", values, ("H", "E", "C"), made=MADE))
    assert text.startswith(
        'Probability of each class of the head "ss" at each residue. Head of runs/a; not calibrated.'
    )
    assert "The most probable classes: 50% H, 50% E of 40 residues." in text and "% C" not in text
    assert text.endswith("At 5-7 no class reaches 50%: treat these residues as undecided.")
    axis = drawn[0].axes[0]
    heights = np.array([[bar.get_height() for bar in bars] for bars in axis.containers])
    np.testing.assert_allclose(heights, values.T)
    assert [t.get_text() for t in axis.get_legend().get_texts()] == ["H", "E", "C"]
    sure = caption(track(tmp_path / "a.png", TWO, "ss", chances(np.zeros(40, int)), ("H", "E", "C")))
    assert "Every residue has a class of 50% or more." in sure and sure.endswith(
        "Note: random weights: this is not a prediction."
    )


def test_many_classes_are_rows_of_a_table(tmp_path, drawn):
    names = tuple(f"class {i}" for i in range(12))
    caption(track(tmp_path / "a.png", ONE, "kind", chances(np.arange(40) % 12, 12), names))
    axis = drawn[0].axes[0]
    np.testing.assert_allclose(axis.images[0].get_array(), chances(np.arange(40) % 12, 12).T)
    assert [t.get_text() for t in axis.get_yticklabels()] == list(names)


def test_numbers_along_the_sequence(tmp_path, drawn):
    values = np.linspace(10, 30, 40)[:, None] * [1, 2]
    spread = np.full((40, 2), 0.5)
    text = caption(track(tmp_path / "a.png", TWO, "b", values, (), "angstrom^2", spread, MADE))
    assert 'What the head "b" answers at each residue, in angstrom^2.' in text
    assert "The values run from 10 to 30 angstrom^2 (mean 20), highest at residue B20." in text
    assert "differ by a sample standard deviation of 0.5 angstrom^2 at most." in text
    axis = drawn[0].axes[0]
    np.testing.assert_allclose(axis.lines[0].get_ydata(), values[:, 0])
    assert axis.get_ylabel() == "b (angstrom^2)" and len(axis.collections) == 2


@pytest.mark.parametrize("two", [False, True])
def test_classes_of_pairs(tmp_path, drawn, two):
    protein, near = TWO if two else ONE, np.abs(np.arange(40)[:, None] - np.arange(40)[None])
    values = chances((near == APART).astype(int), 2, 0.9)
    text = caption(pairs(tmp_path / "a.png", protein, "contact", values, ("no", "yes"), made=MADE))
    apart = (near >= APART) | (protein.chain_index[:, None] != protein.chain_index[None])
    assert 'Probability of "yes" by the head "contact" for each pair' in text and MADE in text
    assert f"of the {apart.sum()} pairs {APART} or more residues apart" in text
    assert f"{(near == APART).sum() / apart.sum():.1%} yes" in text
    np.testing.assert_allclose(drawn[0].axes[0].images[0].get_array(), values[..., 1])
    caption(pairs(tmp_path / "a.png", protein, "kind", chances(near % 3), ("a", "b", "c")))
    assert [len(axis.images) for axis in drawn[1].axes[:3]] == [1, 1, 1]


def test_numbers_of_pairs(tmp_path, drawn):
    near = np.abs(np.arange(40)[:, None] - np.arange(40)[None])[..., None] * 3.0
    text = caption(pairs(tmp_path / "a.png", ONE, "distance", near, (), "angstrom", near * 0 + 0.25))
    assert "The values run from 0 to 117 angstrom (mean 40)" in text or "The values run from 0 to 117 angstrom" in text
    assert "standard deviation of 0.25 angstrom at most" in text
    assert drawn[0].axes[-1].get_ylabel() == "angstrom"


def test_very_short_chains(tmp_path):
    short = protein((3,), name="job", notes=())
    assert f"No pair is {APART} or more" in caption(
        pairs(tmp_path / "a.png", short, "c", chances(np.zeros((3, 3), int), 2), ("n", "y"))
    )
