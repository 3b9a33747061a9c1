"""Validation of heads: what is scored, and the temperature of their classes, from answers that are made up."""

from types import SimpleNamespace

import numpy as np
import optax
import pytest

from af2jax.finetune import watch
from af2jax.finetune.state import Setup, TrainState
from af2jax.heads import Head
from af2jax.heads.calibration import calibrate
from tests.finetune import toy

RNG = np.random.default_rng(0)
HEADS = {"ss": Head("residue", classes=3), "tm": Head("chain", outputs=1)}
SETUP = Setup(toy.MODEL.clone(heads=tuple(HEADS.items())), optax.identity(), None, None, None, None)
STATE = TrainState(0, 0, {}, {}, None, None, SETUP)
NUM, SIZE = 8, 30


@pytest.fixture
def batches(monkeypatch):
    """Batches of one protein of 30 residues, five of them padding and three without a label; what heads say of them."""
    answers, out = [], []
    for _ in range(NUM):
        label = RNG.integers(0, 3, (1, SIZE))
        logits = 4 * np.eye(3)[label] + 4 * RNG.normal(size=(1, SIZE, 3))
        label[:, :3] = -1
        mask, tm = np.arange(SIZE)[None] < SIZE - 5, RNG.normal(size=(1, 1))
        answers.append(({"loss": 2.0, "empty": np.nan}, {"ss": logits, "tm": tm}))
        out.append((None, SimpleNamespace(seq_mask=mask, labels={"ss": label, "tm": tm[:, 0] + 1})))
    said = iter(answers)
    monkeypatch.setattr(watch, "eval_step", lambda *_: next(said))
    logits = np.concatenate([a["ss"][0, 3:-5] for _, a in answers])
    return out, logits, np.concatenate([targets.labels["ss"][0, 3:-5] for _, targets in out])


def test_scores_and_temperatures(batches):
    given, logits, labels = batches
    found = watch.validate(STATE, given)
    assert set(found.scores) == {"loss", "ss/accuracy", "ss/calibration_error", "ss/calibrated_error"} | {
        "ss/accuracy_of_majority",
        "tm/rmse_of_mean",
        "tm/rmse",
        "tm/spearman",
    }
    assert found.scores["loss"] == 2 and found.scores["tm/rmse"] == pytest.approx(1)
    assert found.scores["ss/accuracy"] == np.mean(logits.argmax(-1) == labels)
    assert found.scores["ss/accuracy_of_majority"] == max((labels == k).mean() for k in range(3))
    numbers = np.concatenate([targets.labels["tm"] for _, targets in given])
    assert found.scores["tm/rmse_of_mean"] == pytest.approx(numbers.std())
    expected = calibrate(logits, labels, np.repeat(np.arange(NUM), SIZE - 8))
    assert found.calibration == {"ss": expected} and expected.temperature > 1.5
    assert (expected.places, expected.proteins) == (NUM * (SIZE - 8), NUM)
    assert found.scores["ss/calibrated_error"] == expected.error[1] < found.scores["ss/calibration_error"]


def test_nothing_to_validate_on():
    found = watch.validate(STATE, [])
    assert found.scores == {} and found.calibration == {}
