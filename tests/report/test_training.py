"""The page of a training: whether it helped, beside its start and a simple baseline; its curves and its files."""

import json
import re
from urllib.parse import unquote

import numpy as np
import pytest

import af2jax
from af2jax.data.preflight import HOMOLOGUE
from af2jax.errors import WeightsError
from af2jax.evaluation.training import trained
from af2jax.finetune.record import Record
from af2jax.heads import Head
from tests.html.test_page import Tags
from tests.screening import runs

SS = {"ss": Head("residue", classes=("H", "E", "C"))}


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run directory without a course."""
    return runs.make(tmp_path_factory.mktemp("run"), heads=SS, monitor="ss/accuracy", calibration=None)


def course(out, values, majority=0.5, skipped=(), valid=""):
    """The run with a validation of each of these accuracies, and 40 steps."""
    record = Record(out, 0, fresh=True)
    for step in range(40):
        loss = np.nan if step in skipped else 2.0 - step / 40
        record.train(step, {"loss": loss, "seconds": 1.5, "skipped": float(step in skipped)})
    for i, value in enumerate(values):
        known = {} if majority is None else {"ss/accuracy_of_majority": majority}
        record.validation(10 * i, {"loss": 1.0, "ss/accuracy": value} | known)
    record.close()
    (out / "items.tsv").write_text(f"id\tsplit\treason\na\ttrain\t\nb\tvalid\t{valid}\nc\tunused\tno atoms\n")
    (out / "summary.txt").write_text("module <b>\n")
    return out


@pytest.mark.parametrize(
    ("values", "majority", "answer", "says"),
    [
        ([0.3, 0.7, 0.6], 0.5, "yes", "better than before the first step (0.3), and than majority class (0.5)."),
        ([0.3, 0.7, 0.6], 0.7, "no", "better than before the first step (0.3), and not better than majority class"),
        ([0.8, 0.7], 0.5, "no", "Training did not help: no step is better than before the first."),
        ([0.3, 0.7], None, "yes", "what a simple baseline reaches was not measured"),
        ([], None, "open", "Nothing was validated"),
        ([0.3, 1.0], 1.0, "open", "all labels that are validated on are equal, so that a constant is right"),
    ],
)
def test_whether_it_helped(begun, undrawn, values, majority, answer, says):
    found = trained(course(begun, values, majority))
    assert found.outcome[0] == answer and says in found.outcome[1]
    text = af2jax.page(found).html()
    (box,) = re.findall(r'<section class="verdict (\w+)">(.*?)</section>', text)
    assert box[0] == answer and says in box[1] and text.index("<section") < text.index("<nav>")
    assert not values or f"ss/accuracy {max(values):.4g} at step {10 * int(np.argmax(values))}" in box[1]


def test_validation_on_homologues_of_the_training_tells_nothing(begun):
    found = trained(course(begun, [0.3, 0.7, 0.6], valid=HOMOLOGUE))
    assert found.outcome[0] == "open" and "1 of 1 validation items have homologues in training" in found.outcome[1]
    assert trained(course(begun, [0.8, 0.7], valid=HOMOLOGUE)).outcome[0] == "no"


def test_the_page_of_a_run(begun):
    out = course(begun, [0.3, 0.7, 0.6], skipped=(3,))
    place = af2jax.page(out).save(out)
    text = place.read_text()
    assert place == out / "index.html" and "<h1>Training of run</h1>" in text and "1 step was not finite" in text
    assert "module &lt;b&gt;" in text and text.count("<figure") == 2 and "Dotted: majority class" in text
    assert "Best at step 10 of 20 (0.7, at first 0.3)" in text and ", 60 s on " in text
    links = [unquote(a["href"]) for tag, a in Tags(text).tags if tag == "a" and a["href"][0] != "#"]
    assert all((out / link).is_file() for link in links)
    assert {"config.json", "run.json", "validation.jsonl", "metrics.jsonl", "items.tsv", "summary.txt"} <= set(links)
    told = json.loads((out / "report.json").read_text())
    assert told["numbers"]["trained"]["answer"] == "yes" and told["tables"]["items"]["rows"][1] == ["unused", 1]
    assert trained(out).smooth[0] == pytest.approx(np.mean([2.0, 2.0 - 1 / 40]))
    again = af2jax.page(out).save(out.parent / "look").read_text()  # from elsewhere the links lead there too
    links = [unquote(a["href"]) for tag, a in Tags(again).tags if tag == "a" and a["href"][0] != "#"]
    assert "../run/config.json" in links and all((out.parent / "look" / link).is_file() for link in links)


def test_what_is_not_a_run(tmp_path):
    with pytest.raises(WeightsError, match="is not a run directory"):
        af2jax.page(tmp_path)


def test_one_family_is_too_few_to_judge_by(begun):
    """As `af2jax evaluate` has it, whatever was reached; of a run that does not know its families it is not said."""
    facts = json.loads((begun / "run.json").read_text())
    for families, answer in ((1, "open"), (2, "yes"), (None, "yes")):
        (begun / "run.json").write_text(json.dumps(facts | {"valid_families": families}))
        found = trained(course(begun, [0.3, 0.7]))
        assert found.families == families and found.outcome[0] == answer
        assert ("validation is of one family alone" in found.outcome[1]) == (families == 1)
