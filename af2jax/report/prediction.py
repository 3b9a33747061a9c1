"""The page of one query that was folded: its structures, how sure the network is of them, and what they cannot tell."""

import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from af2jax.constants.atoms import CA
from af2jax.constants.residues import GAP
from af2jax.data.parse import printable
from af2jax.files import file_name, whole
from af2jax.geometry.superpose import superpose
from af2jax.html import markup
from af2jax.html.page import MOST, SHOWN, Page
from af2jax.html.viewer import trace, viewer
from af2jax.plots.confidence import LEVELS
from af2jax.plots.coverage import ENOUGH
from af2jax.plots.pae import FAR, NEAR
from af2jax.plots.residues import bounds, ranges
from af2jax.protein.files import Protein
from af2jax.report import heads, interfaces
from af2jax.results import Prediction, answers
from af2jax.words import counted

LOW, SURE = 50, 70  # pLDDT: below, a residue may be disordered; from here on, the backbone is mostly right
SHORTEST = 5  # residues of a stretch that is flagged
TUBES = 5  # structures shown
RESERVE = 150_000  # bytes of a page for all but plots and structures
COLOURS = 128  # of plots that are too large
LINE, GROUP = 60, 10  # residues
LIMITS = (
    "AlphaFold gives one structure, such as the PDB might hold: it says nothing of other conformations, of motion or "
    "of folding, hardly anything of the effect of a mutation, and none of its scores is a stability, an affinity or "
    "another quantity of thermodynamics. Ligands, ions, nucleic acids, membranes and modifications are not modelled, "
    "and a high score says that the network expects to be right, which an experiment alone can confirm."
)


@dataclass(frozen=True)
class Evidence:
    """What a low pLDDT can be taken for.

    Attributes:
        calibrated: whether it is the pLDDT that DeepMind published.
        depth: int [N_res], sequences with a residue there, the query's included; None: no alignment.
    """

    calibrated: bool
    depth: np.ndarray | None


DISORDER = (
    (
        lambda e: not e.calibrated,
        "Of these weights it is not known what a low pLDDT means: that it predicts disorder was shown for DeepMind's "
        "parameters as published. Do not interpret the shape that these residues are drawn with.",
    ),
    (
        lambda e: e.depth is None or e.depth.max() < 2,
        "The network had no alignment, so that a low pLDDT says that it had too little to go by, and not that the "
        "chain is disordered. Do not interpret the shape that these residues are drawn with.",
    ),
    (
        lambda e: True,
        "Of DeepMind's parameters, for which these are taken by the name of their file, a pLDDT below {low} predicts "
        "disorder about as well as programs made for it (Tunyasuvunakool et al. 2021). Do not interpret the shape that "
        "these residues are drawn with.",
    ),
)
Ranked = Sequence[tuple[Prediction, int]]  # with their seeds, the best first


def save_page(
    predictions: Ranked,
    files: Sequence[Path],
    out: Path,
    naming: str,
    alignment: np.ndarray | None = None,
    calibrated: bool = False,
) -> Path:
    """Writes the page of a job beside its other files, whole or not at all; its path.

    Args:
        predictions: with their seeds, the best first (`results.ranked`).
        files: those of the job (`results.save_job`); the plots among them are put on the page.
        out: folder of the results.
        naming: "colabfold": `<job>_report.html`; "alphafold": `<job>/report.html`.
        alignment: int [N_seq N_res], codes of the rows (21: gap), the query first.
        calibrated: whether the pLDDT of these networks is the one that DeepMind published.
    """
    stem = file_name(predictions[0][0].protein.name) + ("_" if naming == "colabfold" else "/")
    kinds = ("plddt", "coverage", "pae", *map(heads.plot_of, predictions[0][0].heads))
    plots = {kind: out / f"{stem}{kind}.png" for kind in kinds}
    plots = {kind: path for kind, path in plots.items() if path in files}
    with whole(out / f"{stem}report.html") as partial:
        partial.write_bytes(page(predictions, plots, alignment, calibrated).html().encode("utf-8", "replace"))
    return out / f"{stem}report.html"


def page(
    predictions: Ranked, plots: dict[str, Path], alignment: np.ndarray | None = None, calibrated: bool = False
) -> Page:
    """The page of a job; `plots` has the PNGs "plddt", "coverage" and "pae", or those of them that were drawn."""
    best = predictions[0][0]
    notes = dict.fromkeys(note for prediction, _ in predictions for note in prediction.protein.notes)
    out = Page(f"Prediction of {printable(best.protein.name)}", list(map(printable, notes)))
    depth = None if alignment is None else (alignment < GAP).sum(0)
    block, script = viewer("structures", _scenes(predictions))
    pictures = _pictures(plots, MOST - RESERVE - len(block))

    def figure(kind: str, shows: str, made: str, follows: str) -> None:
        if kind in pictures:
            out.raw(markup.figure(kind, (pictures[kind], "image/png"), (shows, made, follows)))

    out.section("Structure")
    out.raw(block, script)
    _ranks(out, predictions)
    if found := answers([prediction for prediction, _ in predictions]):
        heads.part(out, best.protein, found, figure, plots)
    out.section("Confidence at each residue")
    sure = int((best.plddt >= SURE).sum())
    whole = "the whole chain" if len(best.protein.names) == 1 else "every chain"
    advice = f"{whole} may be read" if sure == len(best.plddt) else "read the structure there alone"
    figure(
        "plddt",
        f"pLDDT, 0 to 100, at each residue of {_several(predictions)}.",
        "It is the lDDT-CA that the network expects of its own structure; it was calibrated on the PDB, not on this "
        "protein.",
        f"{sure} of {len(best.plddt)} residues reach {SURE}, where the backbone is mostly right: "
        f"{advice if sure else 'do not interpret this structure'}.",
    )
    _levels(out, best)
    _disorder(out, best, Evidence(calibrated, depth))
    out.raw(f"<details><summary>pLDDT by residue</summary>{markup.preformatted(letters(best))}</details>")
    if depth is not None:
        out.section("Alignment")
        out.text(_alignment(best.protein, depth, len(alignment)))
        figure(
            "coverage",
            f"The {len(alignment)} sequences of the alignment with the query, and how many cover each position.",
            "A line for each sequence, white where it has a gap, coloured and sorted by its identity to the query.",
            f"The median depth is {np.median(depth):.0f}; "
            + (f"where it is below {ENOUGH}, expect low confidence." if depth.min() < ENOUGH else "that is enough."),
        )
    if len(best.protein.names) > 1:
        interfaces.predicted(out, best)
    out.section("How the parts lie to each other")
    if best.pae is None:
        out.text(f"{best.preset} predicts no aligned error: how domains or chains lie to each other is not known.")
    else:
        near, far = (best.pae < NEAR).mean(), (best.pae > FAR).mean()
        out.text(
            f"The expected error is below {NEAR} angstrom for {near:.0%} of the pairs of residues, and above {FAR} for "
            f"{far:.0%}, whose places relative to each other are not known."
        )
        figure(
            "pae",
            "Predicted aligned error: that expected at residue x when the structure is laid over the true one at y.",
            "Dark blocks move as one body; a light colour between two blocks says that their placement is not known.",
            f"{near:.0%} of the pairs are below {NEAR} angstrom: interpret distances within these alone.",
        )
    out.section("What this cannot tell")
    out.text(LIMITS)
    return out


def stretches(protein: Protein, plddt: np.ndarray) -> list[np.ndarray]:
    """The rows of each stretch of five residues or more of a chain that all have a pLDDT below 50."""
    rows = np.flatnonzero(plddt < LOW)
    new = (np.diff(rows) > 1) | (np.diff(protein.chain_index[rows]) != 0)
    return [run for run in np.split(rows, np.flatnonzero(new) + 1) if len(run) >= SHORTEST]


def letters(prediction: Prediction) -> str:
    """The sequence in lines of 60, below each residue the tens of its pLDDT, 9 for 90 and more."""
    protein, lines = prediction.protein, []
    tens = "".join(str(min(int(v // 10), 9)) for v in prediction.plddt)
    groups = lambda text: " ".join(text[i : i + GROUP] for i in range(0, len(text), GROUP))
    edges, names = bounds(protein), protein.names
    for start, end in itertools.pairwise(edges):
        chain = names[int(protein.chain_index[start])] if len(edges) > 2 else ""
        for i in range(start, end, LINE):
            stop = min(i + LINE, end)
            first = f"{chain}{protein.residue_index[i] + 1}"
            lines += [f"{first:>6} {groups(protein.sequence[i:stop])}", f"{'':6} {groups(tens[i:stop])}", ""]
    return "\n".join(lines)


def _scenes(predictions: Ranked) -> list[dict]:
    """The best structures for the viewer, all laid over the first."""
    first = predictions[0][0].protein
    scenes = []
    for rank, (prediction, seed) in enumerate(predictions[:TUBES], 1):
        protein = prediction.protein
        points, known = protein.positions[:, CA].astype(np.float64), protein.atom_mask[:, CA] > 0
        motion = superpose(points, first.positions[:, CA].astype(np.float64), known)
        label = f"rank {rank}: {prediction.preset}, seed {seed}"
        tube = trace(label, points @ motion.rot.T + motion.trans, known, protein.chain_index, prediction.plddt)
        scenes.append({"name": label, "traces": [tube]})
    return scenes


def _pictures(plots: dict[str, Path], room: int) -> dict[str, bytes]:
    """The PNGs; in fewer colours where they, a third longer on a page, exceed so many bytes of it."""
    found = {kind: path.read_bytes() for kind, path in plots.items()}
    if sum(map(len, found.values())) * 4 / 3 <= room:
        return found
    from PIL import Image  # matplotlib writes PNGs by it

    for kind, content in found.items():
        smaller = io.BytesIO()
        Image.open(io.BytesIO(content)).convert("RGB").quantize(COLOURS).save(smaller, "PNG")
        found[kind] = smaller.getvalue()
    return found


def _several(predictions: Ranked) -> str:
    return f"{len(predictions)} predictions" if len(predictions) > 1 else "the one prediction"


def _ranks(out: Page, predictions: Ranked) -> None:
    """The scores of every prediction."""
    rows = [
        (
            rank,
            one.preset,
            seed,
            float(one.plddt.mean()),
            one.ptm,
            one.iptm,
            len(one.changes),
            one.changes[-1] if one.changes else None,
        )
        for rank, (one, seed) in enumerate(predictions[:SHOWN], 1)
    ]
    headings = ("rank", "network", "seed", "mean pLDDT", "pTM", "ipTM", "passes", "last change (angstrom)")
    kept = [i for i in range(len(headings)) if any(row[i] is not None for row in rows)]
    title = f"The first {SHOWN} of {len(predictions)} predictions" if len(predictions) > SHOWN else ""
    out.table("predictions", [headings[i] for i in kept], [[row[i] for i in kept] for row in rows], title)
    shown = f" The viewer has the first {TUBES}." if len(predictions) > TUBES else ""
    out.text(
        "The atoms, and every score, are in the files beside this page; the tube goes through the CA atoms as the "
        f"network places them.{shown} Predictions that differ show how sure the network is, not how the protein moves."
    )


def _levels(out: Page, best: Prediction) -> None:
    """How many residues of the first prediction are on each of AlphaFold's levels."""
    level = np.digitize(best.plddt, list(LEVELS)[:-1])
    lows = [0, *LEVELS]
    rows = [
        (name, f"{lows[i]} to {top}", int((level == i).sum()), f"{(level == i).mean():.0%}")
        for i, (top, name) in reversed(list(enumerate(LEVELS.items())))
    ]
    out.table("levels", ("confidence", "pLDDT", "residues", "part"), rows, "Residues of rank 1 by confidence")


def _disorder(out: Page, best: Prediction, evidence: Evidence) -> None:
    """Stretches of low pLDDT, what they may be, and the number of sequences that the network could go by there."""
    protein, plddt, depth = best.protein, best.plddt, evidence.depth
    low, runs = plddt < LOW, stretches(best.protein, best.plddt)
    if not runs:
        few = f" Residues below it: {ranges(protein, low)}." if low.any() else ""
        out.text(f"No stretch of {SHORTEST} residues or more is below pLDDT {LOW}.{few}")
        return
    flagged = np.zeros(len(plddt), bool)
    flagged[np.concatenate(runs)] = True
    line, follows = next((i, text) for i, (holds, text) in enumerate(DISORDER) if holds(evidence))
    disordered = line == len(DISORDER) - 1
    text = f"Residues {ranges(protein, flagged)}. {follows.format(low=LOW)}"
    if disordered and (shallow := sum(np.median(depth[run]) < ENOUGH for run in runs)):
        text += (
            f" But {shallow} of the {len(runs)} stretches are covered by fewer than {ENOUGH} sequences, where a low "
            "pLDDT may as well mean that the network had too little to go by."
        )
    what = "Possibly disordered" if disordered else f"pLDDT below {LOW}"
    title = f"{what}: {flagged.sum()} of {len(plddt)} residues, in {counted(len(runs), 'stretch')}"
    out.warning("caution", title, text)
    runs = sorted(sorted(runs, key=len, reverse=True)[:SHOWN], key=lambda run: run[0])
    rows = []
    for run in runs:
        chosen = np.isin(np.arange(len(plddt)), run)
        sequences = None if depth is None else float(np.median(depth[run]))
        rows.append((ranges(protein, chosen), len(run), float(plddt[run].mean()), sequences))
    headings = ("residues", "length", "mean pLDDT", "sequences (median)")
    count = 3 if depth is None else 4
    title = f"Stretches of {SHORTEST} residues or more below pLDDT {LOW}" + (
        f", the longest {SHOWN}" if len(runs) == SHOWN else ""
    )
    out.table("stretches", headings[:count], [row[:count] for row in rows], title)


def _alignment(protein: Protein, depth: np.ndarray, rows: int) -> str:
    """What the depth means."""
    few = depth < ENOUGH
    text = f"{rows} sequences with the query; the median depth is {np.median(depth):.0f}. "
    if few.all():
        return text + f"No position has {ENOUGH} sequences: expect low confidence everywhere."
    if few.any():
        where = f"{few.sum()} of {len(depth)} positions ({ranges(protein, few)})"
        return text + f"Fewer than {ENOUGH} cover {where}: expect low confidence there."
    return text + f"Every position has at least {ENOUGH}, so the alignment is no reason for low confidence."
