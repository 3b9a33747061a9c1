"""How near predictions are to the structure that was given of their query, on their page."""

from collections.abc import Sequence

from af2jax.html.page import SHOWN, Page
from af2jax.scoring import RANK, Score

HEADINGS = ("network", "seed", "mean pLDDT", "pTM", "CA-RMSD (angstrom)", "TM-score", "composite")


def part(page: Page, scores: Sequence[Score]) -> None:
    """A table of the scores, the best rank first; nothing where no structure was given."""
    if not scores:
        return
    page.section("The given structure")
    rows = [row for score in scores for row in score.rows[:1]]
    keys = ("network", "seed", "plddt", "ptm", "rmsd", "tm_score", "composite")
    page.table("given", HEADINGS, [[row[key] for key in keys] for row in rows[:SHOWN]], "Predictions beside it")
    shown = (
        "was the network's template, without its sequence and side chains (AF2Rank, Roney and Ovchinnikov 2022); the "
        "composite score, mean pLDDT / 100 times pTM times TM-score, ranks structures of one sequence"
        if scores[0].protocol == RANK
        else "was what the first pass started from (initial guess, Bennett et al. 2023)"
    )
    page.text(
        f"{scores[0].structure} {shown}. A network that stays near it and is sure agrees with it, which means "
        "something of DeepMind's parameters, with which it was tested; it is not a measurement."
    )
