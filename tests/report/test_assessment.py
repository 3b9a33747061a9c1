"""What an evaluation says of numbers that we know; its files read back; hostile names stay text."""

import dataclasses
import json
import re
from html import escape

import numpy as np
import pytest

from af2jax.errors import InputError
from af2jax.evaluation import record, reliability, saved
from af2jax.evaluation.assessment import assess
from af2jax.evaluation.strata import strata
from af2jax.report import assessment
from tests.report import made


def written(found, out):
    judged = assess(found)
    page, verdicts = assessment.render(judged).save(out), list(judged.verdicts.values())
    return page.read_text(), json.loads((out / "report.json").read_text()), verdicts


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    out = tmp_path_factory.mktemp("good")
    return (*written(made.evaluation(), out), out)


@pytest.mark.medium("draws every plot")
def test_the_verdicts(good):
    html, known, verdicts, _ = good
    assert [v.answer for v in verdicts] == ["yes", "yes", "yes"]
    assert verdicts[0].text.startswith("The model transfers as it is. Its mean lDDT-CA is 79.7 (95 %: 7")
    assert verdicts[1].text.startswith("It is better than always predicting ")
    assert verdicts[2].text.startswith("It is better than always predicting the median, 5.5. rg: absolute error 0.")
    assert all(f"{v.sentence}</p>" in html and html.count(escape(v.details)) == 1 for v in verdicts)
    assert re.findall(r'class="badge (\w+)"', html) == ["yes"] * 3
    assert '<strong class="decides">mean lDDT-CA 79.7 (95 %: 78.8 to 80.6)</strong>' in html
    assert re.search(r'<strong class="decides">ss: accuracy \+\d\d\.\d points \(95 %: \+\d', html)
    assert not known["warnings"]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    "num, lddt, says", [(12, 40.0, "no"), (12, 70.0, "open"), (5, 90.0, "open")], ids=["bad", "between", "too few"]
)
def test_other_verdicts(num, lddt, says, tmp_path):
    html, known, verdicts = written(made.evaluation(num, lddt), tmp_path)
    assert verdicts[0].answer == says == re.search(r'<section class="verdict (\w+)">', html)[1]
    assert re.search(r'class="badge (\w+)">([\w ]+)<', html)[2] == {"no": "No", "open": "Cannot tell"}[says]
    assert (says == "open") == ("The data cannot tell" in verdicts[0].text)
    assert any("families" in warning["title"] for warning in known["warnings"]) is (num < 6)


@pytest.mark.medium("draws every plot")
@pytest.mark.usefixtures("undrawn")
def test_a_head_that_guesses(tmp_path):
    _, _, verdicts = written(made.evaluation(skill=0.1), tmp_path)
    assert verdicts[1].answer == "no" and "It is worse" in verdicts[1].text


def test_a_perfect_predictor_is_a_diagonal(good):
    _, known, *_ = good
    found = known["numbers"]["plddt_calibration"]
    there = np.array(found["count"]) > 0
    said, right = (np.array(found[key], float)[there] for key in ("predicted", "found"))
    np.testing.assert_allclose(said, right, atol=1e-9)
    assert found["error"] == pytest.approx(0) and there.sum() == 10
    assert "may be used to rank" in known["figures"]["plddt_calibration"]["follows"]
    pae = known["numbers"]["pae_calibration"]
    np.testing.assert_allclose(pae["predicted"], pae["found"])


@pytest.mark.usefixtures("undrawn")
def test_a_boaster_is_warned_of(tmp_path):
    found = made.evaluation()
    rows = [(*row[:3], row[3] * 0.5, row[4], *row[5:]) for row in found.residues]
    _, known, _ = written(dataclasses.replace(found, residues=rows), tmp_path)
    assert "too sure of itself" in known["figures"]["plddt_calibration"]["follows"]
    assert any("pLDDT is not to be trusted" in warning["title"] for warning in known["warnings"])
    assert reliability.plddt(dataclasses.replace(found, residues=rows)).found.error == pytest.approx(25, abs=1)


def test_every_plot_has_its_parts(good):
    html, known, _, out = good
    names = {"lddt_ca", "plddt_calibration", "pae_calibration", "forms", "groups", "ss_confusion", "ss_roc"}
    names |= {"ss_precision_recall", "ss_calibration", "rg_parity", "rg_residuals"}
    assert known["figures"].keys() == names
    for name, caption in known["figures"].items():
        assert caption["shows"] and caption["made"] and re.search(r"\d.*[:,;] ", caption["follows"]), name
        assert (out / "plots" / f"{name}.png").exists() and (out / "plots" / f"{name}.svg").exists()
    assert len(html) < 1_500_000


def test_worst_first(good):
    rows = good[1]["tables"]["targets"]["rows"]
    values = [row[1] for row in rows]
    assert values == sorted(values) and len(rows) == 12


def test_what_is_written_reads_back(good):
    out, found = good[-1], made.evaluation()
    again = saved.load(out)
    assert again.subject == found.subject and again.classes == found.classes
    for a, b in zip(again.targets, found.targets, strict=True):
        assert a.numbers == pytest.approx(b.numbers, nan_ok=True) and a.id == b.id and a.passes == b.passes
        np.testing.assert_array_equal(a.answers["ss"].predicted, b.answers["ss"].predicted)
        assert record.head_numbers(a.answers) == record.head_numbers(b.answers)
    assert (out / "residues.csv").read_text().count("\n") == 241


@pytest.mark.usefixtures("undrawn")
def test_variants_of_one_protein_count_one_by_one(tmp_path):
    found = made.evaluation(30, skill=1.0)
    scan = dataclasses.replace(found, targets=[dataclasses.replace(t, family=7) for t in found.targets])
    _, known, verdicts = written(scan, tmp_path)
    assert [v.answer for v in verdicts] == ["yes"] * 3
    assert [w["title"] for w in known["warnings"]] == ["All 30 targets are of one family"]
    two = dataclasses.replace(
        found, targets=[dataclasses.replace(t, family=i % 2) for i, t in enumerate(found.targets)]
    )
    assert {v.answer for v in written(two, tmp_path / "two")[2]} == {"open"}


@pytest.mark.usefixtures("undrawn")
def test_weights_that_know_nothing(tmp_path):
    _, known, verdicts = written(made.evaluation(lddt=3.0), tmp_path)
    assert verdicts[0].answer == "no" and "No fold is found at all" in verdicts[0].text
    assert "there was one pass" in known["figures"]["forms"]["follows"]


@pytest.mark.usefixtures("undrawn")
def test_nothing_known_is_no_number(tmp_path):
    found = made.evaluation()
    blind = [dataclasses.replace(t, numbers=t.numbers | {"lddt_ca": np.nan}) for t in found.targets]
    saved.save(dataclasses.replace(found, targets=blind), tmp_path)
    assert "NaN" not in (tmp_path / "scores.json").read_text()
    assert np.isnan(saved.load(tmp_path).column("lddt_ca")).all()
    judged = assess(dataclasses.replace(found, targets=blind))
    page, verdicts = assessment.render(judged).save(tmp_path), list(judged.verdicts.values())
    assert len(verdicts) == 2 and "Structures" not in page.read_text()


@pytest.mark.parametrize("text", ["", "{}", '{"format": 9}', "[1]"], ids=["empty", "bare", "version", "list"])
def test_a_damaged_file(text, tmp_path):
    (tmp_path / "scores.json").write_text(text)
    with pytest.raises(InputError, match="run af2jax evaluate again"):
        saved.load(tmp_path)


@pytest.mark.usefixtures("undrawn")
def test_problems_and_homologues_are_told(tmp_path):
    found = made.evaluation()
    seen = [dataclasses.replace(t, homologue=i < 3) for i, t in enumerate(found.targets)]
    found = dataclasses.replace(found, targets=seen, problems=[("x1", "its answer is not finite")])
    html, known, _ = written(found, tmp_path)
    titles = [warning["title"] for warning in known["warnings"]]
    assert titles[0] == "1 item could not be evaluated" and titles[1].startswith("3 of 12 targets have homologues")
    assert "x1: its answer is not finite" in html


@pytest.mark.medium("draws every plot")
def test_hostile_names_are_text(tmp_path):
    html, *_ = written(made.hostile(made.evaluation()), tmp_path)
    assert "<img" not in html.replace('<img alt="', "") and "onerror=alert(1)>" not in html
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in html


def test_strata():
    found = strata(made.evaluation().targets, ["ss"])
    assert found.keys() == {"length", "set"}  # no target has a homologue
    assert [mask.sum() for mask in found["length"].values()] == [4, 4, 4]
    assert found["set"]["a"].tolist() == [True, False] * 6
    assert strata(made.evaluation(1).targets) == {}
    named = [
        dataclasses.replace(t, values=t.values | {"again": t.values["set"] * 2}) for t in made.evaluation().targets
    ]
    assert strata(named, ["ss"]).keys() == {"length", "set"}  # the same parts under another name


@pytest.mark.usefixtures("undrawn")
def test_a_group_of_one_family_has_no_interval(tmp_path):
    found = made.evaluation()
    related = [dataclasses.replace(t, family=0 if t.values["set"] == "a" else t.family) for t in found.targets]
    rows = written(dataclasses.replace(found, targets=related), tmp_path)[1]["tables"]["groups"]["rows"]
    ends = {row[2]: row[4:6] for row in rows if row[1] == "set" and row[0] == "lDDT-CA"}
    assert ends["a"] == [None, None] and ends["b"][0] < ends["b"][1]


@pytest.mark.medium("draws every plot")
def test_a_head_that_always_says_the_same(tmp_path):
    found = made.evaluation()
    for target in found.targets:
        given = target.answers["rg"]
        target.answers["rg"] = dataclasses.replace(given, predicted=np.full_like(given.predicted, 5.0))
    html = written(found, tmp_path)[0]
    assert "the same answer for all" in html and "Spearman nan" not in html
