"""The chains of a data set: lengths, experiments, dates, what was not observed, composition and shape."""

import datetime
from collections import Counter
from collections.abc import Sequence

import numpy as np

from af2jax.audit.findings import Finding
from af2jax.audit.look import Seen
from af2jax.constants.residues import RESTYPES, UNKNOWN, encode
from af2jax.data.parse import printable
from af2jax.html.page import Caption, Page
from af2jax.plots import panels
from af2jax.report import reference
from af2jax.words import counted

POOR = 3.5  # angstrom, above which positions of atoms are uncertain (AlphaFold's losses stop at 3.0)
CROPS = (32, 64, 96, 128, 192, 256, 384)  # residues
SHORT = 40  # residues, below which a chain is a peptide and not a fold
FAR = 0.12  # of the composition, that another domain differs by (half the sum of differences)
LOOSE = 1.35  # times the radius of a globular chain, above which one is extended


def crop(seen: Sequence[Seen]) -> int:
    """The least usual crop in which 95 % of the chains fit, at most 384 residues."""
    need = np.quantile([one.length for one in seen], 0.95)
    return next((size for size in CROPS if size >= need), CROPS[-1])


def composition(seen: Sequence[Seen]) -> tuple[np.ndarray, float]:
    """(the share of each of the 20 types, [20], the share of unknown residues)."""
    codes = encode("".join(one.sequence.replace("/", "") for one in seen))
    counts = np.bincount(codes, minlength=UNKNOWN + 1)
    return counts[:UNKNOWN] / max(counts[:UNKNOWN].sum(), 1), float(counts[UNKNOWN] / max(counts.sum(), 1))


def distance(shares: np.ndarray) -> float:
    """Half the sum of differences from Swiss-Prot: the share of residues that would have to change."""
    return float(np.abs(shares - reference.COMPOSITION).sum() / 2)


def chance(residues: int) -> float:
    """The `distance` that so many residues drawn from Swiss-Prot are expected to have."""
    spread = np.sqrt(reference.COMPOSITION * (1 - reference.COMPOSITION))
    return float(spread.sum() / np.sqrt(2 * np.pi * max(residues, 1)))


def foreign(apart: Sequence[Seen]) -> bool:
    """Whether the composition of proteins without homologues is another than Swiss-Prot's, by more than chance."""
    return distance(composition(apart)[0]) > FAR + chance(sum(one.length for one in apart))


def findings(seen: Sequence[Seen], apart: Sequence[Seen]) -> list[Finding]:
    """What is wrong with chains; each of `seen` has a sequence, and `apart` is one for each cluster of homologues."""
    return [*_quality(seen), *_dates(seen), *_domain(seen, apart)]


def _quality(seen: Sequence[Seen]) -> list[Finding]:
    found = []
    known = [one for one in seen if one.structure]
    name = lambda chosen, what: tuple(f"{one.item.id}: {what(one)}" for one in chosen)
    poor = [one for one in known if one.structure.resolution > POOR]
    if len(poor) > 0.1 * len(known):
        found.append(
            Finding(
                "resolution",
                45,
                f"{len(poor)} of {len(known)} structures have a resolution above {POOR} angstrom",
                "Side chains and often the backbone are uncertain there: errors of the truth are measured as errors of "
                "the prediction.",
                "Keep them out of validation and test; AlphaFold's own losses use structures up to 3.0 angstrom.",
                name(poor, lambda one: f"{one.structure.resolution:.2f} angstrom"),
            )
        )
    absent = [one for one in known if one.structure.observed < 0.8]
    if len(absent) > 0.1 * len(known):
        found.append(
            Finding(
                "missing residues",
                40,
                f"{len(absent)} of {len(known)} structures lack more than a fifth of their residues",
                "Losses and metrics see observed residues alone, and those are the ordered ones.",
                "Do not read a good score as one for the whole chain; look at these by hand.",
                name(absent, lambda one: f"{one.structure.observed:.0%} observed"),
            )
        )
    bare = [one for one in known if one.structure.atoms < 0.9]
    if len(bare) > 0.1 * len(known):
        found.append(
            Finding(
                "missing atoms",
                40,
                f"{len(bare)} of {len(known)} structures lack more than a tenth of their heavy atoms",
                "Side chains that are not there are not learnt.",
                "Use losses of the backbone (fape, distogram), or complete the structures.",
                name(bare, lambda one: f"{one.structure.atoms:.0%} of the atoms"),
            )
        )
    share = lambda one: float((encode(one.sequence.replace("/", "")) == UNKNOWN).mean())
    unknown = [one for one in seen if one.sequence and share(one) > 0.05]
    if unknown:
        found.append(
            Finding(
                "unknown residues",
                45 if len(unknown) > 0.02 * len(seen) else 30,
                f"{len(unknown)} of {len(seen)} sequences have more than 5 % unknown residues (X)",
                "X has no side chain and no meaning to the network; many of them make a protein unlike all others.",
                "Replace modified residues by their parents, or leave these items out.",
                name(unknown, lambda one: f"{share(one):.0%} X"),
            )
        )
    return found


def _dates(seen: Sequence[Seen]) -> list[Finding]:
    dated = [one for one in seen if one.date]
    if not dated:
        return []
    found, line = [], lambda chosen: tuple(f"{one.item.id}: {one.date}" for one in sorted(chosen, key=lambda o: o.date))
    late = [one for one in dated if one.date > reference.MONOMERS]
    held = [one for one in dated if one.item.split in ("valid", "test") and one.date <= reference.MONOMERS]
    today = datetime.date.today().isoformat()
    if wrong := [one for one in dated if one.date > today]:
        found.append(
            Finding(
                "date in the future",
                60,
                f"{len(wrong)} of {len(dated)} dates lie in the future",
                f"Today is {today}: the column is no date of deposition, or damaged.",
                "Correct the dates.",
                line(wrong),
            )
        )
    if late:
        after = sum(one.date > reference.COMPLEXES for one in late)
        found.append(
            Finding(
                "date after the cut-off",
                50 if len(late) < len(dated) else 20,
                f"{len(late)} of {len(dated)} dated chains are younger than {reference.MONOMERS}",
                f"AlphaFold 2 was trained on structures up to {reference.MONOMERS}, AlphaFold-Multimer 2.3 up to "
                f"{reference.COMPLEXES} ({after} are younger than that). The older chains it has probably seen, the "
                "younger ones not: a mean over both says neither how it remembers nor how it predicts.",
                "Report old and young chains apart, and test on the young ones.",
                line(late),
            )
        )
    if held:
        found.append(
            Finding(
                "held out but seen",
                30,
                f"{len(held)} validation or test chains are of {reference.MONOMERS} or older",
                "DeepMind's weights have probably seen their structures. What is measured on them is too good for "
                "structures; labels of your own are not affected.",
                "Where structures are what is measured, test on chains that are younger.",
                line(held),
            )
        )
    return found


def _domain(seen: Sequence[Seen], apart: Sequence[Seen]) -> list[Finding]:
    found = []
    shares, _ = composition(apart)
    away = distance(shares)
    if foreign(apart):
        most = np.argsort(-np.abs(shares - reference.COMPOSITION))[:5]
        rows = tuple(f"{RESTYPES[i]}: {shares[i]:.1%} here, {reference.COMPOSITION[i]:.1%} at large" for i in most)
        found.append(
            Finding(
                "another domain",
                30,
                f"{away:.0%} of the residues would have to change for the composition of proteins at large",
                f"Compared with {reference.COMPOSITION_SOURCE}. Designed, repetitive, membrane or disordered proteins "
                "look like this.",
                "Do not take AlphaFold's published accuracy for yours: evaluate before tuning.",
                rows,
            )
        )
    peptides = [one for one in seen if one.length < SHORT]
    if len(peptides) > 0.5 * len(seen):
        found.append(
            Finding(
                "peptides",
                25,
                f"{len(peptides)} of {len(seen)} chains are shorter than {SHORT} residues",
                "AlphaFold was trained on proteins; peptides seldom have one structure.",
                "Read pLDDT with care.",
                tuple(f"{one.item.id}: {one.length}" for one in peptides),
            )
        )
    return found


def write(page: Page, seen: Sequence[Seen], apart: Sequence[Seen]) -> None:
    """Tables and plots of chains; `apart` is one for each cluster of homologues."""
    page.section("Chains")
    _table(page, seen)
    _lengths(page, seen)
    _composition(page, apart)
    known = [one for one in seen if one.structure]
    if known:
        _experiments(page, known)
        _shape(page, known)
    if dated := [one for one in seen if one.date]:
        _calendar(page, dated)


def _table(page: Page, seen: Sequence[Seen]) -> None:
    heads = ["id", "split", "length", "date", "method", "resolution (angstrom)", "observed (share)", "inner gaps"]
    heads += ["atoms (share)", "helix", "strand", "coil", "radius of gyration (angstrom)"]
    rows = []
    for one in seen:
        s = one.structure
        rest = [None] * 9 if s is None else [s.method, *_blank(s)]
        rows.append([one.item.id, one.item.split, one.length, one.date, *rest])
    known = [any(row[i] not in ("", None) and row[i] == row[i] for row in rows) for i in range(len(heads))]
    cut = lambda row: [cell for cell, kept in zip(row, known, strict=True) if kept]
    page.table("chains", cut(heads), map(cut, rows), counted(len(seen), "chain"))


def _blank(s) -> list:
    return [s.resolution, s.observed, s.inner, s.atoms, s.helix, s.strand, s.coil, s.rg]


def _lengths(page: Page, seen: Sequence[Seen]) -> None:
    length = np.array([one.length for one in seen])
    size = crop(seen)
    page.number("lengths", {"median": np.median(length), "least": length.min(), "most": length.max(), "crop": size})
    caption = Caption(
        f"Lengths of {counted(len(seen), 'chain')}.",
        f"Residues of the full sequences; dashed: the proposed crop; dotted: {reference.LENGTH_SOURCE}.",
        f"The median is {np.median(length):.0f}, the longest {length.max()}: a crop of {size} holds "
        f"{(length <= size).mean():.0%} of the chains whole"
        + (", so nothing is gained by more." if (length <= size).mean() > 0.99 else "; of the others it sees parts."),
    )
    marks = {f"crop {size}": size, "PDB": reference.LENGTH}
    page.figure("lengths", panels.histogram({"chains": length}, "residues", "chains", marks), caption)


def _composition(page: Page, apart: Sequence[Seen]) -> None:
    shares, unknown = composition(apart)
    away = distance(shares)
    order = np.argsort(-reference.COMPOSITION)
    rows = {RESTYPES[i]: {"here": 100 * shares[i], "Swiss-Prot": 100 * reference.COMPOSITION[i]} for i in order}
    most = int(np.abs(shares - reference.COMPOSITION).argmax())
    page.table(
        "composition",
        ["residue", "here (%)", "Swiss-Prot (%)"],
        [[letter, row["here"], row["Swiss-Prot"]] for letter, row in rows.items()],
        f"Composition; {100 * unknown:.2f} % of the residues are unknown",
    )
    total = sum(one.length for one in apart)
    usual = f"as among proteins at large, as {chance(total):.1%} are expected by chance and up to {FAR:.0%} are usual"
    verdict = "another domain: evaluate before you trust any score" if foreign(apart) else usual
    caption = Caption(
        "How often each amino acid occurs.",
        f"Shares of {total:,} residues, one protein of each cluster of homologues, beside "
        f"{reference.COMPOSITION_SOURCE}.",
        f"{away:.1%} of the residues would have to change to match, most of all {RESTYPES[most]} "
        f"({100 * shares[most]:.1f} % here, {100 * reference.COMPOSITION[most]:.1f} % there): {verdict}.",
    )
    page.figure("composition", panels.bars(rows, "% of residues", 5.0), caption)


def _experiments(page: Page, known: Sequence[Seen]) -> None:
    methods = Counter(one.structure.method or "not stated" for one in known)
    page.table("methods", ["method", "structures"], [[name, count] for name, count in methods.most_common()], "Methods")
    resolution = np.array([one.structure.resolution for one in known])
    stated = resolution[np.isfinite(resolution)]
    if len(stated) > 1:
        poor = int((stated > POOR).sum())
        caption = Caption(
            f"Resolution of the {len(stated)} of {len(known)} structures that state it.",
            f"From the files or a column, in angstrom; dashed: {POOR}, above which side chains are uncertain.",
            f"The median is {np.median(stated):.2f} and {poor} are above {POOR}: "
            + ("keep those out of validation and test." if poor else "no structure need be left out for it."),
        )
        plot = panels.histogram({"structures": stated}, "resolution (angstrom)", "structures", {str(POOR): POOR})
        page.figure("resolution", plot, caption)
    observed = np.array([one.structure.observed for one in known])
    atoms = np.array([one.structure.atoms for one in known])
    inner = sum(one.structure.inner > 0 for one in known)
    caption = Caption(
        "What was observed of each structure.",
        "Residues with an atom among those of the full sequence, and heavy atoms found among those that the observed "
        "residues should have.",
        f"On average {observed.mean():.1%} of the residues and {atoms.mean():.1%} of their atoms are there, and "
        f"{inner} of {len(known)} chains have a gap inside: "
        + ("losses see nearly everything." if observed.mean() > 0.95 else "losses see the ordered part alone."),
    )
    plot = panels.histogram({"residues": 100 * observed, "atoms": 100 * atoms}, "% observed", "structures")
    page.figure("observed", plot, caption)


def _shape(page: Page, known: Sequence[Seen]) -> None:
    length = np.array([one.length for one in known])
    shares = {
        kind: float(np.average([getattr(one.structure, kind) for one in known], weights=length))
        for kind in ("helix", "strand", "coil")
    }
    page.number("secondary", shares)
    rows = {kind: {"here": 100 * shares[kind], "PDB": 100 * reference.SECONDARY[kind]} for kind in shares}
    most = max(shares, key=lambda kind: abs(shares[kind] - reference.SECONDARY[kind]))
    gap = abs(shares[most] - reference.SECONDARY[most])
    caption = Caption(
        "Helices, strands and coil.",
        f"Hydrogen bonds after Kabsch and Sander, all residues; beside them {reference.SECONDARY_SOURCE}.",
        f"{shares['helix']:.0%} helix and {shares['strand']:.0%} strand; {most} differs most from the PDB, by "
        f"{100 * gap:.0f} points: " + ("a usual mixture." if gap < 0.15 else "a set of special folds, report it so."),
    )
    page.figure("secondary", panels.bars(rows, "% of residues"), caption)
    rg = np.array([one.structure.rg for one in known])
    observed = np.array([one.structure.observed * one.length for one in known])
    loose = rg > LOOSE * reference.radius(observed)
    grid = np.linspace(observed.min(), observed.max(), 50)
    caption = Caption(
        "Radius of gyration against length.",
        f"CA atoms that are observed; the curve is a globular chain ({reference.RADIUS_SOURCE}).",
        f"{loose.sum()} of {len(known)} chains are more than {LOOSE} times as wide as a globular one"
        + (
            f" ({', '.join(known[i].item.id for i in np.flatnonzero(loose)[:4])}): they are extended, or part of a "
            "complex; look at them before they are judged."
            if loose.any()
            else ": all are compact, and a crop by sequence keeps neighbours."
        ),
    )
    plot = panels.scatter(
        {"chains": (observed, rg)},
        ("residues observed", "radius of gyration (angstrom)"),
        {"globular": (grid, reference.radius(grid))},
    )
    page.figure("gyration", plot, caption)


def _calendar(page: Page, dated: Sequence[Seen]) -> None:
    years = np.array([int(one.date[:4]) + int(one.date[5:7]) / 12 for one in dated])
    late = sum(one.date > reference.MONOMERS for one in dated)
    as_year = lambda date: int(date[:4]) + int(date[5:7]) / 12
    caption = Caption(
        f"When {counted(len(dated), 'chain was', 'chains were')} deposited.",
        "From a column with a date, or the file; dashed and dotted: the training cut-offs of AlphaFold 2 "
        f"({reference.MONOMERS}) and AlphaFold-Multimer 2.3 ({reference.COMPLEXES}).",
        f"{late} are younger than the first cut-off: "
        + ("only these can show how AlphaFold predicts what it has not seen." if late else "AlphaFold may know all."),
    )
    lines = {"AlphaFold 2": as_year(reference.MONOMERS), "AlphaFold-Multimer": as_year(reference.COMPLEXES)}
    plot = panels.histogram({"chains": years}, "year of deposition", "chains", lines)
    page.figure("dates", plot, caption)
    rows = sorted(Counter(one.date[:4] for one in dated).items())
    page.table("dates", ["year", "chains"], [[printable(year), count] for year, count in rows], "Years")
