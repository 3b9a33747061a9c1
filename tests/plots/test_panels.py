"""Plots of data sets: what they draw is what they are given, and any name can be a label."""

import numpy as np
import pytest

from af2jax.plots import panels
from af2jax.plots.render import plain, png_and_svg

NAME = "</text><script>alert(1)</script> $a_$ \u4e2d"


@pytest.mark.parametrize(
    "figure",
    [
        lambda: panels.histogram({NAME: np.arange(9.0), "b": np.ones(3)}, NAME, "items", {NAME: 2.0}),
        lambda: panels.bars({NAME: {NAME: 1.0, "b": 2.0}, "c": {"b": 3.0}}, NAME),
        lambda: panels.scatter({NAME: (np.arange(3), np.arange(3))}, (NAME, NAME), {"c": (np.ones(2), np.ones(2))}),
        lambda: panels.line(np.arange(3), {NAME: (np.ones(3), np.zeros(3), np.ones(3))}, (NAME, NAME)),
        lambda: panels.matrix(np.eye(2), [NAME, "b"], "correlation"),
        lambda: panels.network([[NAME, "test"], ["train"]], [True, False]),
    ],
    ids=["histogram", "bars", "scatter", "line", "matrix", "network"],
)
def test_any_name_is_a_label(figure):
    png, svg = png_and_svg(figure(), NAME)
    assert png.startswith(b"\x89PNG") and b"<script" not in svg and b"http://www.w3.org" in svg
    assert png_and_svg(figure(), NAME) == (png, svg)


def test_bars_and_their_order():
    (axis,) = panels.bars({"one": {"a": 1.0, "b": 2.0}, "two": {"b": 3.0}}, "x").axes
    assert [bar.get_width() for bar in axis.patches] == [1, 0, 2, 3] and axis.yaxis_inverted()
    assert [text.get_text() for text in axis.get_yticklabels()] == ["one", "two"]


def test_a_network_has_every_member_and_rings_what_crosses():
    (axis,) = panels.network([["train"] * 5 + ["test"], ["train"], ["test"]], [True, False, False]).axes
    points = [c for c in axis.collections if hasattr(c, "get_offsets") and c.get_label() in ("train", "test")]
    assert {c.get_label(): len(c.get_offsets()) for c in points} == {"train": 6, "test": 2}
    (ring,) = [patch for patch in axis.patches if not patch.get_fill()]
    inside = np.linalg.norm(np.concatenate([c.get_offsets() for c in points]) - ring.center, axis=1) < ring.radius
    assert inside.sum() == 6


def test_plain():
    assert plain("a" * 50) == "a" * 37 + "..." and plain("1 $ 2\n\u4e2d") == r"1 \$ 2??"


def test_an_axis_ends_before_what_lies_far_away_and_says_so():
    rng = np.random.default_rng(0)
    values = rng.normal(4, 1, 60)
    far = np.concatenate([values, [2716.6, 900.0], [-999.0]])
    axis = panels.histogram({"a": far}, "dg", "items", {"mean": float(far.mean())}).axes[0]
    low, high = panels.shown_range(far)
    assert low > -20 and high < 30 and axis.get_xlim()[1] < 40
    assert [text.get_text() for text in axis.texts] == ["1 below,\nto -999", "2 above,\nto 2717"]
    counted = axis.patches[0].get_xy()[:, 1].max()
    assert counted < 60 and not axis.lines  # the mean of all lies outside
    plain = panels.histogram({"a": values}, "dg", "items", {"mean": float(values.mean())}).axes[0]
    assert panels.shown_range(values) == (values.min(), values.max()) and not plain.texts and len(plain.lines) == 1
    assert panels.shown_range(np.ones(5)) == (1, 1) == panels.shown_range(np.array([1.0, 1, 1, 1, 1]))


def test_long_names_take_two_lines():
    from af2jax.plots.render import lines

    assert lines("logistic regression on frozen activations") == "logistic regression on\nfrozen activations"
    assert lines("a") == "a" and lines("x" * 100).count("\n") == 1
