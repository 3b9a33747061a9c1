"""What a training writes down: resumed without a gap or a double, damaged lines named."""

import json

import pytest

from af2jax.errors import InputError
from af2jax.finetune.record import TRAIN, VALIDATION, Record, lines


def steps(path):
    return [line["step"] for line in lines(path)]


def test_a_resumed_run_leaves_the_same_lines(tmp_path):
    for out, breaks in ((tmp_path / "a", [0]), (tmp_path / "b", [0, 2])):
        out.mkdir()
        for first in breaks:
            record = Record(out, first, fresh=first == 0)
            if first == 0:
                record.validation(0, {"loss": 1.0})
            for step in range(first, 4):
                record.train(step, {"loss": 1.0 / (step + 1)})
                if step == 1:
                    record.validation(2, {"loss": 0.5})
            record.close()
    for name in (TRAIN, VALIDATION):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert steps(tmp_path / "b" / TRAIN) == [0, 1, 2, 3] and steps(tmp_path / "b" / VALIDATION) == [0, 2]


def test_numbers_that_json_does_not_have(tmp_path):
    Record(tmp_path, 0, fresh=True).train(0, {"loss": float("nan"), "fape": 0.25})
    assert json.loads((tmp_path / TRAIN).read_text()) == {"step": 0, "loss": None, "fape": 0.25}


def test_a_line_that_a_killed_writer_left_half(tmp_path):
    (tmp_path / TRAIN).write_text('{"step": 0}\n{"step": 1}\n{"ste')
    assert steps(tmp_path / TRAIN) == [0, 1]
    Record(tmp_path, 2, fresh=False).train(2, {})
    assert steps(tmp_path / TRAIN) == [0, 1, 2]
    (tmp_path / TRAIN).write_text('{"ste\n{"step": 1}\n')
    with pytest.raises(InputError, match="line 1: no JSON"):
        lines(tmp_path / TRAIN)
