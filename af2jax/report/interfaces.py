"""How chains are arranged, on pages: what a prediction says of it, and how near predictions come to the truth."""

from collections.abc import Sequence

from af2jax.evaluation.structures import Interfaces
from af2jax.html.markup import Decision
from af2jax.html.page import SHOWN, Caption, Page
from af2jax.metrics.dockq import CLASSES
from af2jax.plots import panels
from af2jax.results import Prediction
from af2jax.results.reading import PairConfidence, Reading
from af2jax.words import chosen, counted

FAILED, SURE = 0.6, 0.8  # ipTM: below, an arrangement has probably failed; from here on, it is confident (EMBL-EBI)
ACCEPTABLE = dict(CLASSES)["acceptable"]  # DockQ
TRUSTED = (  # may the arrangement of chains be trusted? By ipTM and whether it is DeepMind's: answer, sentence
    (
        lambda iptm, own: iptm is None,
        "open",
        "There is no ipTM: whether the chains lie to each other as drawn is not known. pDockQ, which needs none, is a "
        "hint at most.",
    ),
    (
        lambda iptm, own: not own,
        "open",
        "It is not known here what the ipTM of these weights is worth.",
    ),
    (lambda iptm, own: iptm >= SURE, "yes", "From {sure:g} on it is confident (EMBL-EBI's guidance on AlphaFold)."),
    (
        lambda iptm, own: iptm < FAILED,
        "no",
        "Below about {failed:g} it has probably failed (EMBL-EBI's guidance), whatever each chain looks like.",
    ),
    (
        lambda iptm, own: True,
        "open",
        "Between {failed:g} and {sure:g} it may be right or wrong: check whether other predictions agree.",
    ),
)
PREDICTED = ("chains", "ipTM", "PAE of the interface (angstrom)", "contacts", "pDockQ", "pLDDT of the interface")
PREDICTED += ("actifpTM", "ipSAE", "pDockQ2", "LIS", "cLIS")
EVALUATED = ("target", "chains", "DockQ", "class", "fnat", "iRMSD (angstrom)", "LRMSD (angstrom)", "contacts", "ipTM")


def decision(best: Prediction, calibrated: bool) -> Decision:
    """Whether the arrangement of the chains of a prediction may be trusted; `calibrated`: as of DeepMind's weights."""
    answer, text = chosen(TRUSTED, best.iptm, calibrated)
    number = "" if best.iptm is None else f"ipTM {best.iptm:.2f}"
    return Decision(answer, number, text.format(sure=SURE, failed=FAILED))


def predicted(page: Page, found: Reading) -> None:
    """The chains of the first prediction, each pair of them, and what follows of their arrangement."""
    page.section("How the chains are arranged")
    keys = ("name", "iptm", "pae", "contacts", "pdockq", "plddt", "actifptm", "ipsae", "pdockq2", "lis", "clis")
    rows = [tuple(getattr(one, key) for key in keys) for one in found.pairs]
    _table(page, "interfaces", PREDICTED, rows, "Pairs of chains of rank 1, those with most contacts first")
    page.text(
        "Each row is a pair of chains: its ipTM (as if the two were alone), and of the residues in contact (CB atoms "
        "within 8 angstrom in this structure) the mean expected error, their number of pairs and their mean pLDDT, "
        "from which pDockQ estimates DockQ (Bryant et al. 2022; 0.23 and more is an acceptable model). Without "
        "contacts the two do not touch. actifpTM is an ipTM of the pairs of residues that the distogram expects in "
        "contact (Varga et al. 2025); ipSAE (Dunbrack 2025), pDockQ2 (Zhu et al. 2023), LIS and cLIS (Kim et al. 2024) "
        "leave out pairs of large error, and of each the smaller of both directions is shown. "
        f"{_touching(found.pairs)}"
    )
    rows = [(one.name, one.residues, one.plddt, one.ptm) for one in found.chains]
    _table(page, "chains", ("chain", "residues", "mean pLDDT", "pTM"), rows, "Chains of rank 1, each by itself")


def _touching(pairs: Sequence[PairConfidence]) -> str:
    """How many pairs touch, and in how many of these the network is sure of it."""
    near = [one for one in pairs if one.contacts]
    text = f"{len(near)} of {len(pairs)} pairs touch"
    if not near or near[0].iptm is None:
        return f"{text}."
    sure, failed = sum(one.iptm >= SURE for one in near), sum(one.iptm < FAILED for one in near)
    return f"{text}; of these {sure} have an ipTM of {SURE:g} or more, and {failed} one below {FAILED:g}."


def _table(page: Page, name: str, headings: tuple[str, ...], rows: list[tuple], title: str) -> None:
    """A table without the columns of which nothing is known, the first hundred rows of it."""
    kept = [i for i in range(len(headings)) if any(row[i] is not None for row in rows)]
    more = f" (the first {SHOWN} of {len(rows)})" if len(rows) > SHOWN else ""
    page.table(name, [headings[i] for i in kept], [[row[i] for i in kept] for row in rows[:SHOWN]], title + more)


def evaluated(page: Page, found: Interfaces | None) -> None:
    """DockQ of the targets of several chains, and each native interface."""
    if found is None:
        return
    page.section("How the chains are arranged")
    keys = ("chains", "dockq", "quality", "fnat", "irms", "lrms", "contacts", "iptm")
    rows = [(target.id, *(one[key] for key in keys)) for target, one in found.rows]
    page.table("interfaces", EVALUATED, rows, "Each interface of the known structures, the worst first")
    page.number("interface_classes", found.counts)
    missed = found.counts["incorrect"]
    page.figure(
        "dockq",
        panels.histogram({"targets": found.dockq}, "DockQ", "targets", {f"{ACCEPTABLE:g}: acceptable": ACCEPTABLE}),
        Caption(
            f"DockQ of {counted(len(found.dockq), 'complex')}, by how many reach what.",
            "The mean over the interfaces of the known structure, chains of one sequence assigned as suits it best.",
            f"The mean is {found.mean.value:.2f}, and {missed} of {len(found.rows)} interfaces are incorrect (below "
            f"{ACCEPTABLE:g}): " + ("look at these first." if missed else "none needs to be looked at first."),
        ),
    )
    _knows(page, [one for _, one in found.rows if one["iptm"] is not None])


def _knows(page: Page, found: list[dict]) -> None:
    """Whether ipTM tells good interfaces from bad ones."""
    sure = [one for one in found if one["iptm"] >= SURE]
    failed = [one for one in found if one["iptm"] < FAILED]
    if not found:
        return
    right = lambda part: sum(one["quality"] != "incorrect" for one in part)
    page.text(
        f"Does ipTM know? Of {len(sure)} interfaces with an ipTM of {SURE:g} or more {right(sure)} are acceptable or "
        f"better, of {len(failed)} below {FAILED:g} {right(failed)}."
    )
