"""Targets whose fold was learned from: told by structure, through the files, on the pages of evaluate and compare."""

import dataclasses
import json

import numpy as np
import pytest

from af2jax.data import synthetic
from af2jax.data.dataset import Item, read_dataset
from af2jax.evaluation import folds, saved
from af2jax.evaluation.comparison import study
from af2jax.evaluation.entries import Entry
from af2jax.evaluation.strata import strata
from af2jax.folds.index import Entry as IndexEntry
from af2jax.folds.neighbours import Neighbour
from af2jax.report import comparison
from tests.report import made


def test_it_is_by_the_length_of_the_target(monkeypatch):
    """A fold that is a part of a longer chain is known; a part of the target that is known is not its fold."""
    entry = IndexEntry("a", "", "A", "A" * 12, np.zeros((12, 3), np.float32))
    monkeypatch.setattr(folds, "_entries", lambda items: [entry])
    monkeypatch.setattr(folds, "compared", lambda *_: [Neighbour(0, 0, 0.3, 0.9, 0), Neighbour(0, 0, 0.2, 0.1, 0)])
    one = Item("a", "a", sequence="AAA")
    assert folds.nearest_folds([one], [one]) == {"a": 0.3}


@pytest.mark.medium("compiles the structural alignment")
def test_the_nearest_fold_of_what_was_learned_from(tmp_path):
    items = read_dataset(synthetic.make(tmp_path, 10, 0))
    known = folds.nearest_folds(items[:4], items[2:])
    assert set(known) == {item.id for item in items[:4]}
    assert all(known[item.id] > 0.999 for item in items[2:4]) and all(0 < tm < 1.001 for tm in known.values())
    assert known[items[0].id] < 0.999
    assert folds.nearest_folds(items[:4], []) == {}


def test_so_many_structures_are_not_read(monkeypatch):
    monkeypatch.setattr(folds.reading, "read_item", None)
    one = Item("a", "a", sequence="AAA")
    assert folds.nearest_folds([one], [one] * (folds.MOST + 1)) == {} and folds.nearest_folds([one] * 2001, [one]) == {}


def told(near: list):
    """An evaluation whose targets have these TM-scores with what was learned from."""
    found = made.evaluation()
    near = [*near, *[near[-1]] * (len(found.targets) - len(near))]
    targets = [dataclasses.replace(t, near_fold=tm) for t, tm in zip(found.targets, near, strict=True)]
    return dataclasses.replace(found, targets=targets)


def test_parts_and_strata():
    found = told([0.9, 0.5, 0.49, 0.2])
    parts = folds.parts([found.targets])
    assert parts[folds.KNOWN][:2].all() and not parts[folds.KNOWN][2:].any()
    np.testing.assert_array_equal(parts[folds.NEW], ~parts[folds.KNOWN])
    assert set(strata(found.targets)["fold"]) == {folds.KNOWN, folds.NEW}
    mixed = folds.parts([told([0.9, None, 0.2]).targets])
    assert not mixed[folds.KNOWN][1] and not mixed[folds.NEW][1] and mixed[folds.NEW][2]
    assert not folds.parts([told([None]).targets]) and not folds.parts([told([0.9]).targets])
    other = told([0.2, 0.2, 0.9, 0.2])  # of another network: known where either has learned it
    assert folds.parts([found.targets, other.targets])[folds.KNOWN][:3].all()


def test_it_is_kept_in_the_files(tmp_path):
    found = told([0.9, None, 0.2])
    saved.save(found, tmp_path)
    assert [t.near_fold for t in saved.load(tmp_path).targets] == [t.near_fold for t in found.targets]
    file = tmp_path / saved.FILE
    known = json.loads(file.read_text())
    for target in known["targets"]:
        del target["near_fold"]  # as evaluations had it before
    file.write_text(json.dumps(known))
    assert all(t.near_fold is None for t in saved.load(tmp_path).targets)


@pytest.mark.medium("draws a page")
def test_the_page_of_a_comparison_tells_them_apart(tmp_path):
    entries = [Entry(name, told([0.9, 0.8, 0.2]), f"runs/{name}") for name in "ab"]
    found = study(entries)
    assert {mean.group for mean in found.folds} == {folds.KNOWN, folds.NEW}
    page = comparison.render(found)
    page.save(tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    rows = report["tables"]["folds_lddt_ca"]["rows"]
    assert {row[4] for row in rows} == {folds.KNOWN, folds.NEW} and "Known folds and new ones" in page.html()
    assert "folds" in json.loads(found.json()) and not study([Entry("a", told([None]), "runs/a")] * 2).folds
