"""The figures of an assessment of af2jax-mini, and its card's tables of them."""

import numpy as np

from af2jax.metrics import quality
from af2jax.metrics.statistics import Interval, bootstrap, paired, rank_correlation

KINDS = ("natural", "designed")
OTHERS = ("exchanged truths", "compact chain", "ideal helix", "nearest chain")
GOALS = (  # what, key, at least, goal
    ("natural, sequence alone: lDDT-CA", "natural: lddt_ca", 35, 42),
    ("natural: lDDT-CA minus exchanged truths", "natural: minus exchanged truths", 5, 10),
    ("designed and model: lDDT-CA", "designed: lddt_ca", 46, 60),
    ("designed and model: lDDT-CA minus exchanged truths", "designed: minus exchanged truths", 8, 18),
    ("three-state accuracy of coordinates, natural", "natural: states", 0.52, 0.65),
    ("with an alignment of 100 rows or more minus without: lDDT-CA", "alignment: difference", "interval above 0", 5),
    ("pLDDT over residues: Spearman with lDDT-CA", "plddt: spearman", 0.35, 0.55),
)


def ranks(residues: list[np.ndarray], clusters: list[str]) -> Interval:
    """Spearman's correlation over all residues, and its interval over clusters drawn again."""
    predicted, true = np.concatenate(residues).T
    return rank_correlation(predicted, true, np.repeat(clusters, [len(one) for one in residues]))


def numbers(rows: list[dict], residues: list[np.ndarray], aligned: list[dict]) -> dict:
    """Every figure of the assessment, by key; intervals are (value, low, high, count, families)."""
    found: dict = {}
    for kind in KINDS:
        some = [row for row in rows if row["kind"] == kind]
        column = lambda name, some=some: np.array([row.get(name, np.nan) for row in some], float)
        clusters = [row["cluster"] for row in some]
        for name in ("lddt_ca", "tm", "contacts", "states", "plddt"):
            found[f"{kind}: {name}"] = bootstrap(column(name), clusters)
        for other in OTHERS:
            for name in ("lddt_ca", "tm", "states"):
                found[f"{kind}: {other}: {name}"] = bootstrap(column(f"{other}: {name}"), clusters)
            difference = paired(column("lddt_ca"), column(f"{other}: lddt_ca"), clusters).difference
            found[f"{kind}: minus {other}"] = difference
    clusters = [row["cluster"] for row in aligned]
    column = lambda name: np.array([row[name] for row in aligned])
    found["alignment: with"], found["alignment: without"] = (
        bootstrap(column(name), clusters) for name in ("with", "without")
    )
    found["alignment: difference"] = paired(column("with"), column("without"), clusters).difference
    clusters = [row["cluster"] for row in rows]
    for name in ("nats", "frequencies", "right"):
        found[f"hidden: {name}"] = bootstrap([row[f"hidden: {name}"] for row in rows], clusters)
    found["plddt: spearman"] = ranks(residues, clusters)
    found["plddt: calibration"] = quality.calibration(*(x := np.concatenate(residues)).T, np.ones(len(x), bool))
    return found


def tables(found: dict) -> str:
    """The tables of the card, in Markdown."""
    lines = ["| it must show | found | at least | goal |", "|---|---:|---:|---:|"]
    lines += [f"| {what} | {found[key]} | {least} | {goal} |" for what, key, least, goal in GOALS]
    for kind in KINDS:
        count = found[f"{kind}: lddt_ca"].count
        own = " | ".join(str(found[f"{kind}: {name}"]) for name in ("tm", "contacts", "states"))
        lines += ["", f"| {kind}, {count} chains | lDDT-CA | mini minus it | TM-score | L/5 contacts | three states |"]
        lines += ["|---|---:|---:|---:|---:|---:|", f"| af2jax-mini | {found[f'{kind}: lddt_ca']} | | {own} |"]
        for other in OTHERS:
            local, tm, state = (found[f"{kind}: {other}: {name}"] for name in ("lddt_ca", "tm", "states"))
            shown = state if state.count else ""
            lines.append(f"| {other} | {local} | {found[f'{kind}: minus {other}']} | {tm} | | {shown} |")
    both = f"lDDT-CA {found['alignment: with']} with it, {found['alignment: without']} without"
    lines += ["", f"{found['alignment: with'].count} chains with an alignment: {both}.", ""]
    hidden = (
        f"nats for each hidden residue {found['hidden: nats']}, by their frequencies {found['hidden: frequencies']}"
    )
    lines += [
        f"Masked residues, hidden from all inputs: {hidden}; {found['hidden: right']} of the guesses are right.",
        "",
    ]
    known = found["plddt: calibration"]
    lines += [f"pLDDT over residues: expected calibration error {known.error:.1f}.", ""]
    lines += ["| pLDDT from | residues | mean pLDDT | mean lDDT-CA |", "|---:|---:|---:|---:|"]
    for low, count, plddt, true in zip(known.edges, known.count, known.predicted, known.found, strict=False):
        lines += [f"| {low:.0f} | {count} | {plddt:.1f} | {true:.1f} |"] if count else []
    return "\n".join(lines) + "\n"
