"""The part of an evaluation's page that is about structures: scores, calibration, how they form, the worst cases."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from af2jax.audit.findings import phrase
from af2jax.evaluation.reliability import FAR, MISMATCH, Pae, Plddt, Recycling
from af2jax.evaluation.scores import APART, METRICS, PAE_WIDTH
from af2jax.evaluation.structures import CONTACT, LIKELY, StructureScores, WorstCase
from af2jax.files import file_name
from af2jax.html.page import Caption, Page
from af2jax.html.viewer import picture, scene, steps, trace, viewer
from af2jax.metrics.depth import ENOUGH
from af2jax.metrics.statistics import NARROW
from af2jax.plots import assess, panels
from af2jax.plots.coverage import coverage
from af2jax.report import interfaces, sentences
from af2jax.report.sentences import CALLED, DEPTH, FOLD, HIDDEN, LOW
from af2jax.words import counted

ROOM, COORDINATES = 200_000, 18  # bytes of a page for how structures form, and those of one atom
TABLE = ("lddt_ca", "lddt", "gdt_ts", "tm", "rmsd", "clashes", "chi1", "plddt")
COMPLEX = ("dockq", "iptm")  # where there are several chains
PREDICTED = {"plddt": "pLDDT", "iptm": "ipTM"}


def part(page: Page, found: StructureScores) -> None:
    """Adds it to `page`, with the files of the worst structures."""
    page.section("Structures")
    _summary(page, found)
    interfaces.evaluated(page, found.interfaces)
    page.section("Does the network know how good it is?")
    _calibration(page, found.plddt)
    _aligned(page, found.pae)
    if found.plddt.found.error > MISMATCH:
        text = "The plot of predicted and observed lDDT-CA above shows by how much its values are off, and which way."
        page.warning("caution", "pLDDT is not to be trusted on these proteins", text)
    page.section("How the structure forms")
    _forms(page, found.recycling)
    if found.worst:
        page.section("The worst cases")
        _worst(page, found.worst)


def _summary(page: Page, found: StructureScores) -> None:
    worst = found.targets[0]
    page.figure(
        "lddt_ca",
        panels.histogram({"targets": found.lddt}, "lDDT-CA", "targets", {"70: backbone mostly right": 70.0}),
        Caption(
            f"lDDT-CA of {counted(len(found.lddt), 'target')}, by how many reach what.",
            "The whole chain against all observed residues, after the last recycle; 100 is perfect.",
            f"{found.low:.0%} of the targets lie below 70, the worst, {worst.id}, at {worst.numbers['lddt_ca']:.1f}: "
            f"{phrase(LOW, found)}",
        ),
    )
    rows = []
    for mean in found.metrics:
        metric, interval = METRICS[mean.name], mean.interval
        unit = f" ({metric.unit})" if metric.unit else ""
        best = "high" if metric.higher else "low"
        rows.append((f"{metric.label}{unit}", *interval.cells, mean.spread, best, interval.count, interval.families))
    headings = (
        "metric",
        "mean",
        "95 % from",
        "to",
        "standard deviation (population)",
        "better is",
        "targets",
        "families",
    )
    narrow = "; fewer than five families: the intervals are too narrow" if rows and rows[0][-1] < NARROW else ""
    page.table("metrics", headings, rows, f"All targets; families are drawn together for the intervals{narrow}")
    shown = [
        *TABLE,
        *(name for name in COMPLEX if any(np.isfinite(t.numbers.get(name, np.nan)) for t in found.targets)),
    ]
    labels = [METRICS[name].label if name in METRICS else PREDICTED[name] for name in shown]
    of = lambda t: (t.numbers[shown[0]], int(t.numbers["length"]), *(t.numbers[name] for name in shown[1:]))
    rows = [(t.id, *of(t), t.homologue) for t in found.targets]
    headings = ("target", labels[0], "residues", *labels[1:], "homologue learned from")
    page.table("targets", headings, rows, "Each target, worst first")


def _calibration(page: Page, of: Plddt) -> None:
    found, there = of.found, of.found.count > 0
    page.number("plddt_calibration", found._asdict())
    page.number("plddt_rank", of.rank._asdict())
    if not there.any():
        return
    page.figure(
        "plddt_calibration",
        assess.curves(
            {"residues": (found.predicted[there], found.found[there])},
            ("pLDDT (predicted)", "lDDT-CA (observed)"),
            diagonal=100,
        ),
        Caption(
            "The lDDT-CA that the network predicts of each residue (pLDDT) against the observed one; a perfect network "
            "is the dotted diagonal.",
            "Means in ten bins of pLDDT, over all observed residues that have neighbours.",
            sentences.plddt_sentence(of),
        ),
    )


def _aligned(page: Page, of: Pae | None) -> None:
    if of is None:
        return
    page.number("pae_calibration", {"predicted": of.middle, "found": of.true, "pairs": of.pairs})
    page.number("pae_rank", of.rank._asdict())
    page.figure(
        "pae_calibration",
        assess.curves(
            {"pairs": (of.middle, of.true)}, ("PAE (predicted, angstrom)", "true error (angstrom)"), diagonal=32
        ),
        Caption(
            "The aligned error that the network predicts of a pair of residues (PAE) against the true one.",
            f"Means in bins of {PAE_WIDTH:g} angstrom over {of.pairs.sum():,.0f} pairs {APART} or more residues apart "
            "or of two chains; true errors count up to 31.75, where the last bin of PAE lies.",
            sentences.pae_sentence(of),
        ),
    )


def _forms(page: Page, of: Recycling | None) -> None:
    if of is None:
        return
    mean = of.mean
    layers = np.arange(1, mean.shape[1] + 1)
    series = {
        f"pass {i + 1}": (layers, mean[i]) for i in dict.fromkeys((0, *range(1, min(len(mean), 3)), len(mean) - 1))
    }
    page.number("recycling", of.found.difference._asdict())
    page.figure(
        "forms",
        assess.curves(series, ("layer of the structure module", "mean lDDT-CA"), whole=True),
        Caption(
            f"lDDT-CA after each layer of the structure module, in each of {len(mean)} passes through the network.",
            f"Means of {counted(of.targets, 'target')}; a pass starts from the result of the one before.",
            sentences.recycling_sentence(of),
        ),
    )


def _worst(page: Page, worst: tuple[WorstCase, ...]) -> None:
    files, scenes = [], []
    for case in worst:
        name, chain = file_name(case.target.id), case.protein.chain_index
        models = {f"structures/{name}.cif": case.protein.to_mmcif()}
        models |= {f"structures/{name}_trajectory.cif": case.trajectory()}
        for path, text in models.items():
            page.file(path, text)
        files += models
        tubes = [
            trace("prediction", case.moved, np.ones(len(chain), bool), chain, case.plddt, case.error, case.shape),
            trace("known", case.known, case.observed, chain, shape=case.known_shape),
        ]
        label = f"{case.target.id} (lDDT-CA {case.target.numbers['lddt_ca']:.1f})"
        numbers, chains = (case.protein.residue_index + 1).tolist(), list(case.protein.names.values())
        pae = picture(case.aligned.predicted) if case.aligned else ""
        formed = _formed(case, ROOM // len(worst))
        scenes.append(scene(label, tubes, case.protein.sequence, numbers, chains, pae, formed))
    page.text(
        "The prediction (broad) is superposed on the known structure (thin, grey). Drag to rotate, wheel or pinch to "
        "zoom; the slider goes back through the layers of the structure module and the passes that made it. "
        f"The files beside this page: {', '.join(files)}. A trajectory has a model for each layer of the structure "
        "module in each pass."
    )
    page.raw(*viewer("worst_structures", scenes, _pae_caption(worst)))
    _distances(page, worst[0])
    _errors(page, worst[0])
    if aligned := [case for case in worst if case.alignment is not None]:
        _coverage(page, aligned[0])


def _pae_caption(worst: tuple[WorstCase, ...]) -> tuple[str, str, str] | None:
    """Of the map of predicted errors beside the structures; None where no network predicts them."""
    known = [case for case in worst if case.aligned]
    if not known:
        return None
    hidden = known[0].aligned.hidden
    return (
        "Predicted aligned error of the structure that is shown.",
        "The error that is expected of the scored residue where the structure is superposed at the aligned one. Point "
        "at the map, the sequence or the structure to find a residue in all three.",
        f"In {known[0].target.id} {hidden:.1%} of the pairs are predicted to be within {FAR:g} angstrom and are off by "
        f"more than {2 * FAR:g}; the true errors are shown below.",
    )


def _formed(case: WorstCase, room: int) -> list[dict]:
    """Layers of all passes, evenly chosen so that they fit into `room` bytes, the last among them."""
    _, layers, residues, _ = case.formed.shape
    points = case.formed.reshape(-1, residues, 3)
    most = max(room // (COORDINATES * residues), 2)
    chosen = np.unique(np.linspace(0, len(points) - 1, min(most, len(points))).round().astype(int))
    return steps([f"pass {i // layers + 1}, layer {i % layers + 1}" for i in chosen], points[chosen])


def _distances(page: Page, case: WorstCase) -> None:
    if (of := case.contacts) is None:
        return
    name, apart = case.target.id, f"{APART} or more residues apart{' or of two chains' if of.several else ''}"
    page.figure(
        "worst_contacts",
        assess.halves(
            of.probability,
            of.known_contacts,
            ("by the distogram", "known"),
            "contact (probability)",
            (0, 1),
            "Blues",
            case.bounds,
        ),
        Caption(
            f"Contacts of {name}, the worst target: pairs of CB atoms nearer than {CONTACT:g} angstrom.",
            "Above the diagonal: the probability by the distogram; below: 1 where it is so, white where not observed.",
            f"{of.called} pairs {apart} are called a contact, {of.right} of them are: {phrase(CALLED, of)}",
        ),
    )
    page.figure(
        "worst_distances",
        assess.halves(
            of.distances,
            of.known,
            ("by the distogram", "known"),
            "distance (angstrom)",
            (2, 22),
            "viridis_r",
            case.bounds,
        ),
        Caption(
            f"Distances between CB atoms of {name}, the worst target: expected and known.",
            "Above the diagonal as expected, below as known, white where not observed; the distogram does not tell "
            "distances above 22 angstrom apart.",
            f"Of {of.real} contacts {apart} (below {CONTACT:g} angstrom) it finds {of.right} with a probability above "
            f"{LIKELY:g}: {phrase(FOLD, of)}",
        ),
    )


def _coverage(page: Page, case: WorstCase) -> None:
    rows, name, depth = case.alignment, case.target.id, case.depth
    with TemporaryDirectory() as folder:
        page.figure(
            "worst_coverage",
            coverage(Path(folder) / "coverage.png", case.protein, rows),
            Caption(
                f"The {len(rows):,} sequences of the alignment of {name}, and how many cover each position.",
                "A line for each sequence, white where it has a gap, coloured and sorted by its identity to the query.",
                f"The median depth is {depth.median:.0f}, and {depth.share:.0%} of the positions have fewer than "
                f"{ENOUGH}: {phrase(DEPTH, depth)}",
            ),
        )


def _errors(page: Page, case: WorstCase) -> None:
    if (of := case.aligned) is None:
        return
    page.figure(
        "worst_pae",
        assess.maps(
            {"expected (PAE)": of.predicted, "true": of.true},
            "aligned error (angstrom)",
            (0, 30),
            "Greens_r",
            case.bounds,
            ("Scored residue", "Aligned residue"),
        ),
        Caption(
            f"The aligned error of {case.target.id}, the worst target: expected and true.",
            "The error of the scored residue where the structures are superposed at the backbone of the aligned one; "
            "white: not observed.",
            f"{of.hidden:.1%} of the pairs are predicted to be within {FAR:g} angstrom and are off by more "
            f"than {2 * FAR:g}: {phrase(HIDDEN, of)}",
        ),
    )
