"""A whole training on a network of linear layers: stopped and resumed to the same bits, and never spoiled."""

import dataclasses
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import ClassVar

import chex
import numpy as np
import pytest

import af2jax
from af2jax.errors import InputError, WeightsError
from af2jax.finetune import directory, loop, prepare, run
from af2jax.finetune.config import Training, located
from af2jax.finetune.record import TRAIN, VALIDATION, lines
from af2jax.heads.trained_on import TrainedOn
from af2jax.pretrained import checkpoint
from af2jax.pretrained.tree import flatten
from tests.finetune import toy

pytestmark = pytest.mark.medium("trains whole runs")

TRAINING = Training(
    "none",
    preset="tiny",
    rules=(("heads_distogram/.*|pair/.*", "train"), (".*", "freeze")),
    heads={"ss": af2jax.Head("residue", classes=3)},
    losses={"ss": 1.0, "distogram": 0.3},
    steps=6,
    batch_size=2,
    accumulate=2,
    learning_rate=1e-2,
    warmup=2,
    weight_decay=0.1,
    ema=0.9,
    crop=toy.N_RES,
    validate_every=2,
    save_every=2,
)

EIGHT = dataclasses.replace(TRAINING, batch_size=8)  # for 1, 2, 4 or 8 devices


class Given:
    """Examples from memory; `spoil` holds steps of which one coordinate is NaN."""

    hash, report, num_train, num_valid, families, magnified = "0" * 64, "id\n", 4, 1, 1, False
    taught = TrainedOn({"a": "MKTAY", "b": "MKTAYIAK"})
    spoil: tuple = ()
    stop: ClassVar[dict] = {}  # by step, what happens before its batch is given out

    def __init__(self, training, state, out, share=slice(None)):
        self.steps, self.size, self.share = training.steps, training.batch_size, share

    def batch(self, step):
        pairs = [toy.example(10 * step + i, ss=np.arange(toy.N_RES) % 3) for i in range(self.size)]
        features, targets = af2jax.stack(pairs[self.share])
        if step in self.spoil:
            target_feat = np.array(features.target_feat)
            target_feat[1, 0, 0] = np.nan
            features = features.replace(target_feat=target_feat)
        return features, targets

    def train(self, start):
        for step in range(start, self.steps):
            self.stop.get(step, lambda: None)()
            yield step, [f"item {step} {index}" for index in range(self.size)], self.batch(step)

    def valid(self):
        yield af2jax.stack([toy.example(99, ss=np.arange(toy.N_RES) % 3)])


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """The toy in place of AlphaFold, and examples from memory."""
    monkeypatch.setattr(prepare, "network", lambda training: (toy.MODEL, toy.parameters()))
    monkeypatch.setattr(run, "network", lambda training: (toy.MODEL, toy.parameters()))
    monkeypatch.setattr(loop, "Examples", Given)
    monkeypatch.setattr(Given, "spoil", ())
    monkeypatch.setattr(Given, "stop", {})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The directory of a run that was never stopped, and its last state."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "network", lambda training: (toy.MODEL, toy.parameters()))
        patch.setattr(loop, "Examples", Given)
        out = tmp_path_factory.mktemp("run") / "a"
        return out, loop.fit(TRAINING, out)


def state_of(state):
    """Every bit that goes on."""
    return toy.bits((state.step, state.skipped, state.trained, state.opt_state, state.ema))


def course(out):
    """What the run wrote of its steps, without the clock."""
    drop = lambda line: {name: value for name, value in line.items() if name != "seconds"}
    return [[drop(line) for line in lines(out / name)] for name in (TRAIN, VALIDATION)]


def test_a_run_directory(whole):
    out, state = whole
    assert int(state.step) == 6 and int(state.skipped) == 0
    train, valid = course(out)
    assert [line["step"] for line in train] == list(range(6)) and [line["step"] for line in valid] == [0, 2, 4, 6]
    assert {"loss", "ss", "distogram", "rate", "grad_norm", "grad_norm/pair"} <= train[0].keys()
    assert {"loss", "ss/accuracy", "lddt_ca", "ss/calibration_error", "ss/calibrated_error"} <= valid[0].keys()
    calibration = checkpoint.verify(run.best(out))["metadata"]["calibration"]["ss"]
    assert calibration["refused"].startswith("6 labelled places of 1 validation proteins")
    assert train[0]["rate"] == 0 and max(line["rate"] for line in train) == 1e-2
    assert json.loads((out / "config.json").read_text())["steps"] == 6
    told = (out / "summary.txt").read_text()
    assert "pair" in told and re.search(r"^task_heads/ss +\S+ +\S*[1-9]", told, re.M)  # the new head trains
    assert "task_heads/ss" in (out / "changes.txt").read_text()
    assert (out / "curves.png").read_bytes()[:4] == b"\x89PNG"
    assert TrainedOn.read(out).sequences == Given.taught.sequences


def test_frozen_leaves_keep_every_bit(whole):
    before, after = flatten(toy.parameters()), flatten(whole[1].params)
    moved = {path for path in before if before[path].tobytes() != np.asarray(after[path]).tobytes()}
    assert moved == {path for path in before if path.startswith(("heads_distogram/", "pair/"))}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("step", [0, 3])
def test_a_signal_saves_and_the_rest_is_the_same(whole, tmp_path, number, step):
    Given.stop = {step: lambda: os.kill(os.getpid(), number)}
    said = []
    with pytest.raises(KeyboardInterrupt):
        loop.fit(TRAINING, tmp_path / "a", say=said.append)
    assert said[-1] == f"stopped after step {step + 1} and saved"
    Given.stop = {}
    state = loop.fit(TRAINING, tmp_path / "a", resume=True, say=said.append)
    assert f"resumed at step {step + 1}" in said
    assert state_of(state) == state_of(whole[1]) and course(tmp_path / "a") == course(whole[0])


@pytest.mark.parametrize("step", [0, 1, 2, 5])
def test_a_run_that_died_goes_on_to_the_same_bits(whole, tmp_path, step):
    def die():
        raise MemoryError

    Given.stop = {step: die}
    with pytest.raises(MemoryError):
        loop.fit(TRAINING, tmp_path / "a")
    Given.stop = {}
    state = loop.fit(TRAINING, tmp_path / "a", resume=True)
    assert state_of(state) == state_of(whole[1]) and course(tmp_path / "a") == course(whole[0])


def test_a_finished_run_is_left_as_it_is(whole):
    before = course(whole[0])
    state = loop.fit(TRAINING, whole[0], resume=True)
    assert state_of(state) == state_of(whole[1]) and course(whole[0]) == before


def test_one_bad_batch_changes_nothing(tmp_path):
    Given.spoil, said = (1,), []
    still = dataclasses.replace(TRAINING, steps=2, accumulate=1, warmup=0)
    state = loop.fit(still, tmp_path / "a", say=said.append)
    Given.spoil = ()
    one = loop.fit(dataclasses.replace(still, validate_every=5), tmp_path / "b", say=said.append)
    assert int(state.skipped) == 1 and int(one.skipped) == 0
    saved, _ = checkpoint.restore(checkpoint.place(tmp_path / "a" / "checkpoints", 2))
    assert any("skipped step 1" in line and "item 1 1;" in line and "no weight was changed" in line for line in said)
    (bad,) = lines(tmp_path / "a" / "bad_steps.jsonl")
    assert bad["examples"] == "item 1 1" and "not finite: distogram" in bad["reason"]
    first = loop.fit(dataclasses.replace(still, steps=2), tmp_path / "c")
    assert state_of(first) != state_of(state)
    assert all(np.isfinite(x).all() for x in saved.values())


def test_bad_batches_in_a_row_end_the_run_with_usable_weights(tmp_path):
    Given.spoil = (2, 3, 4)
    training = dataclasses.replace(TRAINING, accumulate=1, max_skipped_steps=3, steps=9, save_every=9, validate_every=9)
    with pytest.raises(InputError, match=r"3 bad steps in a row, the last step 4: not finite: .*item 4 1"):
        loop.fit(training, tmp_path / "a")
    good = loop.fit(dataclasses.replace(training, max_skipped_steps=20), tmp_path / "b", say=lambda line: None)
    assert int(good.skipped) == 3
    state, _ = directory.restore(prepare.prepare(training).state, run.latest(tmp_path / "a"))
    assert int(state.step) == 5
    chex.assert_tree_all_finite(state.trained)
    assert toy.bits(state.trained) != toy.bits(prepare.prepare(training).state.trained)
    Given.spoil, said = (5,), []
    with pytest.raises(InputError, match="4 bad steps in a row"):
        loop.fit(training, tmp_path / "a", resume=True)
    Given.spoil = ()
    state = loop.fit(training, tmp_path / "a", resume=True, say=said.append)
    assert said[0] == "resumed at step 6" and int(state.step) == 9 and int(state.skipped) == 4


def test_patience(tmp_path):
    training = dataclasses.replace(TRAINING, learning_rate=1e-30, weight_decay=0.0, patience=2, steps=20, ema=None)
    said = []
    state = loop.fit(training, tmp_path / "a", say=said.append)
    assert int(state.step) == 4 and said[-1] == "stopped early: 2 validations without a better loss"
    again = loop.fit(training, tmp_path / "a", resume=True)
    assert int(again.step) == 4
    fewer = loop.fit(dataclasses.replace(training, steps=19), tmp_path / "a", resume=True)
    assert int(fewer.step) == 4


def test_more_steps_wake_patience(tmp_path, monkeypatch):
    training = dataclasses.replace(TRAINING, learning_rate=1e-30, weight_decay=0.0, patience=2, steps=20, ema=None)
    loop.fit(training, tmp_path / "a")
    more, said = dataclasses.replace(training, steps=30), []
    with monkeypatch.context() as patch:  # killed before its next checkpoint: the plan is known, and was not begun
        patch.setattr(loop._Course, "steps", lambda *rest: sys.exit())
        with pytest.raises(SystemExit):
            loop.fit(more, tmp_path / "a", resume=True)
    state = loop.fit(more, tmp_path / "a", resume=True, say=said.append)
    assert said[:2] == [
        "resumed at step 4",
        "it had stopped early; with more steps it continues; patience (2) starts again",
    ]
    assert int(state.step) == 8 and said[-1] == "stopped early: 2 validations without a better loss"
    assert int(loop.fit(more, tmp_path / "a", resume=True).step) == 8


def test_weights_are_loaded_once_where_a_bias_is_held(tmp_path, monkeypatch):
    loads, said, network = [], [], prepare.network
    monkeypatch.setattr(prepare, "network", lambda training: (loads.append(1), network(training))[1])
    path = "pair/kernel"
    monkeypatch.setattr(Given, "magnified", True)
    monkeypatch.setattr(loop, "ALONE", path)
    training = dataclasses.replace(TRAINING, rules=((".*", "train"),), steps=1, warmup=0)
    state = loop.fit(training, tmp_path / "a", say=said.append)
    assert len(loads) == 1 and loop.HELD in said
    assert path in flatten(prepare.prepare(training).state.trained) and path not in flatten(state.trained)


class TestRuns:
    def best(self, out):
        training = run.training_of(out)
        return directory.restore(prepare.prepare(training).state, run.best(out))[0], training

    def test_the_best_is_loaded(self, whole):
        out, _ = whole
        scores = {line["step"]: line["loss"] for line in lines(out / VALIDATION)}
        state, training = self.best(out)
        assert int(state.step) == min(scores, key=scores.get) and training == located(TRAINING, Path())

    def test_a_model_and_its_parameters(self, whole):
        model, params = run.load("tiny", whole[0])
        state, _ = self.best(whole[0])
        bare = tuple((name, dataclasses.replace(head, calibration=None)) for name, head in model.heads)
        assert model.clone(heads=bare) == toy.MODEL.clone(heads=tuple(TRAINING.heads.items()))
        assert all(head.calibration.refused for _, head in model.heads)  # one protein is too few
        assert toy.bits(params) == toy.bits(state.ema_params)
        assert run.is_run(whole[0]) and run.is_run(run.latest(whole[0])) and not run.is_run(whole[0].parent)
        with pytest.raises(WeightsError, match="is a run of tiny, not model_1"):
            run.load("model_1", whole[0])

    def test_the_last_and_the_best_are_kept(self, whole):
        scores = {line["step"]: line["loss"] for line in lines(whole[0] / VALIDATION)}
        assert set(checkpoint.steps(whole[0] / "checkpoints")) == {min(scores, key=scores.get), 6}

    @pytest.mark.parametrize(
        "change, message",
        [
            ({}, "holds a run already; add --resume"),
            ({"weight_decay": 1.0}, r"is of another training: its weight_decay is 0\.1, not 1\.0"),
        ],
    )
    def test_a_directory_that_is_taken(self, whole, change, message):
        with pytest.raises(InputError, match=message):
            loop.fit(dataclasses.replace(TRAINING, **change), whole[0], resume=bool(change))

    def test_other_data_or_weights_or_another_version(self, tmp_path, monkeypatch):
        training, out = dataclasses.replace(TRAINING, steps=2, warmup=0), tmp_path / "a"
        loop.fit(training, out)
        with monkeypatch.context() as patch:
            patch.setattr(Given, "hash", "1" * 64)
            with pytest.raises(InputError, match=r"the data \(.*none\) are not those that this run began with"):
                loop.fit(training, out, resume=True)
        with monkeypatch.context() as patch:
            patch.setattr(prepare, "network", lambda training: (toy.MODEL, toy.parameters(1)))
            with pytest.raises(InputError, match=r"the weights .* are not those"):
                loop.fit(training, out, resume=True)
        facts = json.loads((out / "run.json").read_text())
        (out / "run.json").write_text(json.dumps(facts | {"format": 0}))
        with pytest.raises(InputError, match="was made by another version of af2jax"):
            loop.fit(training, out, resume=True)

    def test_a_file_in_the_way(self, tmp_path):
        (tmp_path / "a").write_text("")
        with pytest.raises(InputError, match="cannot be written"):
            loop.fit(TRAINING, tmp_path / "a")

    def test_what_is_monitored_must_be_there(self, tmp_path):
        with pytest.raises(InputError, match=r'monitor = "accurracy" is not among what is validated: .*ss/accuracy'):
            loop.fit(dataclasses.replace(TRAINING, monitor="accurracy"), tmp_path / "a")


class TestAnotherPlan:
    SHORT = dataclasses.replace(TRAINING, steps=2, warmup=0)

    def test_more_steps_and_another_rate_are_recorded(self, tmp_path):
        out, said = tmp_path / "a", []
        loop.fit(self.SHORT, out)
        longer = dataclasses.replace(self.SHORT, steps=4, learning_rate=1e-3, batch_size=1)
        state = loop.fit(longer, out, resume=True, say=said.append)
        assert int(state.step) == 4 and [line["step"] for line in lines(out / TRAIN)] == [0, 1, 2, 3]
        plan = "learning_rate 0.01 to 0.001, steps 2 to 4, batch_size 2 to 1"
        assert (
            said[0] == f"resumed at step 2, with another plan ({plan}): no longer bit-identical to a run by the first"
        )
        (change,) = json.loads((out / "run.json").read_text())["changes"]
        assert change == {"step": 2, "steps": [2, 4], "batch_size": [2, 1], "learning_rate": [0.01, 0.001]}
        assert json.loads((out / "config.json").read_text())["steps"] == 4
        loop.fit(longer, out, resume=True, say=said.append)
        assert said[-1].startswith("validation") or said[-1] == "resumed at step 4"

    def test_data_that_moved(self, tmp_path):
        loop.fit(self.SHORT, tmp_path / "a")
        moved = dataclasses.replace(self.SHORT, data="elsewhere")
        loop.fit(moved, tmp_path / "a", resume=True)
        assert run.training_of(tmp_path / "a").data == str(Path("elsewhere").resolve())

    def test_a_start_that_failed_blocks_nothing(self, tmp_path):
        wrong = dataclasses.replace(self.SHORT, monitor="accurracy")
        for training in (wrong, dataclasses.replace(self.SHORT, losses={"fap": 1.0})):
            with pytest.raises(InputError):
                loop.fit(training, tmp_path / "a")
        assert int(loop.fit(self.SHORT, tmp_path / "a").step) == 2

    def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew(self, tmp_path):
        directory.start(tmp_path / "a", dataclasses.replace(self.SHORT, crop=9), resume=False)
        with pytest.raises(InputError, match="holds a run already; add --resume"):
            loop.fit(self.SHORT, tmp_path / "a")
        with pytest.raises(InputError, match="is a training that ended before its first checkpoint"):
            run.load(tmp_path / "a")
        assert int(loop.fit(self.SHORT, tmp_path / "a", resume=True).step) == 2
