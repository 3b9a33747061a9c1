"""The demo and the course, both on one table of facts: the table, its labels, and each from end to end at its smallest.

One file, so that one process runs both and the second finds most programs compiled.
"""

import csv
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from af2jax.constants.atoms import CA
from af2jax.data.structure import Chain
from experiments import corpus, demo, demo_table
from tests import flags
from tests.scripts import go

NOTEBOOK = Path(__file__).resolve().parents[1] / "experiments" / "course.ipynb"


@pytest.fixture(scope="module")
def facts():
    return list(csv.DictReader(demo.FACTS.open(newline="")))


def test_facts_and_no_coordinates(facts):
    """Of every protein a name, a sequence and as many states and labels; each of a cluster of its own."""
    for row in facts:
        assert tuple(row) == demo_table.COLUMNS
        assert len(row["sequence"]) == len(row["ss"]) == len(row["contact"]) and len(row["sequence"]) <= demo.CROP
        assert set(row["ss"]) <= set("HEC-") and set(row["contact"]) == set("NF"), row["id"]
        assert re.fullmatch(r"\w{4} chain \w", row["pdb"]) and row["id"].startswith(row["pdb"][:4].lower())
    assert Counter(row["split"] for row in facts) == {"train": 50, "valid": 12, "test": 45}
    assert len({row["cluster"] for row in facts}) == len({row["sequence"] for row in facts}) == len(facts)
    assert demo.FACTS.stat().st_size < 100_000


def test_test_proteins_are_those_that_mini_never_sees(facts):
    with corpus.UNSEEN.open(newline="") as file:
        unseen = {row["id"]: row["cluster30"] for row in csv.DictReader(file, delimiter="\t")}
    assert all(row["id"] in unseen for row in facts if row["split"] == "test")
    assert not {row["cluster"] for row in facts if row["split"] != "test"} & set(unseen.values())


def test_the_label_needs_the_fold():
    """Two strands of 14, side by side: those that face each other touch, but for the turn; one atom is not known."""
    half = 14
    ca = np.array([[3.8 * min(i, 2 * half - 1 - i), 5.0 * (i >= half), 0.0] for i in range(2 * half)], np.float32)
    positions, mask = np.zeros((2 * half, 37, 3), np.float32), np.ones((2 * half, 37), bool)
    positions[:, CA], mask[0, CA] = ca, False
    chain = Chain("", "A", np.zeros(2 * half, np.int32), np.arange(2 * half, dtype=np.int32), positions, mask, 0.0, "")
    found = demo_table.contact(chain)
    # i is 5 angstrom from 27 - i, and 6.3 from the two beside it; 12 or more lie between until i = 8
    assert found == "N" + "F" * 8 + "N" * 10 + "F" * 9
    assert demo_table.contact(chain, 5.5) == "N" + "F" * 7 + "N" * 12 + "F" * 7 + "N"
    assert set(demo_table.contact(chain, least=4)) == {"N"}


def test_labels_are_permuted_where_they_are_learnt_from(facts, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    plain, shuffled = (
        list(csv.DictReader(demo.labelled(facts, tmp_path / name, shuffle).open(newline="")))
        for name, shuffle in (("a", False), ("b", True))
    )
    for fact, one, other in zip(facts, plain, shuffled, strict=True):
        assert one["contact"] == fact["contact"] and one["sequence"] == other["sequence"] == fact["sequence"]
        assert len(one["contact"]) == len(other["contact"])
        assert (one["contact"] == other["contact"]) == (fact["split"] == "test")
    every = lambda rows: Counter("".join(row["contact"] for row in rows))
    assert every(plain) == every(shuffled)


def test_shares_of_equal_states():
    assert demo.same("HHCC", "HECC") == 0.75
    with pytest.raises(ValueError, match="zip"):
        demo.same("HH", "H")


@pytest.mark.slow("runs the demo in processes of its own")
def test_demo(tmp_path):
    """Every page is there, and the first one opens with the answer and says that it is the control; started again,
    nothing is trained again."""
    run = lambda: go("demo", "--out", tmp_path, "--most=3", "--steps=6", "--shuffle")
    told, page = run(), (tmp_path / "index.html").read_text()
    assert "trained_0: validation at step 6" in told and "random_0: validation at step 6" in told
    assert re.search(r"head on the trained trunk: 0\.\d{3} \(", told) and "majority class: 0." in told
    body = page[page.index("<body") :]
    assert 0 <= body.index("Does any network beat the best simple baseline?") < body.index("Did tuning help?")
    assert "The labels are permuted" in body
    links = set(re.findall(r'href="([^"#]+)"', page))
    for name in ("folded", "look", "runs/random_0", "runs/trained_0", "answers"):
        assert f"{name}/index.html" in links, name
    assert all((tmp_path / link).exists() for link in links if "://" not in link)
    for part in ("folded", "answers"):
        assert len(list((tmp_path / part).glob("*_unrelaxed_rank_001_*.pdb"))) == demo.SHOWN
    with open(tmp_path / "tables" / "shown.csv", newline="") as file:
        shown = list(csv.DictReader(file))
    assert len(shown) == 2 * demo.SHOWN
    assert all(len(row["known"]) == len(row["predicted"]) == int(row["residues"]) for row in shown)
    assert "validation" not in run()


def test_the_course_is_kept_as_one_run_left_it():
    """From top to bottom, without an error or a path of a machine; and small enough to be looked at anywhere."""
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 10 and [cell["execution_count"] for cell in code] == [*range(1, len(code) + 1)]
    kinds = {output["output_type"] for cell in code for output in cell["outputs"]}
    assert kinds == {"stream", "display_data"}
    text = json.dumps([cell["outputs"] for cell in code])
    assert not re.search(r"/(home|root|tmp|work|usr)/", text) and NOTEBOOK.stat().st_size < 1_000_000
    assert sum("**Question" in "".join(cell["source"]) for cell in cells) >= 6


@pytest.mark.slow("runs the notebook")
def test_course(tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    asked = {"COURSE_OUT": str(tmp_path / "out"), "COURSE_STEPS": "6", "COURSE_MOST": "3"}
    for name, value in (flags.SETTINGS | asked).items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=1200, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    images = [output for output in outputs if "image/png" in output.get("data", {})]
    captions = [output for output in outputs if "**Follows.**" in output.get("data", {}).get("text/markdown", "")]
    assert len(images) == len(captions) >= 6
    said = "".join(output.get("text", "") for output in outputs)
    assert "not for science" in said and "after Holm's correction" in said and said.count("% right") == 3
