"""The page of one query that was folded: its structures, how sure the network is of them, and what they cannot tell."""

import io
import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from af2jax.constants.atoms import CA
from af2jax.data.parse import printable
from af2jax.files import file_name, whole
from af2jax.html import markup, numbers
from af2jax.html.markup import Decision
from af2jax.html.page import MOST, SHOWN, Page
from af2jax.html.viewer import picture, scene, trace, viewer
from af2jax.metrics.depth import ENOUGH, Depth
from af2jax.plots.figure import bare
from af2jax.plots.pae import FAR, NEAR
from af2jax.plots.residues import bounds, ranges
from af2jax.protein.files import Protein
from af2jax.report import given, heads, interfaces
from af2jax.results import Prediction, answers
from af2jax.results.reading import LOW, SHORTEST, SURE, TRACES, Ranked, Reading, read
from af2jax.scoring import FILES, Score
from af2jax.words import chosen, counted

RESERVE = 150_000  # bytes of a page for all but plots and structures
ERRORS = 350_000  # bytes of a page for the maps of aligned errors
COLOURS = 128  # of plots that are too large
LINE, GROUP = 60, 10  # residues
GIVEN = "given structure"  # in the viewer
WHOLE = 0.9  # of the residues; where so many reach a pLDDT of 70, a structure may be read as a whole
LIMITS = (
    "AlphaFold gives one structure, such as the PDB might hold: it says nothing of other conformations, of motion or "
    "of folding, hardly anything of the effect of a mutation, and none of its scores is a stability, an affinity or "
    "another quantity of thermodynamics. Ligands, ions, nucleic acids, membranes and modifications are not modelled, "
    "and a high score says that the network expects to be right, which an experiment alone can confirm."
)
BUTTONS = (  # of the files beside the page: a pattern, and what is written on its link
    (r"(?<!un)relaxed_rank_001_.*\.cif$", "Relaxed structure (mmCIF)"),
    (r"(?<!un)relaxed_rank_001_.*\.pdb$", "Relaxed structure (PDB)"),
    (r"unrelaxed_rank_001_.*\.cif$|(^|/)ranked_0\.cif$", "Structure (mmCIF)"),
    (r"unrelaxed_rank_001_.*\.pdb$|(^|/)ranked_0\.pdb$", "Structure (PDB)"),
    (r"scores_rank_001_.*\.json$|(^|/)ranking_debug\.json$", "Scores (JSON)"),
    (r"predicted_aligned_error_v1\.json$", "PAE (JSON)"),
)
READ = (  # may the structure be read as a whole? Conditions in their order, the answer and its sentence
    (
        lambda reading, calibrated: not calibrated,
        "open",
        "It is not known here what the pLDDT of these weights is worth: take the structure for a hypothesis.",
    ),
    (lambda reading, calibrated: not reading.sure, "no", "No residue reaches {sure}: do not interpret it."),
    (
        lambda reading, calibrated: reading.sure >= WHOLE * len(reading.best.plddt),
        "yes",
        "{reach} of {all} residues reach {sure}, where the backbone is mostly right.",
    ),
    (
        lambda reading, calibrated: True,
        "no",
        "Only {reach} of {all} residues reach {sure}, where the backbone is mostly right: read these alone.",
    ),
)
CALIBRATED = "; it was calibrated on the PDB, not on this protein"
SURE_RESIDUES = (  # what follows from how many reach a pLDDT of 70; that it is not known, the verdict says
    (lambda reading, calibrated: not calibrated, "{reach} of {all} residues reach {sure}."),
    (
        lambda reading, calibrated: reading.sure,
        "{reach} of {all} residues reach {sure}, where the backbone is mostly right: read the structure there alone.",
    ),
    (
        lambda reading, calibrated: True,
        "{reach} of {all} residues reach {sure}, where the backbone is mostly right: do not interpret this structure.",
    ),
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
    title: str = given.TITLES[""],
) -> Path:
    """Writes the page of a job beside its other files, whole or not at all; its path.

    Args:
        predictions: with their seeds, the best first (`results.ranked`).
        files: those of the job (`results.save_job`), which the page links to; the plots among them are put on it.
        out: folder of the results.
        naming: "colabfold": `<job>_report.html`; "alphafold": `<job>/report.html`.
        alignment: int [N_seq N_res], codes of the rows (21: gap), the query first.
        calibrated: whether the pLDDT of these networks is the one that DeepMind published.
        scores: of the structure that was given of the query, where one was.
        title: what the page is; the name of the query follows.
    """
    stem = file_name(predictions[0][0].protein.name) + ("_" if naming == "colabfold" else "/")
    kinds = ("plddt", "coverage", *map(heads.plot_of, predictions[0][0].heads))
    plots = {kind: out / f"{stem}{kind}.png" for kind in kinds}
    plots = {kind: path for kind, path in plots.items() if path in files}
    path = out / f"{stem}report.html"
    beside = [Path(os.path.relpath(file, path.parent)).as_posix() for file in files]
    with whole(path) as part:
        structure = scores[0].given if scores else None
        page = render(read(predictions, alignment, structure), plots, calibrated, beside, scores, title)
        part.write_bytes(page.html().encode("utf-8", "replace"))
    return path


def render(
    found: Reading,
    plots: dict[str, Path],
    calibrated: bool = False,
    files: Sequence[str] = (),
    scores: Sequence[Score] = (),
    title: str = given.TITLES[""],
) -> Page:
    """The page of a job.

    Args:
        plots: the PNGs "plddt" and "coverage", and those of heads, or those of them that were drawn.
        files: paths from the page's folder, to link to.
        scores: of the structure that was given of the query, where one was.
        title: what the page is; the name of the query follows.
    """
    best, predictions = found.best, found.predictions
    notes = dict.fromkeys(note for prediction, _ in predictions for note in prediction.protein.notes)
    out = Page(f"{title} of {printable(best.protein.name)}", list(map(printable, notes)))
    own = scores and scores[0].protocol != FILES
    of, heading = ("the network's own", "The network's own structure") if own else ("this", "Structure")
    out.verdict(f"May {of} structure be read as a whole?", [decision(found, calibrated)])
    if len(best.protein.names) > 1:
        out.verdict("May the arrangement of the chains be trusted?", [interfaces.decision(best, calibrated)])
    block, script = viewer("structures", _scenes(found), None if best.pae is None else _errors(found))
    pictures = _pictures(plots, MOST - RESERVE - len(block))

    def figure(kind: str, shows: str, made: str, follows: str) -> None:
        if kind in pictures:
            image = (pictures[kind], "image/png")
            out.raw(markup.figures([markup.figure(kind, image, (shows, made, follows), wide=True)]))

    given.part(out, scores)
    out.section(heading)
    if files:
        out.raw(_downloads(files))
    out.raw(block, script)
    _ranks(out, found)
    if answered := answers([prediction for prediction, _ in predictions]):
        heads.part(out, best.protein, answered, figure, plots)
    out.section("Confidence at each residue")
    figure(
        "plddt",
        f"pLDDT, 0 to 100, at each residue of {_several(predictions)}.",
        f"It is the lDDT-CA that the network expects of its own structure{CALIBRATED if calibrated else ''}.",
        chosen(SURE_RESIDUES, found, calibrated)[0].format(reach=found.sure, all=len(best.plddt), sure=SURE),
    )
    rows = [(one.name, f"{one.low} to {one.top}", one.residues, float(one.share)) for one in found.levels]
    headings = ("confidence", "pLDDT", "residues", "share")
    out.table("levels", headings, rows, "Residues of rank 1 in AlphaFold DB's four bands")
    _disorder(out, found, calibrated)
    out.raw(f"<details><summary>pLDDT by residue</summary>{markup.preformatted(letters(best))}</details>")
    if (depth := found.depth) is not None:
        out.section("Alignment")
        out.text(_alignment(best.protein, depth))
        figure(
            "coverage",
            f"{counted(depth.rows, 'sequence')} of the alignment with the query, and how many cover each position.",
            "A line for each sequence, white where it has a gap, coloured and sorted by its identity to the query.",
            f"The median depth is {depth.median:.0f}; "
            + (f"where it is below {ENOUGH}, expect low confidence." if depth.few.any() else "that is enough."),
        )
    if len(best.protein.names) > 1:
        interfaces.predicted(out, found)
    out.section("How the parts are arranged")
    if best.pae is None:
        out.text(f"{best.preset} predicts no aligned error: how domains or chains are arranged is not known.")
    else:
        out.text(
            f"The expected error, mapped beside the structure, is below {NEAR} angstrom for {found.near:.0%} of the "
            f"pairs of residues, and above {FAR} for {found.far:.0%}, whose places relative to each other are not "
            "known."
        )
    out.section("What this cannot tell")
    out.text(LIMITS)
    return out


def decision(found: Reading, calibrated: bool) -> Decision:
    """Whether the structure of rank 1 may be read as a whole."""
    words = {"reach": found.sure, "all": len(found.best.plddt), "sure": f"pLDDT {SURE}"}
    answer, sentence = chosen(READ, found, calibrated)
    below = found.best.plddt < SURE
    details = f"Residues below {SURE}: {ranges(found.best.protein, below)}." if found.sure and below.any() else ""
    number = f"mean pLDDT {numbers.text(found.means[0], numbers.TENTH)}"
    return Decision(answer, number, sentence.format(**words), details)


def _downloads(files: Sequence[str]) -> str:
    """Links to the files beside the page, what is asked for most as buttons."""
    chosen = [(path, words) for pattern, words in BUTTONS for path in files if re.search(pattern, path)]
    every = markup.links([(path, path) for path in files])
    return (
        f'<div class="files">{markup.links(chosen)}<details><summary>All {len(files)} files</summary>{every}</details>'
        "</div>"
    )


def _errors(found: Reading) -> tuple[str, str, str]:
    """The caption of the map of aligned errors."""
    return (
        "Predicted aligned error (PAE): the error that is expected of the scored residue where the structure is "
        "superposed on the true one at the aligned residue.",
        "Dark blocks move as one body; a light colour between two blocks says that their placement is not known. Point "
        "at the map, the sequence or the structure to find a residue in all three.",
        f"{found.near:.0%} of the pairs are below {NEAR} angstrom: interpret distances within these alone.",
    )


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
    """The best structures for the viewer, all superposed on the first, and the given one on each; maps of errors while
    there is room."""
    scenes, room = [], ERRORS
    shown = zip(found.predictions, found.traces, found.shapes, found.given or (None,) * TRACES, strict=False)
    for rank, ((prediction, seed), points, shape, known) in enumerate(shown, 1):
        protein, label = prediction.protein, f"rank {rank}: {prediction.preset}, seed {seed}"
        label = label if prediction.preset else "as given"
        every, chain = np.unique(protein.chain_index, return_inverse=True)
        pae = "" if prediction.pae is None else picture(prediction.pae)
        if rank > 1 and len(pae) > room:
            pae = ""
        room -= len(pae)
        tubes = [trace(label, points, protein.atom_mask[:, CA] > 0, chain, prediction.plddt, shape=shape)]
        if known is not None:
            tubes.append(trace(GIVEN, known, np.isfinite(known[:, 0]), chain, shape=found.given_shape))
        names, numbered = [protein.names[int(one)] for one in every], (protein.residue_index + 1).tolist()
        scenes.append(scene(label, tubes, protein.sequence, numbered, names, pae, other=GIVEN if found.given else ""))
    return scenes


def _pictures(plots: dict[str, Path], room: int) -> dict[str, bytes]:
    """The plots without the captions in them; in fewer colours where they, a third longer on a page, exceed so many
    bytes of it."""
    found = {kind: bare(path.read_bytes()) for kind, path in plots.items()}
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
            found.means[rank - 1],
            one.ptm,
            one.iptm,
            one.preset or None,
            seed,
            len(one.changes) or None,
            one.changes[-1] if one.changes else None,
        )
        for rank, (one, seed) in enumerate(predictions[:SHOWN], 1)
    ]
    headings = ("rank", "mean pLDDT", "pTM", "ipTM", "network", "seed", "passes", "last change (angstrom)")
    kept = [i for i in range(len(headings)) if any(row[i] is not None for row in rows)]
    title = f"The first {SHOWN} of {len(predictions)} predictions" if len(predictions) > SHOWN else ""
    out.table("predictions", [headings[i] for i in kept], [[row[i] for i in kept] for row in rows], title)
    shown = f" The viewer has the first {TRACES}." if len(predictions) > TRACES else ""
    shown += f" It is drawn broad, the {GIVEN}, superposed on it, thin and grey." if found.given else ""
    out.text(
        "Bands and arrows are helices and strands by the hydrogen bonds of the predicted backbone (DSSP); the line "
        f"goes through the CA atoms as the network places them.{shown} Predictions that differ show how sure the "
        "network is, not how the protein moves."
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
    return text + f"Every position has at least {ENOUGH}, so a shallow alignment does not explain low confidence."
