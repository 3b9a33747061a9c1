"""Experiments that read the corpus, at their smallest: a comparison over seeds, and the training of mini."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from af2jax.data import synthetic
from af2jax.pretrained.tree import flatten
from experiments import corpus
from tests.scripts import TINY, alone, go, label_set, printed, run


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Synthetic proteins as a folder of data: twelve older chains, and twelve of a corpus, two of them never learnt."""
    folder, unseen = tmp_path_factory.mktemp("data"), corpus.UNSEEN.read_text().splitlines()[1:]
    names = [line.split(",")[0] for line in synthetic.make(folder, 24).read_text().splitlines()[1:]]
    files = [f"structures/{name}.cif" for name in names]
    names[12:14] = [line.split("\t")[0] for line in unseen[:1] + unseen[-1:]]
    (folder / "corpus" / "structures").mkdir(parents=True)
    for file in files[12:]:
        shutil.move(folder / file, folder / "corpus" / file)
    lines = ["\t".join(("id", "file", "length", "cluster30", "class", "shared_cluster30"))]
    for i, (name, file) in enumerate(zip(names, files, strict=True)):
        lines.append("\t".join((name, file, "40", f"H{i:04d}", "natural", "")))
    for place, some in ((folder, lines[1:13]), (folder / "corpus", lines[13:])):
        (place / "chains.tsv").write_text("\n".join([lines[0], *some]) + "\n")
    (folder / "corpus" / "msa.tsv").write_text("case\trows_kept\tnative_file\n")
    heads = ("id", "split", "sequence", "ss3", "resolved_mask", "label_cluster30", "chain_id")
    label_set(folder, "flip_secondary_structure", ["\t".join(heads)])
    return folder


def two_ways(*arguments: str) -> str:
    """What `freezing` prints of two of its ways."""
    from experiments import freezing

    every = freezing.ways
    freezing.ways = lambda data: {name: every(data)[name] for name in ("head alone", "LoRA, rank 2")}
    return printed("freezing", *arguments)


@pytest.mark.slow("runs an experiment in processes of its own")
def test_a_comparison_over_seeds(data, tmp_path):
    """Secondary structure from end to end at its smallest; started again, nothing is trained again."""
    given = (*TINY, "--data", str(data), "--out", str(tmp_path), "--steps=2", "--seeds=2", "--crop=48")
    said, again = (alone(two_ways, *given) for _ in range(2))
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("# What should be frozen?") and "LoRA__rank_2_1: validation at step 2" in said
    assert re.search(r"- LoRA, rank 2: .*ss/accuracy 0\.\d+, 0\.\d+", text) and "after Holm's correction" in text
    assert re.search(r"- LoRA, rank 2: [\d,]+ parameters train, ", text) and (tmp_path / "freezing.png").exists()
    assert (tmp_path / "plots" / "means_ss_accuracy.png").exists() and (tmp_path / "index.html").exists()
    assert "validation" not in again


def trunks() -> list[dict]:
    """The parameters of the control and of the trained network with which the demo's label was chosen."""
    from experiments import demo_label

    return [flatten(demo_label.network(place)[1]) for place in ("", "mini")]


@pytest.mark.medium("makes weights")
def test_the_control_of_the_demo_s_label_is_random():
    random, trained = alone(trunks)
    assert np.mean([not np.array_equal(random[name], x) for name, x in trained.items()]) > 0.9


def stages() -> tuple[dict, dict]:
    """(all stages, two that begin with given weights)."""
    from experiments import train_mini

    names = {name: f"{name}.csv" for name in ("sequences", "alignments", "confidence")}
    go = lambda *more: train_mini.trainings(names, Path("out"), 4000, 7, *more)
    return go(""), go("given", ("whole", "long"))


@pytest.mark.medium("makes weights")
def test_each_stage_of_the_training_begins_where_another_ends():
    found, some = alone(stages)
    assert list(found) == ["short", "long", "whole", "confidence"] and list(some) == ["long", "whole"]
    assert [each.params for each in found.values()] == [
        "",
        "out/short/checkpoints/00004000",
        "out/long/checkpoints/00002000",
        "out/whole/checkpoints/00000133",
    ]
    assert [each.params for each in some.values()] == ["given", "out/long/checkpoints/00002000"]
    assert [each.steps for each in found.values()] == [4000, 2000, 133, 1000]
    assert all(each.seed == 7 and each.warmup < each.steps and 0 < each.ema < 1 for each in found.values())
    trunk, judged = list(found.values())[:3], found["confidence"]
    assert all("ss" in each.heads and each.mask_target and not each.cache for each in trunk)
    assert ["violation" in each.losses for each in trunk] == [False, True, True]
    assert judged.cache and not judged.heads and judged.rules[-1] == (".*", "freeze")
    kinds = ("sequences", "alignments", "alignments", "confidence")  # without a structure in the first alone
    assert [each.data for each in found.values()] == [f"{kind}.csv" for kind in kinds]


@pytest.mark.slow("trains and assesses a network end to end")
def test_mini_is_trained_and_assessed(data, tmp_path):
    """One stage at its smallest, twice: the second time nothing is trained. What comes out is assessed."""
    train = lambda *more: run("train_mini", "--data", data, "--out", tmp_path, "--steps=4", "--stages=short", *more)
    assert "validation at step 4" in train().stdout and "validation" not in train().stdout
    with np.load(tmp_path / "params_mini.npz") as arrays:
        assert not any("task" in name for name in arrays)
    learnt = (tmp_path / "short" / "items.tsv").read_text().splitlines()[1:]
    assert sum("\tvalid\t" in line for line in learnt) == 2 and sum("\ttrain\t" in line for line in learnt) > 10
    assert "no stage is called shrt" in train("--stages=shrt").stderr
    go("assess_mini", "--data", data, "--params", tmp_path / "short", "--assessed", tmp_path / "found")
    found = json.loads((tmp_path / "found" / "assessment.json").read_text())
    assert len(found["chains"]) == 2 and 0 < found["figures"]["natural: lddt_ca"]["value"] < 100
    assert "| natural, 2 chains |" in (tmp_path / "found" / "README.md").read_text()
