"""evaluate, compare and page of Python: numbers without a page, the same page as the commands make, one-line errors."""

import dataclasses
import json

import pytest

import af2jax
from af2jax.errors import InputError
from af2jax.evaluation import saved
from tests.audit import sets
from tests.report import made


def test_an_evaluation_as_rows_and_json(tmp_path):
    found = made.evaluation()
    rows, known = found.rows, json.loads(found.json())
    assert [row["id"] for row in rows] == [target.id for target in found.targets]
    assert rows[0]["lddt_ca"] == found.column("lddt_ca")[0] and rows[0]["family"] == found.targets[0].family
    assert len(known["targets"]) == len(rows) and known["subject"]["preset"] == found.subject["preset"]
    saved.save(found, tmp_path)
    assert json.loads((tmp_path / saved.FILE).read_text()) == known


def test_networks_compared_without_a_folder(tmp_path):
    first, second = made.evaluation(), made.evaluation()
    for name, found in (("a", first), ("b", second)):
        saved.save(found, tmp_path / name)
    compared = af2jax.compare([tmp_path / "a", tmp_path / "b"])
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}  # nothing is written beside
    pairs = [row for row in compared.rows if row["of"] == "pairs" and (row["after"], row["before"]) == ("b", "a")]
    assert pairs and all(row["difference"] == 0 and row["answer"] == "equal" for row in pairs)
    known = json.loads(compared.json())
    assert known["pairs"] and len(known["verdicts"]) == len(compared.verdicts)


@pytest.mark.medium("draws a page")
def test_a_page_of_each(tmp_path):
    found = made.evaluation()
    page = af2jax.page(found)
    assert page.save(tmp_path / "judged") == tmp_path / "judged/index.html"
    told = json.loads((tmp_path / "judged/report.json").read_text())["numbers"]["verdicts"]
    assert [verdict["text"] for verdict in told.values()] == [verdict.text for verdict in found.verdicts.values()]
    saved.save(found, tmp_path / "a")
    compared = af2jax.page(af2jax.compare([tmp_path / "a"]))
    assert compared.save(tmp_path / "compared").exists()


@pytest.mark.medium("draws a page")
def test_an_audit(tmp_path):
    found = af2jax.explore(sets.save(tmp_path, sets.clean()), "tm")
    known = json.loads(found.json())
    assert known["items"] == known["used"] == sets.NUM and known["targets"] == ["tm"]
    assert [row["kind"] for row in found.rows] == [one.kind for one in found.findings]
    assert not (tmp_path / "out").exists()
    assert af2jax.page(found).save(tmp_path / "out").exists() and (tmp_path / "out" / "prepared.csv").exists()


def test_bad_input():
    with pytest.raises(InputError, match="give at least one run"):
        af2jax.compare([])
    found = made.evaluation()
    nothing = dataclasses.replace(found, unjudged={target.id: {} for target in found.targets})
    with pytest.raises(InputError, match="nothing to judge: no target has a known structure or a label"):
        af2jax.page(nothing)
