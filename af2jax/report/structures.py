"""The part of an evaluation that is about structures: scores, calibration, how they form, and the worst cases."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from af2jax.constants.atoms import CA, CB
from af2jax.constants.residues import GAP
from af2jax.evaluation import reliability
from af2jax.evaluation.record import Evaluation, Shown
from af2jax.evaluation.scores import APART, METRICS, PAE_WIDTH
from af2jax.files import file_name, write
from af2jax.geometry.superpose import superpose
from af2jax.html.page import Caption, Page
from af2jax.html.viewer import steps, trace, viewer
from af2jax.metrics.statistics import NARROW, bootstrap
from af2jax.plots import assess, panels
from af2jax.plots.coverage import ENOUGH, coverage
from af2jax.protein.files import Protein
from af2jax.report import interfaces, sentences

ROOM, COORDINATES = 200_000, 18  # bytes of a page for how structures form, and those of one atom
CONTACT = 8.0  # angstrom
TABLE = ("lddt_ca", "lddt", "gdt_ts", "tm", "rmsd", "clashes", "chi1", "plddt")
COMPLEX = ("dockq", "iptm")  # where there are several chains
SAID = {"plddt": "pLDDT", "iptm": "ipTM"}


def part(page: Page, evaluation: Evaluation, out: Path) -> None:
    """Adds it to `page`; the worst structures are written below `out`."""
    order = np.argsort(np.nan_to_num(evaluation.column("lddt_ca"), nan=np.inf), kind="stable")
    page.section("Structures")
    _summary(page, evaluation, order)
    interfaces.evaluated(page, evaluation)
    page.section("Does the network know how good it is?")
    _calibration(page, evaluation)
    _aligned(page, evaluation)
    page.section("How the structure forms")
    _forms(page, evaluation)
    if evaluation.worst:
        page.section("The worst cases")
        _worst(page, evaluation, out)


def _summary(page: Page, evaluation: Evaluation, order: np.ndarray) -> None:
    rows = []
    for name, metric in METRICS.items():
        values = evaluation.column(name)
        interval = bootstrap(values, evaluation.families)
        if interval.count:
            unit = f" ({metric.unit})" if metric.unit else ""
            spread = float(np.nanstd(values))
            best = "high" if metric.higher else "low"
            rows.append((f"{metric.label}{unit}", *interval[:3], spread, best, interval.count, interval.families))
    headings = ("metric", "mean", "95 % from", "to", "spread", "good is", "targets", "families")
    narrow = "; fewer than five families: the intervals are too narrow" if rows and rows[0][-1] < NARROW else ""
    page.table("metrics", headings, rows, f"All targets; families are drawn together for the intervals{narrow}")
    targets = [evaluation.targets[i] for i in order]
    shown = [*TABLE, *(name for name in COMPLEX if np.isfinite(evaluation.column(name)).any())]
    headings = (
        "target",
        "residues",
        *(METRICS[n].label if n in METRICS else SAID[n] for n in shown),
        "homologue learned from",
    )
    rows = [(t.id, t.numbers["length"], *(t.numbers[n] for n in shown), t.homologue) for t in targets]
    page.table("targets", headings, rows, "Each target, worst first")
    values = evaluation.column("lddt_ca")
    values = values[np.isfinite(values)]
    low = float((values < 70).mean())
    worst = targets[0]
    page.figure(
        "lddt_ca",
        panels.histogram({"targets": values}, "lDDT-CA", "targets", {"70: backbone mostly right": 70.0}),
        Caption(
            f"lDDT-CA of {len(values)} targets, by how many reach what.",
            "The whole chain against all observed residues, after the last recycle; 100 is perfect.",
            f"{low:.0%} of the targets lie below 70, the worst, {worst.id}, at {worst.numbers['lddt_ca']:.1f}: "
            + ("look at these one by one before any training." if low else "none needs to be looked at first."),
        ),
    )


def _calibration(page: Page, evaluation: Evaluation) -> None:
    of = reliability.plddt(evaluation)
    found, there = of.found, of.found.count > 0
    page.number("plddt_calibration", found._asdict())
    page.number("plddt_rank", of.rank._asdict())
    if not there.any():
        return
    follows = sentences.plddt_sentence(of)
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
            follows,
        ),
    )
    if found.error > reliability.MISMATCH:
        page.warning("caution", "pLDDT is not to be trusted on these proteins", follows)


def _aligned(page: Page, evaluation: Evaluation) -> None:
    if (of := reliability.pae(evaluation)) is None:
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


def _forms(page: Page, evaluation: Evaluation) -> None:
    if (of := reliability.recycling(evaluation)) is None:
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
            f"Means of {of.targets} targets; a pass starts from the result of the one before.",
            sentences.recycling_sentence(of),
        ),
    )


def _worst(page: Page, evaluation: Evaluation, out: Path) -> None:
    files, scenes = [], []
    for shown in evaluation.worst:
        name = file_name(shown.target.id)
        rows = np.asarray(shown.features.seq_mask)
        final = _protein(shown, shown.seen.positions)
        write(out / "structures" / f"{name}.cif", final.to_mmcif())
        write(out / "structures" / f"{name}_trajectory.cif", trajectory(shown))
        files += [f"structures/{name}.cif", f"structures/{name}_trajectory.cif"]
        chain = final.chain_index
        residues = shown.scores.residues
        true = np.asarray(shown.targets.positions)[rows, CA], np.asarray(shown.targets.atom_mask)[rows, CA]
        tubes = [
            trace(
                "prediction", shown.scores.moved, np.ones(len(chain), bool), chain, residues["plddt"], residues["error"]
            ),
            trace("known", *true, chain),
        ]
        scene = {"name": f"{shown.target.id} (lDDT-CA {shown.target.numbers['lddt_ca']:.1f})", "traces": tubes}
        scenes.append(scene | {"steps": _formed(shown, ROOM // len(evaluation.worst))})
    page.text(
        "The prediction (thick) is superposed on the known structure (thin, grey). Drag to rotate, wheel or pinch to "
        "zoom; the slider goes back through the layers of the structure module and the passes that made it. "
        f"The files beside this page: {', '.join(files)}. A trajectory has a model for each layer of the structure "
        "module in each pass."
    )
    page.raw(*viewer("worst_structures", scenes))
    shown = evaluation.worst[0]
    _distances(page, shown)
    _errors(page, shown)
    if aligned := [shown for shown in evaluation.worst if shown.alignment is not None]:
        _coverage(page, aligned[0])


def _protein(shown: Shown, positions: np.ndarray) -> Protein:
    rows = np.asarray(shown.features.seq_mask)
    chains = np.unique(np.asarray(shown.features.asym_id)[rows], return_inverse=True)[1]
    kept = (np.asarray(x)[rows] for x in (shown.features.aatype, positions, shown.seen.atom_mask))
    index = np.asarray(shown.features.residue_index)[rows]
    plddt, names = shown.seen.plddt[-1][rows], tuple(shown.target.chains)
    return Protein(*kept, index, chains, plddt, shown.target.id, chain_names=names)


def trajectory(shown: Shown) -> str:
    """mmCIF with a model for each layer in each pass, each laid over the prediction."""
    final, rows = shown.seen.positions, np.asarray(shown.features.seq_mask)
    models = None
    for layer in shown.seen.layers.reshape(-1, *final.shape):
        motion = superpose(layer[:, CA].astype(np.float64), final[:, CA].astype(np.float64), rows)
        one = _protein(shown, layer @ motion.rot.T + motion.trans).structure()
        if models is None:
            models = one
        else:
            models.add_model(one[0])
    models.renumber_models()
    return models.make_mmcif_document().as_string()


def _formed(shown: Shown, room: int) -> list[dict]:
    """Layers of all passes, evenly chosen so that they fit into `room` bytes, the last among them, laid over it."""
    rows = np.asarray(shown.features.seq_mask)
    passes, layers = shown.seen.layers.shape[:2]
    points = shown.seen.layers[..., CA, :].reshape(passes * layers, -1, 3)[:, rows].astype(np.float64)
    most = max(room // (COORDINATES * rows.sum()), 2)
    chosen = np.unique(np.linspace(0, len(points) - 1, min(most, len(points))).round().astype(int))
    final, all_rows = shown.scores.moved, np.ones(rows.sum(), bool)
    laid = []
    for i in chosen:
        motion = superpose(points[i], final.astype(np.float64), all_rows)
        laid.append(points[i] @ motion.rot.T + motion.trans)
    return steps([f"pass {i // layers + 1}, layer {i % layers + 1}" for i in chosen], np.stack(laid))


def _distances(page: Page, shown: Shown) -> None:
    if shown.seen.distances is None:
        return
    rows = np.asarray(shown.features.seq_mask)
    said, contacts = (x[rows][:, rows] for x in (shown.seen.distances, shown.seen.contacts))
    atoms, mask = np.asarray(shown.targets.positions)[rows], np.asarray(shown.targets.atom_mask)[rows]
    pick = np.where(mask[:, CB], CB, CA)
    place, chain = np.arange(len(pick)), np.asarray(shown.features.asym_id)[rows]
    beta = np.where(mask[place, pick][:, None], atoms[place, pick], np.nan)
    true = np.linalg.norm(beta[:, None] - beta[None], axis=-1)
    other = chain[:, None] != chain
    far = np.triu((np.abs(place[:, None] - place) >= APART) | other) & np.isfinite(true)
    apart = f"{APART} or more residues apart{' or of two chains' if other.any() else ''}"
    real, likely = far & (true < CONTACT), far & (contacts > 0.5)
    right, hits, called = int((real & likely).sum()), int(real.sum()), int(likely.sum())
    page.figure(
        "worst_contacts",
        assess.maps(
            {"predicted by the distogram": contacts, "known": np.where(np.isfinite(true), true < CONTACT, np.nan)},
            "contact (probability)",
            (0, 1),
            "Blues",
            _bounds(shown),
        ),
        Caption(
            f"Contacts of {shown.target.id}, the worst target: pairs of CB atoms nearer than {CONTACT:g} angstrom.",
            "Above: the probability by the distogram; below: 1 where it is so.",
            f"{called} pairs {apart} are called a contact, {right} of them are: "
            + (
                "what it calls may be trusted." if right > 0.7 * called and called else "do not build on what it calls."
            ),
        ),
    )
    page.figure(
        "worst_distances",
        assess.maps(
            {"expected by the distogram": said, "known": true},
            "distance (angstrom)",
            (2, 22),
            "viridis_r",
            _bounds(shown),
        ),
        Caption(
            f"Distances between CB atoms of {shown.target.id}, the worst target: expected and known.",
            "The distogram does not tell distances above 22 angstrom apart; white: not observed.",
            f"Of {hits} contacts {apart} (below {CONTACT:g} angstrom) it finds {right} with a probability above 0.5: "
            + (
                "the fold is not seen; an alignment or a template must bring it."
                if right < 0.3 * hits
                else "the fold is seen, so that the structure module is where to look."
            ),
        ),
    )


def _coverage(page: Page, shown: Shown) -> None:
    rows, name = shown.alignment, shown.target.id
    depth = (rows < GAP).sum(0)
    few = float((depth < ENOUGH).mean())
    with TemporaryDirectory() as folder:
        page.figure(
            "worst_coverage",
            coverage(Path(folder) / "coverage.png", _protein(shown, shown.seen.positions), rows),
            Caption(
                f"The {len(rows):,} sequences of the alignment of {name}, and how many cover each position.",
                "A line for each sequence, white where it has a gap, coloured and sorted by its identity to the query.",
                f"The median depth is {np.median(depth):.0f}, and {few:.0%} of the positions have fewer than {ENOUGH}: "
                + ("search larger databases before tuning." if few > 0.5 else "the alignment is no reason for errors."),
            ),
        )


def _bounds(shown: Shown) -> list[int]:
    """Where chains begin but the first."""
    return (
        np.flatnonzero(np.diff(np.asarray(shown.features.asym_id)[np.asarray(shown.features.seq_mask)])) + 1
    ).tolist()


def _errors(page: Page, shown: Shown) -> None:
    if shown.seen.pae is None or not np.isfinite(shown.scores.aligned).any():
        return
    rows = np.asarray(shown.features.seq_mask)
    said, true = shown.seen.pae[rows][:, rows], shown.scores.aligned
    both = np.isfinite(true)
    hidden = float(((said < reliability.FAR) & (true > 2 * reliability.FAR))[both].mean())
    page.figure(
        "worst_pae",
        assess.maps(
            {"expected (PAE)": said, "true": true}, "aligned error (angstrom)", (0, 30), "Greens_r", _bounds(shown)
        ),
        Caption(
            f"The aligned error of {shown.target.id}, the worst target: expected and true.",
            "The error of residue x where the structures are laid over each other at the backbone of residue y; white: "
            "not observed.",
            f"{hidden:.1%} of the pairs are predicted to be within {reliability.FAR:g} angstrom and are off by more "
            f"than {2 * reliability.FAR:g}: "
            + ("PAE hides errors here." if hidden > 0.05 else "what is wrong is also predicted to be uncertain."),
        ),
    )
