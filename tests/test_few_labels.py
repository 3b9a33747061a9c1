"""Transfer from few labels: tasks, the control, what counts as a win, and the experiment at its smallest."""

import dataclasses
import json
import re

import jax
import numpy as np
import pytest

import af2jax
from af2jax.constants.atoms import CA
from af2jax.data.structure import read_chain
from af2jax.pretrained.tree import flatten
from experiments import few_shot, labelled, transferred
from tests.data import molecules
from tests.scripts import LETTERS, TINY, alone, go, labels_alone, printed


def deep(*arguments: str) -> str:
    """What `transfer --deep` prints, with two steps where the trunk trains."""
    few_shot.WAYS.update(
        {name: dataclasses.replace(few_shot.WAYS[name], steps=2, checks=1, batch=2) for name in ("lora", "full")}
    )
    return printed("transfer", "--deep", *arguments)


@pytest.mark.slow("runs an experiment in processes of its own")
def test_transfer_from_few_labels(tmp_path):
    """A label that the amino acid tells: baselines and heads find it, and not where labels are permuted."""
    rng, out = np.random.default_rng(0), tmp_path / "out"
    disorder = ["id\tsplit\tsequence\tresolved_mask\tlabel_cluster30"]
    interface = ["id\tsequence\tlabel\tlabel_cluster30"]
    for i in range(90):
        sequence = "".join(rng.choice(list(LETTERS), 45))
        label = "".join("01"[letter in "FILMVWY"] for letter in sequence)
        interface.append(f"i{i}\t{sequence}\t{label}\tc{i}")
        shown = label.translate(str.maketrans("01", "10"))
        disorder.append(f"d{i}\t{'train' if i < 80 else 'val'}\t{sequence[::-1]}\t{shown[::-1]}\tc{i}")
    data = labels_alone(tmp_path / "data", flip_secondary_structure=disorder, ppi_site_graphppis=interface)
    given = (*TINY, "--data", str(data), "--out", str(out), "--test=8")
    run = lambda: go("transfer", *given, "--sizes=60", "--tasks=disorder,interface", "--seeds=2")
    text = run()
    for task in ("disorder", "interface"):
        part = text.split(f"## {task}")[1].split("## ")[0]
        areas = {row[0]: float(row[1].split()[0]) for row in re.findall(r"^\| (.+?) \| ([01]\.\d+ .*?) \|", part, re.M)}
        assert areas["amino acid"] == 1 and areas["sequence (one-hot) in windows"] > 0.95, areas
        assert min(areas["head on the trained trunk"], areas["head on a random trunk"]) > 0.85, areas
        assert areas["distance to the nearer end"] < 0.7, areas
    assert "# No: by accuracy, with 60 labelled proteins" in text
    assert (out / "transfer.png").exists() and "CPU-s" not in run()
    text = alone(deep, *given, "--sizes=20", "--tasks=interface", "--seeds=1", "--shuffle")
    assert "are permuted" in text and "| lora, trained |" in text
    areas = [float(value) for value in re.findall(r"^\| head on .*? \| (0\.\d+) ", text, re.M)]
    assert len(areas) == 4 and max(areas) < 0.8, areas
    (file,) = (out / "told").glob("*_shuffled.json")
    told = json.loads(file.read_text())
    assert len({tuple(map(len, some)) for some in told.values()}) == 1 and len(told["full, random"]) == 8
    assert all(np.isfinite(np.concatenate(some)).all() for some in told.values())


@pytest.mark.medium("makes a state of the optimizer")
@pytest.mark.parametrize(("recipe", "trained"), [("lora", "lora/"), ("full", "evoformer/")])
def test_a_trunk_that_learns_too(recipe, trained, tmp_path):
    network = few_shot.Network(*af2jax.load("tiny", key=jax.random.key(0)), tmp_path)
    assert any(trained in name for name in flatten(network.begun(few_shot.WAYS[recipe], 0).trained))


def test_where_a_trunk_helps_needs_both_witnesses():
    """More than the best baseline is not enough: the random trunk must be worse too, over clusters."""
    rng, names = np.random.default_rng(0), (transferred.TRAINED, transferred.RANDOM)
    true = [rng.integers(2, size=40).astype(np.int32) for _ in range(12)]
    proteins = tuple(labelled.Protein(f"p{i}", "A" * 40, f"c{i // 2}", label) for i, label in enumerate(true))
    tasks = {
        "told": labelled.Task("told", (), proteins),
        "learnt": labelled.Task("learnt", (), proteins, counted=False),
    }

    def run(right: dict[str, float]) -> dict:
        noisy = lambda label, share: np.where(rng.random(len(label)) < share, label, 1 - label) * 0.8 + 0.1
        every = dict.fromkeys((*labelled.BASELINES, *names, *(n + transferred.BESIDE for n in names)), 0.6) | right
        return {name: [noisy(label, share) for label in true] for name, share in every.items()}

    def said(**right: float) -> str:
        names = {"trained": transferred.TRAINED, "random": transferred.RANDOM}
        runs = [run({names[name]: share for name, share in right.items()}) for _ in range(2)]
        found = {
            (name, 50, metric): transferred.Found(task, runs, metric)
            for name, task in tasks.items()
            for metric in transferred.METRICS
        }
        assert any("| told | 50 |" in line for line in transferred.differences(found, tasks, transferred.ACCURACY))
        return transferred.answer(found, tasks, 50)

    assert said(trained=0.9).startswith("Yes") and "in told" in said(trained=0.9) and "learnt" not in said(trained=0.9)
    assert said(trained=0.9, random=0.9).startswith("No") and said(random=0.9).startswith("No")


def test_permuted_labels_keep_their_number_and_what_is_unknown():
    some = [labelled.Protein(str(i), "A" * 30, str(i), np.full(30, i % 2, np.int32)) for i in range(6)]
    some[0].label[:9] = -1
    found = labelled.shuffled(some, np.random.default_rng(0))
    assert all(np.array_equal(one.label < 0, own.label < 0) for one, own in zip(found, some, strict=True))
    total = lambda proteins: np.bincount(np.concatenate([one.known for one in proteins]))
    assert np.array_equal(total(found), total(some)) and all(set(one.known) == {0, 1} for one in found)
    assert set(some[1].known) == {1}  # what was given stays


def test_labels_of_a_known_structure(tmp_path):
    """A hairpin has contacts far along the chain and a helix none; what is not observed has no label."""
    chain = read_chain(molecules.save(tmp_path, molecules.pdb(molecules.peptide(LETTERS)), "a.pdb"))
    found = labelled.structural(chain)
    ca = chain.positions[:, CA]
    apart = np.linalg.norm(ca[:, None] - ca[None], axis=-1)
    places = np.arange(len(ca))
    far = abs(places[:, None] - places) >= 12
    assert np.array_equal(found["long-range contact"], ((apart < 8) & far).any(1))
    chain.positions[-1] = chain.positions[0] + 1.0  # the ends meet
    closed = labelled.structural(chain)["long-range contact"]
    assert closed[0] == closed[-1] == 1 and closed[10] == 0 and not found["long-range contact"].any()
    chain.atom_mask[-1] = False
    opened = labelled.structural(chain)["long-range contact"]
    assert opened[-1] == -1 and opened[0] == 0
