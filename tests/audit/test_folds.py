"""Folds on both sides of a split: a planted one is found, and a split by fold or by a column keeps it together."""

import csv
import dataclasses

import numpy as np
import pytest

from af2jax import page
from af2jax.audit import folds, prepared
from af2jax.audit.explore import FOLD_CLUSTER, explore
from af2jax.audit.look import Seen
from af2jax.constants.residues import encode
from af2jax.data import synthetic
from af2jax.data.items import Item
from af2jax.data.protein import read_protein
from af2jax.errors import InputError
from af2jax.folds import neighbours
from af2jax.folds.index import Entry
from af2jax.folds.neighbours import Neighbour
from tests.audit import sets

pytestmark = pytest.mark.medium("compiles the structural alignment, and studies whole data sets")
KIND = "a fold in two splits"


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """The rows of synthetic proteins, of which the last, in test, is the first, in train, with another sequence."""
    table = synthetic.make(tmp_path_factory.mktemp("data"), 12, 0)
    with open(table, newline="") as file:
        rows = [row | {"file": str(table.parent / row["file"])} for row in csv.DictReader(file)]
    longest = max(rows, key=lambda row: len(row["sequence"]))
    rows.sort(key=lambda row: row is not longest)
    whole = read_protein(rows[0]["file"])
    rng = np.random.default_rng(5)
    letters = "".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), len(whole.aatype)))
    mask = whole.atom_mask & np.isin(np.arange(37), [0, 1, 2, 4])  # the backbone
    positions = whole.positions + rng.normal(size=3) + 0.2 * rng.normal(size=whole.positions.shape)
    other = dataclasses.replace(
        whole, aatype=encode(letters), atom_mask=mask, positions=positions.astype(np.float32), notes=()
    )
    file = table.parent / "structures" / "planted.cif"
    file.write_text(other.to_mmcif())
    for row in rows:
        row["split"] = "train"
    for row in rows[-3:]:
        row["split"] = "valid"
    planted = rows[0] | {"id": "planted", "file": str(file), "sequence": letters, "split": "test"}
    planted |= {name: "" for name in planted if name not in ("id", "file", "sequence", "split")}
    return [row | {"batch": "ab"[i % 2] + str(i // 4)} for i, row in enumerate([*rows, planted])]


def found(audit):
    return {finding.kind: finding for finding in audit.findings}


def test_a_fold_in_two_splits_is_found(rows, tmp_path):
    audit = explore(sets.save(tmp_path, rows), compare_folds=True)
    finding = found(audit)[KIND]
    assert audit.folds.pairs[0].held == "planted" and audit.folds.pairs[0].known == rows[0]["id"]
    assert audit.folds.pairs[0].tm > 0.7 and audit.folds.pairs[0].identity < 0.3
    assert finding.level == "caution" and finding.rows[0].startswith(f"planted and {rows[0]['id']}: TM-score 0.")
    assert finding.title.startswith(f"{len(audit.folds.pairs)} of 4 held-out structures") and "leak" not in found(audit)
    titles = [one.title for one in audit.findings if one.kind == "a small test"]
    assert "the split test has 1 protein (1 item), homologues in it counted as one" in titles
    shown = page(audit)
    assert "Nearest training structure of each held-out one that is not a homologue" in shown.html()
    assert shown._tables["folds"]["headings"][1] == "nearest that is not a homologue"
    table = shown._tables["folds"]["rows"]
    best = audit.folds.pairs[0]
    assert table[0] == ["planted", rows[0]["id"], best.tm, best.identity, True]
    assert len(table) == len(audit.folds.nearest) == 4
    quiet = explore(sets.save(tmp_path, rows))
    assert quiet.folds is None and not {KIND, "no fold in two splits", "folds not compared"} & set(found(quiet))


def test_what_was_asked_for_is_answered(rows, tmp_path, monkeypatch):
    """Where no fold is in two splits, and where nothing can be compared, a note says so."""
    apart = (folds.Pair("a", "b", 0.49, 0.1), folds.Pair("c", "d", 0.9, 0.3))  # another fold; a sequence that shows it
    (note,) = folds.findings(folds.Folds(2, 9, 7, apart))
    assert (note.kind, note.level) == ("no fold in two splits", "note") and "aligned to the 7 training" in note.text
    assert note.title.startswith("none of 2 held-out structures has a structural neighbour in training (TM-score 0.5")
    audit = explore(sets.save(tmp_path, [row | {"split": "train"} for row in rows]), compare_folds=True)
    note = found(audit)["folds not compared"]
    assert audit.folds.each == 0 and note.title.startswith(
        f"folds were not compared: 0 held-out items and {len(rows)} in"
    )
    monkeypatch.setattr(neighbours, "ALIGNMENTS", 3)
    audit = explore(sets.save(tmp_path, rows), compare_folds=True)
    assert "4 held-out structures are more than" in found(audit)["folds not compared"].title
    assert audit.folds.nearest == () and "Folds across splits" not in page(audit).html()


def test_one_that_sequences_do_not_show_comes_first(monkeypatch):
    """Beside a nearer one that they show; homologues are not compared, and both valid and test are held out."""
    entry = Entry("x", "", "A", "A" * 12, np.zeros((12, 3), np.float32))
    splits = ("valid", "test", "train", "train")
    seen = [Seen(Item(name, name, split=part), trace=entry) for name, part in zip("abcd", splits, strict=True)]
    told = []

    def compared(asked, others, allowed, each, progress):
        told.append((len(asked), len(others), allowed.tolist(), each))
        return [Neighbour(0, 0, 0.9, 0.9, 0.5), Neighbour(0, 1, 0.6, 0.6, 0.1), Neighbour(1, 1, 0.7, 0.7, 0.4)]

    monkeypatch.setattr(folds, "compared", compared)
    study = folds.study(seen, np.array([0, 1, 0, 2]), lambda done, total: None)
    assert told == [(2, 2, [[False, True], [True, True]], 2)]
    assert study.nearest == (folds.Pair("b", "d", 0.7, 0.4), folds.Pair("a", "d", 0.6, 0.1))
    assert study.pairs == study.nearest[1:]


def test_unknown_cells_of_a_column_keep_nothing_together():
    seen = [Seen(Item(str(i), str(i), values={"batch": cell})) for i, cell in enumerate(["a", "a", "", " ", "b"])]
    found = folds.together(seen, np.arange(5), "batch", lambda done, total: None)
    assert found[0] == found[1] and len(set(found.tolist())) == 4


def test_a_split_by_fold_keeps_it_together(rows, tmp_path):
    audit = explore(sets.save(tmp_path, rows), split_by="fold")
    parts = dict(zip((one.item.id for one in audit.seen), audit.proposal.split, strict=True))
    assert parts["planted"] == parts[rows[0]["id"]] and set(parts.values()) == {"train", "valid", "test"}
    prepared.save(audit.proposal, audit.seen, audit.columns, tmp_path / "out")
    made = {row["id"]: row for row in csv.DictReader((tmp_path / "out" / "prepared.csv").open())}
    assert made["planted"][FOLD_CLUSTER] == made[rows[0]["id"]][FOLD_CLUSTER]
    assert KIND not in found(explore(tmp_path / "out" / "prepared.csv", compare_folds=True))


def test_a_split_by_a_column_keeps_its_cells_together(rows, tmp_path):
    audit = explore(sets.save(tmp_path, rows), split_by="batch")
    parts: dict[str, set[str]] = {}
    for one, part in zip(audit.seen, audit.proposal.split, strict=True):
        parts.setdefault(one.item.values["batch"], set()).add(part)
    assert all(len(own) == 1 for own in parts.values()) and set().union(*parts.values()) == {"train", "valid", "test"}


def test_a_split_by_sequence_is_by_wild_type(tmp_path):
    wilds = ["".join(np.random.default_rng(i).choice(list("ADEFGHIKLW"), 30)) for i in range(5)]
    rows = [{"mutant": f"{wild[i]}{i + 1}C", "sequence": wild, "score": str(i)} for wild in wilds for i in range(4)]
    audit = explore(sets.save(tmp_path, rows), split_by="sequence")
    parts = {(one.item.wild, part) for one, part in zip(audit.seen, audit.proposal.split, strict=True)}
    assert len(parts) == 5 and {part for _, part in parts} == {"train", "valid", "test"}
    with pytest.raises(InputError, match='the column "id" is read for its meaning and not split by; copy its cells'):
        explore(sets.save(tmp_path, rows), split_by="id")


def test_bad_input(rows, tmp_path):
    with pytest.raises(InputError, match='no column is called "bach"; did you mean "batch"'):
        explore(sets.save(tmp_path, rows), split_by="bach")
    with pytest.raises(InputError, match="no item has a known structure"):
        explore(sets.save(tmp_path, [row | {"file": ""} for row in rows]), split_by="fold")
