"""Several devices and several processes do what one does, and go on with what another number of them began."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import jax
import numpy as np
import pytest
from jax.sharding import Mesh

import af2jax
from af2jax import processes
from af2jax.errors import InputError
from af2jax.finetune import sharding
from af2jax.finetune.record import TRAIN, VALIDATION, lines
from af2jax.finetune.run import latest
from af2jax.pretrained import checkpoint
from tests import flags
from tests.finetune import test_loop, toy

ROOT = Path(__file__).resolve().parents[2]
ONE = Mesh(np.array(jax.devices()[:1]), ("data",))


def begin(devices: int, task: str, *arguments, join: str = "pass") -> subprocess.Popen:
    """A task of `tests.finetune.worker` on so many simulated devices."""
    program = f"import sys, jax; {join}; from tests.finetune import worker; worker.{task}(*sys.argv[1:])"
    settings = flags.SETTINGS | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices} {flags.QUICKEST}"}
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=os.environ | settings,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def work(*processes: subprocess.Popen) -> list[int]:
    """How often each says that it was stopped, once all are done."""
    try:
        said = [process.communicate(timeout=600) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert not any(process.returncode for process in processes), "\n".join(error[-3000:] for _, error in said)
    return [out.count("stopped") for out, _ in said]  # among what Gloo prints, sometimes in the middle of its lines


def two(out, *arguments) -> list[int]:
    """The same by two processes of two devices each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    join = f"jax.distributed.initialize('{address}', 2, {{}})"
    return work(*(begin(2, "fit", out, *rest, join=join.format(rank)) for rank, rest in enumerate(arguments)))


def results(path, task: str, devices: int) -> Callable[[object], dict[str, np.ndarray]]:
    """What a task of `tests.finetune.worker` writes, by the first part of its names."""
    work(begin(devices, task, path))
    with np.load(path) as stored:
        found = dict(stored)
    return lambda first: {name.partition("/")[2]: x for name, x in found.items() if name.startswith(f"{first}/")}


def numbers(out) -> dict[str, np.ndarray]:
    """All that a run ends with: the last checkpoint, and what was written of every step."""
    found = {name: np.asarray(x) for name, x in checkpoint.restore(latest(out))[0].items()}
    for file in (TRAIN, VALIDATION):
        for line in lines(out / file):
            found |= {f"{file}/{line['step']}/{name}": value for name, value in line.items() if name != "seconds"}
    return found


def near(found, expected):
    assert found.keys() == expected.keys()
    for name, x in expected.items():
        np.testing.assert_allclose(found[name], x, rtol=2e-4, atol=2e-6, err_msg=name)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """The run of one device, never stopped."""
    out = tmp_path_factory.mktemp("one") / "a"
    work(begin(1, "fit", out))
    return out


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    """The same of 8 devices."""
    out = tmp_path_factory.mktemp("eight") / "a"
    work(begin(8, "fit", out))
    return out


class TestOneDevice:
    def test_nothing_is_shared(self):
        state = object()
        assert jax.device_count() > 1 or sharding.mesh() is None
        assert sharding.replicate(state, None) is state and sharding.share(7, None) == slice(0, 7)
        assert processes.first() and processes.anywhere(True) and not processes.anywhere(False)

    @pytest.mark.medium("compiles training steps")
    def test_a_mesh_of_one_changes_no_bit(self):
        params = toy.parameters()
        labels = af2jax.label(params, test_loop.TRAINING.rules)
        batch = af2jax.stack([toy.example(i) for i in range(3)])
        ends = []
        for devices in (None, ONE):
            optimizer = af2jax.finetune.adamw(1e-2, 10)
            state = sharding.replicate(af2jax.finetune.init(toy.MODEL, params, labels, optimizer), devices)
            state, metrics = af2jax.finetune.train_step(state, batch, jax.random.key(1))
            ends.append(toy.bits((state.trained, state.opt_state, metrics)))
        assert ends[0] == ends[1] and toy.bits(state.trained) != toy.bits(
            af2jax.finetune.rules.split(params, labels)[0]
        )

    def test_bad_input_is_raised_once(self):
        def fail():
            raise InputError("no such file")

        with pytest.raises(InputError, match="no such file"):
            processes.lead(fail)

    @pytest.mark.medium("starts a process")
    def test_no_processes_to_join(self):
        """Also: nothing that `af2jax finetune` imports uses JAX before the processes have joined."""
        program = (
            "import af2jax.cli.finetune, af2jax.finetune.loop; from af2jax.finetune import sharding; sharding.connect()"
        )
        alone = {name: x for name, x in os.environ.items() if not name.startswith(("SLURM", "OMPI", "JAX_", "TPU"))}
        found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=alone, cwd=ROOT)
        assert "InputError: there are no other processes to join; start with srun" in found.stderr


def row(*of) -> mock.Mock:
    """A mesh of one device for each of these processes."""
    return mock.Mock(spec=Mesh, devices=[mock.Mock(process_index=process) for process in of], size=len(of))


def test_a_batch_that_devices_cannot_share():
    assert sharding.share(8, row(0, 0, 0, 0)) == slice(0, 8)
    with pytest.raises(InputError, match="4 devices cannot share 6 examples; give a batch_size that 4 divides"):
        sharding.share(6, row(0, 0, 0, 0))


def test_each_process_brings_what_its_devices_take(monkeypatch):
    shares = []
    for process in range(3):
        monkeypatch.setattr(jax, "process_index", lambda process=process: process)
        shares.append(sharding.share(8, row(0, 1, 1, 2)))
    assert shares == [slice(0, 2), slice(2, 6), slice(6, 8)]


@pytest.mark.slow("trains in processes of several devices")
def test_8_devices_step_as_one(tmp_path):
    part = results(tmp_path / "found.npz", "steps", 8)
    one = part(1)
    assert one["1/skipped"] == 1 and one["1/bad_example"] == 5 and one["0/skipped"] == one["2/skipped"] == 0
    assert any(not np.array_equal(x, toy.parameters()["pair"]["kernel"]) for n, x in one.items() if n == "pair/kernel")
    near(part(2), one)
    near(part(8), one)


@pytest.mark.slow("trains in processes of several devices")
def test_the_network_itself(tmp_path):
    part = results(tmp_path / "found.npz", "network", 2)
    one, two = part(1), part(2)
    assert one["1/skipped"] == 0
    for name, x in one.items():
        np.testing.assert_allclose(two[name], x, rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.mark.slow("trains in processes of several devices")
def test_8_devices_share_a_protein(tmp_path):
    """The same loss and gradient, though 8 divides neither residues nor rows; and each device holds a share."""
    part = results(tmp_path / "found.npz", "shards", 8)
    one = part("one")
    room, largest = one.pop("temporary"), max(np.abs(x).max() for x in one.values())
    for name in ("eight", "both"):
        many = part(name)
        assert many.pop("temporary") < room * (1 if name == "eight" else 0.25)
        assert many.keys() == one.keys() and all(np.abs(many[k] - x).max() < 1e-5 * largest for k, x in one.items())


def test_more_shards_than_devices():
    with pytest.raises(InputError, match=r"shards=99, but JAX sees \d+ devices"):
        af2jax.Runtime(shards=99).share(jax.numpy.zeros((2, 3)))


def test_a_protein_and_a_batch_are_not_shared_at_once():
    setup = mock.Mock(**{"model.runtime": af2jax.Runtime(shards=2)})
    with pytest.raises(InputError, match="2 devices share each protein"):
        sharding.replicate(mock.Mock(setup=setup), ONE)


@pytest.mark.slow("trains in processes of several devices")
class TestRuns:
    def test_8_devices(self, one, eight):
        near(numbers(eight), numbers(one))

    def test_8_devices_stopped_go_on_to_the_same_bits(self, eight, tmp_path):
        assert work(begin(8, "fit", tmp_path / "a", 2)) == [1]
        work(begin(8, "fit", tmp_path / "a"))
        found, expected = numbers(tmp_path / "a"), numbers(eight)
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[name], x) for name, x in expected.items())

    def test_another_number_of_devices_goes_on(self, one, tmp_path):
        out = tmp_path / "a"
        assert work(begin(1, "fit", out, 1)) == [1]
        assert work(begin(8, "fit", out, 3)) == [1]
        work(begin(2, "fit", out))
        near(numbers(out), numbers(one))

    def test_two_processes(self, one, tmp_path):
        """Only the second is told to stop: both do, the first saves, and one device goes on with it."""
        out = tmp_path / "a"
        assert two(out, [], [3]) == [1, 1]
        assert sorted(path.name for path in out.iterdir()) == sorted(
            [*(path.name for path in one.iterdir() if path.name not in ("changes.txt", "curves.png"))]
        )
        assert len(lines(out / TRAIN)) == 4
        work(begin(1, "fit", out))
        near(numbers(out), numbers(one))

    def test_bad_input_ends_both_processes(self, one):
        out = shutil.copytree(one, one.parent / "b")
        (out / "config.json").write_text("{")
        with pytest.raises(AssertionError) as caught:
            two(out, [], [])
        assert "is neither TOML nor JSON" in str(caught.value) and "the first process was given" in str(caught.value)
