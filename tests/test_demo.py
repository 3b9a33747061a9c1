"""The demo from end to end, at its smallest; and what it says of numbers."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments import demo
from tests.plots.captions import caption

ROOT = Path(__file__).resolve().parents[1]


def test_intervals_and_verdicts():
    few, many = (demo.interval(np.tile([0.2, 0.8], n)) for n in (2, 200))
    assert few[0] == many[0] == 0.5 and few[1] < many[1] < 0.5 < many[2] < few[2]
    accuracy = {"a": np.array([0.9, 0.8, 0.9]), "b": np.array([0.5, 0.5, 0.4]), "c": np.array([0.8, 0.9, 0.9])}
    assert demo.verdict(accuracy, "a", "b").startswith("a minus b: +0.400 (+0.300 to +0.500)")
    assert demo.verdict(accuracy, "a", "b")[-1] == ")"
    assert demo.verdict(accuracy, "a", "c").endswith("no difference that these proteins can show")


def test_what_needs_no_network(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("sequence,ss,split\nAAAGG,HHHCC,train\nAAGG,HHCH,valid\nAGV,HCC,test\nGG,HC,test\n")
    found = demo.without_network(table)
    np.testing.assert_allclose(found["most frequent class"], [1 / 3, 1 / 2])
    np.testing.assert_allclose(found["amino acid alone"], [2 / 3, 1 / 2])  # V was never seen: the most frequent class


@pytest.mark.slow("runs the demo in processes of its own")
def test_demo(tmp_path):
    command = [sys.executable, "-m", "experiments.demo", "--out", str(tmp_path), "--num=8", "--steps=4"]
    environment = os.environ | {"XLA_FLAGS": "--xla_backend_optimization_level=0"}
    run = lambda: subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    said, text = run().stdout, (tmp_path / "README.md").read_text()
    assert "synthetic" in text.splitlines()[0] and "Nothing below was measured" in text
    for name in (
        "most frequent class",
        "amino acid alone",
        "head, random trunk",
        "head, trained trunk",
        "LoRA",
        "full, trained",
    ):
        accuracy = re.search(rf"^{name} .* (\d\.\d{{3}})(  |$)", text, re.MULTILINE)
        assert accuracy and 0 <= float(accuracy[1]) <= 1, name
    assert caption(tmp_path / "comparison.png").startswith("Synthetic proteins: nothing here was measured.")
    assert "head_trained_trunk: validation at step 4" in said and (tmp_path / "lora" / "curves.png").exists()
    assert "from given weights" in caption(tmp_path / "full_trained" / "curves.png")
    assert "not for science" in text and list((tmp_path / "ubiquitin").glob("*.pdb"))
    again = run().stdout  # all is there: nothing is trained again, and the table is the same
    assert "validation" not in again and text.split("```")[1] in (tmp_path / "README.md").read_text()
