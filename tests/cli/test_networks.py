"""Whose pLDDT is DeepMind's: not that of random or exported weights, of mini, or of a run that tuned the network."""

from pathlib import Path

import numpy as np
import pytest

from af2jax.cli.networks import Member, Networks
from af2jax.cli.options import Network, Sampling
from af2jax.finetune import run
from af2jax.pretrained import checkpoint
from af2jax.pretrained.export import EXPORTED, _save, is_exported


def calibrated(params, name="model_1_ptm") -> bool:
    return Networks(Network(), Sampling()).calibrated(Member(name, params, name))


@pytest.fixture
def published(tmp_path):
    """A file as DeepMind's is called; nothing but its name and its marks is read."""
    np.savez(tmp_path / "params_model_1_ptm.npz", a=np.zeros(1, np.float32))
    return tmp_path


def test_parameters(published, tmp_path):
    assert calibrated(published) and calibrated(published / "params_model_1_ptm.npz")
    other = (tmp_path / "params_model_1_ptm.npz").rename(tmp_path / "mine.npz")  # of whose making no name tells
    assert not calibrated(other)
    other.rename(tmp_path / "params_model_1_ptm.npz")
    assert not calibrated(None) and not calibrated(Path("mini"), "mini")
    (tmp_path / "tuned").mkdir()
    _save(tmp_path / "tuned" / "params_model_1_ptm.npz", {"a": np.zeros(1, np.float32)}, EXPORTED)
    assert is_exported(tmp_path / "tuned" / "params_model_1_ptm.npz") and not calibrated(tmp_path / "tuned")
    np.testing.assert_array_equal(np.load(tmp_path / "tuned" / "params_model_1_ptm.npz")["a"], [0])


@pytest.mark.parametrize(
    ("trained", "kept"),
    [
        (("trained/task_heads/ss/kernel", "opt_state/0/mu/task_heads/ss/kernel"), True),
        (("trained/task_heads/ss/kernel", "trained/structure/ipa/q/kernel"), False),
        (("trained/evoformer/blocks_1/outer/kernel",), False),
        (("trained/lora/evoformer/a",), False),
    ],
    ids=["new heads", "structure module", "trunk", "LoRA"],
)
def test_a_run(trained, kept, published, tmp_path, monkeypatch):
    place = tmp_path / "run"
    (place / "checkpoints").mkdir(parents=True)
    (place / "config.json").write_text(f'{{"data": "x.csv", "preset": "model_1_ptm", "params": "{published}"}}')
    monkeypatch.setattr(checkpoint, "verify", lambda _: {"arrays": dict.fromkeys(trained)})
    monkeypatch.setattr(run, "checkpoint_of", lambda path: path)
    assert run.keeps_network(place) == calibrated(place) == kept
    (place / "config.json").write_text('{"data": "x.csv", "preset": "model_1_ptm"}')  # from random weights
    assert not calibrated(place)
