"""How numbers of a data set go together, as tables and a matrix."""

from af2jax.audit.explore import Audit
from af2jax.audit.findings import phrase
from af2jax.audit.relations import FEW, Relations
from af2jax.html.page import Caption, Page
from af2jax.plots import panels

STRONG, WEAK = 0.9, 0.3  # correlations

STRONGEST = (  # of two numbers and their correlation
    (lambda of: abs(of[2]) <= STRONG, ": no two numbers are interchangeable"),
    (lambda of: not (of[0].startswith("(") or of[1].startswith("(")), ": keep one of the two"),
)
NEAREST = (
    (lambda of: abs(of[2]) > WEAK, "a baseline that a network must beat"),
    (lambda of: True, "no column alone predicts it"),
)


def write(page: Page, audit: Audit) -> None:
    """The matrix of correlations, and tables of both."""
    page.section("Numbers that go together")
    known = audit.relations
    if len(known.names) < 2:
        page.text("There are not two numbers to compare.")
        return
    _figure(page, known)
    for name, title, table in (
        ("correlation", "Spearman's rank correlation", known.correlation),
        ("covariance", "Covariance (sample)", known.covariance),
    ):
        rows = [[own, *map(float, row)] for own, row in zip(known.names, table, strict=True)]
        page.table(name, ["", *known.names], rows, title, folded=True)


def _figure(page: Page, known: Relations) -> None:
    if not known.strongest:
        return
    one, other, r = known.strongest
    follows = f"The strongest is {r:+.2f}, of {one} with {other}{phrase(STRONGEST, known.strongest)}"
    if known.nearest:
        label, best, r = known.nearest
        follows += f". {label} goes most with {best} ({r:+.2f}): {phrase(NEAREST, known.nearest)}"
    caption = Caption(
        "Rank correlation of the numbers of each item, targets first.",
        f"Spearman, over the items that have both ({FEW} at least); names in brackets are derived from the files.",
        follows + ".",
    )
    page.figure("correlation", panels.matrix(known.correlation, known.names, "rank correlation"), caption)
