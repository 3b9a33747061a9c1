"""What the tests of reports share."""

import pytest

from af2jax.plots import render
from af2jax.report.explore import explore
from tests.report import sets

PIXEL = bytes.fromhex("89504e470d0a1a0a") + b"no picture"


@pytest.fixture
def undrawn(monkeypatch):
    """Plots are made and not rendered, for tests that look at words and numbers."""
    monkeypatch.setattr(render, "png_and_svg", lambda figure, description: (PIXEL, b"<svg/>"))


@pytest.fixture
def found(tmp_path):
    """`found(rows, *targets)`: the findings of a table, by kind; the worst of a kind counts."""

    def found(rows, *targets):
        out = explore(sets.save(tmp_path, rows), targets).findings
        return {finding.kind: finding for finding in reversed(out)}

    return found
