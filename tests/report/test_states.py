"""The page of states: the claim, each state and its models, the alignments beside it, disorder where it is earned."""

import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest

import af2jax
from af2jax.data.parse import parse_a3m
from af2jax.plots.residues import ranges
from af2jax.report import states
from tests.conformations import made
from tests.conformations.test_study import BOTH
from tests.report.made import HOSTILE


@pytest.fixture(scope="module")
def found():
    return made.states(references=BOTH, notes=("a note", HOSTILE))


def test_the_page_and_its_files(found, tmp_path):
    page = af2jax.page(found)
    text = page.save(tmp_path).read_text()
    assert "Is there a second state?" in text and "state 2: 7 of 8 models" in text and "a note" in text
    assert found.claim.text in text and "<img src=x" not in text
    assert "States found: clusters 2, its control (uniform) 1." in text
    assert "Ways that found every known structure: clusters" in text
    assert sorted(page.paths) == sorted(str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*") if f.is_file())
    for model in found.models:
        rows = parse_a3m((tmp_path / "models" / f"{model.name}.a3m").read_text(), "x")
        np.testing.assert_array_equal(rows.codes, model.alignment.codes)
        assert (tmp_path / "models" / f"{model.name}.cif").exists()
    rows = list(csv.DictReader((tmp_path / "tables" / "models.csv").open()))
    assert len(rows) == 17 and {row["seconds"] for row in rows} == {"1.0", "2.0"}
    ways = {row["way"]: row for row in csv.DictReader((tmp_path / "tables" / "ways.csv").open())}
    assert ways["clusters"]["seconds for a model"] == "2.0" and ways["clusters"]["models of closed.pdb"] == "7"
    assert "of models after the first of a shape" in text
    known = list(csv.DictReader((tmp_path / "tables" / "references.csv").open()))
    assert [row["known structure"] for row in known] == ["open.pdb", "closed.pdb"]
    assert float(known[0]["TM-score to closed.pdb"]) == found.between[0, 1]
    assert [float(row["best TM-score of a model"]) for row in known] == list(found.best)
    residues = list(csv.DictReader((tmp_path / "tables" / "residues.csv").open()))
    assert len(residues) == made.LENGTH and residues[0]["amino acid"] == "M"
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["numbers"]["states"]["claims"][0]["answer"] == "yes"


def test_states_are_superposed_and_seen_from_one_side(found, undrawn, tmp_path):
    text = af2jax.page(found).save(tmp_path).read_text()
    first, second = json.loads(re.search(r'id="states">(.*?)</script>', text)[1])
    assert first["turn"] == second["turn"] and first["other"] == second["other"] == "state 1"
    assert second["traces"][1]["ca"] == first["traces"][0]["ca"] and len(first["traces"]) == 1
    assert second["name"] == "state 2: 7 models" and max(second["traces"][0]["error"]) > 40
    far = found.states[1].apart >= states.FAR
    assert f"state 2 at {ranges(found.states[1].representative.protein, far)}" in text


def test_one_state_has_no_differences_and_no_claim(undrawn, tmp_path):
    found = made.states(made.models((0,) * 8))
    text = af2jax.page(found).save(tmp_path).read_text()
    assert "All 17 models are one state" in text and "Where they differ" not in text
    assert not (tmp_path / "tables" / "residues.csv").exists()


@pytest.mark.parametrize(
    "low, calibrated, words",
    [
        (30.0, True, "In every state residues 1-7 have a pLDDT below 50"),
        (80.0, True, "No residue has a pLDDT below 50 in every state"),
        (30.0, False, "it is not known what a low pLDDT means: no disorder is claimed"),
    ],
)
def test_disorder_where_it_is_earned(low, calibrated, words, undrawn):
    values = np.where(np.arange(made.LENGTH) < 7, low, 90.0).astype(np.float32)
    some = [replace(one, protein=replace(one.protein, plddt=values)) for one in made.models()]
    assert words in af2jax.page(made.states(some, calibrated=calibrated)).html()


def test_many_states_are_named_up_to_a_few_and_the_tables_have_all(undrawn, tmp_path):
    some = made.models(tuple(range(1, 9)), (0,) * 8)
    found = made.states(some)
    text = af2jax.page(found).save(tmp_path).read_text()
    assert len(found.states) == 9 and text.count('class="decision"') == 1
    assert "The answer for states 3, 4, 5, 6, 7, 8 and 9 is the same but for its numbers." in text
    assert "The first 5 states are drawn, here and below; the tables have all." in text
    assert "; of states 6 to 9 the table of states has them." in text
    answers = list(csv.DictReader((tmp_path / "tables" / "answers.csv").open()))
    assert [(row["state"], row["why"]) for row in answers] == [(str(c.evidence.state), c.text) for c in found.claims]
    rows = list(csv.DictReader((tmp_path / "tables" / "states.csv").open()))
    far = [row["residues 4 angstrom and more from state 1"] for row in rows]
    assert far[0] == "" and all(far[1:]) and len(far) == 9


def test_answers_that_differ_are_not_put_together(undrawn):
    """Two that may be chance, and one that the control finds as often."""
    found = made.states(made.models((1, 2, 3, 3, 0, 0, 0, 0), (3, 3, 0, 0, 0, 0, 0, 0)))
    text = af2jax.page(found).html()
    assert len(found.claims) == 3 and text.count('class="decision"') == 2
    (other,) = [one.evidence.state for one in found.claims[1:] if one.answer == "open"]
    assert f"The answer for state {other} is the same but for its numbers." in text and "it is found by chance" in text


def test_few_states_are_named_without_a_limit(found, undrawn):
    text = af2jax.page(found).html()
    assert "strongest of" not in text and "are drawn" not in text and "the table of states has them" not in text


def test_each_control_is_told_by_what_it_does(undrawn):
    some = [made.model(way, i, 0) for way in ("seeds", "columns", "dropout") for i in (1, 2)]
    text = af2jax.page(made.states(some, asked=("columns", "dropout"))).html()
    assert "seeds (the whole alignment, with other seeds) beside columns, dropout." in text and "same sizes" not in text
    text = af2jax.page(made.states()).html()
    assert "uniform (rows drawn uniformly, as many as each of the clusters has) beside clusters." in text
    assert "what its way adds: none was asked for." in af2jax.page(made.states(asked=("seeds",))).html()
