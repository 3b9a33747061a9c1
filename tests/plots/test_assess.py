"""Plots of how good predictions are: what is drawn is what was given."""

import numpy as np

from af2jax.plots import assess
from af2jax.plots.render import png_and_svg


def test_curves():
    figure = assess.curves(
        {"a": ([0, 1], [0.2, 0.4]), "$x_1": (np.arange(2), np.ones(2))}, ("said", "found"), diagonal=1
    )
    (axis,) = figure.axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in axis.lines}
    assert lines["a"] == [[0, 0.2], [1, 0.4]] and [[0, 0], [1, 1]] in lines.values()
    assert axis.get_xlim() == (-0.02, 1.02) and axis.get_xlabel() == "said"
    png, svg = png_and_svg(figure, "x")
    assert png[:4] == b"\x89PNG" and b"<svg" in svg


def test_maps():
    table = np.arange(9.0).reshape(3, 3)
    names = ("Scored residue", "Aligned residue")
    figure = assess.maps({"said": table, "true": table + 1}, "angstrom", (0, 10), "Greens_r", [1], names)
    first, second, bar = figure.axes
    assert (first.get_xlabel(), first.get_ylabel()) == names
    np.testing.assert_array_equal(second.images[0].get_array(), table + 1)
    assert first.get_title() == "said" and len(first.lines) == 2 and bar.get_ylabel() == "angstrom"


def test_confusion():
    figure = assess.confusion(np.array([[8, 2], [0, 0]]), ["a", "b"])
    axis = figure.axes[0]
    np.testing.assert_allclose(axis.images[0].get_array(), [[0.8, 0.2], [0, 0]])
    assert [text.get_text() for text in axis.texts] == ["8", "2", "0", "0"]
    assert not assess.confusion(np.eye(13, dtype=int), list("abcdefghijklm")).axes[0].texts


def test_intervals():
    figure = assess.intervals({"a": (1.0, 0.5, 2.0), "b": (3.0, 3.0, 3.0)}, "x", zero=True)
    (axis,) = figure.axes
    ends = [c.get_segments()[0][:, 0].tolist() for c in axis.collections]
    assert ends == [[0.5, 2.0], [3.0, 3.0]] and axis.yaxis_inverted()
    assert [t.get_text() for t in axis.get_yticklabels()] == ["a", "b"]


def test_two_symmetric_tables_share_a_square():
    above, below = np.full((3, 3), 1.0), np.full((3, 3), 2.0)
    axis = assess.halves(above, below, ("expected", "known"), "angstrom", (0, 10), "Greens_r", [1]).axes[0]
    np.testing.assert_array_equal(axis.images[0].get_array(), [[1, 1, 1], [2, 1, 1], [2, 2, 1]])
    assert axis.get_title() == "above: expected; below: known"


def test_a_level_to_compare_with():
    axis = assess.curves({"a": ([0, 1], [0.2, 0.4])}, ("x", "y"), levels={"majority class": 0.3}).axes[0]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["a", "majority class"]
    assert set(axis.lines[-1].get_ydata()) == {0.3}
