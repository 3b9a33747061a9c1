"""What an audit proposes: prepared.csv and config.toml, which finetune reads and finds no fault in."""

import numpy as np
import pytest

from af2jax.config import preset
from af2jax.data import preflight
from af2jax.data.dataset import read_dataset
from af2jax.data.items import Label
from af2jax.finetune import config
from tests.audit import sets

pytestmark = pytest.mark.medium("studies whole data sets")

TARGETS = ("tm", "kind", "buried")


def test_the_proposal(tmp_path):
    """Sentinels are emptied, homologues share a split, and heads know their classes and units."""
    rows = sets.clean()
    rows[5]["tm"] = rows[45]["tm"] = "-999"
    rows[40]["sequence"] = sets.mutant(rows[3]["sequence"], 0.5)
    rows[40]["buried"] = ""
    out = tmp_path / "deep" / "out"
    sets.propose(sets.save(tmp_path, rows), out, TARGETS)
    training = config.read(out / "config.toml")
    assert set(training.heads) == set(TARGETS) and training.heads["kind"].names == ("membrane", "soluble")
    assert training.heads["buried"].kind == "residue" and training.crop == 128
    items = {item.id: item for item in read_dataset(training.data)}
    assert items["p05"].values["tm"] == "" and items["p06"].values["tm"] == rows[6]["tm"]
    assert items["p40"].split == "test" and items["p41"].split == "train"
    assert items["p40"].weight == pytest.approx(items["p41"].weight / 2, rel=1e-3)
    head = training.heads["tm"]
    train = [float(item.values["tm"]) for item in items.values() if item.split == "train" and item.values["tm"]]
    assert head.mean == pytest.approx(np.mean(train), rel=1e-4) and head.std == pytest.approx(np.std(train), rel=1e-4)
    labels = {name: Label(head.kind == "residue", head.classes, head.names) for name, head in training.heads.items()}
    looked = preflight.check(list(items.values()), labels, preset("tiny"))
    assert not looked.problems and not looked.notes  # those without a "tm" teach the other heads
    text = (out / "config.toml").read_text()
    assert "left out for all heads" not in text and "cannot be used" not in text
    assert all(" # " in line for line in text.splitlines() if " = " in line and not line.startswith(("#", '"')))


def test_what_a_training_leaves_out_is_counted(tmp_path):
    """One cell that cannot be read takes its item out for every head: the config states how many items, and why, and
    finetune leaves out the same ones."""
    rows = [row | {"file": ""} for row in sets.clean()]
    rows[25]["tm"], rows[26]["tm"], rows[27]["buried"] = "<40", "high", "be"
    rows[26]["buried"] = "eb"  # an item with two such cells counts once
    rows[28]["file"] = "none.cif"
    sets.propose(sets.save(tmp_path, rows), tmp_path / "out", TARGETS)
    first, second = [
        line
        for line in (tmp_path / "out" / "config.toml").read_text().splitlines()
        if " items " in line and line[0] == "#"
    ]
    assert first == "# 1 of 48 items cannot be used and is not in prepared.csv; index.html says why."
    assert second.startswith("# 3 of 47 items are left out for all heads, as a label cannot be read: ")
    assert '"tm" has 2 such cells, such as "<40"; "buried" has 2 such cells, such as "eb".' in second
    training = config.read(tmp_path / "out" / "config.toml")
    items = read_dataset(training.data)
    labels = {name: Label(head.kind == "residue", head.classes, head.names) for name, head in training.heads.items()}
    looked = preflight.check(list(items), labels, preset("tiny"))
    assert len(items) == 47 and [item.id for item, _ in looked.problems] == ["p25", "p26", "p27"]
    (batch,) = [line for line in (tmp_path / "out" / "config.toml").read_text().splitlines() if "batch_size" in line]
    assert batch.endswith("# 24 training items")


def test_one_family_is_split_by_sequence(tmp_path):
    """A scan of mutations, in which all are homologues."""
    first = sets.clean()[0]["sequence"]
    rows = [{"id": f"m{i}", "sequence": first[:i] + "W" + first[i + 1 :], "score": str(i % 7 + 0.5)} for i in range(40)]
    out = {finding.kind for finding in sets.propose(sets.save(tmp_path, rows), tmp_path / "out", ("score",))}
    assert {"one family", "no split"} <= out and "leak" not in out
    parts = [item.split for item in read_dataset(tmp_path / "out" / "prepared.csv")]
    assert parts.count("test") == parts.count("valid") == 4 and "" not in parts
    assert "this family alone" in (tmp_path / "out" / "config.toml").read_text()


@pytest.mark.slow("trains the small network")
def test_a_training_from_the_proposal(tmp_path):
    from af2jax.finetune import fit

    sets.propose(sets.save(tmp_path, sets.clean()), tmp_path / "out", ("tm", "kind"))
    training = config.read(tmp_path / "out" / "config.toml")
    small = ["preset=tiny", "steps=2", "warmup=0", "validate_every=2", "save_every=2", "crop=32"]
    state = fit(training.replace(small), tmp_path / "run")
    assert state is not None and (tmp_path / "run" / "metrics.jsonl").exists()
