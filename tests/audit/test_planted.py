"""Faults planted in three data sets: each is found with its level and advice, and the clean twins are clean."""

import numpy as np
import pytest

from af2jax.data.dataset import read_dataset
from af2jax.errors import InputError
from af2jax.finetune import config
from tests.audit import planted, sets
from tests.data import molecules

pytestmark = pytest.mark.medium("studies whole data sets")

TARGETS = {"proteins": ("tm", "kd", "place", "ss"), "complexes": ("binder",), "scan": ("score",)}
MAKE = {"proteins": planted.proteins, "complexes": planted.complexes, "scan": planted.scan}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", MAKE)
def test_the_clean_sets_raise_no_alarm(found, name, seed):
    out = found(MAKE[name](seed), *TARGETS[name])
    assert not {kind: finding.title for kind, finding in out.items() if finding.level != "note"}
    assert not {"contradicting labels", "mutants that do not fit", "sentinel", "two units"} & set(out)


# Cells that are not numbers


@pytest.mark.parametrize(
    "form, what",
    [
        ("{},{}", "decimal comma"),
        ("1.0{},{}", "decimal comma"),
        ("{}\u00b7{}", "a point of another kind"),
        ("{}.{} °C", "a unit"),
        ("<{}.{}", "a bound"),
    ],
)
def test_cells_that_are_not_numbers(found, form, what):
    rows = planted.proteins()
    for row in rows:
        row["tm"] = form.format(*row["tm"].split("."))
    out = found(rows, "tm")["cells that are not numbers"]
    planted.told(
        out, "serious", f'90 of 90 cells of "tm" are not numbers, such as {rows[0]["tm"]}: {what}?', f"{what}: "
    )
    assert out.rows[0].startswith(f"{what}: 90 cells, such as ") and len(out.rows) == 91


def test_numbers_that_a_spreadsheet_took_for_dates(found):
    rows = planted.proteins()
    for row in rows[::9]:
        row["tm"] = "05-Mar"
    rows[1]["tm"] = "#DIV/0!"
    out = found(rows, "tm")
    planted.told(out["cells that are not numbers"], "serious", "10 of 89 cells", "a spreadsheet took numbers for dates")
    planted.told(out["sentinel"], "serious", "#DIV/0! (1 time)", "Empty 1 cell;")


def test_a_target_that_is_neither_numbers_nor_classes(found):
    rows = planted.proteins()
    for i, row in enumerate(rows):
        row["tm"] = f"about {i} or so"
    planted.told(
        found(rows, "tm")["no label"],
        "serious",
        '"tm" is neither numbers nor classes: 90 different values in 90 cells, such as about 0 or so',
        "Write numbers as 1234.5",
    )
    assert "no label" not in found(rows, "place")


def test_thousands_are_no_outliers(found):
    rows = planted.proteins()
    for i, row in enumerate(rows):
        row["kd"] = f"{10 ** (1 + i % 4) * 1.459 + i:,.0f}"
    out = found(rows, "kd")
    lost = sum("," in row["kd"] for row in rows)
    planted.told(
        out["cells that are not numbers"], "serious", f"{lost} of 90 cells", "thousands: write numbers without"
    )
    assert "thousands?" in out["cells that are not numbers"].title and "outliers" not in out


def test_text_among_numbers_names_each_reason(found):
    rows = planted.proteins()
    for i, cell in enumerate(["n.b.", "low", "<5", "51.2±0.3", "48 C"]):
        rows[i]["tm"] = cell
    out = found(rows, "tm")["cells that are not numbers"]
    planted.told(out, "serious", "5 of 90 cells", "text: correct these cells")
    assert {row.partition(":")[0] for row in out.rows[:4]} == {"text", "a bound", "an error", "a unit"}


# Values that hide others


def test_one_outlier_hides_neither_sentinels_nor_contradictions(found):
    """An outlier a thousand times too large, four codes for "missing" and five pairs that contradict each other."""
    rows = planted.proteins()
    rows[0]["tm"] = f"{float(rows[0]['tm']) * 1000:.1f}"
    for i in (10, 20, 30, 40):
        rows[i]["tm"] = "-999"
    twins = [dict(rows[i], id=f"again{i}", tm=f"{float(rows[i]['tm']) + 25:.2f}") for i in range(1, 60, 12)]
    out = found([*rows, *twins], "tm")
    planted.told(out["sentinel"], "serious", "-999 (4 times)", "Empty 4 cells")
    planted.told(out["outliers"], "caution", '1 value of "tm" lies more than 6', "Check units and typing errors")
    assert "robust standard deviations" in out["outliers"].title and out["outliers"].rows[0].startswith("p00: ")
    planted.told(out["contradicting labels"], "serious", "5 proteins have several labels", "Find out which is right")
    assert "noise" not in out  # of five pairs nobody knows it


@pytest.mark.parametrize(
    "change, title, rows",
    [
        (lambda x, i: x + 273.15 if i % 5 == 0 else x, "two populations 273 apart: 18 values", 18),
        (lambda x, i: -x / 8 * (4.184 if i % 3 == 0 else 1), "two populations 4.", 30),
        (lambda x, i: x * (1e-9 if i % 4 == 0 else 1), "two populations 1", 23),
    ],
    ids=["kelvin", "kcal", "molar"],
)
def test_two_units(found, change, title, rows):
    made = planted.proteins()
    for i, row in enumerate(made):
        row["tm"] = f"{change(float(row['tm']), i):.6g}"
    every = found(made, "tm")
    out = every["two units"]
    assert "outliers" not in every  # the same rows, told once
    planted.told(out, "serious", title, "Find out which unit each row has")
    assert len(out.rows) == rows and all(f"line {i}" in "".join(out.rows) for i in (2,))


# Splits


def test_a_class_that_one_split_lacks(found):
    rows = planted.proteins()
    for i, row in enumerate(rows):
        row["place"] = "secreted" if (i % 6 == 5 and i < 60) or (i % 6 == 0 and i < 60) else row["place"]
        row["ss"] = row["ss"].replace("E", "C") if row["split"] == "test" else row["ss"]
    out = found(rows, "place")["a class outside a split"]
    planted.told(out, "caution", 'the split valid has nothing of class secreted of "place"', "Split again")
    out = found(rows, "ss")["a class outside a split"]
    planted.told(out, "caution", 'the split test has nothing of class E of "ss"', "Split again")


def test_labels_that_differ_between_splits(found):
    rows = planted.proteins()
    for i, row in enumerate(rows):
        row["tm"] = f"{float(row['tm']) + 9 * (row['split'] == 'test'):.2f}"
        row["ss"] = "".join("H" if row["split"] == "valid" and k % 3 == 0 else a for k, a in enumerate(row["ss"]))
        row["place"] = "membrane" if row["split"] == "valid" or i % 4 == 0 else "soluble"
    for name, title in (
        ("tm", '"tm" is distributed otherwise in test: the median is 5'),
        ("ss", '"ss" is distributed otherwise in valid: '),
        ("place", "of train and 100% of valid are membrane"),
    ):
        planted.told(
            found(rows, name)["labels differ between splits"], "caution", title, "Split again at random by cluster"
        )


def test_one_family_that_differs_is_no_difference_between_splits(found):
    """Forty variants of one held-out protein are one example of how labels are distributed."""
    rows = planted.proteins()
    one = next(row for row in rows if row["split"] == "test")
    for i in range(40):
        variant = {"id": f"v{i}", "sequence": sets.mutant(one["sequence"], 0.3, i), "tm": f"{75 + i % 3}", "ss": ""}
        rows.append(one | variant)
    assert "labels differ between splits" not in found(rows, "tm")
    family = [row | {"sequence": sets.mutant(one["sequence"], 0.3, i), "ss": ""} for i, row in enumerate(rows)]
    out = found(family, "tm")["labels differ between splits"]  # of one family each sequence counts
    planted.told(out, "caution", '"tm" is distributed otherwise in test', "Split again")


def test_homologues_move_only_where_the_page_says_so(tmp_path):
    """Nine in ten training items have a homologue held out: to move them would leave no training."""
    rows = planted.proteins()
    held = [row for row in rows if row["split"] != "train"]
    for i, row in enumerate(row for row in rows if row["split"] == "train"):
        row["sequence"] = row["sequence"] if i > 53 else sets.mutant(held[i % 30]["sequence"], 0.4, i)
        row["ss"] = ""
    out = {one.kind: one for one in sets.propose(sets.save(tmp_path, rows), tmp_path / "out", ("tm",))}
    assert "prepared.csv leaves the splits as they are" in out["leak"].advice
    after = {item.id: item.split for item in read_dataset(tmp_path / "out" / "prepared.csv")}
    assert after == {row["id"]: row["split"] for row in rows}


# What explains a label


def test_length_explains_the_label(found, tmp_path):
    rows = planted.proteins()
    rng = np.random.default_rng(0)
    for row in rows:
        row["tm"] = f"{len(row['sequence']) / 2 + rng.normal():.2f}"
    out = found(rows, "tm")["length explains the label"]
    planted.told(
        out, "serious", 'length alone predicts "tm" (cross-validated correlation 0.9', "claim only what goes beyond it"
    )
    rows = planted.proteins()
    for row in rows:
        share = sum(map(row["sequence"].count, "KRDE")) / len(row["sequence"])
        row["tm"] = f"{100 * share + 0.5 * rng.normal():.2f}"
    out = found(rows, "tm")["composition explains the label"]
    planted.told(out, "caution", 'composition alone predicts "tm"', "one that knows the composition alone")


def test_spellings_of_one_class(found):
    rows = planted.proteins()
    rows[3]["place"], rows[9]["place"], rows[12]["place"] = "Soluble", "soluble ", "membrnae"
    out = found(rows, "place")["spellings of one class"]
    planted.told(out, "serious", "seems to spell 2 of its classes in several ways: ", "Write each class one way")
    assert any("membrnae (1)" in row for row in out.rows) and any("Soluble (1)" in row for row in out.rows)
    planted.told(found(rows, "tm")["spellings of one class"], "caution", '"place"', "Write each class one way")


# All faults of the rows at once


def test_all_ids_that_stand_twice_and_all_missing_files(found, tmp_path):
    rows = [row | {"file": ""} for row in planted.proteins()]
    for i in (4, 14, 24):
        rows[i]["id"] = "p50"
    rows[5]["id"] = "p51"
    for i in (60, 70, 80):
        rows[i]["file"] = f"none{i}.cif"
    rows[7]["sequence"], rows[8]["split"] = "MK7", "holdout"
    out = found(rows, "tm")
    planted.told(
        out["ids that stand twice"], "serious", "2 ids stand several times, in 6 of 90 rows", "an id of its own"
    )
    assert out["ids that stand twice"].rows[0].count("line") == 4
    planted.told(out["items that cannot be used"], "caution", "5 of 90 items cannot be used", "Correct the files")
    lines = "\n".join(out["items that cannot be used"].rows)
    assert all(f"none{i}.cif" in lines for i in (60, 70, 80)) and "'7' is not" in lines and "'holdout'" in lines
    with pytest.raises(InputError, match=r"1 more id stands twice: p51$"):
        read_dataset(
            sets.save(tmp_path, [row for row in rows if row["split"] != "holdout" and "7" not in row["sequence"]])
        )


def test_an_alignment_string_of_another_protein(found, tmp_path):
    sequence = "MKTAYIAKQRQISFVKSHFSRQGLNDIFEAQK"
    path = molecules.save(tmp_path, molecules.pdb(molecules.peptide(sequence)), "a.pdb")
    good = ";".join(f"{i}:{i}" for i in range(32))
    shifted = ";".join(f"{i + 3}:{i}" for i in range(29))
    rows = [{"id": f"q{i}", "target_chainseq": sequence, "native_pdbfile": path.name} for i in range(4)]
    rows = [row | {"native_alignstring": shifted if i == 2 else good, "x": str(i)} for i, row in enumerate(rows)]
    out = found(rows, "x")["an alignment of another protein"]
    planted.told(out, "serious", "1 of 4 alignment strings pair residues", "Count residues from 0")
    assert out.rows[0].startswith(f"{tmp_path}/table.csv, line 4 (q2): ")


# Peptides


def test_the_same_peptide_in_two_splits(found, tmp_path):
    """The MHC molecule, which all share, is not a leak; the peptide is."""
    rows = planted.complexes()
    mhc, peptide = rows[3]["sequence"].split("/")  # of valid
    rows[0]["sequence"] = f"{planted.MHC[1]}/{peptide}"
    rows[1]["sequence"] = f"{mhc}/{rows[9]['sequence'].split('/')[1][:-1]}W"  # nearly one of test
    for i, j in ((0, 3), (1, 9)):
        rows[i]["binder"] = rows[j]["binder"]
    out = found(rows, "binder")
    same, near = out["the same protein in two splits"], out["leak"]
    planted.told(
        same,
        "serious",
        "1 of 60 held-out peptides are in another split too, with the same sequence",
        "prepared.csv moves",
    )
    planted.told(
        near, "serious", "1 of 60 held-out peptides have homologues in another split (peptides", "prepared.csv moves"
    )
    assert same.rows == ("c003 (valid) and c000 (train)",) and near.rows == ("c009 (test) and c001 (train)",)


def test_partners_that_are_held_out_and_trained_on(found):
    """A result holds for the molecules that training has; new ones are to be reported apart."""
    rows = planted.complexes()
    out = found(rows, "binder")["known partners"]
    planted.told(out, "note", "60 of 60 held-out peptides have a partner that training has too (3 partners)", "Claim")
    new = planted.MHC[0].translate(str.maketrans("FY", "WH"))
    for row in rows:
        if row["split"] == "valid":
            row["sequence"] = f"{new}/{row['sequence'].split('/')[1]}"
    out = found(rows, "binder")["known partners"]
    planted.told(out, "note", "30 of 60 held-out peptides have a partner", "known and with new partners apart")
    assert all("(test)" in row for row in out.rows)
    for row in rows:
        if row["split"] == "test":
            row["sequence"] = f"{row['sequence'].split('/')[1]}/{new}"  # in whichever order
    assert "known partners" not in found(rows, "binder")


def test_what_is_proposed_for_peptides(tmp_path):
    rows = planted.complexes()
    rows[0]["sequence"] = f"{planted.MHC[1]}/{rows[3]['sequence'].split('/')[1]}"
    sets.propose(sets.save(tmp_path, rows), tmp_path / "out", ("binder",))
    training = config.read(tmp_path / "out" / "config.toml")
    assert training.heads["binder"].kind == "binding" and training.heads["binder"].names == ("no", "yes")
    items = {item.id: item.split for item in read_dataset(tmp_path / "out" / "prepared.csv")}
    moved = {row["id"] for row in rows if items[row["id"]] != row["split"]}
    assert moved == {"c000"} and items["c000"] == "valid"


def test_exchanged_labels_are_listed_and_many_are_a_doubt(found):
    rows = planted.complexes(2)
    out = found(rows, "binder")
    assert "unrelated label" not in out and "a weak relation" not in out
    order = np.random.default_rng(0).permutation(len(rows))
    shuffled = [row | {"binder": rows[i]["binder"]} for i, row in zip(order, rows, strict=True)]
    out = found(shuffled, "binder")["unrelated label"]
    assert out.level in ("serious", "caution") and 'tell "binder" from a shuffled column' in out.title
    assert "In four of five sets of this size it finds a true correlation of 0." in out.text


def test_rows_most_at_odds(found):
    rows = planted.proteins()
    for row in rows:
        share = sum(map(row["sequence"].count, "KR")) - sum(map(row["sequence"].count, "DE"))
        row["tm"] = f"{50 + 60 * share / len(row['sequence']):.2f}"
    order = sorted(range(90), key=lambda i: float(rows[i]["tm"]))
    for low, high in ((order[0], order[-1]), (order[1], order[-2])):
        rows[low]["tm"], rows[high]["tm"] = rows[high]["tm"], rows[low]["tm"]
    out = found(rows, "tm")["labels at odds"]
    planted.told(out, "note", 'labels "tm" are far from what those of other proteins say', "Look at these first")
    swapped = {f"({rows[i]['id']})" for i in (order[0], order[1], order[-1], order[-2])}
    assert sum(name in row for row in out.rows for name in swapped) >= 3
