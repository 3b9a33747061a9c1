"""The course: the notebook, as one run left it, and run again from top to bottom in a folder of its own."""

import json
import re
from pathlib import Path

import pytest

from tests.scripts import QUICK

NOTEBOOK = Path(__file__).resolve().parents[1] / "experiments" / "course.ipynb"


def test_it_is_kept_as_one_run_left_it():
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
def test_it_runs(tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    for name, value in (("OUT", str(tmp_path / "out")), ("STEPS", "8"), ("MOST", "5")):
        monkeypatch.setenv(f"COURSE_{name}", value)
    monkeypatch.setenv("XLA_FLAGS", QUICK["XLA_FLAGS"])
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=1200, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    images = [output for output in outputs if "image/png" in output.get("data", {})]
    captions = [output for output in outputs if "**Follows.**" in output.get("data", {}).get("text/markdown", "")]
    assert len(images) == len(captions) >= 6
    said = "".join(output.get("text", "") for output in outputs)
    assert "not for science" in said and "after Holm's correction" in said and said.count("% right") == 3
