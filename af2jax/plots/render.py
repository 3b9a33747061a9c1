"""Figures for pages: narrow enough for a phone, and as PNG and SVG with their caption inside."""

import io
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT, DPI = 4.6, 3.0, 150  # inches, at which 9 points are still read on 390 pixels
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "af2jax", "font.size": 9}


def blank(width: float = WIDTH, height: float = HEIGHT) -> tuple["Figure", "Axes"]:
    """A figure with one axis, in inches."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure((width, height), layout="constrained")
        axis = figure.subplots()
    axis.spines[["top", "right"]].set_visible(False)
    return figure, axis


def plain(text: str, most: int = 40) -> str:
    """`text` as a label: in Latin letters, for which every font has a form, cut to `most`, and never read as math."""
    text = "".join(c if c.isprintable() and c < "\u0250" else "?" for c in text)
    return (text if len(text) <= most else text[: most - 3] + "...").replace("$", r"\$")


def lines(text: str, wide: int = 24, most: int = 2) -> str:
    """`plain` in at most so many lines of so many characters, for names beside an axis."""
    return "\n".join(textwrap.wrap(plain(text, wide * most), wide, max_lines=most, placeholder="..."))


def png_and_svg(figure: "Figure", description: str) -> tuple[bytes, bytes]:
    """The figure in both formats; the same figure gives the same bytes.

    Text in the SVG stays text: it is escaped, and shown in a font of the reader's.
    """
    import matplotlib

    png, svg = io.BytesIO(), io.BytesIO()
    unsaid = {"Date": None, "Creator": None}
    with matplotlib.rc_context(STYLE):
        figure.savefig(png, format="png", dpi=DPI, metadata={"Description": description, "Software": None})
        figure.savefig(svg, format="svg", metadata={"Description": description} | unsaid)
    return png.getvalue(), svg.getvalue()
