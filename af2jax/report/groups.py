"""Groups of a data set, by its own columns, as tables and plots."""

from af2jax.audit.explore import Audit
from af2jax.audit.findings import phrase
from af2jax.audit.groups import Groups
from af2jax.html.page import Caption, Page
from af2jax.plots import panels

FEW = 5  # items, below which a group cannot be judged

SMALLEST = (  # of (its items, whether it is rare)
    (lambda of: of[0] < FEW, "{few} of {least} are too few to judge it by."),
    (lambda of: of[1], "judge {least} apart, a mean hides it."),
    (lambda of: True, "each group is large enough to be judged apart."),
)


def write(page: Page, audit: Audit) -> None:
    """A table and a plot of each column that makes groups."""
    page.section("Groups")
    if not audit.groups:
        page.text("No column makes groups, such as organism, method or laboratory: bias between groups cannot be seen.")
    for known in audit.groups:
        _write(page, known, [f"{label.name} (mean, or most frequent)" for label in audit.targets])


def _write(page: Page, known: Groups, labels: list[str]) -> None:
    order = known.counts.most_common()
    rows = [[kind, count, known.share(kind), known.length[kind], *known.labels[kind]] for kind, count in order]
    heads = ["group", "items", "share", "mean length", *labels]
    page.table(f"groups_{known.name}", heads, rows, f"Groups of {known.name}")
    (kind, _), (least, few) = order[0], order[-1]
    caption = Caption(
        f"Items of each group of {known.name}, by split.",
        f"{known.total} items whose group is known.",
        f"{kind} is {known.share(kind):.0%} of them and {least} {known.share(least):.0%}: "
        + phrase(SMALLEST, (few, least in known.rare), few=few, least=least),
    )
    page.figure(f"groups_{known.name}", panels.bars(known.parts, "items"), caption)
