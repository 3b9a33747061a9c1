"""What a training would cost, before it is begun."""

import dataclasses
import re
import time

import pytest

from af2jax.finetune import estimate, prepare
from tests.finetune import toy
from tests.finetune.test_loop import TRAINING, Given

pytestmark = pytest.mark.medium("counts the work of whole programs")


@pytest.fixture
def lines(monkeypatch):
    monkeypatch.setattr(prepare, "network", lambda training: (toy.MODEL, toy.parameters()))
    monkeypatch.setattr(estimate, "Examples", Given)
    return lambda watts=0.0: estimate.estimate(TRAINING, watts)


def test_memory_time_and_energy(lines):
    text = lines(watts=100.0)
    assert "pair" in text and "4 examples to train on, 1 to validate on" in text
    gib, room = map(float, re.search(r"memory: ([\d.]+) GiB of ([\d.]+) GiB: fits", text).groups())
    assert 0 <= gib < 1 < room
    assert re.search(r"time: [\d.]+ (s|min|h) \(6 steps of [\d.e-]+ s, 4 validations of [\d.e-]+ s", text)
    assert re.search(r"energy: [\d.e-]+ kWh at 100 W \(as given\)", text)


def test_what_does_not_fit_is_said(lines, monkeypatch):
    monkeypatch.setattr(estimate, "_room", lambda: 1000)
    assert "does not fit: take a smaller crop" in lines()
    assert "at 65 W (assumed; --watts gives another)" in lines()


def test_filling_the_cache_is_counted(monkeypatch):
    class Slow(Given):
        def train(self, start):
            for pair in super().train(start):
                time.sleep(0.5)  # as a trunk would take
                yield pair

    monkeypatch.setattr(prepare, "network", lambda training: (toy.MODEL, toy.parameters()))
    monkeypatch.setattr(estimate, "Examples", Slow)
    training = dataclasses.replace(TRAINING, cache=True, dropout=False, num_recycle=0, examples_per_item=2)
    seconds, num = re.search(r"compile, ([\d.]+) s to fill the cache of (\d+)", estimate.estimate(training)).groups()
    assert int(num) == 4 * 2 + 1 and 0.25 * 9 <= float(seconds) < 0.5 * 9  # batches of two
    few = dataclasses.replace(training, steps=3, warmup=0)
    assert "of 7 examples" in estimate.estimate(few)
