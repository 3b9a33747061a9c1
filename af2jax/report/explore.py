"""The data report: what a data set is, what is wrong with it, and a config that follows."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from af2jax.audit import placing, scan
from af2jax.audit.columns import Column
from af2jax.audit.findings import Finding, ranked
from af2jax.audit.labels import study as of_labels
from af2jax.audit.look import Seen, look
from af2jax.audit.target import Target
from af2jax.data import splits
from af2jax.data.dataset import Item, read_dataset
from af2jax.data.dataset import columns as labels
from af2jax.data.parse import printable
from af2jax.errors import InputError, nearest
from af2jax.html import markup
from af2jax.html.page import Page, plain
from af2jax.report import advice, alignments, chains, columns, findings, groups, leakage, relations, target
from af2jax.report.reference import COMPOSITION_SOURCE, LENGTH, LENGTH_SOURCE, SECONDARY, SECONDARY_SOURCE

UNREAD = {"file": "its cells name files", "list": "its cells hold several numbers"}  # by kind of a target's column
LEARNT = 3  # targets in the proposed config, where a user names none
STAGES = 4

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Audit:
    """What was found of a data set.

    Attributes:
        source: the table or folder.
        named: columns to be learnt that were asked for; (): none were.
        every: all items.
        seen: those that can be used; what follows is of these.
        related: int [N_seen], equal for homologues.
        columns: beside those that every table may have.
        targets: the columns to be learnt.
        values: numbers of each item by name (`relations.numbers`).
        groups: columns that make groups.
        findings: the worst first.
    """

    source: str
    named: tuple[str, ...]
    every: list[Seen]
    seen: list[Seen]
    related: np.ndarray
    columns: list[Column]
    targets: list[Target]
    values: dict[str, np.ndarray]
    groups: list[Column]
    findings: list[Finding]

    @property
    def rows(self) -> list[dict]:
        """A row for each finding, the worst first."""
        return [asdict(finding) | {"level": finding.level} for finding in self.findings]

    def json(self) -> str:
        """The findings, and how many items and proteins there are."""
        counts = {"items": len(self.every), "used": len(self.seen), "proteins": len(np.unique(self.related))}
        known = {"source": self.source} | counts | {"targets": [one.name for one in self.targets]}
        return json.dumps(plain(known | {"findings": self.rows}), allow_nan=False)


def explore(
    data: str | os.PathLike,
    target: str | Sequence[str] = (),
    *,
    progress: Progress = lambda what, done, total: None,
) -> Audit:
    """What a data set is and what threatens a result, before anything is trained; `save` makes its page.

    Args:
        data: a table or a folder (`af2jax.data.dataset`).
        target: a column to be learnt, or several; (): all that look like labels.
        progress: is told what is done, how much of it, and how much there is.

    Raises:
        InputError: the data set cannot be read, a target is no column or is not read here, or no item can be used.
    """
    targets = (target,) if isinstance(target, str) else tuple(target)
    repeated: dict[str, list[str]] = {}
    items = read_dataset(data, repeated)
    for name in targets:
        if name not in (known := labels(items)):
            shown = ", ".join(map(printable, known)) or "none"
            raise InputError(f'no column is called "{printable(name)}"{nearest(name, known)} (columns: {shown})')
    every = look(items, lambda done, total: progress("looking at items", done, total))
    seen = [one for one in every if not one.problem and one.sequence]
    if not seen:
        why = "".join(f"; {finding.title}" for finding in scan.findings(items, []))
        raise InputError(f"none of {len(items)} items can be used; the first: {items[0].id}: {every[0].problem}{why}")
    progress("comparing sequences", 0, STAGES)
    related = splits.clusters([one.sequence for one in seen])
    progress("studying labels", 1, STAGES)
    own = of_labels(seen, related, targets)
    table, learnt = own.columns, own.targets
    for one in learnt:
        if unread := UNREAD.get(one.column.kind):
            raise InputError(
                f'target "{printable(one.name)}": {unread}, which explore does not read; leave it out and write its '
                "head into the config by hand (Labels, in docs/data.md)"
            )
    values = relations.numbers(seen, table, learnt)
    parted = groups.columns_of(table, learnt)
    found = [
        *_unread(every),
        *_repeated(repeated, items),
        *scan.findings(items, seen),
        *placing.findings([one.item for one in seen]),
        *own.findings,
        *chains.findings(seen, leakage.apart(seen, related)),
        *alignments.findings(seen),
        *leakage.findings(seen, related),
        *relations.findings(values, learnt),
        *groups.findings(parted, learnt, seen),
    ]
    return Audit(str(data), targets, every, seen, related, table, learnt, values, parted, ranked(found))


def render(known: Audit) -> Page:
    """The data report; what is proposed, `prepared.csv` and `config.toml`, is written beside it."""
    shown = [one for one in known.targets if one.relation is None or one.relation.shown]
    proposed = known.targets if known.named else shown[:LEARNT]
    config = advice.config(known.seen, proposed, known.related, [one for one in known.targets if one not in proposed])
    page = Page(f"What is in {printable(Path(known.source).name)}", _notes(known))
    findings.write(page, known.findings)
    _summary(page, known)
    columns.write(page, known.columns, [one.column for one in known.targets], known.seen)
    chains.write(page, known.seen, leakage.apart(known.seen, known.related))
    alignments.write(page, known.seen)
    target.write(page, known.targets, known.seen)
    relations.write(page, known.values, known.targets)
    leakage.write(page, known.seen, known.related)
    groups.write(page, known.groups, known.targets, known.seen)
    _proposal(page, config)
    page.file(advice.PREPARED, lambda out: advice.prepared(known.seen, known.columns, known.related, out))
    page.file(advice.CONFIG, config)
    return page


def _unread(every: Sequence[Seen]) -> list[Finding]:
    problems = [one for one in every if one.problem or not one.sequence]
    if not problems:
        return []
    return [
        Finding(
            "items that cannot be used",
            70 if len(problems) > 0.1 * len(every) else 50,
            f"{len(problems)} of {len(every)} items cannot be used",
            "A training leaves them out. If they have something in common, what is left is biased.",
            "Mend the files, or delete the rows knowingly; prepared.csv is without them.",
            tuple(f"{one.item.id}: {printable(one.problem)}" for one in problems),
        )
    ]


def _repeated(repeated: dict[str, list[str]], items: Sequence[Item]) -> list[Finding]:
    if not repeated:
        return []
    number = sum(map(len, repeated.values()))
    return [
        Finding(
            "ids that stand twice",
            70,
            f"{len(repeated)} ids stand several times, in {number} of {len(items)} rows",
            "Results could not be told apart, so that a training refuses such a table; here later ones have a number.",
            "Give each row an id of its own, or delete what is there twice; prepared.csv has them numbered.",
            tuple(f"{printable(name)}: {', '.join(places)}" for name, places in repeated.items()),
        )
    ]


def _notes(known: Audit) -> list[str]:
    number, every = len(known.seen), len(known.every)
    notes = [f"{number} of {every} items are described; {every - number} cannot be used."]
    if not known.named and known.targets:
        names = ", ".join(printable(one.name) for one in known.targets)
        notes.append(f"No target was named, so all columns that look like labels count as such: {names}.")
    return notes


def _summary(page: Page, known: Audit) -> None:
    """The set beside the PDB at large."""
    page.section("This set and the PDB at large")
    seen = known.seen
    length = np.array([one.length for one in seen])
    rows: list[list] = [["median length (residues)", float(np.median(length)), LENGTH, LENGTH_SOURCE]]
    if built := [one for one in seen if one.structure]:
        weight = [one.length for one in built]
        for kind, usual in SECONDARY.items():
            here = float(np.average([getattr(one.structure, kind) for one in built], weights=weight))
            rows.append([f"{kind} (% of residues)", 100 * here, 100 * usual, SECONDARY_SOURCE])
    apart = leakage.apart(seen, known.related)
    away = chains.distance(chains.composition(apart)[0])
    rows.append(["composition: residues that would have to change (%)", 100 * away, 0, COMPOSITION_SOURCE])
    page.table("pdb", ["what", "here", "at large", "source"], rows, "Is this another domain?")
    far = [row[0] for row in rows[1:-1] if abs(row[1] - row[2]) > 15]
    far += ["composition"] if chains.foreign(apart) else []
    page.text(
        f"It differs in: {', '.join(far)}. Published accuracies are of other proteins: evaluate before tuning."
        if far
        else "By composition and secondary structure it is like the proteins that AlphaFold was trained on."
    )
    page.number("items", len(seen))
    page.number("homologues", len(set(known.related.tolist())))


def _proposal(page: Page, config: str) -> None:
    page.section("Proposed training")
    page.text(
        f"{advice.CONFIG} beside this page, which af2jax finetune reads, and {advice.PREPARED}, the data made ready. "
        "Each choice has its reason; change what you know better."
    )
    page.raw(markup.preformatted(config))
