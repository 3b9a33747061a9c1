"""An audit: planted faults are found with the rows behind them, a clean set is clean."""

import numpy as np
import pytest

from af2jax.audit.findings import CAUTION
from af2jax.errors import InputError
from tests.audit import sets

pytestmark = pytest.mark.medium("studies whole data sets")

TARGETS = ("tm", "kind", "buried")


@pytest.fixture
def found(found):
    """`found(rows)`: as elsewhere, of two labels unless others are given."""
    return lambda rows, targets=("tm", "kind"): found(rows, *targets)


def ids(rows) -> list[str]:
    """The items that lines such as "table.csv, line 3 (p01)" name."""
    return [row.rsplit(" ", 1)[-1].strip("()") for row in rows]


@pytest.mark.parametrize("seed, targets", [(0, TARGETS), (1, ())], ids=["named", "guessed"])
def test_a_clean_set_raises_no_alarm(found, seed, targets):
    out = found(sets.clean(seed), targets)
    assert not {kind: f.title for kind, f in out.items() if f.threat >= CAUTION}
    assert "no alignment" in out and "held out but seen" in out  # notes are not alarms


def test_a_leaked_homologue(found):
    rows = sets.clean()
    rows[40]["sequence"] = sets.mutant(rows[3]["sequence"], 0.5)
    rows[40]["buried"] = ""
    leak = found(rows)["leak"]
    assert leak.level == "serious" and leak.rows == ("p03 (test) and p40 (train)",)
    assert leak.title.startswith("1 of 20 held-out proteins")


def test_the_same_protein_in_two_splits(found):
    rows = sets.clean()
    rows[40] |= {name: rows[13][name] for name in ("sequence", *TARGETS)}
    out = found(rows)
    assert out["the same protein in two splits"].rows == ("p13 (valid) and p40 (train)",)
    assert "leak" not in out and "contradicting labels" not in out


def test_a_constant_column(found):
    rows = [row | {"ph": "7.0"} for row in sets.clean()]
    constant = found(rows)["constant"]
    assert constant.level == "caution" and '"ph" has one value alone, in 48 rows' in constant.title
    rows = [row | {"tm": "7.0"} for row in sets.clean()]
    assert found(rows)["constant"].level == "serious"


@pytest.mark.parametrize("mark", ["-999", "-999.0", "unknown", "9999"])
def test_a_value_that_means_missing(found, mark):
    rows = sets.clean()
    for i in (5, 45):
        rows[i]["tm"] = mark
    out = found(rows)
    assert out["sentinel"].level == "serious" and f"{mark} (2 times)" in out["sentinel"].title
    assert ids(out["sentinel"].rows) == ["p05", "p45"]
    assert "outliers" not in out


def test_a_number_that_is_possible_is_no_sentinel(found):
    rows = sets.clean()
    for i, row in enumerate(rows):
        row["tm"] = f"{float(row['tm']) * 20 - 1200:.0f}" if i else "-99"
    assert "sentinel" not in found(rows)


def test_a_class_of_two_examples(found):
    rows = sets.clean()
    for i in (30, 45):
        rows[i]["kind"] = "fibrous"
    rare = found(rows)["a rare class"]
    assert rare.level == "serious" and "fibrous" in rare.title and "2 of 48 items" in rare.title
    assert ids(rare.rows) == ["p30", "p45"]


def test_a_class_outside_training(found):
    rows = sets.clean()
    for row in rows[:7]:
        row["kind"] = "fibrous"
    assert found(rows)["a class outside training"].rows == tuple(f"p{i:02d}" for i in range(7))


def test_an_imbalance(found):
    rows = sets.clean()
    for i, row in enumerate(rows):
        row["kind"] = "rare" if i % 11 == 0 else "common"
    out = found(rows, ("kind",))["imbalance"]
    assert out.rows == ("common: 43", "rare: 5") and "always predicts" in out.text in out.text


def test_a_target_that_is_mostly_missing(found):
    rows = sets.clean()
    for row in rows[: sets.NUM * 2 // 3]:
        row["tm"] = ""
    missing = found(rows)["missing"]
    assert missing.level == "serious" and "67%" in missing.title and len(missing.rows) == 32
    for row, other in zip(rows[:20], sets.clean(), strict=False):
        row["tm"] = other["tm"]
    assert found(rows)["missing"].level == "caution"


@pytest.mark.parametrize("name, other", [("tm", "20"), ("kind", "fibrous"), ("buried", "")])
def test_duplicates_with_contradicting_labels(found, name, other):
    rows = sets.clean()
    rows.append(dict(rows[40], id="again", **{name: other or rows[40]["buried"][::-1]}))
    out = found(rows, (name,))["contradicting labels"]
    assert out.level == "serious" and len(out.rows) == 1
    assert out.rows[0].startswith("p40: ") and "again: " in out.rows[0]
    rows[-1] = dict(rows[40], id="again")
    assert "contradicting labels" not in found(rows, (name,))


def test_a_date_after_the_cut_off(found):
    rows = sets.clean()
    rows[7]["deposited"] = "2021-12-24"
    out = found(rows)["date after the cut-off"]
    assert out.level == "caution" and out.rows == ("p07: 2021-12-24",) and "(1 are younger than that)" in out.text
    rows[8]["deposited"] = "2999-01-01"
    assert found(rows)["date in the future"].rows == ("p08: 2999-01-01",)


@pytest.mark.parametrize("name", TARGETS)
def test_a_shuffled_label(found, name):
    rows = sets.clean()
    order = np.random.default_rng(1).permutation(len(rows))
    if name == "buried":  # letters of another protein, cut or repeated to the length
        cells = ["".join(rows[i]["buried"] * 3)[: len(row["buried"])] for i, row in zip(order, rows, strict=True)]
    else:
        cells = [rows[i][name] for i in order]
    rows = [row | {name: cell} for row, cell in zip(rows, cells, strict=True)]
    out = found(rows, (name,))
    assert out["unrelated label"].level == "serious" and f'"{name}"' in out["unrelated label"].title


def test_labels_of_homologues_are_a_relation(found):
    """A label that families share and composition does not tell."""
    rng, rows = np.random.default_rng(0), []
    for row in sets.clean()[: sets.NUM // 3]:
        value = rng.normal()
        rows += [
            row
            | {
                "id": f"{row['id']}_{k}",
                "sequence": sets.mutant(row["sequence"], 0.3, k),
                "tm": f"{value + k / 99:.3f}",
            }
            for k in range(3)
        ]
    assert "unrelated label" not in found(rows, ("tm",))


def test_outliers_and_noise(found):
    rows = sets.clean()
    rows[4]["tm"] = "333"
    assert found(rows)["outliers"].rows == ("p04: 333",)
    rng = np.random.default_rng(0)
    again = [dict(row, id=f"{row['id']}_2", tm=f"{60 + 8 * rng.normal():.2f}") for row in sets.clean()]
    assert found([*sets.clean(), *again], ("tm",))["noise"].title.startswith("repeats of one protein differ by")


def test_groups(found):
    rows = sets.clean()
    for row in rows:
        row["organism"] = "virus" if row["split"] == "test" else row["organism"]
    out = found(rows)["groups differ between splits"]
    assert any(row == "test: virus 10" for row in out.rows)
    rows = [row | {"organism": "human" if i > 4 else "mouse"} for i, row in enumerate(sets.clean())]
    assert "90% of the items are human" in found(rows)["an over-represented group"].title
    rows = [row | {"organism": "hot" if float(row["tm"]) > 60 else "cold"} for row in sets.clean()]
    assert found(rows)["a group tells the label"].threat < CAUTION


def test_a_copy_of_the_target(found):
    rows = [row | {"tm_kelvin": f"{float(row['tm']) + 273.15:.2f}"} for row in sets.clean()]
    assert '"tm_kelvin" is nearly "tm" again' in found(rows, ("tm",))["the target in another column"].title


def test_what_cannot_be_read(found):
    rows = [row | {"file": ""} for row in sets.clean()]
    rows[9]["file"] = "none.cif"
    out = found(rows)["items that cannot be used"]
    assert out.rows[0].startswith("p09: ") and "no such file" in out.rows[0]
    with pytest.raises(InputError, match='no column is called "tn"'):
        found(rows, ("tn",))
    rows = [row | {"map": f"{i}.csv", "two": f"{i};1.5"} for i, row in enumerate(rows)]
    for name, message in (("map", "its cells name files"), ("two", "its cells hold several numbers")):
        with pytest.raises(
            InputError, match=f'target "{name}": {message}, which explore does not read; leave it out and'
        ):
            found(rows, ("tm", name))
