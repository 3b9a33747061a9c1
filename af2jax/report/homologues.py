"""The network of homologues, and tables of clusters and splits."""

from collections.abc import Sequence

from af2jax.audit.explore import Audit
from af2jax.audit.findings import phrase
from af2jax.audit.folds import Folds
from af2jax.audit.look import Seen
from af2jax.html.page import Caption, Page
from af2jax.plots import panels
from af2jax.words import counted

DRAWN = 400  # clusters in the network
LISTED = 8  # members named

FOLLOWS = (  # of (clusters in several splits, clusters, whether there is a split)
    (lambda of: of[0], "correct the splits before anything is measured."),
    (lambda of: of[1] == 1, "it is one family, and no result holds for another."),
    (
        lambda of: of[2],
        "splits are apart; by the sizes of its clusters the set is worth {worth:.0f} independent proteins, not "
        "{items}.",
    ),
    (
        lambda of: True,
        "there is no split yet; by the sizes of its clusters the set is worth {worth:.0f} independent proteins, not "
        "{items}.",
    ),
)


def write(page: Page, audit: Audit) -> None:
    """Tables of splits and clusters, and the network."""
    page.section("Homologues and splits")
    seen, known = audit.seen, audit.homologues
    heads = ["split", "items", "clusters", "items with homologues in another split"]
    page.table("splits", heads, [[part or "none", *counts] for part, *counts in known.splits], "Splits")
    table = [
        [number, len(rows), ", ".join(sorted({seen[i].item.split for i in rows} - {""})), _names(seen, rows)]
        for number, rows in enumerate(known.clusters, 1)
        if len(rows) > 1
    ]
    if table:
        page.table("clusters", ["cluster", "items", "splits", "members"], table, "Clusters of homologues")
    number, across = len(known.clusters), sum(known.crossing)
    page.number("clusters", {"number": number, "effective": known.effective, "crossing": across})
    left = f" The {DRAWN} largest are drawn." if number > DRAWN else ""
    apart = any(one.item.split for one in seen)
    caption = Caption(
        f"Proteins (dots) and their homologues: {counted(number, 'cluster')} of "
        f"{counted(len(seen), 'item')}, coloured by split.",
        "Homologues are aligned by phmmer with 30 % identity over half of the shorter one (E-value 0.01), or are "
        f"variants of one protein; black rings lie in several splits.{left}",
        f"{counted(across, 'cluster lies', 'clusters lie')} in several splits and "
        f"{counted(known.alone, 'protein has', 'proteins have')} no homologue: "
        + phrase(FOLLOWS, (across, number, apart), worth=known.effective, items=len(seen)),
    )
    kinds = [[seen[i].item.split for i in rows] for rows in known.clusters[:DRAWN]]
    page.figure("network", panels.network(kinds, known.crossing[:DRAWN]), caption)
    if audit.folds and audit.folds.nearest:
        _folds(page, audit.folds)


def _folds(page: Page, known: Folds) -> None:
    """The training structure nearest to each that is held out, without its homologues."""
    page.section("Folds across splits")
    page.number("folds", {"held out": known.held, "train": known.known, "each": known.each, "found": len(known.pairs)})
    page.text(
        f"{counted(known.held, 'structure')} of valid and test, each aligned to {known.each} of {known.known} in train:"
        " those of the most similar fingerprint that are not homologues. The TM-score is by the length of the held-out "
        "one; from 0.5 on two chains mostly have one fold, and under 30 % identity no sequence shows it."
    )
    rows = [[one.held, one.known, one.tm, one.identity, one.hidden] for one in known.nearest]
    heads = [
        "held out",
        "nearest that is not a homologue",
        "TM-score",
        "identity (share)",
        "same fold, hidden from sequences",
    ]
    page.table("folds", heads, rows, "Nearest training structure of each held-out one that is not a homologue")


def _names(seen: Sequence[Seen], rows: Sequence[int]) -> str:
    more = f" and {len(rows) - LISTED} more" if len(rows) > LISTED else ""
    return ", ".join(seen[i].item.id for i in rows[:LISTED]) + more
