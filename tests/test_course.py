"""The course: the notebook runs from top to bottom, in a folder of its own."""

import json
import os
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parents[1] / "experiments" / "course.ipynb"


def test_it_is_kept_without_results():
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 8 and not any(cell["outputs"] or cell["execution_count"] for cell in code)
    assert sum("**Question" in "".join(cell["source"]) for cell in cells) >= 5


@pytest.mark.slow("runs the notebook")
def test_it_runs(tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    monkeypatch.setenv("COURSE_OUT", str(tmp_path / "out"))
    monkeypatch.setenv("COURSE_STEPS", "8")
    monkeypatch.setenv("XLA_FLAGS", f"--xla_backend_optimization_level=0 {os.environ.get('XLA_FLAGS', '')}")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=1200, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    images = [output for output in outputs if "image/png" in output.get("data", {})]
    captions = [output for output in outputs if "**Follows.**" in output.get("data", {}).get("text/markdown", "")]
    assert len(images) == len(captions) >= 5
    said = "".join(output.get("text", "") for output in outputs)
    assert "not for science" in said and "after Holm's correction" in said
