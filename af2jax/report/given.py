"""How near predictions are to the structure that was given of their query, on their page."""

from collections.abc import Mapping, Sequence

from af2jax.html.page import SHOWN, Page
from af2jax.scoring import FILES, GUESS, RANK, Score

TITLES = {  # of the page of a structure, by the protocol that it was scored by; "": it is the page of a query
    "": "Prediction",
    GUESS: "Scores by initial guess",
    RANK: "Scores by AF2Rank",
    FILES: "Scores of the files",
}
SHOWN_AS = {  # what a network was shown of the structure
    GUESS: "was what the first pass started from (initial guess, Bennett et al. 2023)",
    RANK: "was the network's template, without its sequence and side chains (AF2Rank, Roney and Ovchinnikov 2022); the "
    "composite score, mean pLDDT / 100 times pTM times TM-score, ranks structures of one sequence",
    FILES: "is scored as it is, by the pLDDT in its B factors and its PAE file; no network was run",
}
WHOLE = {
    "network": "network",
    "seed": "seed",
    "rmsd": "CA-RMSD (angstrom)",
    "tm_score": "TM-score",
    "plddt": "mean pLDDT",
    "ptm": "pTM",
    "iptm": "ipTM",
    "composite": "composite",
    "recycles": "recycles",
    "target": "target",
    "cyclic": "cyclic",
    "observed": "residues compared",
}
PAIRS = {
    "pair": "pair",
    "network": "network",
    "seed": "seed",
    "pae_interaction": "pae_interaction (angstrom)",
    "ipsae_min": "ipSAE",
    "plddt_first": "pLDDT of the first",
    "plddt_second": "pLDDT of the second",
    "rmsd_first": "RMSD of the first (angstrom)",
    "rmsd_second": "RMSD of the second (angstrom)",
    "rmsd_first_on_second": "first, second superposed (angstrom)",
    "rmsd_second_on_first": "second, first superposed (angstrom)",
}


def part(page: Page, scores: Sequence[Score]) -> None:
    """A table of the scores, the best rank first, and one of pairs of chains; nothing where no structure was given."""
    if not scores:
        return
    page.section("The given structure")
    table(page, "given", WHOLE, [score.rows[0] for score in scores], "The network's own structure beside it")
    pairs = [row for score in scores for row in score.rows if row["pair"]]
    columns = PAIRS if len(scores) > 1 else {key: PAIRS[key] for key in PAIRS if key not in ("network", "seed")}
    table(page, "given_pairs", columns, pairs, "Each pair of chains")
    protocol = scores[0].protocol
    page.text(f"{scores[0].structure} {SHOWN_AS[protocol]}.")
    if protocol != FILES:
        page.text(
            "RMSD and TM-score compare CA atoms, superposed; those of a chain are of the chain by itself, or where it "
            "is once the other one is superposed. A network that stays near the structure and is sure agrees with it, "
            "which means something of DeepMind's parameters, with which its authors tested it; it is not a measurement."
        )
    if pairs:
        page.text(
            "pae_interaction is the mean PAE between the two chains, in both directions, by which binders are filtered."
        )


def table(page: Page, name: str, columns: Mapping[str, str], rows: Sequence[Mapping], title: str) -> None:
    """Those of the columns, by their headings, in which any row has something; nothing without rows."""
    kept = [key for key in columns if any(row[key] != "" for row in rows)]
    if kept:
        headings = [columns[key] for key in kept]
        page.table(name, headings, [[row[key] for key in kept] for row in rows[:SHOWN]], title)
