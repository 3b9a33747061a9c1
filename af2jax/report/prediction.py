"""The page of one query that was folded: its structures, how sure the network is of them, and what they cannot tell."""

import io
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from af2jax.constants.atoms import CA
from af2jax.data.parse import printable
from af2jax.files import file_name, whole
from af2jax.html import markup
from af2jax.html.page import MOST, SHOWN, Page
from af2jax.html.viewer import trace, viewer
from af2jax.metrics.depth import ENOUGH, Depth
from af2jax.plots.pae import FAR, NEAR
from af2jax.plots.residues import bounds, ranges
from af2jax.protein.files import Protein
from af2jax.report import given, heads, interfaces
from af2jax.results import Prediction, answers
from af2jax.results.reading import LOW, SHORTEST, SURE, TRACES, Ranked, Reading, read
from af2jax.scoring import Score
from af2jax.words import counted

RESERVE = 150_000  # bytes of a page for all but plots and structures
COLOURS = 128  # of plots that are too large
LINE, GROUP = 60, 10  # residues
LIMITS = (
    "AlphaFold gives one structure, such as the PDB might hold: it says nothing of other conformations, of motion or "
    "of folding, hardly anything of the effect of a mutation, and none of its scores is a stability, an affinity or "
    "another quantity of thermodynamics. Ligands, ions, nucleic acids, membranes and modifications are not modelled, "
    "and a high score says that the network expects to be right, which an experiment alone can confirm."
)


DISORDER = (  # what a low pLDDT can be taken for
    (
        lambda reading, calibrated: not calibrated,
        "Of these weights it is not known what a low pLDDT means: that it predicts disorder was shown for DeepMind's "
        "parameters as published. Do not interpret the shape that these residues are drawn with.",
    ),
    (
        lambda reading, calibrated: reading.depth is None or reading.depth.at.max() < 2,
        "The network had no alignment, so that a low pLDDT says that it had too little to go by, and not that the "
        "chain is disordered. Do not interpret the shape that these residues are drawn with.",
    ),
    (
        lambda reading, calibrated: True,
        "Of DeepMind's parameters, for which these are taken by the name of their file, a pLDDT below {low} predicts "
        "disorder about as well as programs made for it (Tunyasuvunakool et al. 2021). Do not interpret the shape that "
        "these residues are drawn with.",
    ),
)


def save_page(
    predictions: Ranked,
    files: Sequence[Path],
    out: Path,
    naming: str,
    alignment: np.ndarray | None = None,
    calibrated: bool = False,
    scores: Sequence[Score] = (),
) -> Path:
    """Writes the page of a job beside its other files, whole or not at all; its path.

    Args:
        predictions: with their seeds, the best first (`results.ranked`).
        files: those of the job (`results.save_job`); the plots among them are put on the page.
        out: folder of the results.
        naming: "colabfold": `<job>_report.html`; "alphafold": `<job>/report.html`.
        alignment: int [N_seq N_res], codes of the rows (21: gap), the query first.
        calibrated: whether the pLDDT of these networks is the one that DeepMind published.
        scores: of the structure that was given of the query, where one was.
    """
    stem = file_name(predictions[0][0].protein.name) + ("_" if naming == "colabfold" else "/")
    kinds = ("plddt", "coverage", "pae", *map(heads.plot_of, predictions[0][0].heads))
    plots = {kind: out / f"{stem}{kind}.png" for kind in kinds}
    plots = {kind: path for kind, path in plots.items() if path in files}
    with whole(out / f"{stem}report.html") as partial:
        partial.write_bytes(
            render(read(predictions, alignment), plots, calibrated, scores).html().encode("utf-8", "replace")
        )
    return out / f"{stem}report.html"


def render(found: Reading, plots: dict[str, Path], calibrated: bool = False, scores: Sequence[Score] = ()) -> Page:
    """The page of a job; `plots` has the PNGs "plddt", "coverage" and "pae", or those of them that were drawn."""
    best, predictions = found.best, found.predictions
    notes = dict.fromkeys(note for prediction, _ in predictions for note in prediction.protein.notes)
    out = Page(f"Prediction of {printable(best.protein.name)}", list(map(printable, notes)))
    block, script = viewer("structures", _scenes(found))
    pictures = _pictures(plots, MOST - RESERVE - len(block))

    def figure(kind: str, shows: str, made: str, follows: str) -> None:
        if kind in pictures:
            out.raw(markup.figure(kind, (pictures[kind], "image/png"), (shows, made, follows)))

    out.section("Structure")
    out.raw(block, script)
    _ranks(out, found)
    given.part(out, scores)
    if answered := answers([prediction for prediction, _ in predictions]):
        heads.part(out, best.protein, answered, figure, plots)
    out.section("Confidence at each residue")
    whole = "the whole chain" if len(best.protein.names) == 1 else "every chain"
    advice = f"{whole} may be read" if found.sure == len(best.plddt) else "read the structure there alone"
    figure(
        "plddt",
        f"pLDDT, 0 to 100, at each residue of {_several(predictions)}.",
        "It is the lDDT-CA that the network expects of its own structure; it was calibrated on the PDB, not on this "
        "protein.",
        f"{found.sure} of {len(best.plddt)} residues reach {SURE}, where the backbone is mostly right: "
        f"{advice if found.sure else 'do not interpret this structure'}.",
    )
    rows = [(one.name, f"{one.low} to {one.top}", one.residues, f"{one.share:.0%}") for one in found.levels]
    out.table("levels", ("confidence", "pLDDT", "residues", "part"), rows, "Residues of rank 1 by confidence")
    _disorder(out, found, calibrated)
    out.raw(f"<details><summary>pLDDT by residue</summary>{markup.preformatted(letters(best))}</details>")
    if (depth := found.depth) is not None:
        out.section("Alignment")
        out.text(_alignment(best.protein, depth))
        figure(
            "coverage",
            f"The {depth.rows} sequences of the alignment with the query, and how many cover each position.",
            "A line for each sequence, white where it has a gap, coloured and sorted by its identity to the query.",
            f"The median depth is {depth.median:.0f}; "
            + (f"where it is below {ENOUGH}, expect low confidence." if depth.few.any() else "that is enough."),
        )
    if len(best.protein.names) > 1:
        interfaces.predicted(out, found)
    out.section("How the parts lie to each other")
    if best.pae is None:
        out.text(f"{best.preset} predicts no aligned error: how domains or chains lie to each other is not known.")
    else:
        out.text(
            f"The expected error is below {NEAR} angstrom for {found.near:.0%} of the pairs of residues, and above "
            f"{FAR} for {found.far:.0%}, whose places relative to each other are not known."
        )
        figure(
            "pae",
            "Predicted aligned error: that expected at residue x when the structure is laid over the true one at y.",
            "Dark blocks move as one body; a light colour between two blocks says that their placement is not known.",
            f"{found.near:.0%} of the pairs are below {NEAR} angstrom: interpret distances within these alone.",
        )
    out.section("What this cannot tell")
    out.text(LIMITS)
    return out


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


def _scenes(found: Reading) -> list[dict]:
    """The best structures for the viewer, all superposed on the first."""
    scenes = []
    for rank, ((prediction, seed), points) in enumerate(zip(found.predictions, found.traces, strict=False), 1):
        protein, label = prediction.protein, f"rank {rank}: {prediction.preset}, seed {seed}"
        known = protein.atom_mask[:, CA] > 0
        scenes.append({"name": label, "traces": [trace(label, points, known, protein.chain_index, prediction.plddt)]})
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


def _ranks(out: Page, found: Reading) -> None:
    """The scores of every prediction."""
    predictions = found.predictions
    rows = [
        (
            rank,
            one.preset,
            seed,
            found.means[rank - 1],
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
    shown = f" The viewer has the first {TRACES}." if len(predictions) > TRACES else ""
    out.text(
        "The atoms, and every score, are in the files beside this page; the tube goes through the CA atoms as the "
        f"network places them.{shown} Predictions that differ show how sure the network is, not how the protein moves."
    )


def _disorder(out: Page, found: Reading, calibrated: bool) -> None:
    """Stretches of low pLDDT, what they may be, and the number of sequences that the network could go by there."""
    protein, plddt, runs = found.best.protein, found.best.plddt, found.stretches
    if not runs:
        low = plddt < LOW
        few = f" Residues below it: {ranges(protein, low)}." if low.any() else ""
        out.text(f"No stretch of {SHORTEST} residues or more is below pLDDT {LOW}.{few}")
        return
    flagged = np.zeros(len(plddt), bool)
    flagged[np.concatenate([run.rows for run in runs])] = True
    line, follows = next((i, text) for i, (holds, text) in enumerate(DISORDER) if holds(found, calibrated))
    disordered = line == len(DISORDER) - 1
    text = f"Residues {ranges(protein, flagged)}. {follows.format(low=LOW)}"
    if disordered and found.shallow:
        text += (
            f" But {found.shallow} of the {len(runs)} stretches are covered by fewer than {ENOUGH} sequences, where a "
            "low pLDDT may as well mean that the network had too little to go by."
        )
    what = "Possibly disordered" if disordered else f"pLDDT below {LOW}"
    title = f"{what}: {flagged.sum()} of {len(plddt)} residues, in {counted(len(runs), 'stretch')}"
    out.warning("caution", title, text)
    runs = sorted(sorted(runs, key=lambda run: -len(run.rows))[:SHOWN], key=lambda run: run.rows[0])
    rows = []
    for run in runs:
        chosen = np.isin(np.arange(len(plddt)), run.rows)
        rows.append((ranges(protein, chosen), len(run.rows), run.plddt, run.depth))
    headings = ("residues", "length", "mean pLDDT", "sequences (median)")
    count = 3 if found.depth is None else 4
    title = f"Stretches of {SHORTEST} residues or more below pLDDT {LOW}" + (
        f", the longest {SHOWN}" if len(runs) == SHOWN else ""
    )
    out.table("stretches", headings[:count], [row[:count] for row in rows], title)


def _alignment(protein: Protein, depth: Depth) -> str:
    """What the depth means."""
    few = depth.few
    text = f"{depth.rows} sequences with the query; the median depth is {depth.median:.0f}. "
    if few.all():
        return text + f"No position has {ENOUGH} sequences: expect low confidence everywhere."
    if few.any():
        where = f"{few.sum()} of {len(few)} positions ({ranges(protein, few)})"
        return text + f"Fewer than {ENOUGH} cover {where}: expect low confidence there."
    return text + f"Every position has at least {ENOUGH}, so the alignment is no reason for low confidence."
