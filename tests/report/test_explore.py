"""The page of an audit: all is written, nothing in the data does anything, and it asks no network."""

import csv
import dataclasses
import json
import re

import pytest

from af2jax.audit import leakage
from af2jax.audit.explore import explore
from af2jax.audit.findings import Finding, phrase
from af2jax.cli.explore import Explore
from af2jax.data.dataset import read_dataset
from af2jax.finetune import config
from af2jax.html.page import Page
from af2jax.report import findings, groups, homologues, relations
from af2jax.report.explore import render
from tests.audit import sets
from tests.html.test_page import HOSTILE, TAGS, Tags

pytestmark = pytest.mark.medium("makes whole reports")


def test_the_report(tmp_path):
    """All is written, and nothing asks a network."""
    rows = sets.clean()
    rows[5]["tm"] = rows[45]["tm"] = "-999"
    out, told = tmp_path / "deep" / "out", []
    progress = lambda what, done, total: told.append((done, total))
    render(explore(sets.save(tmp_path, rows), ("tm", "kind", "buried"), progress=progress)).save(out)
    assert told[sets.NUM - 1] == (sets.NUM, sets.NUM) and told[-1] == (3, 3)
    assert (out / "prepared.csv").exists() and (out / "config.toml").exists()
    known = json.loads((out / "report.json").read_text())
    assert len(known["figures"]) >= 8 and all(figure["follows"] for figure in known["figures"].values())
    for name in known["tables"]:
        with open(out / "tables" / f"{name}.csv", newline="") as file:
            assert next(csv.reader(file)) == known["tables"][name]["headings"]
    page = (out / "index.html").read_text()
    assert len(page) < 1_500_000 and "http:" not in page and "https:" not in page


def test_hostile_names_do_nothing(tmp_path):
    rows = sets.clean()
    renamed = {"tm": HOSTILE, "organism": f"group{HOSTILE}"}
    rows = [{renamed.get(name, name): cell for name, cell in row.items()} for row in rows]
    for i, row in enumerate(rows):
        row["id"] = f"{HOSTILE}{i}"
        row["kind"] = row["kind"] + HOSTILE if i > 2 else f"rare{HOSTILE}"
        row[f"group{HOSTILE}"] += HOSTILE
    command = Explore(sets.save(tmp_path, rows), tmp_path / "out", (HOSTILE, "kind"), quiet=True)
    assert command.run() == 0
    found = Tags((tmp_path / "out" / "index.html").read_text())
    assert {tag for tag, _ in found.tags} <= TAGS | {"pre"} - {"script", "canvas"}
    assert all(a["src"].startswith("data:image/") for tag, a in found.tags if tag == "img")
    for svg in (tmp_path / "out" / "plots").glob("*.svg"):
        assert "<img" not in svg.read_text() and "<script" not in svg.read_text()
    assert set(config.read(tmp_path / "out" / "config.toml").heads) == {"kind"}
    assert "cannot be the name of a head: rename the column" in (tmp_path / "out" / "config.toml").read_text()


def test_what_is_left_out_is_named(tmp_path, capsys):
    rows = sets.clean()
    rows[3] |= {"file": "gone.cif"}
    rows = [{"file": ""} | row for row in rows]
    assert Explore(sets.save(tmp_path, rows), tmp_path / "out", ("tm",)).run() == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "cannot be used" in line]
    assert f"1 of {sets.NUM} items cannot be used (first: p03: " in line and "gone.cif" in line


@pytest.mark.slow("measures many real chains")
def test_real_chains(tmp_path, shared):
    """Real structures: read, measured, and nothing serious is wrong with them."""
    items = read_dataset(shared / "data" / "chains.tsv")[:60]
    heads = ["id", "file", "split"]
    rows = [dict(zip(heads, (item.id, str(item.file), ""), strict=True)) for item in items]
    audit = explore(sets.save(tmp_path, rows))
    render(audit).save(tmp_path / "out")
    assert not [finding for finding in audit.findings if finding.level == "serious"]
    known = json.loads((tmp_path / "out" / "report.json").read_text())
    assert 0.2 < known["numbers"]["secondary"]["helix"] < 0.5
    assert {"gyration", "observed", "resolution", "network"} <= set(known["figures"])
    assert dataclasses.asdict(audit.findings[0])["kind"]


@pytest.mark.parametrize(
    "table, cases",
    [
        (leakage.KEEP, [(3, None), (2, "by position"), (2, None)]),
        (relations.STRONGEST, [("x", "y", -0.9), ("x", "y", -0.95)]),
        (relations.NEAREST, [("x", "y", -0.31), ("x", "y", 0.3)]),
        (groups.SMALLEST, [(4, True), (5, True), (5, False)]),
        (homologues.FOLLOWS, [(1, 1, True), (0, 1, True), (0, 2, True), (0, 2, False)]),
    ],
    ids=["keep", "strongest", "nearest", "smallest", "follows"],
)
def test_each_sentence_has_its_case(table, cases):
    """The first case has the first sentence, and so on."""
    words = {"way": "by position", "few": 4, "least": "b", "worth": 2.0, "items": 3}
    assert [phrase(table, case, **words) for case in cases] == [text.format(**words) for _, text in table]
    assert phrase(relations.STRONGEST, ("(x)", "y", 0.95)) == ""


@pytest.mark.parametrize(
    ("threats", "answer", "number", "says"),
    [
        ((90, 70, 40, 10), "no", "2 serious findings", "would be wrong until this is corrected: finding 90."),
        (
            (69, 40, 39),
            "open",
            "2 cautions",
            "A result may mislead; read these findings before training, first: finding 69.",
        ),
        ((39,), "yes", "0 threats", "Nothing was found that threatens a result."),
        ((), "yes", "0 threats", "Nothing was found that threatens a result."),
    ],
)
def test_whether_the_data_are_ready(threats, answer, number, says):
    found = [Finding("kind", threat, f"finding {threat}", "text", "advice") for threat in threats]
    page = Page("x")
    findings.write(page, found)
    box = re.search(r'<section class="verdict (\w+)">(.*?)</section>', text := page.html())
    assert box[1] == answer and f">{number}</strong>" in box[2] and says in box[2]
    assert [text.count(f"<h3>finding {threat}</h3>") for threat in threats] == [1] * len(threats)  # each is told once
    assert "<table" not in text
