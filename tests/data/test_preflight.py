"""What a look at a data set finds: each item that cannot be used, with its reason; splits; and a hash of it all."""

import dataclasses
import shutil

import numpy as np
import pytest

from af2jax.config import preset
from af2jax.data import splits
from af2jax.data.dataset import read_dataset
from af2jax.data.labels import Label
from af2jax.data.preflight import check
from af2jax.errors import InputError
from tests.data import tables
from tests.data.molecules import change, cif, peptide, save
from tests.data.tables import SEQUENCES, changed

CONFIG = preset("tiny")
LABELS = {"ss": Label(True, 3, ("H", "E", "C")), "tm": Label(False), "kind": Label(False, 2, ("soluble", "membrane"))}
FIVE = dataclasses.replace(LABELS["kind"], classes=3, names=("soluble", "membrane", "fibrous"))


@pytest.fixture
def look(tmp_path):
    """`look(rows, labels)`: the report of a table of `rows`."""
    tables.structures(tmp_path)

    def look(rows, labels=LABELS, **options):
        return check(read_dataset(tables.table(tmp_path, rows)), labels, CONFIG, **options)

    look.folder = tmp_path
    return look


def test_a_clean_set(look):
    report = look(changed())
    assert [item.id for item in report.items] == list(SEQUENCES) and not report.problems and not report.notes
    assert report.sequences == tuple(SEQUENCES.values())
    assert [item.id for item in report.part("train")] == ["one", "two", "four"]
    assert report.table().splitlines()[:2] == ["id\tsplit\treason", "one\ttrain\t"]


@pytest.mark.parametrize(
    "cells, reason",
    [
        ({"file": "none.cif"}, "none.cif: no such file"),
        ({"file": "table.csv"}, "table.csv is not an mmCIF or PDB file"),
        ({"file": "trace.cif"}, "it is a trace of CA atoms alone"),
        ({"chain": "B"}, 'has no chain "B"; its protein chains are: A'),
        ({"sequence": SEQUENCES["one"]}, r"line 3: the sequence .20 residues. is neither the full one"),
        ({"msa": "none.a3m"}, "none.a3m: no such file"),
        ({"msa": "other.a3m"}, "other.a3m: its first row .3 residues. is neither the full sequence"),
        ({"templates": "none.cif:A"}, "none.cif: no such file"),
        ({"tm": "hot"}, """line 3, column "tm": 'hot' is not a number"""),
        ({"tm": "nan", "ss": "-" * 22, "kind": ""}, 'line 3: nothing is known in columns "ss", "tm", "kind"'),
        ({"ss": "HHH"}, "line 3, column .ss.: 3 values for 22 residues"),
        ({"split": ""}, "line 3: no split, where other items have one"),
        ({"file": "", "sequence": SEQUENCES["three"], "ss": "H" * 20}, "the same protein as three, which is in valid"),
    ],
)
def test_an_item_that_cannot_be_used_is_named(look, cells, reason):
    (look.folder / "other.a3m").write_text(">q\nMKT\n")
    atoms = [atom for atom in peptide(SEQUENCES["two"]) if atom.name == "CA"]
    save(look.folder, cif(atoms, {1: SEQUENCES["two"]}), "trace.cif")
    rows = [{"msa": "", "templates": "", **row} for row in changed(two=cells)]
    report = look(rows)
    ((item, found),) = report.problems
    assert item.id == "two" and "\n" not in found
    with pytest.raises(InputError, match=f"1 of 5 items cannot be used, two first: .*{reason}"):
        look(rows, strict=True)
    assert [item.id for item in report.items] == ["one", "three", "four", "five"]
    assert f"two\tunused\t{found}" in report.table()


def test_an_item_may_know_some_of_several_labels(look):
    report = look(changed(two={"tm": "nan"}))
    assert not report.problems and not report.notes  # the audit tells how many
    with pytest.raises(InputError, match='no training item knows a label in column "tm"; give labels'):
        look(changed(**{name: {"tm": ""} for name in ("one", "two", "four")}))


def test_a_class_that_training_never_sees(look):
    report = look(changed(five={"kind": "fibrous"}), LABELS | {"kind": FIVE})
    ((item, reason),) = report.problems
    assert item.id == "five" and reason.endswith('line 6: class fibrous of "kind" is never seen in training')
    assert "five" not in [item.id for item in report.items]
    assert not report.notes
    assert look(changed(), LABELS | {"kind": FIVE}).notes == ('"kind": no item is of class fibrous',)
    residue = look(
        changed(five={"ss": "H" * 21 + "C"}, one={"ss": "H" * 20}, two={"ss": "H" * 22}, four={"ss": "E" * 22})
    )
    assert [item.id for item, _ in residue.problems] == ["three", "five"]
    assert 'class C of "ss" is never seen in training' in residue.problems[1][1]


def test_the_same_protein_stays_in_the_later_split(look):
    same = {"file": "", "sequence": SEQUENCES["five"], "ss": "H" * 22}
    report = look(changed(three=same, four=same))
    assert [item.id for item in report.items] == ["one", "two", "five"]
    assert {item.id: reason.rpartition(": ")[2] for item, reason in report.problems} == {
        name: "the same protein as five, which is in test" for name in ("three", "four")
    }
    assert report.notes == ("the split valid is empty: nothing shows how good the training is on other proteins",)


def test_homologues_in_other_splits_are_told_of(look):
    rows = changed()
    family = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVVHSLAKWKR"
    homologue = family.replace("R", "K").replace("E", "D")
    rows[3] |= {"sequence": family, "ss": ""}
    rows[4] |= {"sequence": homologue, "ss": ""}
    report = look(rows, {"tm": LABELS["tm"]})
    assert not report.problems and len(report.notes) == 1
    assert report.notes[0].startswith("1 of 2 items outside train have homologues in it (30 % identity or more)")


def test_a_table_that_brings_its_own_clusters_is_not_searched(look, monkeypatch):
    search = []
    monkeypatch.setattr(splits, "clusters", lambda sequences: search.append(1) or np.arange(len(sequences)))
    names = dict(zip(SEQUENCES, "aaabb", strict=True))  # three is valid, five test; the others are trained on
    rows = [row | {"cluster": names[row["id"]]} for row in changed()]
    report = look(rows)
    assert not search and report.notes == (
        'homologues are as the column "cluster" has them, 2 clusters; none were searched for',
        '2 of 2 items outside train have homologues in it (the same "cluster"): what is measured on them says little '
        "about new proteins",
    )
    look([row | {"cluster": row["cluster"] if row["id"] != "two" else ""} for row in rows])
    assert len(search) == 1  # one item without
    look(rows, {"cluster": Label(False, 2, ("a", "b"))})
    assert len(search) == 2  # there it is a label, and says nothing of homologues


def test_clusters_without_splits_are_kept_together(look):
    rows = [row | {"split": "", "cluster": "abcab"[i]} for i, row in enumerate(changed())]
    parts = [item.split for item in look(rows).items]
    assert parts[0] == parts[3] and parts[1] == parts[4] and set(parts) == {"train", "valid", "test"}


def test_clusters_of_a_scan_come_before_its_positions(look):
    wild = SEQUENCES["one"]
    rows = [{"id": f"{x}{i}G", "mutant": f"{x}{i}G", "sequence": wild, "tm": str(i)} for i, x in enumerate(wild, 1)]
    doubled = [row | {"id": f"W{row['id']}", "mutant": row["mutant"][:-1] + "W"} for row in rows]
    labels, rows = {"tm": LABELS["tm"]}, [row | {"cluster": row["mutant"][-1]} for row in [*rows, *doubled]]
    rows[0]["cluster"] = rows[1]["cluster"] = "other"
    parts = {item.id: item.split for item in look(rows, labels).items}
    assert len({(row["cluster"], parts[row["id"]]) for row in rows}) == 3
    parts = {item.id: item.split for item in look([row | {"cluster": ""} for row in rows], labels).items}
    assert len({(row["mutant"][1:-1], parts[row["id"]]) for row in rows}) == len(wild)


def test_an_unknown_label(look):
    with pytest.raises(
        InputError, match=r'no column is called "kinds"; did you mean "kind"\? \(columns for labels: ss, tm, kind\)'
    ):
        look(changed(), {"kinds": LABELS["kind"]})


@pytest.mark.parametrize(
    "rows, message",
    [
        ([row | {"split": "valid"} for row in changed()], "no item is left to train on: the split train is empty"),
        ([row | {"weight": "0"} for row in changed()], "the split train is empty, or all of weight 0$"),
        ([row | {"tm": "x"} for row in changed()], "none of 5 items can be used; the first: one: .*'x' is not a num"),
        (
            changed(one={"tm": "x"}, two={"tm": "x"}, four={"tm": "x"}),
            "weight 0; one was left out: .*'x' is not a number",
        ),
    ],
)
def test_nothing_to_train_on(look, rows, message):
    with pytest.raises(InputError, match=message) as caught:
        look(rows)
    assert "\n" not in str(caught.value)


def test_nothing_to_learn(look):
    report = look(changed(), {})
    assert [(item.id, reason.partition(": ")[2]) for item, reason in report.problems] == [
        (name, "no atom and no label is known; there is nothing to learn from") for name in ("four", "five")
    ]


def test_a_set_without_splits_is_split(look):
    rows = [row | {"split": ""} for row in changed()]
    report = look(rows)
    assert sorted(item.split for item in report.items) == ["test", "train", "train", "train", "valid"]
    assert [item.split for item in look(rows).items] == [item.split for item in report.items]
    assert len({tuple(item.split for item in look(rows, seed=seed).items) for seed in range(5)}) > 1
    with pytest.raises(InputError, match=r"2 items cannot be split: they are 2 groups of homologues; say in a column"):
        look(rows[:2])


class TestHash:
    def test_follows_all_that_is_read(self, look):
        rows = [row | {"msa": "one.a3m" if row["id"] == "one" else "", "templates": ""} for row in changed()]
        rows[0]["templates"], rows[0]["noise"] = "t.cif:A", "noise.npy"
        rows = [{"noise": "", **row} for row in rows]
        rows[1]["noise"] = "noise.csv"
        (look.folder / "one.a3m").write_text(f">q\n{SEQUENCES['one']}\n")
        save(look.folder, cif(peptide(SEQUENCES["one"]), {1: SEQUENCES["one"]}), "t.cif")
        np.save(look.folder / "noise.npy", np.zeros(20))
        (look.folder / "noise.csv").write_text("0\n" * 20)
        labels, seen = {"tm": LABELS["tm"]}, []
        note = lambda: seen.append(look(rows, labels).hash)
        note()
        note()
        assert seen[0] == seen[1] and len(seen[0]) == 64
        (look.folder / "one.a3m").write_text(f">q\n{SEQUENCES['one']}\n>h\n{SEQUENCES['one']}\n")
        note()
        for name in ("one.cif", "t.cif"):
            atoms = change(peptide(SEQUENCES["one"]), lambda atom: atom.name == "CB", position=(1.0, 2.0, 3.0))
            save(look.folder, cif(atoms, {1: SEQUENCES["one"]}), name)
            note()
        np.save(look.folder / "noise.npy", np.ones(20))
        note()
        (look.folder / "noise.csv").write_text("1\n" * 20)
        note()
        for name, cell in [("tm", "51"), ("split", "train"), ("id", "six")]:
            rows[4] = rows[4] | {name: cell}
            note()
        assert len(set(seen[1:])) == len(seen) - 1

    def test_does_not_follow_the_place(self, look, tmp_path_factory):
        before = look(changed()).hash
        other = tmp_path_factory.mktemp("other") / "copy"
        shutil.copytree(look.folder, other)
        assert check(read_dataset(other / "table.csv"), LABELS, CONFIG).hash == before


@pytest.mark.slow("reads hundreds of real chains")
def test_real_chains(shared):
    items = read_dataset(shared / "data" / "chains.tsv")
    report = check(items, {}, CONFIG)
    assert len(report.items) == 358 and not report.problems and not report.notes
    parts = {name: len(report.part(name)) for name in ("train", "valid", "test")}
    assert parts == {"train": 286, "valid": 36, "test": 36}
