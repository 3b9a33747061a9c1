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
