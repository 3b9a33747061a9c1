"""A structure as a small picture: its CA atoms as a line in AlphaFold DB's colours of pLDDT, what is nearer on top."""

import io

import numpy as np

from af2jax.html.viewer import facing
from af2jax.plots.confidence import BANDS

WIDTH, HEIGHT, FINE = 96, 64, 3  # pixels; how many times larger it is drawn
PALETTE = 40  # colours of the file
JOINED = 5.0  # angstrom between CA atoms, above which the line is broken


def thumbnail(points: np.ndarray, plddt: np.ndarray) -> bytes:
    """A PNG of `points` float [N_res 3] in angstrom, NaN where unknown, coloured by `plddt` float [N_res]."""
    from PIL import Image, ImageDraw

    known = np.isfinite(points).all(-1)
    points, plddt = points[known], plddt[known]
    picture = Image.new("RGB", (FINE * WIDTH, FINE * HEIGHT), "white")
    if len(points):
        flat = (points - points.mean(0)) @ facing(points).T
        low, high = flat.min(0), flat.max(0)
        margin = 4 * FINE
        size = np.array([FINE * WIDTH, FINE * HEIGHT])
        scale = ((size - 2 * margin) / np.maximum(high - low, 1)[:2]).min()
        place = (flat[:, :2] - (low + high)[:2] / 2) * [scale, -scale] + size / 2
        colours = list(BANDS.values())
        paint = [colours[band] for band in np.digitize(plddt, list(BANDS)[:-1])]
        pen = ImageDraw.Draw(picture)
        joined = np.append(np.linalg.norm(np.diff(points, axis=0), axis=-1) < JOINED, False)
        for i in np.argsort(flat[:, 2], kind="stable"):
            between = lambda t, i=i: tuple(place[i] + t * (place[i + 1] - place[i]))
            if joined[i]:
                pen.line([between(0.25), between(0.75)], "white", 4 * FINE)  # what lies behind ends beside it
                pen.line([between(-0.1), between(1.1)], paint[i], 2 * FINE)
            pen.ellipse([*(place[i] - FINE), *(place[i] + FINE)], paint[i])  # seen where lines are short, or none
    picture = picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).quantize(PALETTE)
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()
