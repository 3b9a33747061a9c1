"""Copying the nearest chain that was learnt from: itself is perfect, half of it is half right, gone data are told."""

import dataclasses

import numpy as np
import pytest

from af2jax.data import synthetic
from af2jax.data.dataset import read_dataset
from af2jax.errors import InputError
from af2jax.evaluation import nearest_chain
from af2jax.evaluation.nearest_chain import copied
from tests.report import made


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return synthetic.make(tmp_path_factory.mktemp("data"), 12, 0)


def evaluated(data, names):
    found = made.evaluation(len(names))
    targets = [dataclasses.replace(t, id=name) for t, name in zip(found.targets, names, strict=True)]
    return dataclasses.replace(found, targets=targets, data=found.data | {"path": str(data)})


def test_a_copy_of_itself_is_perfect(data):
    items = read_dataset(data)
    names = [item.id for item in items]
    found = copied(evaluated(data, names), items)
    assert list(found) == names
    for scores in found.values():
        assert scores == pytest.approx({"lddt_ca": 100, "gdt_ts": 100, "tm": 1}, abs=1e-3)


def test_another_chain_is_worse_and_only_known_targets_count(data):
    items = read_dataset(data)
    found = copied(evaluated(data, [items[0].id]), items[1:])
    assert list(found) == [items[0].id] and 0 <= found[items[0].id]["lddt_ca"] < 90
    bare = [dataclasses.replace(item, file=None) for item in items]
    assert copied(evaluated(data, [items[0].id]), bare) == {}


def test_what_the_other_does_not_have_is_wrong():
    """Two halves that are far apart: with one of them absent half of the distances are right."""
    rng = np.random.default_rng(0)
    truth = np.concatenate([rng.normal(0, 4, (30, 3)), rng.normal(200, 4, (30, 3))]).astype(np.float32)
    seen, half = np.ones(60, bool), np.arange(60) < 30
    found = nearest_chain.scores(np.where(half[:, None], truth, 0), half, truth, seen)
    assert found == pytest.approx({"lddt_ca": 50, "gdt_ts": 50, "tm": 0.5}, abs=0.1)


def test_data_that_are_gone(data, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        copied(evaluated(tmp_path / "gone.csv", ["a"]), read_dataset(data))
