"""The page of the states of a protein: what may be claimed, the states in 3D, where they differ, what found each."""

from collections.abc import Sequence

import numpy as np

from af2jax.conformations import WAYS, Claim, State, States
from af2jax.conformations.claims import FOUND, NEARER, alike
from af2jax.conformations.record import LOW
from af2jax.constants.atoms import CA
from af2jax.data.parse import printable
from af2jax.html import numbers
from af2jax.html.markup import BADGES, Decision
from af2jax.html.page import Caption, Page
from af2jax.html.viewer import scene, trace, viewer
from af2jax.plots import states as plots
from af2jax.plots.residues import ranges
from af2jax.protein.secondary import secondary
from af2jax.words import counted

SHOWN = 5  # states in the viewer and in the plot of residues, and answers in the verdict
FAR = 4.0  # angstrom, from which residues of two states are named as differing
UNMEASURED = (
    "Of these weights, or without an alignment, it is not known what a low pLDDT means: no disorder is claimed. "
    "That it predicts disorder was measured for DeepMind's parameters as published (Tunyasuvunakool et al. 2021); a "
    "head trained on unresolved residues answers with probabilities that were calibrated."
)
DISORDERED = (
    "In every state {which} have a pLDDT below {low:g}, which of DeepMind's parameters predicts disorder about as well "
    "as programs made for it (Tunyasuvunakool et al. 2021); the shape that they are drawn with means nothing."
)
ORDERED = "No residue has a pLDDT below {low:g} in every state: none is predicted to be disordered."


def render(found: States) -> Page:
    """The page; each model and the alignment that made it lie beside it, in `models/`."""
    page = Page(f"States of {printable(found.name)}", list(map(printable, _notes(found))))
    told = alike(found.claims)
    strongest = f" The {SHOWN} strongest of {len(told)} answers" if len(told) > SHOWN else ""
    page.verdict(f"Is there a second state?{strongest}", list(map(_decision, told[:SHOWN])))
    page.section("States")
    drawn = f" The first {SHOWN} states are drawn, here and below; the tables have all."
    page.text(
        f"{len(found.models)} models of a protein of {counted(len(found.sequence), 'residue')}, in "
        f"{counted(len(found.states), 'state')}: models of one state have a TM-score of {found.threshold:g} or more to "
        "the model of highest mean pLDDT in it, which stands for the state. State 1 is that of the whole alignment. "
        "Models show what the network can build, not how often the protein is so."
        + (drawn if len(found.states) > SHOWN else "")
    )
    scenes = [_scene(found, state) for state in found.states[:SHOWN]]
    page.raw(*viewer("states", [one | {"turn": scenes[0]["turn"]} for one in scenes]))  # all seen from one side
    _states(page, found)
    if len(found.claims) > min(len(told), SHOWN):
        rows = [(of.state, BADGES[one.answer], one.text) for one in found.claims if (of := one.evidence)]
        page.table("answers", ("state", "answer", "why"), rows, "Every answer", folded=True)
    if len(found.states) > 1:
        page.section("Where they differ")
        _differences(page, found)
    page.section("Which way found what")
    _ways(page, found)
    if len(found.references) > 1:
        _references(page, found)
    page.section("Disorder")
    page.text(_disorder(found))
    page.section("Models")
    _models(page, found)
    page.number("states", found.json())
    for model in found.models:
        for path, text in model.files.items():
            page.file(path, text)
    return page


def _notes(found: States) -> Sequence[str]:
    return tuple(dict.fromkeys((*found.notes, *(note for model in found.models for note in model.protein.notes))))


def _decision(same: Sequence[Claim]) -> Decision:
    """The strongest of claims that are alike, and which others there are."""
    claim, *others = same
    of, number, also = claim.evidence, [str(one.evidence.state) for one in others], ""
    if others:
        which = f"state {number[0]}" if len(number) == 1 else f"states {', '.join(number[:-1])} and {number[-1]}"
        also = f" The answer for {which} is the same but for its numbers."
    return Decision(claim.answer, f"state {of.state}: {of.found} of {of.of} models" if of else "", claim.text + also)


def _scene(found: States, state: State) -> dict:
    first, protein = found.states[0], state.representative.protein
    chain, known = np.zeros(len(protein.aatype), int), protein.atom_mask[:, CA] > 0
    shape = secondary(protein.aatype, protein.positions, protein.atom_mask > 0, protein.chain_index)
    error = state.apart if state is not first else None
    traces = [trace(f"state {state.number}", state.moved, known, chain, protein.plddt, error, shape)]
    if state is not first:
        traces.append(trace("state 1", first.moved, known, chain, first.representative.protein.plddt))
    label = f"state {state.number}: {counted(len(state.models), 'model')}"
    return scene(label, traces, protein.sequence, (protein.residue_index + 1).tolist(), other="state 1")


def _states(page: Page, found: States) -> None:
    rows = [
        (
            state.number,
            len(state.models),
            state.plddt,
            state.tm_first,
            *state.references,
            "; ".join(f"{way} {count}" for way, count in state.counts.items()),
            state.representative.name,
            _far(state),
        )
        for state in found.states
    ]
    references = [f"TM-score to {printable(name)}" for name in found.references]
    headings = ("state", "models", "mean pLDDT", "TM-score to state 1", *references, "models by way", "stands for it")
    headings += (f"residues {FAR:g} angstrom and more from state 1",)
    page.table("states", headings, rows)


def _differences(page: Page, found: States) -> None:
    others = found.states[1:SHOWN]
    far = [f"state {state.number} at {where}" for state in others if (where := _far(state))]
    rest = ""
    if len(found.states) > SHOWN:
        rest = f"; of states {SHOWN + 1} to {len(found.states)} the table of states has them"
    page.figure(
        "apart",
        plots.apart({state.number: state.apart for state in others}),
        Caption(
            "How far the CA atom of each residue is from that of state 1.",
            "Each state is superposed on state 1 where the two are alike.",
            f"{FAR:g} angstrom and more: {'; '.join(far) or 'nowhere'}{rest}.",
        ),
    )
    headings = ("residue", "amino acid", *(f"pLDDT of state {state.number}" for state in found.states))
    headings += tuple(f"state {state.number} from state 1 (angstrom)" for state in found.states[1:])
    columns = [state.representative.protein.plddt.tolist() for state in found.states]
    columns += [state.apart.tolist() for state in found.states[1:]]
    number = found.states[0].representative.protein.residue_index + 1
    rows = [
        [place, letter, *row]
        for place, letter, row in zip(number.tolist(), found.sequence, zip(*columns, strict=True), strict=True)
    ]
    page.table("residues", headings, rows, "Each residue", folded=True)


def _far(state: State) -> str:
    """The residues that are far from those of state 1, as ranges."""
    return ranges(state.representative.protein, state.apart >= FAR)


def _ways(page: Page, found: States) -> None:
    counts = {one.way: [state.counts.get(one.way, 0) for state in found.states] for one in found.by_way}
    pairs = [(way, WAYS[way].control) for way in found.asked if WAYS[way].control]
    number = {one.way: one.states for one in found.by_way}
    told = [f"{way} {number[way]}, its control ({control}) {number[control]}" for way, control in pairs]
    told = "; ".join(told or [f"{way} {count}" for way, count in number.items()])
    controls = {control: ", ".join(way for way, own in pairs if own == control) for _, control in pairs}
    beside = [f"{control} ({WAYS[control].about}) beside {ways}" for control, ways in controls.items()]
    page.figure(
        "found",
        plots.found(counts),
        Caption(
            "The models of each way, by state.",
            f"A control does without what its way adds: {'; '.join(beside) or 'none was asked for'}.",
            f"States found: {told}. A way that finds no more than its control has found nothing of its own.",
        ),
    )
    near = [f"{what} {printable(name)}" for name in found.references for what in ("models of", "best TM-score to")]
    headings = ("way", "what differs", "models", "states", "mean pLDDT", "seconds for a model", *near)
    rows = [
        (
            one.way,
            WAYS[one.way].about,
            one.models,
            one.states,
            one.plddt,
            one.seconds,
            *(x for pair in zip(one.near, one.best, strict=True) for x in pair),
        )
        for one in found.by_way
    ]
    page.table("ways", headings, rows)
    page.text("Seconds are by the clock, of models after the first of a shape, which has the compilation too.")
    if found.references:
        page.text(
            f"A model is of a known structure where its TM-score to it is above {FOUND:g} and {NEARER:g} above that to "
            "any other."
        )


def _references(page: Page, found: States) -> None:
    scores = {
        one.way: np.array([s[:2] for model, s in zip(found.models, found.scores, strict=True) if model.way == one.way])
        for one in found.by_way
    }
    both = [one.way for one in found.by_way if one.both]
    first, second = map(printable, found.references[:2])
    best = numbers.text(max(found.best), numbers.HUNDREDTH)
    page.figure(
        "near",
        plots.near(scores, (first, second)),
        Caption(
            f"TM-score of each of {len(found.models)} models to {first} and to {second}.",
            "CA atoms of the residues that the known structure has, superposed for the highest score.",
            f"Ways that found every known structure: {', '.join(both) or 'none'} (best TM-score {best}).",
        ),
    )
    names = list(map(printable, found.references))
    rows = [(name, *row, best) for name, row, best in zip(names, found.between.tolist(), found.best, strict=True)]
    headings = ("known structure", *(f"TM-score to {name}" for name in names), "best TM-score of a model")
    page.table("references", headings, rows)


def _disorder(found: States) -> str:
    low = found.disordered
    if low is None:
        return UNMEASURED
    if not low.any():
        return ORDERED.format(low=LOW)
    return DISORDERED.format(which=f"residues {ranges(found.states[0].representative.protein, low)}", low=LOW)


def _models(page: Page, found: States) -> None:
    rows = [
        (
            model.name,
            model.way,
            found.state_of[model.name],
            len(model.alignment.codes),
            model.plddt,
            model.ptm,
            model.seconds,
            model.first,
            *scores.tolist(),
        )
        for model, scores in zip(found.models, found.scores, strict=True)
    ]
    references = [f"TM-score to {printable(name)}" for name in found.references]
    headings = ("model", "way", "state", "rows with the query", "mean pLDDT", "pTM", "seconds", "first of its shape")
    page.table("models", (*headings, *references), rows, "Each model; models/NAME.a3m is the alignment that made it")
