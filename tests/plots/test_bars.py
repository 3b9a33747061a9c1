"""Bars with intervals."""

from af2jax.plots.bars import bars
from tests.plots.captions import caption


def test_bars(tmp_path):
    path = bars(tmp_path / "a.png", "accuracy", {"one": (0.5, 0.4, 0.7), "two": (0.9, 0.9, 0.9)}, "What was compared.")
    assert caption(path) == "What was compared."


def test_the_order_and_the_ends(tmp_path, monkeypatch):
    from af2jax.plots import figure

    kept = []
    monkeypatch.setattr(figure, "save", lambda out, path: kept.append(out) or path)
    bars(tmp_path, "accuracy", {"one": (0.5, 0.4, 0.7), "two": (0.9, 0.8, 0.9)}, "x")
    (axis,) = kept[0].axes
    assert [text.get_text() for text in axis.get_yticklabels()] == ["one", "two"] and axis.yaxis_inverted()
    assert [patch.get_width() for patch in axis.patches] == [0.5, 0.9]
    ends = [line.get_segments()[0][:, 0].tolist() for line in axis.collections]
    assert ends == [[0.4, 0.7], [0.8, 0.9]]
