"""The page of an audit: what a data set is, what is wrong with it, and a config that follows."""

from pathlib import Path

from af2jax.audit import prepared
from af2jax.audit.explore import Audit
from af2jax.audit.proposal import PREPARED
from af2jax.audit.reference import COMPOSITION_SOURCE, LENGTH, LENGTH_SOURCE, SECONDARY, SECONDARY_SOURCE
from af2jax.data.parse import printable
from af2jax.html import markup
from af2jax.html.page import Page
from af2jax.report import alignments, chains, columns, findings, groups, homologues, labels, relations

SPECIAL = 0.15  # difference of a share of secondary structure from the PDB's


def render(audit: Audit) -> Page:
    """The page of an audit; what is proposed, `prepared.csv` and `config.toml`, is written beside it."""
    page = Page(f"What is in {printable(Path(audit.source).name)}", _notes(audit))
    findings.write(page, audit.findings)
    _summary(page, audit)
    for section in (columns, chains, alignments, labels, relations, homologues, groups):
        section.write(page, audit)
    _proposal(page, audit)
    page.file(PREPARED, lambda out: prepared.prepared(audit.proposal, audit.seen, audit.columns, out))
    page.file(prepared.CONFIG, prepared.config(audit.proposal))
    return page


def _notes(audit: Audit) -> list[str]:
    number, every = len(audit.seen), len(audit.every)
    notes = [f"{number} of {every} items are described; {every - number} cannot be used."]
    if not audit.named and audit.targets:
        names = ", ".join(printable(one.name) for one in audit.targets)
        notes.append(f"No target was named, so all columns that look like labels count as such: {names}.")
    return notes


def _summary(page: Page, audit: Audit) -> None:
    """The set beside the PDB at large."""
    page.section("This set and the PDB at large")
    rows = [["median length (residues)", audit.lengths.residues.median, LENGTH, LENGTH_SOURCE]]
    far = []
    if known := audit.structures:
        for kind, usual in SECONDARY.items():
            name = f"{kind} (% of residues)"
            rows.append([name, 100 * known.secondary[kind], 100 * usual, SECONDARY_SOURCE])
            far += [name] if known.away(kind) > SPECIAL else []
    away = 100 * audit.composition.distance
    rows.append(["composition: residues that would have to change (%)", away, 0, COMPOSITION_SOURCE])
    page.table("pdb", ["what", "here", "at large", "source"], rows, "Is this another domain?")
    far += ["composition"] if audit.composition.foreign else []
    page.text(
        f"It differs in: {', '.join(far)}. Published accuracies are of other proteins: evaluate before tuning."
        if far
        else f"By composition{' and secondary structure' if known else ''} it is like the proteins that AlphaFold was "
        "trained on."
    )
    page.number("items", len(audit.seen))
    page.number("homologues", len(audit.homologues.clusters))


def _proposal(page: Page, audit: Audit) -> None:
    page.section("Proposed training")
    page.text(
        f"{prepared.CONFIG} beside this page, which af2jax finetune reads, and {PREPARED}, the data made ready. "
        "Each choice has its reason; change what you know better."
    )
    page.raw(markup.preformatted(prepared.config(audit.proposal)))
