"""What tuned heads answer of a query, on its page: a track, a map or a number, and why it may be believed."""

from collections.abc import Callable, Collection, Mapping

from af2jax.files import file_name
from af2jax.heads import Answer, summary
from af2jax.html.page import Page
from af2jax.plots.answers import along, between
from af2jax.protein.files import Protein

FAR = 0.3  # identity to the nearest training sequence below which a query counts as far from all of them
COLUMNS = ("head", "output", "class", "probability", "value", "unit", "spread", "summary", "calibrated")


def plot_of(head: str) -> str:
    """The kind of plot that has the answers of a head."""
    return f"head_{file_name(head)}"


def part(
    page: Page,
    protein: Protein,
    answers: Mapping[str, Answer],
    figure: Callable[[str, str, str, str], None],
    plots: Collection[str],
) -> None:
    """A section of the page: all heads in a table, a warning where they are asked of something far, and the plots.

    Args:
        figure: puts a plot on the page, with the three parts of its caption, where it was drawn.
        plots: the kinds that were drawn.
    """
    page.section("What the tuned heads answer")
    _warn(page, next(iter(answers.values())))
    rows = summary.rows(protein.name, answers)
    kept = [name for name in COLUMNS if any(row[name] != "" for row in rows)]
    page.table("heads", kept, [[row[name] for name in kept] for row in rows])
    for support in dict.fromkeys(f'"{name}": {answer.support}' for name, answer in answers.items()):
        page.text(support)
    for name, answer in answers.items():
        if plot_of(name) in plots:
            words = along if answer.kind == "residue" else between
            shows, follows = words(protein, name, answer.values, answer.classes, answer.unit, answer.spread)
            figure(plot_of(name), shows, answer.support, follows)


def _warn(page: Page, answer: Answer) -> None:
    """Says where the query is unlike what taught the heads."""
    near = answer.near
    if near is None:
        return
    far = near.identity < FAR
    if far or not near.length_in_range:
        reasons = [f"no training sequence is nearer than {near.identity:.0%} identity"] if far else []
        reasons += (
            []
            if near.length_in_range
            else [f"its {near.length} residues lie outside the trained {near.shortest} to {near.longest}"]
        )
        page.warning(
            "caution",
            "The query is unlike what taught the heads",
            f"In this query {' and '.join(reasons)}. Take these answers as extrapolations, unless af2jax evaluate has "
            "shown how good the heads are on targets that are as far from training.",
        )
