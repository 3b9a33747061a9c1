"""The page of a search by structure: is a protein of this fold there, which one, and how the two are superposed."""

from pathlib import Path

import numpy as np

from af2jax.folds.find import SAME_FOLD, Found, Row, Search
from af2jax.folds.index import LEAST
from af2jax.folds.superposed import sequences, structures
from af2jax.html.markup import Decision
from af2jax.html.page import Caption, Page
from af2jax.html.viewer import scene, trace, viewer
from af2jax.plots.panels import histogram
from af2jax.words import chosen, counted

SURELY = 0.6  # TM-score; from 0.5 to here the probability of one fold still rises steeply (Xu and Zhang 2010)
BEST = 5  # hits of a query whose structures are shown and written
SHOWN = 10  # queries with a part of their own on the page; the files have all
HEADINGS = (
    "hit", "TM-score by query", "TM-score by hit", "aligned", "identity (share)", "RMSD (angstrom)",
    "residues of hit", "similarity",
)  # fmt: skip
COLUMNS = ("hit", "tm_query", "tm_hit", "aligned", "identity", "rmsd", "length_hit", "similarity")
ANSWERS = (  # (of the best TM-score, 0 without a hit, and whether every chain was aligned, the answer, its sentence)
    (lambda best, every: best >= SURELY, "yes", "{query}: {hit} has its fold."),
    (lambda best, every: best >= SAME_FOLD, "yes", "{query}: {hit} probably has its fold."),
    (lambda best, every: every and not best, "no", "{query}: no other chain is there."),
    (lambda best, every: not best, "open", "{query}: no other chain was aligned; --candidates 0 aligns all."),
    (lambda best, every: every, "no", "{query}: no chain has its fold; the nearest is {hit}."),
    (
        lambda best, every: True,
        "open",
        "{query}: none of the {aligned} chains of the most similar fingerprints has it; --candidates 0 aligns all.",
    ),
)
ITSELF = " The query itself is in the folder ({itself}) and does not count."
FOLLOWS = (  # (of the number of hits of the same fold, what to do)
    (lambda same: same > 0, "look at their superposition, and whether their function is known."),
    (lambda same: True, "unrelated folds reach such scores too, so that nothing follows from the others."),
)


def render(search: Search) -> Page:
    """The page; beside it the table of all hits, their alignments, and the best structures moved onto the query."""
    page = Page(f"Proteins of this shape in {search.folder}", _notes(search))
    shown = search.queries[:SHOWN]
    page.verdict("Is a protein of the same fold there?", [_decision(one, search) for one in shown])
    page.number("search", search.json())
    if search.short:
        what = f"{counted(len(search.short), 'chain')} of the folder cannot be found"
        text = f"A search takes chains of {LEAST} residues or more; these are shorter."
        rows = [f"{file}, chain {name}: {counted(residues, 'residue')}" for file, name, residues in search.short]
        page.warning("note", what, text, rows)
    for title, wrong in (
        ("queries cannot be searched", search.problems),
        ("files of the folder could not be read", search.unread),
    ):
        if wrong:
            text = "Nothing on this page counts them."
            rows = [reason if reason.startswith(name) else f"{name}: {reason}" for name, reason in wrong]
            page.warning("caution", f"{len(wrong)} of the {title}", text, rows)
    for number, found in enumerate(shown, 1):
        _part(page, found, number)
    for found in search.queries:
        for name, text in structures(found, Path(search.folder), BEST).items():
            page.file(f"superposed/{name}", text)
    page.file("alignments.fasta", "".join(map(sequences, search.queries)))
    page.table("hits", Row._fields, [list(row.values()) for row in search.rows], "All hits", folded=True)
    return page


def _notes(search: Search) -> list[str]:
    how = "every one was aligned" if search.exhaustive else (
        f"the {search.candidates} whose fingerprints are most like the query's were aligned"
    )  # fmt: skip
    notes = [
        f"{counted(search.entries, 'chain')} in {search.folder}; {how}.",
        "CA atoms alone were compared. TM-scores run from 0 to 1; from 0.5 on two chains mostly have one fold.",
    ]
    if len(search.queries) > SHOWN:
        notes.append(f"The first {SHOWN} of {len(search.queries)} queries are shown; tables/hits.csv has all.")
    return notes


def _decision(found: Found, search: Search) -> Decision:
    best = found.hits[0] if found.hits else None
    tm = best.alignment.tm_first if best else 0.0
    answer, sentence = chosen(ANSWERS, tm, search.exhaustive)
    words = {"query": found.query.name, "hit": best and best.entry.name, "aligned": len(found.hits)}
    sentence += ITSELF if found.itself else ""
    number = f"TM-score {tm:.2f}" if best else ""
    return Decision(answer, number, sentence.format(**words, itself=", ".join(found.itself)))


def _part(page: Page, found: Found, number: int) -> None:
    """One query: its hits superposed, and how far the best stands out."""
    page.section(found.query.name)
    if not found.hits:
        page.text("No other chain was aligned to it.")
        return
    best, scores = found.hits[:BEST], np.array([hit.alignment.tm_first for hit in found.hits])
    everywhere, one_chain = np.ones(len(found.query), bool), np.zeros(len(found.query), int)
    own = trace("query", found.query.points, everywhere, one_chain, shape=found.query.shape)
    scenes = []
    for rank, hit in enumerate(best, 1):
        there = np.ones(len(hit.entry), bool)
        other = trace(hit.entry.name, hit.superposed, there, np.zeros(len(there), int), shape=hit.entry.shape)
        label = f"{rank}. {hit.entry.name} (TM-score {hit.alignment.tm_first:.2f})"
        scenes.append(scene(label, [own, other], found.query.sequence, other=hit.entry.name))
    page.text(
        "The query (broad) and a hit (thin), superposed by the TM-score; secondary structure is drawn by the distances "
        "of CA atoms. Drag to rotate, wheel or pinch to zoom."
    )
    page.raw(*viewer(f"superposed_{number}", scenes))
    rows = [[row[name] for name in COLUMNS] for row in found.rows]
    page.table(f"hits_{number}", HEADINGS, rows, f"Hits of {found.query.name}, best first")
    same = int((scores >= SAME_FOLD).sum())
    page.figure(
        f"scores_{number}",
        histogram(
            {"aligned chains": scores}, "TM-score by the query's length", "chains", {"0.5: same fold": SAME_FOLD}
        ),
        Caption(
            f"TM-scores of the {counted(len(scores), 'chain')} that were aligned to {found.query.name}.",
            "Each alignment maximises the TM-score; the line is where two chains mostly have one fold.",
            f"{counted(same, 'chain reaches', 'chains reach')} {SAME_FOLD}, the best {scores[0]:.2f}: "
            + chosen(FOLLOWS, same)[0],
        ),
    )
