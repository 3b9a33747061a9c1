"""The numbers of an audit by subject, counted by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest

from af2jax.audit import alignments, balance, dates, distribution, groups, homologues, relations, sequences, structures
from af2jax.audit.columns import Column, own
from af2jax.audit.explore import explore
from af2jax.audit.label_column import LabelColumn
from af2jax.audit.look import BINS, Rows, Seen, StructureSummary
from af2jax.data.dataset import Item
from af2jax.finetune import config
from tests.audit import sets

SPLITS = ["train", "train", "train", "test", "test", ""]


def items(**fields) -> list[Seen]:
    """Six items, of lengths 10 to 60; fields have a value for each."""
    each = [dict(zip(fields, values, strict=True)) for values in zip(*fields.values(), strict=True)] or [{}] * 6
    made = [Seen(Item(f"p{i}", f"line {i}", split=part), "A" * 10 * (i + 1)) for i, part in enumerate(SPLITS)]
    return [replace(one, **values) for one, values in zip(made, each, strict=True)]


def label(cells, classes=(), residue=False) -> LabelColumn:
    """A column to be learnt, of numbers or classes."""
    kind = f"residue {'classes' if classes else 'numbers'}" if residue else "class" if classes else "number"
    column = Column("x", kind, tuple(cells), 0, {})
    value = lambda text: float(classes.index(text) if classes else text) if text.strip("-") else np.nan
    values = [np.array([value(one) for one in cell]) if residue else value(cell) for cell in cells]
    return LabelColumn(column, classes, residue, values if residue else np.array(values), None)


def test_a_distribution():
    found = distribution.of(np.array([1.0, 2, np.nan, 3, 10]))
    assert found.values.tolist() == [1, 2, 3, 10] and (found.mean, found.median) == (4, 2.5)
    assert (found.least, found.most) == (1, 10) and found.spread == pytest.approx(np.sqrt(12.5))
    assert found.skewness == pytest.approx((-27 - 8 - 1 + 216) / 4 / 12.5**1.5)
    assert distribution.of(np.ones(3)).skewness == 0 and np.isnan(distribution.of(np.full(2, np.nan)).mean)


def test_sequences():
    found = sequences.lengths(items())
    assert (found.residues.median, found.residues.most, found.crop, found.whole) == (35, 60, 64, 1)
    known = sequences.composition([Seen(Item("p", "line 1"), "AAAC/XX")])
    assert (known.residues, known.shares[0], known.unknown) == (6, 0.75, pytest.approx(1 / 3)) and known.order[0] == 0


def test_structures():
    one = StructureSummary(2.0, "x-ray", 0.5, 0, 1.0, 1.0, 0.0, 0.0, 10.0)
    two = one._replace(resolution=np.nan, observed=1.0, inner=3, helix=0.0, coil=1.0, rg=40.0)
    found = structures.study(items(structure=[one, two, None, None, None, None]))
    assert found.methods == {"x-ray": 2} and found.resolution.values.tolist() == [2] and found.poor == 0
    assert found.observed.mean == 0.75 and found.residues.tolist() == [5, 20] and found.gapped == 1
    assert found.secondary == {"helix": pytest.approx(1 / 3), "strand": 0, "coil": pytest.approx(2 / 3)}
    assert found.away("strand") == 0.23 and found.loose == ("p0", "p1")  # 2.2 N^0.38 is 4.1 and 6.9
    assert structures.study(items()) is None


def test_dates():
    found = dates.study(items(date=["2018-01-01", "2020-07-01", "2018-04-30", "", "", ""]))
    assert found.years.tolist() == [2018 + 1 / 12, 2020 + 7 / 12, 2018 + 4 / 12] and found.late == 1
    assert found.counts == {"2018": 2, "2020": 1} and dates.study(items()) is None


def test_alignments():
    rows = [
        Rows(depth, depth / 2, depth > 1000, 1.0, 0.0, np.linspace(0, g, BINS)) for depth, g in ((10, 0), (2000, 1))
    ]
    found = alignments.study(items(rows=[*rows, None, None, None, None]))
    assert (found.depth.median, found.neff.median, found.sampled, found.shallow) == (1005, 502.5, 1, 1)
    assert found.length.tolist() == [10, 20] and found.gaps[:, -1] == pytest.approx([0.5, 0.25, 0.75])
    assert found.inside == pytest.approx(0.25) and found.ends == pytest.approx(0.25)


def test_classes_by_split():
    found = balance.classes(label("aaabab", ("a", "b")), items())
    assert found.counts == {"a": {"train": 3, "test": 1, "all": 0}, "b": {"train": 0, "test": 1, "all": 1}}
    assert found.shares["a"] == {"train": 100, "test": 50, "all": 0}
    assert (found.most, found.least, found.top, found.rarer) == ("a", "b", 4 / 6, 2)
    assert balance.absent(found) == {} and balance.classes(label("123456"), items()) is None
    found = balance.classes(label(["ab-", "a", "bb", "aaa", "", "b"], ("a", "b"), True), items())
    assert found.counts["a"] == {"train": 2, "test": 3, "all": 0} and found.shares["a"]["train"] == 40
    assert balance.absent(found) == {"test": ["b"]}


def test_groups():
    column, number, kind = Column("lab", "class", tuple("uuuvvv"), 0, {}), label("123456"), label("aabbb", ("a", "b"))
    kind = replace(kind, column=replace(kind.column, name="kind", cells=(*"aabbb", "")))
    (found,) = groups.study([column, Column("place", "class", tuple("pppppp"), 0, {})], [number], items())
    assert found.counts == {"u": 3, "v": 3} and found.length == {"u": 20, "v": 50} and found.share("u") == 0.5
    assert found.labels == {"u": (2,), "v": (5,)} and found.parts == {"u": {"train": 3}, "v": {"test": 2, "all": 1}}
    assert found.splits == {"train": {"u": 3}, "test": {"v": 2}} and 0 < found.p < 1 and not found.rare
    assert found.explained["x"][0] == pytest.approx(1 - (2 + 2) / 17.5)
    assert groups.study([column], [replace(kind, values=np.array([0, 0, 1, 1, 1, np.nan]))], items())[0].labels == {
        "u": ("a",),
        "v": ("b",),
    }


def test_relations():
    rng = np.random.default_rng(0)
    seen = [Seen(Item(f"p{i}", f"line {i}"), "A" * (i + 1)) for i in range(30)]
    columns = [Column(name, "number", tuple(map(str, rng.normal(size=30))), 0, {}) for name in "yz"]
    x = label([str(float(i) ** 2) for i in range(30)])
    found = relations.study(seen, columns, [x])
    assert found.names == ("x", "y", "z", "(length)") and found.labels == ("x",)
    assert found.strongest == found.nearest == ("x", "(length)", pytest.approx(1))
    found = relations.study(seen, [replace(columns[0], name="copy", cells=tuple(str(-i) for i in range(30)))], [])
    assert found.strongest == ("copy", "(length)", pytest.approx(-1)) and found.nearest is None
    assert relations.study(seen[:5], [], []).strongest is None


def test_columns_that_every_table_may_have():
    seen = [Seen(replace(one.item, weight=2.0)) if i else one for i, one in enumerate(items())]
    assert own(seen) == {"id": 6, "weight": 5, "split": 5}


@pytest.mark.medium("studies a data set")
def test_an_audit_as_json(tmp_path):
    """Every number is there, null where it is not known, and no item."""
    rows = [row | {"noted": "" if i else "1.5"} for i, row in enumerate(sets.clean())]
    audit = explore(sets.save(tmp_path, rows), "tm")
    known = json.loads(audit.json(), parse_constant=lambda text: pytest.fail(text))
    assert known["lengths"]["residues"]["median"] == audit.lengths.residues.median and known["structures"] is None
    assert known["labels"]["tm"]["distribution"]["mean"] == audit.targets[0].distribution.mean
    assert known["labels"]["tm"]["noise"] == [None, 0] and known["homologues"]["effective"] == sets.NUM
    assert known["groups"][0]["counts"] == {"yeast": 16, "human": 16, "mouse": 16}
    assert known["proposal"]["settings"][0][:2] == ["data", "prepared.csv"] and not {"every", "seen"} & set(known)


@pytest.mark.medium("studies a data set")
def test_a_set_without_training_items_has_a_proposal(tmp_path):
    rows = [row | {"split": "test"} for row in sets.clean()]
    sets.propose(sets.save(tmp_path, rows), tmp_path, ("tm",))
    head = config.read(tmp_path / "config.toml").heads["tm"]
    assert head.mean == pytest.approx(np.mean([float(row["tm"]) for row in rows]), rel=1e-4)


def test_homologues_without_a_split_are_in_no_other():
    seen = [Seen(Item(f"p{i}", f"line {i}", split=part), "A" * 50) for i, part in enumerate(["train", "", "test"])]
    found = homologues.study(seen, np.array([3, 3, 5]))
    assert found.splits == [("train", 1, 1, 0), ("test", 1, 1, 0), ("", 1, 1, 1)] and found.crossing == [False, False]
