"""A training by the command that is killed or stopped, and gone on with, ends in the bits of one that never was."""

import shlex
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from af2jax.finetune.record import TRAIN
from af2jax.finetune.run import CHECKPOINTS, latest
from tests.cli.training import TRAINING, arrays, begin, config, course, end

pytestmark = pytest.mark.slow("kills commands and starts them again")


@pytest.fixture(scope="module")
def given(weights, tmp_path_factory):
    """The config that all runs here have."""
    return config(tmp_path_factory.mktemp("given"), weights)


@pytest.fixture(scope="module")
def whole(given, tmp_path_factory):
    """The directory of the run that is never stopped."""
    out = tmp_path_factory.mktemp("whole") / "a"
    code, _, err = end(begin(given, "--out", out))
    assert code == 0, err
    return out


def recorded(step: int) -> Callable[[Path], bool]:
    """Whether a run has written down a step."""
    return lambda out: (out / TRAIN).exists() and f'{{"step": {step},' in (out / TRAIN).read_text()


def saving(step: int) -> Callable[[Path], bool]:
    """Whether a run is amid writing the checkpoint of a step."""
    return lambda out: any((out / CHECKPOINTS).glob(f".{step:08d}.*.part"))


def strike(process, number: int, out: Path, moment: Callable[[Path], bool]) -> tuple[int, str, str]:
    """Sends a signal at a moment; returns how the process ended."""
    while process.poll() is None and not moment(out):
        time.sleep(0.001)
    process.send_signal(number)
    return end(process)


def same(out: Path, whole: Path) -> None:
    """Every bit of the last checkpoint, and all that was written on the way, is that of the run never stopped."""
    found, expected = arrays(out), arrays(whole)
    assert found.keys() == expected.keys() and found["step"] == TRAINING["steps"]
    assert {name.partition("/")[0] for name in found} == {"trained", "ema", "opt_state", "step", "skipped"}
    assert [n for n, x in expected.items() if (found[n].dtype, found[n].tobytes()) != (x.dtype, x.tobytes())] == []
    assert course(out) == course(whole)
    names = lambda folder: {p.name for p in (*folder.iterdir(), *(folder / CHECKPOINTS).iterdir())}
    assert names(out) == names(whole)  # nothing half written is left
    for name in ("config.json", "items.tsv", "summary.txt", "changes.txt"):
        assert (out / name).read_text() == (whole / name).read_text()


def test_killed_at_three_moments(given, whole, tmp_path):
    out = tmp_path / "a"
    moments = [(saving(0), None), (recorded(6), 5), (saving(12), 10)]
    for moment, saved in moments:
        process = begin(given, "--out", out) if saved is None else begin(out, "--resume")
        code, said, err = strike(process, signal.SIGKILL, out, moment)
        assert code == -signal.SIGKILL and "and saved" not in said, err
        place = latest(out)
        assert (place and int(place.name)) == saved
        if saved != 5:
            assert moment(out)  # so it was killed amid the save
    code, said, err = end(begin(out, "--resume"))
    assert code == 0 and said.startswith("resumed at step 10\n"), err
    same(out, whole)


def test_sigterm_and_ctrl_c(given, whole, tmp_path):
    """The sentence names the command that goes on, and that command does."""
    out = tmp_path / "a run"
    command = [given, "--out", out]
    for number, step in ((signal.SIGTERM, 2), (signal.SIGINT, 8)):
        code, said, err = strike(begin(*command), number, out, recorded(step))
        line = err.splitlines()[-1]  # after what was said of the data
        assert code == 130 and line == f"stopped; af2jax finetune '{out}' --resume resumes it"
        assert said.splitlines()[-1] == f"stopped after step {int(latest(out).name)} and saved"
        assert step < int(latest(out).name) < TRAINING["steps"]
        program, subcommand, *command = shlex.split(line.removeprefix("stopped; ").partition(" resumes it")[0])
        assert (program, subcommand) == ("af2jax", "finetune")
    assert end(begin(*command))[0] == 0
    same(out, whole)
