"""The alignments and templates of a data set: how deep, how varied, and where they have gaps."""

from collections.abc import Sequence

import numpy as np

from af2jax.audit.findings import Finding
from af2jax.audit.look import BINS, ENOUGH, SAMPLE, Seen
from af2jax.html.page import Caption, Page
from af2jax.plots import panels
from af2jax.words import counted


def findings(seen: Sequence[Seen]) -> list[Finding]:
    """What is wrong with alignments and templates."""
    found = []
    rows = [one for one in seen if one.rows]
    structures = any(one.structure for one in seen)
    if not rows:
        found.append(
            Finding(
                "no alignment",
                20,
                f"none of {len(seen)} items has an alignment",
                _without(seen),
                "af2jax search makes alignments; give them in the column msa.",
            )
        )
    elif len(rows) < len(seen):
        found.append(
            Finding(
                "alignments of some",
                50,
                f"{len(seen) - len(rows)} of {len(seen)} items have no alignment where others have one",
                "The network can tell the two kinds apart; if they differ in the label too, it learns that.",
                "Search alignments for all items, or for none.",
                tuple(one.item.id for one in seen if not one.rows),
            )
        )
    shallow = [one for one in rows if one.rows.depth < ENOUGH]
    if len(shallow) > 0.25 * max(len(rows), 1):
        found.append(
            Finding(
                "shallow alignments",
                45 if structures else 30,
                f"{len(shallow)} of {len(rows)} alignments have fewer than {ENOUGH} different sequences",
                f"Below {ENOUGH} sequences the accuracy of AlphaFold falls (Jumper et al. 2021, figure 5a).",
                "Search larger databases, and report shallow and deep targets apart.",
                tuple(f"{one.item.id}: {one.rows.depth}" for one in shallow),
            )
        )
    own = [one for one in seen if one.own_template]
    if own:
        found.append(
            Finding(
                "the answer as a template",
                90,
                f"{len(own)} of {len(seen)} items have their own structure as a template",
                "The network is given what it is asked for: it learns to copy, and every metric is too good.",
                "Delete these templates; af2jax search leaves out what is younger than a date.",
                tuple(f"{one.item.where}: {one.own_template}" for one in own),
            )
        )
    return found


def _without(seen: Sequence[Seen]) -> str:
    """What follows where no item has an alignment."""
    given = sum(bool(one.item.templates or one.item.aligned_templates) for one in seen)
    if given:
        return f"The network sees the sequence, and the templates of {given} of {len(seen)} items."
    if any(one.structure for one in seen):
        return "AlphaFold is poor without one: its structures, and what a head reads of them, rest on the sequence."
    return "A head reads what the network makes of the sequence alone."


def write(page: Page, seen: Sequence[Seen]) -> None:
    """Tables and plots of alignments and templates, where there are any."""
    page.section("Alignments and templates")
    given = [len(one.item.templates) + bool(one.item.aligned_templates) for one in seen]
    with_templates = sum(map(bool, given))
    rows = [one for one in seen if one.rows]
    page.text(
        f"{len(rows)} of {len(seen)} items have an alignment, {with_templates} have templates"
        + (f" ({sum(given)} in all, with tables of templates counted as one)." if with_templates else ".")
    )
    if not rows:
        return
    heads = ["id", "sequences", "Neff", "coverage (share)", f"positions below {ENOUGH} (share)", "templates"]
    table = [
        [
            one.item.id,
            one.rows.depth,
            one.rows.neff,
            one.rows.coverage,
            one.rows.shallow,
            len(one.item.templates),
        ]
        for one in rows
    ]
    page.table("alignments", heads, table, f"Alignments of {counted(len(rows), 'item')}")
    _depth(page, rows)
    _gaps(page, rows)


def _depth(page: Page, rows: Sequence[Seen]) -> None:
    depth, neff = (np.array([getattr(one.rows, name) for one in rows], float) for name in ("depth", "neff"))
    sampled = sum(one.rows.sampled for one in rows)
    caption = Caption(
        "Sequences in each alignment, and how many they amount to.",
        "Different rows with the query; Neff counts each as 1 / how many are 80 % identical to it"
        + (f"; of {sampled} alignments among {SAMPLE} rows drawn, so at least as many." if sampled else "."),
        f"The median depth is {np.median(depth):.0f} and the median Neff {np.median(neff):.0f}; "
        f"{counted((depth < ENOUGH).sum(), 'alignment is', 'alignments are')} below {ENOUGH}: "
        + ("search more for them." if (depth < ENOUGH).any() else "depth is no reason to expect poor structures."),
    )
    length = np.array([one.length for one in rows])
    plot = panels.scatter({"depth": (length, depth), "Neff": (length, neff)}, ("residues", "sequences"))
    plot.axes[0].set_yscale("log")
    page.figure("depth", plot, caption)


def _gaps(page: Page, rows: Sequence[Seen]) -> None:
    gaps = np.stack([one.rows.gaps for one in rows])
    place = (np.arange(BINS) + 0.5) / BINS
    middle, low, high = np.median(gaps, axis=0), *np.quantile(gaps, [0.25, 0.75], axis=0)
    ends, inside = float(middle[[0, -1]].mean()), float(middle[2:-2].mean())
    page.table(
        "gaps",
        ["place in the chain", "median", "lower quartile", "upper quartile"],
        [list(map(float, row)) for row in zip(place, middle, low, high, strict=True)],
        "Gaps by place",
    )
    caption = Caption(
        "The share of gaps along the chain.",
        f"Each alignment in twentieths of its chain; the median of {len(rows)} and the middle half.",
        f"{inside:.0%} gaps inside and {ends:.0%} at the ends: "
        + (
            "the ends are thinly covered, expect low confidence there."
            if ends > inside + 0.15
            else "positions are covered alike, so gaps are no reason to cut the chains."
        ),
    )
    plot = panels.line(place, {"median and middle half": (middle, low, high)}, ("place in the chain", "share of gaps"))
    page.figure("gaps", plot, caption)
