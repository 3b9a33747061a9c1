"""What the viewer is given: whole numbers, gaps and no number where nothing is known, names as text."""

import json
import re

import numpy as np

from af2jax.html.page import Page
from af2jax.html.viewer import SCRIPT, steps, trace, viewer
from tests.report.made import HOSTILE

POINTS = np.array([[1.04, 2, 3], [4, np.nan, 6], [7, 8, -9.26]])


def test_a_trace():
    known = np.array([True, True, True])
    found = trace("x", POINTS, known, np.zeros(3, int), np.array([90.4, 50, np.nan]), np.array([0.26, np.nan, 3]))
    assert found["ca"] == [10, 20, 30, 0, 0, 0, 70, 80, -93] and found["known"] == [1, 0, 1]
    assert found["plddt"] == [90, 50, -1] and found["error"] == [3, -1, 30]
    assert trace("x", POINTS, known & False, np.zeros(3, int))["plddt"] is None


def test_the_steps_that_a_slider_goes_through():
    found = steps(["pass 1", "pass 2"], np.stack([np.ones((2, 3)), np.array([[1, 2, 3], [0.04, 5, -6.26]])]))
    assert found == [{"name": "pass 1", "ca": [10] * 6}, {"name": "pass 2", "ca": [10, 20, 30, 0, 50, -63]}]


def test_the_block_is_data(tmp_path):
    tube = trace(HOSTILE, POINTS, np.ones(3, bool), np.zeros(3, int))
    page = Page("x")
    page.raw(*viewer("v", [{"name": HOSTILE, "traces": [tube]}]))
    page.raw(*viewer("w", [{"name": "other", "traces": [tube]}]))
    html = page.save(tmp_path).read_text()
    assert "<img" not in html and html.count(SCRIPT) == 1
    found = json.loads(re.search(r'id="v">(.*?)</script>', html)[1])
    assert found[0]["name"] == HOSTILE


def test_the_script_writes_text_and_asks_for_nothing():
    for word in ("innerHTML", "insertAdjacent", "document.write", "eval(", "fetch(", "XMLHttp", "import(", "http"):
        assert word not in SCRIPT, word
