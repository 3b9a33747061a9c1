"""`af2jax finetune --hosts`: two processes that the command starts train as one does."""

import signal
import socket
import time

import numpy as np
import pytest

from af2jax.errors import InputError
from af2jax.finetune import sharding
from af2jax.finetune.record import TRAIN, lines
from tests.cli.training import arrays, begin, config, end

STEPS = {"steps": 12, "save_every": 6, "validate_every": 6}


def slurm(rank: int, address: str) -> dict[str, str]:
    """What srun tells each of two tasks on this machine; JAX would take the port from the job's number."""
    host, _, port = address.partition(":")
    task = {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "2", "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)}
    return task | {"SLURM_STEP_NODELIST": host, "JAX_COORDINATOR_PORT": port}


def by_hand(rank: int, address: str) -> dict[str, str]:
    """What a user says who has nothing that starts processes."""
    return {"JAX_COORDINATOR_ADDRESS": address, "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": str(rank)}


def address() -> str:
    """A port of this machine that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.slow("trains in several processes")
def test_two_processes_end_as_one(weights, tmp_path):
    """Begun as Slurm does and told to stop; gone on with by hand; the same weights as of one process."""
    given, out, place = config(tmp_path, weights, **STEPS), tmp_path / "two", address()
    alone = begin(given, "--out", tmp_path / "one")
    pair = [begin(given, "--out", out, "--hosts", **slurm(rank, place)) for rank in range(2)]
    while pair[1].poll() is None and not ((out / TRAIN).exists() and lines(out / TRAIN)):
        time.sleep(0.005)  # a step was made, by both together: so both listen to signals
    pair[1].send_signal(signal.SIGTERM)  # only the second: both stop
    first, second = map(end, pair)
    assert first[0] == second[0] == 130, first[2] + second[2]
    assert f"stopped; af2jax finetune {out} --resume resumes it" in first[2] and "stopped;" not in second[2]
    assert 0 < len(lines(out / TRAIN)) < 12

    place = address()
    pair = [begin(out, "--resume", "--hosts", **by_hand(rank, place)) for rank in range(2)]
    first, second = map(end, pair)
    assert first[0] == second[0] == 0, first[2] + second[2]
    assert "validation at step 12" in first[1] and "validation" not in second[1]
    code, _, err = end(alone)
    assert code == 0, err
    found, expected = arrays(out), arrays(tmp_path / "one")
    assert found.keys() == expected.keys() and found["step"] == 12
    for name, x in expected.items():
        np.testing.assert_allclose(found[name], x, rtol=2e-4, atol=2e-6, err_msg=name)


@pytest.mark.parametrize(
    "said",
    [("", "2", ""), ("h:1", "", "0"), ("h:1", "two", "0"), ("h:1", "2", "2"), ("h:1", "2", "-1"), ("h", "2", "0")],
    ids=" ".join,
)
def test_what_is_said_by_hand_is_looked_at(monkeypatch, said):
    for name, value in zip(sharding.BY_HAND, said, strict=True):
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=r'JAX_PROCESS_ID=".*": give all three: host:port of the first process'):
        sharding.connect()
