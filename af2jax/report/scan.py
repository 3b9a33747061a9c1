"""The page of a scan: a heat map of each score, what it agrees with, and every variant in a table."""

import numpy as np

from af2jax.data.mutants import Mutation
from af2jax.html.page import Caption, Page
from af2jax.plots.scan import AMINO_ACIDS, heat_map
from af2jax.screening.variants import ZERO_SHOT, Scan

MADE = {
    ZERO_SHOT: "Each residue was hidden in turn: log p(new) - log p(old) by the masked-MSA head, without any label.",
    "full": "One pass for each variant; the head reads how activations differ from those of the wild type.",
    "cached": "One pass of the wild type; the head is told which amino acid comes.",
}
ENDS = {  # what scores below and above 0 mean
    ZERO_SHOT: ("less likely than the wild type", "likelier"),
    "full": ("below the wild type", "above it"),
    "cached": ("below 0", "above 0"),
}


def render(scan: Scan) -> Page:
    """The page; `variants.csv`, in ProteinGym's form, lies beside it."""
    page = Page(f"Variants of {scan.name}", scan.notes)
    page.text(
        f"{len(scan.variants)} variants of a protein of {len(scan.sequence)} residues, scored by {scan.source} "
        f"({scan.preset}, {scan.num_recycle} recycles). A dot marks the wild type; grey was not scored."
    )
    if scan.near:
        page.text(f"What taught the heads: {scan.near}.")
    page.section("Scores")
    for name in scan.scores:
        _map(page, scan, name)
    if scan.agreement:
        page.section("Beside what was measured")
        page.table("agreement", ["score", "Spearman"], [[name, value] for name, value in scan.agreement.items()])
    page.section("Variants")
    page.table("variants", scan.columns, scan.cells)
    page.number("scan", scan.json())
    page.file("variants.csv", scan.csv)
    return page


def _map(page: Page, scan: Scan, name: str) -> None:
    single = [
        (one[0], score) for one, score in zip(scan.variants, scan.scores[name].tolist(), strict=True) if len(one) == 1
    ]
    if not single:
        page.text(f"{_title(scan, name)}: no variant has one mutation, so that there is no map.")
        return
    first, last = (end(mutation.position for mutation, _ in single) for end in (min, max))
    values = np.full((len(AMINO_ACIDS), last - first + 1), np.nan)
    for mutation, score in single:
        values[AMINO_ACIDS.index(mutation.new), mutation.position - first] = score
    way = ZERO_SHOT if name == ZERO_SHOT else scan.heads[name].mode
    page.figure(
        f"scan_{name}",
        heat_map(values, scan.sequence[first - 1 : last], first, _title(scan, name), ENDS[way]),
        Caption(
            f"{_title(scan, name)} of {len(single)} single variants, by position and new amino acid.",
            MADE[way],
            _follows(single, name in scan.meaningless),
        ),
    )


def _follows(single: list[tuple[Mutation, float]], meaningless: bool) -> str:
    """The ends of the scale, unless they mean nothing."""
    if meaningless:
        return f"None of these {len(single)} scores means anything: read none of them, whatever its colour."
    low, high = (end(single, key=lambda pair: pair[1]) for end in (min, max))
    return f"Highest {high[0]} ({high[1]:.3g}), lowest {low[0]} ({low[1]:.3g})."


def _title(scan: Scan, name: str) -> str:
    if name == ZERO_SHOT:
        return "masked marginal (nats)"
    head = scan.heads[name]
    if head.classes:
        return f"{name}: probability of {head.labels[-1]}"
    return f"{name} (ranks alone)" if head.ranks else f"{name} ({head.unit})" if head.unit else name
