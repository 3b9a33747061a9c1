"""The tables of what heads answer of residues and pairs: over several predictions, under both namings."""

import csv
import json

import numpy as np
import pytest

from af2jax.errors import InputError
from af2jax.heads import Answer
from af2jax.results import answers, save_job
from tests.results.examples import prediction


def made(value: float, lengths=(3, 2), **fields):
    size = sum(lengths)
    heads = {
        "ss": Answer("ss", "residue", np.tile([value, 1 - value], (size, 1)), ("H", "E")),
        "far": Answer("far", "pair", value + np.arange(size * size, dtype=float).reshape(size, size, 1)),
        "tm": Answer("tm", "chain", np.array([value]), unit="K"),
    }
    return prediction(lengths, heads=heads, **fields)


def rows(path) -> list[dict]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("naming", ["colabfold", "alphafold"])
def test_mean_and_spread_over_the_predictions(tmp_path, naming):
    files = save_job([(made(0.6), 0), (made(0.8), 1)], tmp_path, naming=naming, plots=False)
    stem = "job_" if naming == "colabfold" else "job/"
    ss, far = rows(tmp_path / f"{stem}ss.csv"), rows(tmp_path / f"{stem}far.csv")
    assert {tmp_path / f"{stem}{name}.csv" for name in ("ss", "far")} <= set(files)
    assert not (tmp_path / f"{stem}tm.csv").exists()
    assert [row["chain"] for row in ss] == list("AAABB") and {row["class"] for row in ss} == {"H"}
    assert float(ss[0]["probability"]) == pytest.approx(0.7) and float(ss[0]["spread"]) == pytest.approx(0.02**0.5)
    assert len(far) == 25 and (far[5]["chain_1"], far[5]["chain_2"], far[5]["residue_1"]) == ("A", "A", "2")
    assert float(far[5]["value"]) == pytest.approx(5.7)
    scores = sorted(tmp_path.rglob("*_scores_*.json" if naming == "colabfold" else "heads_*.json"))
    known = [json.loads(file.read_text()) for file in scores]
    known = [one.get("heads", one) for one in known]
    assert sorted(one["tm"]["values"][0] for one in known) == [0.6, 0.8] and known[0]["tm"]["unit"] == "K"


def test_without_heads_there_is_no_table(tmp_path):
    assert not [f for f in save_job([(prediction(), 0)], tmp_path, plots=False) if f.suffix == ".csv"]


def test_networks_that_lack_a_head_are_named(tmp_path, caplog):
    both = [(made(0.6), 0), (prediction((3, 2), preset="model_2_ptm"), 0)]
    save_job(both, tmp_path, plots=False)
    assert 'head "ss": model_2_ptm do not have it' in caplog.text
    assert "spread" not in rows(tmp_path / "job_ss.csv")[0]
    assert answers([p for p, _ in both])["tm"].values == [0.6]


def test_numbers_that_are_not_finite_are_not_written(tmp_path):
    with pytest.raises(InputError, match="the scores are not finite"):
        save_job([(made(np.nan), 0)], tmp_path, plots=False)
    assert not list(tmp_path.iterdir())
