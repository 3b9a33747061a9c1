"""What all plots share: no window, and a caption of what is shown, how it was made and what follows from it."""

import io
import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from af2jax.files import whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINE = 0.17  # inches of one line of a caption
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito: for every kind of eye
PART = "Plot"  # key in a PNG: the upper part of it that is the plot, without the caption


def new(width: float, height: float, caption: str, panels: int = 1) -> tuple["Figure", list]:
    """A figure of so many inches with `panels` axes side by side, and `caption` below them."""
    from matplotlib.figure import Figure

    caption = "".join(c if c.isspace() or (c.isprintable() and c < "\u0250") else "?" for c in caption)  # Latin alone
    lines = textwrap.wrap(caption, int(width * 14))
    below = LINE * (len(lines) + 1)
    figure = Figure((width, height + below), layout="constrained")
    figure.set_label(caption)
    figure.get_layout_engine().set(rect=(0, below / (height + below), 1, height / (height + below)))
    figure.text(
        0.02,
        LINE / 2 / (height + below),
        "\n".join(lines),
        fontsize=8,
        va="bottom",
        family="sans-serif",
        parse_math=False,
    )
    return figure, list(figure.subplots(1, panels, squeeze=False)[0])


def save(figure: "Figure", path: str | os.PathLike) -> Path:
    """Writes a PNG that also holds the caption as its description, and which part of it is the plot."""
    *_, part = figure.get_layout_engine().get()["rect"]
    with whole(path) as partial:
        figure.savefig(
            partial, dpi=150, format="png", metadata={"Description": figure.get_label(), PART: f"{part:.6f}"}
        )
    return Path(path)


def bare(png: bytes) -> bytes:
    """The plot of a PNG that `save` wrote, without the caption below it; any other picture as it is."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(png)) as image:
            if (part := getattr(image, "text", {}).get(PART)) is None:
                return png
            plot = io.BytesIO()
            image.crop((0, 0, image.width, round(float(part) * image.height))).save(plot, "PNG")
    except OSError:  # not a picture that can be read
        return png
    return plot.getvalue()
