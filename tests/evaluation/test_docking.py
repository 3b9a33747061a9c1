"""Complexes against known structures: copies that change places, DockQ of each interface, what pages say of them."""

import csv
import json

import gemmi
import jax
import numpy as np
import pytest

from af2jax.config import preset
from af2jax.data.dataset import Item
from af2jax.evaluation import evaluate as evaluating
from af2jax.evaluation import saved
from af2jax.evaluation.assessment import assess
from af2jax.evaluation.docking import docked, interfaces, matched, names
from af2jax.evaluation.observe import Observed
from af2jax.evaluation.scores import score
from af2jax.evaluation.subject import Subject
from af2jax.model.alphafold import AlphaFold
from af2jax.protein.truth import truth
from af2jax.report import assessment
from af2jax.schema import Targets
from tests import support
from tests.metrics.test_dockq import strands

LENGTHS, COPIES = (9, 12, 12), slice(9, 33)  # a chain, and two of one sequence
TRUE = strands(LENGTHS, kinds=[0, 1, 1])
TRUTH = jax.jit(truth)
TM = np.array([[0.7, 0.65, 0.3], [0.65, 0.8, 0.9], [0.3, 0.9, 0.8]])


@pytest.fixture(scope="module")
def given():
    """(features, targets) of a complex of three chains."""
    asym_id, entity_id = np.repeat([1, 2, 3], LENGTHS), np.repeat([1, 2, 2], LENGTHS)
    numbers = {"residue_index": TRUE.residue_index, "asym_id": asym_id}
    features = support.features(num_res=33).replace(aatype=TRUE.aatype, entity_id=entity_id, **numbers)
    rest = dict.fromkeys(("resolution", "true_msa", "bert_mask", "use_clamped_fape"))
    atoms = {"positions": TRUE.positions.astype(np.float32), "atom_mask": TRUE.atom_mask}
    return features, Targets(TRUE.aatype, seq_mask=features.seq_mask, labels={}, **numbers, **atoms, **rest)


def exchanged(positions: np.ndarray) -> np.ndarray:
    """The same with the two copies in each other's place."""
    return np.concatenate([positions[:9], positions[21:33], positions[9:21], positions[33:]])


def seen(targets, positions) -> Observed:
    """What a network says of `positions`."""
    num = len(positions)
    flat = np.zeros((num, num), np.float32)
    known = jax.device_get(TRUTH(targets.aatype, positions, targets.atom_mask))
    torsions, rot = np.zeros((num, 7, 2), np.float32), np.asarray(known.backbone.rot)
    atoms = np.asarray(targets.atom_mask)
    said = (torsions, np.full((1, num), 90.0), flat, 0.9, flat, flat, flat[0], flat, {})
    return Observed(np.stack([positions] * 2)[None], atoms, rot, *said, iptm=0.5, chain_tm=TM)


@pytest.mark.medium("compiles for more than a second")
def test_copies_are_matched_before_they_are_scored(given):
    features, targets = given
    said = seen(targets, exchanged(targets.positions))
    wrong, right = score(said, *given).numbers, score(said, features, matched(said, *given)).numbers
    assert (
        wrong["lddt_ca"] < 90
        and right["lddt_ca"] == pytest.approx(100, abs=1e-3)
        and right["rmsd"] < 1e-3 < wrong["rmsd"]
    )
    assert right["dockq"] == pytest.approx(1) and right["iptm"] == 0.5
    assert wrong["dockq"] == pytest.approx(1)  # it assigns chains itself


def test_chains_that_all_differ_keep_their_places(given):
    features, targets = given
    said = seen(targets, exchanged(targets.positions))
    assert matched(said, features.replace(entity_id=features.asym_id), targets) is targets


def test_what_was_not_observed_goes_with_its_copy(given):
    features, targets = given
    mask = targets.atom_mask.copy()
    mask[10] = False  # of the second chain
    found = matched(seen(targets, exchanged(targets.positions)), features, targets.replace(atom_mask=mask))
    assert np.flatnonzero(~found.atom_mask.any(1)).tolist() == [22] and not found.positions[22].any()


def test_dockq_of_each_interface(given):
    features, targets = given
    moved = targets.positions.copy()
    moved[:9] -= [0, 30, 0]  # the first chain leaves
    found = docked(seen(targets, moved), features, targets)
    rows = interfaces(found, ["H", "L", "x"], TM)
    assert [row["chains"] for row in rows] == ["H-L", "L-x"] and [row["iptm"] for row in rows] == [0.65, 0.9]
    assert [row["quality"] for row in rows] == ["incorrect", "high"] and rows[0]["fnat"] == 0
    assert found.mean == pytest.approx(np.mean([row["dockq"] for row in rows])) and rows[1]["lrms"] < 1e-3
    assert rows[0]["contacts"] == found.interfaces[0].contacts > 0
    assert interfaces(found, ["H", "L", "x"], None)[0]["iptm"] is None


def test_one_chain_or_nothing_known_has_no_dockq(given):
    features, targets = given
    said = seen(targets, targets.positions)
    assert docked(said, features.replace(asym_id=np.ones(33, int)), targets) is None
    nothing = docked(said, features, targets.replace(atom_mask=np.zeros((33, 37), bool)))
    assert np.isnan(nothing.mean) and interfaces(nothing, ["A", "B", "C"], TM) == []
    one = score(said, features.replace(asym_id=np.ones(33, int)), targets)
    assert np.isnan(one.numbers["dockq"]) and one.docked is None


def test_names(given):
    item = lambda chain: Item("a", "a", sequence="A/C/D", chain=chain)
    assert names(item("H,L,x"), given[0]) == ["H", "L", "x"]
    for chain in ("", "H,L", "H,L,L", "H, ,L"):
        assert names(item(chain), given[0]) == ["A", "B", "C"]
    assert names(item("H"), given[0].replace(asym_id=np.ones(33, int))) == []


@pytest.mark.medium("compiles the small network for complexes")
@pytest.mark.usefixtures("undrawn")
def test_a_complex_is_evaluated(tmp_path, monkeypatch):
    """From a table to the page, by a network that exchanges the copies."""
    (tmp_path / "c.cif").write_text(TRUE.to_mmcif())
    with open(tmp_path / "a.csv", "w", newline="") as file:
        csv.writer(file).writerows([("id", "file", "chain"), ("c", "c.cif", "A,B,C"), ("one", "c.cif", "B")])
    answers, example = {}, evaluating.Loader.example

    def loaded(loader, item, visit):
        answers[item.id] = example(loader, item, visit)
        return answers[item.id]

    def observe(_, features, name):
        targets = answers[name][1]
        positions = exchanged(targets.positions) if name == "c" else targets.positions
        return seen(targets, np.asarray(positions))

    monkeypatch.setattr(evaluating.Loader, "example", loaded)
    monkeypatch.setattr(evaluating, "observe", observe)
    subject = Subject("a", "none", AlphaFold(preset("tiny")), {}, {}, {}, None, 0)
    found = evaluating.evaluate(subject, tmp_path / "a.csv")
    assert not found.problems
    one, whole = found.targets
    assert one.chains == one.interfaces == [] and np.isnan(one.numbers["dockq"])
    assert whole.chains == ["A", "B", "C"] and whole.numbers["dockq"] == pytest.approx(1)
    assert whole.numbers["lddt_ca"] == pytest.approx(100, abs=1e-3) and whole.sequence.count("/") == 2
    page = assessment.render(assess(found)).save(tmp_path / "out")
    known = json.loads((tmp_path / "out" / "report.json").read_text())
    rows = known["tables"]["interfaces"]["rows"]
    assert {row[0] for row in rows} == {"c"} and [row[3] for row in rows] == ["high", "high"]
    assert known["tables"]["targets"]["headings"][-3:-1] == ["DockQ", "ipTM"]
    assert "How the chains are arranged" in page.read_text() and "incorrect (below 0.23)" in page.read_text()
    for file in ("c.cif", "c_trajectory.cif"):
        model = gemmi.read_structure(str(tmp_path / "out" / "structures" / file))[0]
        assert [(chain.name, len(chain)) for chain in model] == [("A", 9), ("B", 12), ("C", 12)]
    again = saved.load(tmp_path / "out")
    assert again.targets[1].interfaces == whole.interfaces and again.targets[1].chains == whole.chains
