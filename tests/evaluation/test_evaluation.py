"""A data set through a network that knows the answers: which targets, which homologues, and what of failures."""

import csv
import dataclasses
import json

import gemmi
import jax
import numpy as np
import pytest

from af2jax.cli.main import main
from af2jax.config import preset
from af2jax.data import synthetic
from af2jax.data.labels import Label
from af2jax.data.transforms import bucket
from af2jax.errors import InputError
from af2jax.evaluation import evaluate as evaluating
from af2jax.evaluation import subject
from af2jax.evaluation.assessment import assess
from af2jax.evaluation.observe import Observed
from af2jax.evaluation.subject import Subject
from af2jax.finetune import Training
from af2jax.heads import Calibration, Head, summary
from af2jax.model.alphafold import AlphaFold
from af2jax.protein.truth import truth
from af2jax.report import assessment
from tests.finetune import toy

HEADS = {"ss": Head("residue", classes=3), "rg": Head("chain", outputs=1)}
LABELS = {"ss": Label(True, 3, ("H", "E", "C")), "rg": Label(False)}
TRUTH = jax.jit(truth)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return synthetic.make(tmp_path_factory.mktemp("data"), 12, 0)


def rows(data) -> list[dict]:
    with open(data, newline="") as file:
        return list(csv.DictReader(file))


def network(path: str = "none", training=None) -> Subject:
    return Subject("a", path, AlphaFold(preset("tiny")), {}, HEADS, LABELS, training, 0)


@pytest.fixture
def knows(monkeypatch, data):
    """The network says what is true, and fails at the items in the list that this is."""
    fails, answers = [], {}

    def loaded(loader, item, visit):
        answers[item.id] = example(loader, item, visit)
        return answers[item.id]

    def observe(_, features, name):
        if name in fails:
            raise InputError(f"{name}: the network's atoms are not finite")
        targets, num = answers[name][1], len(features.aatype)
        known = jax.device_get(TRUTH(targets.aatype, targets.positions, targets.atom_mask))
        torsions = np.zeros((num, 7, 2), np.float32)
        torsions[:, 3:] = known.chi
        flat = np.zeros((num, num), np.float32)
        said = {"ss": 9 * np.eye(3, dtype=np.float32)[targets.labels["ss"]], "rg": targets.labels["rg"][None] + 1}
        layers, rot = np.stack([targets.positions] * 2)[None], np.asarray(known.backbone.rot)
        full = np.full((1, num), 100.0, np.float32)
        return Observed(layers, targets.atom_mask, rot, torsions, full, flat, 1.0, flat, flat, flat[0], flat, said)

    example = evaluating.Loader.example
    monkeypatch.setattr(evaluating.Loader, "example", loaded)
    monkeypatch.setattr(evaluating, "observe", observe)
    return fails


@pytest.mark.medium("compiles the small network")
def test_a_network_that_knows(knows, data, tmp_path, monkeypatch):
    told, sizes, observe = [], [], evaluating.observe
    monkeypatch.setattr(evaluating, "buckets", lambda lengths: [bucket(max(lengths))] * len(lengths))
    monkeypatch.setattr(evaluating, "observe", lambda s, f, name: sizes.append(len(f.aatype)) or observe(s, f, name))
    found = evaluating.evaluate(network(), data, "all", progress=lambda done, total: told.append((done, total)))
    assert told[0] == (0, 12) and told[-1] == (12, 12) and len(found.targets) == 12 and not found.problems
    lengths = [len(row["sequence"]) for row in rows(data)]
    assert set(sizes) == {bucket(max(lengths))} and bucket(min(lengths)) < bucket(max(lengths))
    np.testing.assert_allclose(found.column("lddt_ca"), 100)
    np.testing.assert_allclose(found.column("ss/accuracy"), 1)
    np.testing.assert_allclose(found.column("rg/error"), 1, rtol=1e-5)
    assert len(found.worst) == evaluating.WORST and len(found.residues) == sum(len(r["sequence"]) for r in rows(data))
    judged = assess(found)
    page, verdicts = assessment.render(judged).save(tmp_path), list(judged.verdicts.values())
    assert [v.answer for v in verdicts][:2] == ["yes", "yes"] and "worst_structures" in page.read_text()
    worst = found.worst[0].target.id
    models = gemmi.read_structure(str(tmp_path / "structures" / f"{worst}_trajectory.cif"))
    final = gemmi.read_structure(str(tmp_path / "structures" / f"{worst}.cif"))
    assert len(models) == 2 and len(final) == 1 and len(models[1][0]) == len(final[0][0]) > 20


@pytest.mark.medium("compiles for more than a second")
def test_which_split(knows, data):
    parts = {row["id"]: row["split"] for row in rows(data)}
    found = evaluating.evaluate(network(), data)
    assert found.data["split"] == "test" and {parts[t.id] for t in found.targets} == {"test"}
    found = evaluating.evaluate(network(), data, "valid")
    assert {parts[t.id] for t in found.targets} == {"valid"}
    assert evaluating.choose(network(), data.parent / "structures")[1] == "all"  # a folder has no splits
    with pytest.raises(InputError, match='split "tset" is not known'):
        evaluating.choose(network(), data, "tset")
    with pytest.raises(InputError, match='no item is in the split "test"'):
        evaluating.choose(network(), data.parent / "structures", "test")


@pytest.mark.medium("evaluates a run")
def test_the_splits_of_the_run_count(knows, data, tmp_path, monkeypatch):
    names = [row["id"] for row in rows(data)]
    (tmp_path / "config.json").write_text(json.dumps({"data": str(data), "preset": "tiny"}))
    (tmp_path / "checkpoints").mkdir()
    lines = ["id\tsplit\treason", *(f"{name}\ttrain\t" for name in names[:-2]), f"{names[-2]}\tvalid\t"]
    (tmp_path / "items.tsv").write_text("\n".join([*lines, f"{names[-1]}\tunused\tbroken"]) + "\n")
    training = Training(str(data), preset="tiny")
    found = evaluating.evaluate(network(str(tmp_path), training), data)
    assert found.data["split"] == "valid" and [t.id for t in found.targets] == [names[-2]]
    learnt = {item.id for item in subject.trained_on(tmp_path)}
    assert learnt == set(names[:-2]) and not found.targets[0].homologue
    seen = evaluating.evaluate(network(str(tmp_path), training), data, "train")
    assert all(t.homologue for t in seen.targets)


@pytest.mark.medium("evaluates a run")
def test_failures_are_told(knows, data, tmp_path):
    names = [row["id"] for row in rows(data)]
    knows.append(names[0])
    table = data.with_name("bad.csv")
    table.write_text(data.read_text().replace(f"{names[1]}.cif", "gone.cif"))
    found = evaluating.evaluate(network(), table, "all")
    reasons = dict(found.problems)
    assert reasons.keys() == set(names[:2]) and "not finite" in reasons[names[0]] and "gone.cif" in reasons[names[1]]
    assert len(found.targets) == 10
    knows.extend(names)
    nothing = evaluating.evaluate(network(), table, "all")
    assert not nothing.targets and len(nothing.problems) == 12


def test_labels_that_are_not_there(knows, data):
    some = dataclasses.replace(network(), labels=LABELS | {"tm": Label(False)}, heads=HEADS | {"tm": HEADS["rg"]})
    found = evaluating.evaluate(some, data)
    assert found.data["without"] == ["tm"] and found.classes == {"ss": ["H", "E", "C"], "rg": []}


@pytest.mark.medium("compiles for more than a second")
def test_nothing_to_judge(monkeypatch, tmp_path, capsys):
    def observe(_, features, name):
        num = len(features.aatype)
        flat, full = np.zeros((num, num), np.float32), np.full((1, num), 50.0, np.float32)
        atoms, mask = np.ones((1, 2, num, 37, 3), np.float32), np.zeros((num, 37), bool)
        said = {"ss": 9 * np.eye(3, dtype=np.float32)[np.arange(num) % 3], "rg": np.full(1, 12.5, np.float32)}
        turns, angles = np.tile(np.eye(3, dtype=np.float32), (num, 1, 1)), np.zeros((num, 7, 2), np.float32)
        return Observed(atoms, mask, turns, angles, full, flat, 1.0, flat, flat, flat[0], flat, said)

    monkeypatch.setattr(evaluating, "observe", observe)
    monkeypatch.setattr("af2jax.evaluation.subject.open_subject", lambda *rest: network())
    table = tmp_path / "new.csv"
    table.write_text("id,sequence\na,MKTAY\nb,GGW\n")
    found = evaluating.evaluate(network(), table)
    assert not found.judged and found.unjudged.keys() == {"a", "b"} and found.data["without"] == ["rg", "ss"]
    assert main(["evaluate", "runs/a", str(table), "--out", str(tmp_path / "e")]) == 4
    file = tmp_path / "e" / "answers.csv"
    assert f"has a known structure or a label; what the heads answer is in {file}" in capsys.readouterr().err
    read = lambda name: list(csv.DictReader(file.with_name(name).read_text().splitlines()))
    rows, residues = read(summary.TABLE), read(summary.RESIDUES)
    assert len(rows) == 4 and not (tmp_path / "e" / "index.html").exists()
    ss = [(r["query"], r["residue"], r["letter"], r["class"]) for r in residues if r["head"] == "ss"]
    assert len(ss) == 8 and ss[:4] == [
        ("b", "1", "G", "0"),
        ("b", "2", "G", "1"),
        ("b", "3", "W", "2"),
        ("a", "1", "M", "0"),
    ]
    assert [(r["query"], r["value"]) for r in rows if r["head"] == "rg"] == [("b", "12.5"), ("a", "12.5")]
    assert [r["table"] for r in rows if r["head"] == "ss"] == 2 * [summary.RESIDUES]
    assert float(residues[0]["probability"]) > 0.99


def test_what_is_judged_are_calibrated_probabilities():
    said, labels = np.log(np.tile([1.0, 4.0, 1.0], (toy.N_RES, 1))), np.full(toy.N_RES, -1)
    labels[:2] = 1, 0
    targets = toy.example()[1].replace(labels={"ss": labels}, seq_mask=np.ones(toy.N_RES, bool))
    calibration = Calibration(2.0, 90, 9, (1.0, 0.9), (0.2, 0.1))
    for head, expected in (
        (Head("residue", classes=3), [1 / 6, 4 / 6, 1 / 6]),
        (Head("residue", classes=3, calibration=calibration), [0.25, 0.5, 0.25]),
    ):
        found = evaluating.answered(head, said, targets, "ss")
        np.testing.assert_allclose(found.predicted, [expected, expected])
        assert found.label.tolist() == [1, 0] and found.place.tolist() == [0, 1]


def test_heads_that_are_not_judged_are_named(knows, data):
    heads = HEADS | {"contact": Head("pair", classes=2), "two": Head("chain", outputs=2)}
    some = dataclasses.replace(network(), heads=heads)
    assert evaluating.evaluate(some, data).data["skipped"] == ["contact", "two"]
