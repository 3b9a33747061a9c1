"""Draws predictions of af2jax-mini superposed on the known structures, one panel for each chain.

    python docs/pictures/superposed.py --best BEST.cif:A --usual USUAL.cif:A --out docs/pictures/superposed.png

Both are natural chains that mini never saw (`experiments/mini/unseen.tsv`), entries of the PDB (`af2jax fetch` gets
them): the one of the highest lDDT-CA in the assessment of the weights, and the one in the middle. From the sequence
alone, with the preset's recycle; seconds on a CPU.
"""

import argparse
from pathlib import Path

import numpy as np

import af2jax
from af2jax.constants.atoms import CA
from af2jax.data.structure import read_chain
from af2jax.geometry.lddt import lddt
from af2jax.geometry.superpose import superpose
from af2jax.plots.figure import new, save

KNOWN, PREDICTED = "#9AA0A6", "#0072B2"
FINE = 12  # points of the curve from one residue to the next


def predicted(place: str) -> tuple[np.ndarray, np.ndarray, float]:
    """CA atoms [N_res 3] as known and as predicted, superposed, and the mean lDDT-CA (0 to 100)."""
    model, params = af2jax.load("mini")
    file, _, name = place.partition(":")
    chain = read_chain(file, name or None)
    prediction = af2jax.predict(model, params, af2jax.features(chain.sequence, model.config))
    known, there = chain.positions[:, CA], chain.atom_mask[:, CA]
    found = prediction.protein.positions[:, CA]
    score = 100 * float(np.mean(np.asarray(lddt(found, known, there))[there]))
    return known[there], superpose(found, known, there).apply(found)[there], score


def smooth(points: np.ndarray) -> np.ndarray:
    """A curve through `points` [n 3]."""
    from scipy.interpolate import CubicSpline

    return CubicSpline(np.arange(len(points)), points)(np.linspace(0, len(points) - 1, FINE * len(points)))


def draw(axis, known: np.ndarray, found: np.ndarray) -> None:
    """Both chains, seen along the axis of their least extent; what is nearer is drawn later, thicker and darker."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgb

    axes = np.linalg.svd(known - known.mean(0))[2]
    segments, depths, colours = [], [], []
    for points, colour in ((known, KNOWN), (found, PREDICTED)):
        curve = smooth((points - known.mean(0)) @ axes.T)
        segments.append(np.stack([curve[:-1, :2], curve[1:, :2]], axis=1))
        depths.append(curve[:-1, 2])
        colours += [to_rgb(colour)] * (len(curve) - 1)
    segments, depths = np.concatenate(segments), np.concatenate(depths)
    near = ((depths - depths.min()) / np.ptp(depths))[:, None]
    colours = 1 - (1 - np.array(colours)) * (0.45 + 0.55 * near)
    order = np.argsort(depths)
    style = {"linewidths": 2 + 4 * near[order, 0], "capstyle": "round"}
    axis.add_collection(LineCollection(segments[order], colors=colours[order], **style))
    axis.autoscale()
    axis.set_aspect("equal", adjustable="datalim")
    axis.axis("off")


def main() -> None:
    """Draws the picture."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--best", required=True, help="FILE:CHAIN that mini folds best of those that it never saw")
    asked.add_argument("--usual", required=True, help="FILE:CHAIN in the middle of them")
    asked.add_argument("--out", default="superposed.png", help="the picture")
    given = asked.parse_args()
    places = (given.best, given.usual)
    names = [Path(place.partition(":")[0]).name.partition(".")[0].upper() for place in places]
    chains = [predicted(place) for place in places]
    caption = (
        "Known structures (grey) and predictions of af2jax-mini (blue), CA traces superposed; neither protein was ever "
        f"seen. Left: PDB {names[0]}, the best of the natural chains in the assessment. Right: PDB {names[1]}, the one "
        "in the middle. From the sequence alone, one recycle. These are demonstration weights."
    )
    figure, panels = new(6.4, 2.6, caption, panels=2)
    for axis, (known, found, score), what in zip(panels, chains, ("the best", "the middle one"), strict=True):
        draw(axis, known, found)
        axis.set_title(f"{what}: lDDT-CA {score:.0f}", fontsize=10)
    print(save(figure, given.out))


if __name__ == "__main__":
    main()
