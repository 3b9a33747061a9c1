"""The README: it fits a screen or two, its commands are understood, and its Python prints what it says."""

import re
import runpy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from af2jax.cli import main as cli
from tests import snippets

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BLOCKS = snippets.blocks(README)
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def test_it_is_short_and_its_picture_is_small():
    assert len(README.read_bytes()) <= 8192
    for name in ("superposed", "compare"):
        picture = ROOT / "docs" / "pictures" / f"{name}.png"
        assert str(picture.relative_to(ROOT)) in README.read_text() and picture.stat().st_size < 150_000


def test_the_commands_are_understood(monkeypatch):
    asked = []
    for name in cli.COMMANDS:
        monkeypatch.setattr(cli.load(name), "run", lambda self, name=name: asked.append(name) or 0)
    monkeypatch.setattr("af2jax.compilation.persist", lambda: None)
    for block in BLOCKS:
        for arguments in snippets.commands(block.text):
            assert cli.main(arguments) == 0, block.source
    assert {"download", "search", "predict", "explore", "finetune", "evaluate", "compare", "export"} <= set(asked)


def test_its_links_lead_to_files():
    for link in re.findall(r"\]\(([^)#:]+)\)", README.read_text()):
        assert (ROOT / link).exists(), link


def test_the_picture_shows_what_is_drawn():
    """The nearest part of a chain is drawn last, and both chains are there."""
    from matplotlib.figure import Figure

    draw = runpy.run_path(str(ROOT / "docs" / "pictures" / "superposed.py"))["draw"]
    known = np.cumsum(np.random.default_rng(0).normal(size=(30, 3)), 0)
    axis = Figure().subplots()
    draw(axis, known, known + 1)
    (lines,) = axis.collections
    widths = np.array(lines.get_linewidths())
    assert (np.diff(widths) >= 0).all() and widths[0] < widths[-1]
    assert len(lines.get_segments()) == 2 * (12 * 30 - 1)


@pytest.mark.slow("runs every block of the README")
def test_every_block_runs_and_prints_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    following = dict(pairwise(BLOCKS))
    ran = 0
    for block in BLOCKS:
        if block.language == "python":
            capsys.readouterr()
            snippets.run([block], names)
            found, shown = capsys.readouterr().out.splitlines()[-1], following[block]
            assert shown.language == "text" and NUMBER.sub("#", found) == NUMBER.sub("#", shown.text.strip()), found
            values = [np.array(NUMBER.findall(text), float) for text in (found, shown.text)]
            np.testing.assert_allclose(*values, atol=3)  # percent: another machine rounds in another way
            ran += 1
    assert ran == 2
    assert {f.suffix for f in (tmp_path / "out").iterdir()} == {".cif", ".pdb", ".json", ".png"}


def test_a_picture_of_a_page_is_small_and_keeps_its_rare_colours(tmp_path, monkeypatch):
    from PIL import Image

    script = runpy.run_path(str(ROOT / "docs" / "pictures" / "pages.py"))
    page = np.full((400, 400, 3), 255, np.uint8)
    page[:200] = np.random.default_rng(0).integers(0, 64, (200, 400, 1))  # many greys
    rare = [(0, 83, 214), (255, 219, 19)]
    page[300:305, 300:305], page[300:305, 310:315] = rare
    Image.fromarray(page).save(tmp_path / "page.png")
    script["compress"](tmp_path / "page.png", tmp_path / "whole.png")
    with Image.open(tmp_path / "whole.png") as image:
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), page)
    compress = script["compress"]
    monkeypatch.setitem(compress.__globals__, "MOST", (tmp_path / "whole.png").stat().st_size - 1)
    compress(tmp_path / "page.png", tmp_path / "fewer.png")
    with Image.open(tmp_path / "fewer.png") as image:
        kept = np.asarray(image.convert("RGB")).astype(int)
    assert [np.abs(kept[302, x] - colour).max() < 12 for x, colour in zip((302, 312), rare, strict=True)] == [
        True,
        True,
    ]
    monkeypatch.setitem(compress.__globals__, "MOST", 100)
    with pytest.raises(SystemExit, match="take less of the page"):
        compress(tmp_path / "page.png", tmp_path / "none.png")
