"""What the tests of reports share."""

import pytest

from af2jax.plots import render

PIXEL = bytes.fromhex("89504e470d0a1a0a") + b"no picture"


@pytest.fixture
def undrawn(monkeypatch):
    """Plots are made and not rendered, for tests that look at words and numbers."""
    monkeypatch.setattr(render, "png_and_svg", lambda figure, description: (PIXEL, b"<svg/>"))
