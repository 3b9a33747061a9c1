"""Structures in three dimensions on a page: a tube through the CA atoms in WebGL, to rotate and to zoom.

The script reads one block of JSON and writes text with `textContent` alone, so that a name is text whatever it holds.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from af2jax.html import markup

SCRIPT = Path(__file__).with_name("viewer.js").read_text(encoding="utf-8")
SCALE = 10  # coordinates are whole tenths of an angstrom


def trace(
    label: str,
    points: np.ndarray,
    known: np.ndarray,
    chain: np.ndarray,
    plddt: np.ndarray | None = None,
    error: np.ndarray | None = None,
) -> dict:
    """One tube: `points` float [N_res 3] in angstrom, where `known` (bool [N_res]), broken where `chain` changes.

    Args:
        label: what the tube is.
        plddt, error: float [N_res], 0 to 100 and angstrom, NaN where unknown; None: the tube is grey in that colouring.
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
    }


def steps(names: Sequence[str], points: np.ndarray) -> list[dict]:
    """How the first tube of a structure came to be, for a slider: `points` float [N_step N_res 3] in angstrom."""
    whole = np.round(points * SCALE).astype(int)
    return [{"name": name, "ca": each.ravel().tolist()} for name, each in zip(names, whole, strict=True)]


def viewer(name: str, structures: Sequence[dict]) -> tuple[str, str]:
    """(HTML, script) for `Page.raw`: a viewer of `structures`.

    Each is {"name": text, "traces": [trace, ...]}, and may have "steps", of which the last is the first trace.
    """
    block = (
        f'<div class="viewer" data-of="{escape(name)}"><canvas width="640" height="480" tabindex="0" role="img" '
        'aria-label="a structure in three dimensions; drag or arrow keys rotate, wheel, pinch or + and - zoom">'
        f"</canvas></div>{markup.data(name, list(structures))}"
    )
    return block, SCRIPT
