"""Curves of a training: smoothed, with marks, the best and the simplest baseline; the caption follows from them."""

import json

import numpy as np
import pytest

from af2jax.finetune import curves as drawing
from af2jax.finetune.config import Training
from af2jax.finetune.watch import baseline
from af2jax.plots import figure
from af2jax.plots.curves import Panel, curves
from tests.plots.captions import caption


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved."""
    kept, save = [], figure.save
    monkeypatch.setattr(figure, "save", lambda out, path: kept.append(out) or save(out, path))
    return kept


def run(folder, losses, watched, monitor="ss/accuracy", **rest):
    """Draws a run directory of such losses and validations {step: value}."""
    line = lambda step, **values: json.dumps({"step": step} | values) + "\n"
    (folder / "metrics.jsonl").write_text("".join(line(i, loss=value) for i, value in enumerate(losses)))
    (folder / "validation.jsonl").write_text("".join(line(i, **{monitor: v}, **rest) for i, v in watched.items()))
    return caption(drawing.draw(folder, Training(str(folder), preset="mini", monitor=monitor, losses={"ss": 1.0})))


def test_a_moving_mean():
    values = [3.0, 1.0, 2.0, 6.0]
    assert drawing.moving_mean(values, 3) == [2.0, 2.0, 3.0, 4.0] and drawing.moving_mean(values, 1) == values
    assert [drawing.width(n) for n in (20, 100, 2000)] == [3, 5, 101]


def test_each_step_is_pale_behind_its_moving_mean(tmp_path, drawn):
    losses = [float(x) for x in np.random.default_rng(0).uniform(1, 2, 60)]
    text = run(tmp_path, losses, {0: 0.4, 30: 0.6, 60: 0.5}, **{"ss/accuracy_of_majority": 0.55})
    left, right = drawn[0].axes
    each, smooth = left.lines
    assert each.get_alpha() < 0.5 and list(each.get_ydata()) == losses
    assert list(smooth.get_ydata()) == drawing.moving_mean(losses, 3) and "the bold line is the mean of 3" in text
    line, best, level = right.lines
    assert line.get_marker() == "o" and list(line.get_ydata()) == [0.4, 0.6, 0.5]
    assert [float(x) for x in (*best.get_xdata(), *best.get_ydata())] == [30, 0.6]
    assert set(level.get_ydata()) == {0.55} and level.get_label() == "majority class" and level.get_linestyle() == ":"
    assert "The dotted line is the simplest baseline, majority class, with 0.55: it is passed. Later steps" in text


@pytest.mark.parametrize(
    ("losses", "watched", "says"),
    [
        (5, {0: 0.4, 5: 0.6}, "2 validations are too few to say whether more steps would help."),
        (5, {0: 0.4, 3: 0.5, 5: 0.6}, "The last step is the best: more steps may help further."),
        (5, {0: 0.7, 3: 0.5, 5: 0.6}, "Training did not help on the validation set"),
        (5, {}, "There is no validation set"),
    ],
)
def test_what_follows(losses, watched, says, tmp_path, drawn):
    text = run(tmp_path, [1.0] * losses, watched)
    assert says in text and "bold line" not in text and "dotted" not in text
    assert len(drawn[0].axes[0].lines) == 1


def test_a_low_monitor_is_passed_from_above(tmp_path):
    text = run(tmp_path, [1.0] * 5, {0: 3.0, 4: 2.0}, "rg/rmse", **{"rg/rmse_of_mean": 1.5})
    assert "predicting the mean, with 1.5: it is not passed" in text
    assert baseline("loss", {"loss": 1.0}) is None and baseline("rg/rmse", {}) is None


def test_several_lines_in_one_panel(tmp_path, drawn):
    curves(tmp_path / "a.png", {"loss": Panel(range(50), {"a": [1.0] * 50, "b": [0.0] * 50})}, "What it shows.")
    (axis,) = drawn[0].axes
    assert [line.get_label() for line in axis.lines] == ["a", "b"]
    assert {line.get_marker() for line in axis.lines} <= {"None", None}
