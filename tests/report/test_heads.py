"""The answers of tuned heads on the page of a query: each kind is shown, with why it may be believed."""

import numpy as np
import pytest

from af2jax.heads import Answer, Calibration, Nearness
from af2jax.heads.summary import COLUMNS, rows
from af2jax.report import prediction as report
from af2jax.results import ranked, save_job
from tests.html.test_page import Tags
from tests.results.examples import prediction

SIZE = 12
NEAR = Nearness("t<1>", 0.75, SIZE, 10, 40)
FAR = Nearness("t<1>", 0.12, SIZE, 20, 40)
SURE = Calibration(1.8, 300, 12, (1.0, 0.8), (0.2, 0.04))
WHY = "12 labelled places of 2 validation proteins; 50 of 5 are needed"
REFUSED = Calibration(1.0, 12, 2, (1.0, 1.0), (0.2, 0.2), WHY)


def heads(near=NEAR):
    """An answer of each kind."""
    rng = np.random.default_rng(0)
    chance = lambda *shape: rng.dirichlet(np.ones(shape[-1]), shape[:-1])
    found = [
        Answer("ss", "residue", chance(SIZE, 3), ("H", "E", "C"), calibration=SURE, near=near),
        Answer("contact", "pair", chance(SIZE, SIZE, 2), ("no", "yes"), calibration=REFUSED, near=near),
        Answer("tm", "chain", np.array([61.25]), (), "degrees Celsius", np.array([1.5]), near=near),
        Answer("binds", "binding", np.array([0.1, 0.9]), ("no", "yes"), near=near),
        Answer("b", "residue", np.linspace(0, 2, SIZE)[:, None] * [1.0, 3.0], (), "angstrom^2", near=near),
    ]
    return {answer.head: answer for answer in found}


def page(out, near=NEAR, plots=True):
    found = [(prediction((SIZE,), name="job", heads=heads(near)), 0)]
    files = save_job(found, out, plots=plots)
    return files, report.save_page(ranked(found), files, out, "colabfold").read_text()


def test_every_kind_is_shown(tmp_path):
    files, text = page(tmp_path)
    drawn = {f.name for f in files if f.name.startswith("job_head_")}
    assert drawn == {"job_head_ss.png", "job_head_contact.png", "job_head_b.png"}
    images = [attributes for tag, attributes in Tags(text).tags if tag == "img"]
    assert len(images) == 1 + 3  # pLDDT, and the heads
    assert text.index("What the tuned heads answer") < text.index("Confidence at each residue")
    for words in (
        "Probability of each class of the head &quot;ss&quot; at each residue.",
        "temperature 1.80, on 300 labelled places of 12 validation proteins; calibration error 0.200 before, 0.040",
        f"Probabilities are not calibrated: {WHY}.",
        "Probabilities are not calibrated: no validation.",
        "The nearest training sequence (t&lt;1&gt;) has 75% identity; 12 residues lie within the trained 10 to 40.",
        "Probability of &quot;yes&quot; by the head &quot;contact&quot; for each pair",
        "angstrom^2",
    ):
        assert words in text, words
    assert '<td class="n">61.25</td><td>degrees Celsius</td><td class="n">1.5</td>' in text
    assert "unlike what taught" not in text


def test_a_query_that_is_far_from_the_training_is_warned_of(tmp_path):
    text = page(tmp_path, FAR, plots=False)[1]
    assert "The query is unlike what taught the heads" in text and "<img" not in text
    assert (
        "no training sequence is nearer than 12% identity and its 12 residues lie outside the trained 20 to 40" in text
    )
    assert "not known" in page(tmp_path, None, plots=False)[1]


def test_a_page_without_heads_has_no_such_section(tmp_path):
    found = [(prediction((SIZE,), name="job"), 0)]
    files = save_job(found, tmp_path, plots=False)
    assert "tuned heads" not in report.save_page(ranked(found), files, tmp_path, "colabfold").read_text()


class TestRows:
    def test_a_row_for_each_head_and_output(self):
        found = rows("job", heads(), {"ss": "job_ss.csv"})
        assert [(row["head"], row["output"]) for row in found] == [
            ("ss", ""), ("contact", ""), ("tm", ""), ("binds", ""), ("b", 1), ("b", 2),
        ]  # fmt: skip
        assert all(tuple(row) == COLUMNS and row["query"] == "job" for row in found)
        assert [row["table"] for row in found][:2] == ["job_ss.csv", ""]
        assert [row["calibrated"] for row in found] == ["yes", "no", "", "no", "", ""]

    def test_the_whole(self):
        *_, tm, binds, _, _ = rows("job", heads())
        assert (tm["value"], tm["unit"], tm["spread"], tm["class"]) == (61.25, "degrees Celsius", 1.5, "")
        assert (binds["class"], binds["probability"], binds["value"]) == ("yes", 0.9, "")

    def test_residues_and_pairs_are_summed_up(self):
        ss, contact, *_, last = rows("job", heads())
        best = heads()["ss"].values.argmax(-1)
        shares = "; ".join(f"{name} {(best == i).mean():.3f}" for i, name in enumerate("HEC"))
        assert ss["summary"] == f"{shares} of {SIZE} residues" and ss["class"] == ""
        assert contact["summary"].endswith(f"of {SIZE**2} pairs")
        assert last["value"] == pytest.approx(3) and last["summary"] == f"mean of {SIZE} residues"

    @pytest.mark.parametrize(
        "near, shown", [(NEAR, ("t<1>", 0.75, SIZE, "yes")), (FAR, ("t<1>", 0.12, SIZE, "no")), (None, ("",) * 4)]
    )
    def test_nearness(self, near, shown):
        row = rows("job", heads(near))[0]
        assert tuple(row[name] for name in ("nearest", "identity", "length", "length_in_range")) == shown
