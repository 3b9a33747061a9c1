"""Structures in three dimensions on a page, in WebGL: bands and arrows for helices and strands, to rotate and to zoom.

Below is the sequence, beside it the aligned error of each pair of residues; what one of the three points at the others
show. The scripts read one block of JSON and write text with `textContent` alone, so that a name is text whatever it
holds.
"""

import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from af2jax.html import markup

PARTS = ("ribbon.js", "palette.js", "panels.js", "viewer.js")  # each uses those before it
SCRIPT = "\n".join(Path(__file__).with_name(name).read_text(encoding="utf-8") for name in PARTS)
SCALE = 10  # coordinates are whole tenths of an angstrom
SIDE = 512  # points of a map of errors; larger ones are means over squares
LEVELS = 2  # grey levels to an angstrom


def trace(
    label: str,
    points: np.ndarray,
    known: np.ndarray,
    chain: np.ndarray,
    plddt: np.ndarray | None = None,
    error: np.ndarray | None = None,
    shape: str = "",
) -> dict:
    """One chain or several: `points` float [N_res 3] in angstrom, where `known` (bool [N_res]), broken where `chain`
    changes.

    Args:
        label: what it is.
        plddt, error: float [N_res], 0 to 100 and angstrom, NaN where unknown; None: it is grey in that colouring.
        shape: a letter for each residue, as `protein.secondary` has it; "": a tube.
    """
    whole = lambda values, scale=1: [round(v * scale) if np.isfinite(v) else -1 for v in values.tolist()]
    known = known & np.isfinite(points).all(-1)
    return {
        "label": label,
        "ca": np.round(np.where(known[:, None], points, 0) * SCALE).astype(int).ravel().tolist(),
        "known": known.astype(int).tolist(),
        "chain": chain.astype(int).tolist(),
        "plddt": None if plddt is None else whole(plddt),
        "error": None if error is None else whole(error, SCALE),
        "ss": shape or None,
    }


def steps(names: Sequence[str], points: np.ndarray) -> list[dict]:
    """How the first trace of a structure came to be, for a slider: `points` float [N_step N_res 3] in angstrom."""
    whole = np.round(points * SCALE).astype(int)
    return [{"name": name, "ca": each.ravel().tolist()} for name, each in zip(names, whole, strict=True)]


def scene(
    name: str,
    traces: Sequence[dict],
    sequence: str = "",
    numbers: Sequence[int] = (),
    chains: Sequence[str] = (),
    pae: str = "",
    steps: Sequence[dict] = (),
    other: str = "",
) -> dict:
    """A structure for `viewer`.

    Args:
        traces: the first is what it is about, the others are `other`.
        sequence: of the residues of the first, for the track; "": none.
        numbers: of the residues; (): from 1.
        chains: their names, in the order of the first trace's `chain`.
        pae: `picture` of the aligned errors; "": none.
        steps: of `steps`, the last being the first trace.
        other: what traces behind the first are; "": known structures.
    """
    first = traces[0]
    points = np.array(first["ca"], float).reshape(-1, 3)[np.array(first["known"], bool)]
    return {
        "name": name,
        "traces": list(traces),
        "sequence": sequence,
        "numbers": [int(number) for number in numbers] or list(range(1, len(sequence) + 1)),
        "chains": list(chains) or [""],
        "pae": pae,
        "steps": list(steps),
        "other": other,
        "turn": facing(points).ravel().round(4).tolist(),
    }


def facing(points: np.ndarray) -> np.ndarray:
    """A rotation [3 3] that turns `points` [n 3] to where they cover most of the screen, the longest extent across."""
    if len(points) < 3:
        return np.eye(3)
    axes = np.linalg.svd(points - points.mean(0), full_matrices=False)[2]
    axes = axes * np.where(axes[:, :1] + 0.5 * axes[:, 1:2] < 0, -1, 1)  # one choice of signs for one structure
    return np.stack([axes[0], axes[1], np.cross(axes[0], axes[1])])


def picture(errors: np.ndarray) -> str:
    """Aligned errors [N_res N_res], angstrom, as a data URI of a grey PNG of two levels to an angstrom."""
    from PIL import Image

    size = len(errors)
    if size > SIDE:
        first = np.arange(SIDE) * size // SIDE
        count = np.diff(np.append(first, size))
        errors = np.add.reduceat(np.add.reduceat(errors, first, axis=0), first, axis=1) / np.outer(count, count)
    out = io.BytesIO()
    Image.fromarray(np.clip(np.round(errors * LEVELS), 0, 255).astype(np.uint8)).save(out, "PNG", optimize=True)
    return markup.source(out.getvalue())


def viewer(name: str, scenes: Sequence[dict], pae: tuple[str, str, str] | None = None) -> tuple[str, str]:
    """(HTML, script) for `Page.raw`: a viewer of scenes.

    Args:
        name: of the block of JSON, once on a page.
        scenes: of `scene`.
        pae: the caption of the map of aligned errors, where the scenes have them.
    """
    errors = ""
    if pae and any(one["pae"] for one in scenes):
        errors = (
            '<figure class="map"><canvas width="520" height="520" role="img" aria-label="the aligned error of each '
            f'pair of residues"></canvas><figcaption>{markup.caption(pae)}</figcaption></figure>'
        )
    block = (
        f'<div class="viewer" data-of="{escape(name)}"><div class="panels"><div><div class="scene">'
        '<canvas width="640" height="480" tabindex="0" role="img" aria-label="a structure in three dimensions; drag or '
        'arrow keys rotate, wheel, pinch or + and - zoom"></canvas></div><div class="controls"></div>'
        f'<p class="readout" aria-live="polite"></p><div class="track"></div></div>{errors}</div></div>'
        f"{markup.data(name, list(scenes))}"
    )
    return block, SCRIPT
