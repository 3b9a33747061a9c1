"""What a training begins from."""

import dataclasses

import numpy as np
import pytest

from af2jax.config import preset
from af2jax.finetune import prepare, run
from af2jax.finetune.config import Training
from af2jax.model.alphafold import AlphaFold


@pytest.fixture
def earlier(monkeypatch):
    """An earlier run with a new head and few rows, in place of what `params` names."""
    config = preset("tiny")
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, clusters=3, extra=2))
    asked = []

    def load(name, path, **options):
        asked.append((name, path, options))
        return AlphaFold(config), {"single": {"kernel": np.ones(2)}, "task_heads": {"ss": np.ones(1)}}

    monkeypatch.setattr(run, "load", load)
    return asked


def test_an_earlier_run_without_its_heads(earlier):
    model, params = prepare.network(Training("data", preset="tiny", params="runs/a", dtype="bfloat16"))
    name, path, options = earlier[0]
    assert (name, path, options["split"], options["runtime"].dtype) == ("tiny", "runs/a", (), "bfloat16")
    assert list(params) == ["single"]
    assert model.config.data == preset("tiny").data  # rows are this training's, not the earlier one's


def test_rows_and_blocks_that_are_asked_for(earlier):
    training = Training("data", preset="tiny", recipe="last_blocks", blocks=1, max_msa_clusters=5, clamp_fraction=0.25)
    model, _ = prepare.network(training)
    data = model.config.data
    assert (data.clusters, data.extra, data.clamped) == (5, preset("tiny").data.extra, 0.25)
    assert earlier[0][1] is None and earlier[0][2]["split"] == (1, 1)
