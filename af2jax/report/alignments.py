"""The alignments and templates of a data set: how deep, how varied, and where they have gaps."""

import numpy as np

from af2jax.audit.alignments import Alignments, templates
from af2jax.audit.explore import Audit
from af2jax.audit.look import BINS, ENOUGH, SAMPLE
from af2jax.html.page import Caption, Page
from af2jax.plots import panels
from af2jax.words import counted

THIN = 0.15  # more gaps at the ends than inside, as shares


def write(page: Page, audit: Audit) -> None:
    """Tables and plots of alignments and templates, where there are any."""
    page.section("Alignments and templates")
    rows = [one for one in audit.seen if one.rows]
    given = [number for number in templates(audit.seen) if number]
    page.text(
        f"{len(rows)} of {len(audit.seen)} items have an alignment, {len(given)} have templates"
        + (f" ({sum(given)} in all, with tables of templates counted as one)." if given else ".")
    )
    if not audit.alignments:
        return
    heads = ["id", "sequences", "Neff", "coverage (share)", f"positions below {ENOUGH} (share)", "templates"]
    table = [
        [one.item.id, one.rows.depth, one.rows.neff, one.rows.coverage, one.rows.shallow, len(one.item.templates)]
        for one in rows
    ]
    _depth(page, audit.alignments)
    _gaps(page, audit.alignments)
    page.table("alignments", heads, table, f"Alignments of {counted(len(rows), 'item')}")
    _gap_table(page, audit.alignments)


def _depth(page: Page, known: Alignments) -> None:
    caption = Caption(
        "Sequences in each alignment, and how many they amount to.",
        "Different rows with the query; Neff counts each as 1 / how many are 80 % identical to it"
        + (
            f"; of {known.sampled} alignments among {SAMPLE} rows drawn, so at least as many." if known.sampled else "."
        ),
        f"The median depth is {known.depth.median:.0f} and the median Neff {known.neff.median:.0f}; "
        f"{counted(known.shallow, 'alignment is', 'alignments are')} below {ENOUGH}: "
        + ("search more for them." if known.shallow else "depth does not explain poor structures."),
    )
    series = {"depth": (known.length, known.depth.values), "Neff": (known.length, known.neff.values)}
    plot = panels.scatter(series, ("residues", "sequences"))
    plot.axes[0].set_yscale("log")
    page.figure("depth", plot, caption)


def _place() -> np.ndarray:
    """The middles of the parts of a chain."""
    return (np.arange(BINS) + 0.5) / BINS


def _gap_table(page: Page, known: Alignments) -> None:
    page.table(
        "gaps",
        ["place in the chain", "median", "lower quartile", "upper quartile"],
        [list(map(float, row)) for row in zip(_place(), *known.gaps, strict=True)],
        "Gaps by place",
        folded=True,
    )


def _gaps(page: Page, known: Alignments) -> None:
    caption = Caption(
        "The share of gaps along the chain.",
        f"Each alignment in twentieths of its chain; the median of {len(known.length)} and the middle half.",
        f"{known.inside:.0%} gaps inside and {known.ends:.0%} at the ends: "
        + (
            "the ends are thinly covered, expect low confidence there."
            if known.ends > known.inside + THIN
            else "positions are covered alike, so gaps give no cause to cut the chains."
        ),
    )
    bands = {"median and middle half": tuple(known.gaps)}
    page.figure("gaps", panels.line(_place(), bands, ("place in the chain", "share of gaps")), caption)
