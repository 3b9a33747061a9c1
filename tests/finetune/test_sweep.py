"""A sweep: every combination once and the best first, all of them looked at before."""

import json

import pytest

from af2jax.errors import InputError
from af2jax.finetune.config import Training
from af2jax.finetune.record import VALIDATION
from af2jax.finetune.sweep import sweep

TRAINING = Training("none", preset="tiny", steps=10)


class Fit:
    """Takes the place of trainings: each writes the scores that `scores` has for its learning rate."""

    def __init__(self, scores):
        self.scores, self.given = scores, []

    def __call__(self, training, out, resume):
        self.given.append((training.learning_rate, training.batch_size, out.name, resume))
        out.mkdir(parents=True, exist_ok=True)
        (out / VALIDATION).write_text("".join(json.dumps(line) + "\n" for line in self.scores[training.learning_rate]))


def scored(name, *values):
    return [{"step": 5 * index, name: value} for index, value in enumerate(values)]


def test_every_combination_and_the_best_first(tmp_path):
    fit = Fit({0.1: scored("loss", 3.0, 2.0, None), 0.2: scored("loss", 3.0, 1.5, 1.75)})
    (tmp_path / "learning_rate_0.2_batch_size_2").mkdir()
    table = sweep(TRAINING, ["learning_rate=0.1,0.2", "batch_size=1,2"], tmp_path, resume=True, fit=fit)
    names = [f"learning_rate_{rate}_batch_size_{size}" for rate in (0.1, 0.2) for size in (1, 2)]
    assert fit.given == [
        (rate, size, name, name == names[3])
        for (rate, size), name in zip([(0.1, 1), (0.1, 2), (0.2, 1), (0.2, 2)], names, strict=True)
    ]
    rows = json.loads((tmp_path / "sweep.json").read_text())
    assert rows == [{"run": names[i], "step": 5, "loss": 1.5 if i > 1 else 2.0} for i in (2, 3, 0, 1)]
    assert [line.split()[0] for line in table.splitlines()[2:]] == [row["run"] for row in rows]


def test_what_is_best_when_it_is_high(tmp_path):
    fit = Fit({0.1: scored("ss/accuracy", 0.5, 0.9), 0.2: scored("ss/accuracy", 0.5, 0.25)})
    sweep(TRAINING.replace(["monitor=ss/accuracy"]), ["learning_rate=0.2,0.1"], tmp_path, resume=False, fit=fit)
    rows = json.loads((tmp_path / "sweep.json").read_text())
    assert [(row["step"], row["ss/accuracy"]) for row in rows] == [(5, 0.9), (0, 0.5)]


@pytest.mark.parametrize(
    "values, message",
    [
        (["learning_rate"], '"learning_rate" is nothing to try; write name=value,value'),
        (["learning_rate=0.1,fast"], "learning_rate: expected a float, got 'fast'"),
        (["learning_rate=0.1", "recipe=heads,haeds"], 'recipe = "haeds" is not known'),
        (["learning_rate=0.1,0.1"], r"learning_rate=0\.1: another combination has the folder learning_rate_0\.1 too"),
    ],
    ids=["no value", "no number", "no recipe", "twice"],
)
def test_all_is_looked_at_before_anything_trains(tmp_path, values, message):
    fit = Fit({})
    with pytest.raises(InputError, match=message):
        sweep(TRAINING, values, tmp_path, resume=False, fit=fit)
    assert fit.given == []


def test_nothing_to_validate_on(tmp_path):
    with pytest.raises(InputError, match=r"learning_rate_0\.1: nothing was validated, so nothing can be compared"):
        sweep(TRAINING, ["learning_rate=0.1"], tmp_path, resume=False, fit=Fit({0.1: []}))
