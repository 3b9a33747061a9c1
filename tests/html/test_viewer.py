"""What the viewer is given: whole numbers, gaps and no number where nothing is known, names as text."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from af2jax.html.page import Page
from af2jax.html.viewer import PARTS, SCRIPT, facing, picture, scene, steps, trace, viewer
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
    page.raw(*viewer("v", [scene(HOSTILE, [tube], "AC<", chains=[HOSTILE])]))
    page.raw(*viewer("w", [scene("other", [tube])]))
    html = page.save(tmp_path).read_text()
    assert "<img" not in html and html.count(SCRIPT) == 1
    found = json.loads(re.search(r'id="v">(.*?)</script>', html)[1])
    assert found[0]["name"] == HOSTILE and found[0]["chains"] == [HOSTILE] and found[0]["numbers"] == [1, 2, 3]


def test_the_script_writes_text_and_asks_for_nothing():
    assert len(SCRIPT) < 40_000 and all(f"const {name.split('.')[0]} =" in SCRIPT for name in PARTS[:-1])
    for word in ("innerHTML", "insertAdjacent", "document.write", "eval(", "fetch(", "XMLHttp", "import(", "http"):
        assert word not in SCRIPT, word


def test_a_structure_faces_the_reader():
    """The longest extent lies across, the least towards the eye, by a rotation; a turned structure looks the same."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50, 3)) * [1, 9, 3]
    turn = facing(points)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert abs(np.linalg.det(turn) - 1) < 1e-12
    spread = (points @ turn.T).std(0)
    assert spread[0] > spread[1] > spread[2]
    np.testing.assert_array_equal(facing(points[:2]), np.eye(3))


@pytest.mark.parametrize("size", [7, 512, 700, 1500])
def test_a_map_of_errors(size):
    rng = np.random.default_rng(0)
    errors = rng.uniform(0, 30, (size, size))
    with Image.open(io.BytesIO(base64.b64decode(picture(errors).removeprefix("data:image/png;base64,")))) as image:
        found = np.asarray(image) / 2
    assert found.shape == (min(size, 512),) * 2
    assert abs(found.mean() - errors.mean()) < 0.1
    if size <= 512:
        assert np.abs(found - errors).max() <= 0.25
    else:
        first = np.arange(512) * size // 512
        part = errors[first[3] : first[4], first[7] : first[8]]
        assert abs(found[3, 7] - part.mean()) <= 0.25


def test_no_map_without_errors():
    tube = trace("x", POINTS, np.ones(3, bool), np.zeros(3, int))
    words = ("shows", "made", "1 follows")
    assert 'class="map"' not in viewer("v", [scene("x", [tube])], words)[0]
    block = viewer("v", [scene("x", [tube], pae=picture(np.ones((3, 3))))], words)[0]
    assert 'class="map"' in block and block.count("<p>shows</p>") == 1
