"""The chains of a data set: lengths, experiments, dates, what was not observed, composition and shape."""

from collections.abc import Sequence

import numpy as np

from af2jax.audit import dates, reference
from af2jax.audit.explore import Audit
from af2jax.audit.look import Seen
from af2jax.audit.sequences import FAR, Composition, Lengths
from af2jax.audit.structures import LOOSE, POOR, Structures
from af2jax.constants.residues import RESTYPES
from af2jax.data.parse import printable
from af2jax.html.page import Caption, Page
from af2jax.plots import panels
from af2jax.words import counted

MOSTLY, ALL = 0.95, 0.99  # of the residues, observed; of the chains, whole in a crop
USUAL = 0.15  # difference of a share of secondary structure from the PDB's


def write(page: Page, audit: Audit) -> None:
    """Plots and tables of chains."""
    page.section("Chains")
    _lengths(page, audit.lengths)
    _composition(page, audit.composition)
    if audit.structures:
        _experiments(page, audit.structures)
        _secondary(page, audit.structures)
        _gyration(page, audit.structures)
    if audit.dates:
        _calendar(page, audit.dates)
    _table(page, audit.seen)
    _tables(page, audit)


def _table(page: Page, seen: Sequence[Seen]) -> None:
    heads = ["id", "split", "length", "date", "method", "resolution (angstrom)", "observed (share)", "inner gaps"]
    heads += ["atoms (share)", "helix (share)", "strand (share)", "coil (share)", "radius of gyration (angstrom)"]
    rows = []
    for one in seen:
        s = one.structure
        rest = (
            (s.method, s.resolution, s.observed, s.inner, s.atoms, s.helix, s.strand, s.coil, s.rg) if s else [None] * 9
        )
        rows.append([one.item.id, one.item.split, one.length, one.date, *rest])
    known = [i for i in range(len(heads)) if any(row[i] not in ("", None) and row[i] == row[i] for row in rows)]
    page.table(
        "chains", [heads[i] for i in known], [[row[i] for i in known] for row in rows], counted(len(seen), "chain")
    )


def _tables(page: Page, audit: Audit) -> None:
    """What the plots show, as numbers, folded away."""
    known = audit.composition
    here, at_large, order = _beside(known)
    page.table(
        "composition",
        ["residue", "here (%)", "Swiss-Prot (%)"],
        [[RESTYPES[i], here[i], at_large[i]] for i in order],
        f"Composition; {100 * known.unknown:.2f} % of the residues are unknown",
        folded=True,
    )
    if audit.structures:
        methods = audit.structures.methods.most_common()
        page.table("methods", ["method", "structures"], methods, "Methods", folded=True)
    if audit.dates:
        years = [[printable(year), n] for year, n in audit.dates.counts.items()]
        page.table("dates", ["year", "chains"], years, "Years", folded=True)


def _lengths(page: Page, lengths: Lengths) -> None:
    known = lengths.residues
    short = {"median": known.median, "least": int(known.least), "most": int(known.most), "crop": lengths.crop}
    page.number("lengths", short)
    caption = Caption(
        f"Lengths of {counted(len(known.values), 'chain')}.",
        f"Residues of the full sequences; dashed: the proposed crop; dotted: {reference.LENGTH_SOURCE}.",
        f"The median is {known.median:.0f}, the longest {known.most:.0f}: a crop of {lengths.crop} holds "
        f"{lengths.whole:.0%} of the chains whole"
        + (", so nothing is gained by more." if lengths.whole > ALL else "; of the others it sees parts."),
    )
    marks = {f"crop {lengths.crop}": lengths.crop, "PDB": reference.LENGTH}
    page.figure("lengths", panels.histogram({"chains": known.values}, "residues", "chains", marks), caption)


def _beside(known: Composition) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Per cent of each residue type here and at large, and the order from the most frequent at large."""
    here, at_large = 100 * known.shares, 100 * reference.COMPOSITION
    return here, at_large, sorted(range(len(RESTYPES)), key=lambda i: -at_large[i])


def _composition(page: Page, known: Composition) -> None:
    here, at_large, order = _beside(known)
    usual = f"as among proteins at large, as {known.chance:.1%} are expected by chance and up to {FAR:.0%} are usual"
    verdict = "another domain: evaluate before you trust any score" if known.foreign else usual
    most = known.order[0]
    caption = Caption(
        "How often each amino acid occurs.",
        f"Shares of {known.residues:,} residues, one protein of each cluster of homologues, beside "
        f"{reference.COMPOSITION_SOURCE}.",
        f"{known.distance:.1%} of the residues would have to change to match, most of all {RESTYPES[most]} "
        f"({here[most]:.1f} % here, {at_large[most]:.1f} % there): {verdict}.",
    )
    rows = {RESTYPES[i]: {"here": here[i], "Swiss-Prot": at_large[i]} for i in order}
    page.figure("composition", panels.bars(rows, "% of residues", 5.0), caption)


def _experiments(page: Page, known: Structures) -> None:
    number = len(known.rg)
    if len(known.resolution.values) > 1:
        caption = Caption(
            f"Resolution of the {len(known.resolution.values)} of {number} structures that state it.",
            f"From the files or a column, in angstrom; dashed: {POOR}, above which side chains are uncertain.",
            f"The median is {known.resolution.median:.2f} and {known.poor} are above {POOR}: "
            + ("keep those out of validation and test." if known.poor else "no structure need be left out for it."),
        )
        marks = {str(POOR): POOR}
        plot = panels.histogram({"structures": known.resolution.values}, "resolution (angstrom)", "structures", marks)
        page.figure("resolution", plot, caption)
    caption = Caption(
        "What was observed of each structure.",
        "Residues with an atom among those of the full sequence, and heavy atoms found among those that the observed "
        "residues should have.",
        f"On average {known.observed.mean:.1%} of the residues and {known.atoms.mean:.1%} of their atoms are there, "
        f"and {known.gapped} of {number} chains have a gap inside: "
        + ("losses see nearly everything." if known.observed.mean > MOSTLY else "losses see the ordered part alone."),
    )
    plot = panels.histogram(
        {"residues": 100 * known.observed.values, "atoms": 100 * known.atoms.values}, "% observed", "structures"
    )
    page.figure("observed", plot, caption)


def _secondary(page: Page, known: Structures) -> None:
    shares, most = known.secondary, max(known.secondary, key=known.away)
    page.number("secondary", shares)
    rows = {kind: {"here": 100 * shares[kind], "PDB": 100 * reference.SECONDARY[kind]} for kind in shares}
    caption = Caption(
        "Helices, strands and coil.",
        f"Hydrogen bonds after Kabsch and Sander, all residues; beside them {reference.SECONDARY_SOURCE}.",
        f"{shares['helix']:.0%} helix and {shares['strand']:.0%} strand; {most} differs most from the PDB, by "
        f"{100 * known.away(most):.0f} points: "
        + ("a usual mixture." if known.away(most) < USUAL else "a set of special folds, report it so."),
    )
    page.figure("secondary", panels.bars(rows, "% of residues"), caption)


def _gyration(page: Page, known: Structures) -> None:
    caption = Caption(
        "Radius of gyration against length.",
        f"CA atoms that are observed; the curve is a globular chain ({reference.RADIUS_SOURCE}).",
        f"{len(known.loose)} of {len(known.rg)} chains are more than {LOOSE} times as wide as a globular one"
        + (
            f" ({', '.join(known.loose[:4])}): they are extended, or part of a complex; look at them before they are "
            "judged."
            if known.loose
            else ": all are compact, and a crop by sequence keeps neighbours."
        ),
    )
    grid = np.linspace(known.residues.min(), known.residues.max(), 50)
    plot = panels.scatter(
        {"chains": (known.residues, known.rg)},
        ("residues observed", "radius of gyration (angstrom)"),
        {"globular": (grid, reference.radius(grid))},
    )
    page.figure("gyration", plot, caption)


def _calendar(page: Page, known: dates.Dates) -> None:
    caption = Caption(
        f"When {counted(len(known.years), 'chain was', 'chains were')} deposited.",
        "From a column with a date, or the file; dashed and dotted: the training cut-offs of AlphaFold 2 "
        f"({reference.MONOMERS}) and AlphaFold-Multimer 2.3 ({reference.COMPLEXES}).",
        f"{known.late} are younger than the first cut-off: "
        + (
            "only these can show how AlphaFold predicts what it has not seen."
            if known.late
            else "AlphaFold may know all."
        ),
    )
    lines = {"AlphaFold 2": reference.MONOMERS, "AlphaFold-Multimer": reference.COMPLEXES}
    lines = {name: dates.year(date) for name, date in lines.items()}
    page.figure("dates", panels.histogram({"chains": known.years}, "year of deposition", "chains", lines), caption)
