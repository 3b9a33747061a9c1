"""All that is known of a data set before anything is trained, as numbers and findings: `af2jax.explore`."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from af2jax.audit import (
    alignments,
    columns,
    dates,
    folds,
    groups,
    homologues,
    items,
    labels,
    leakage,
    partners,
    placing,
    relations,
    scan,
    sequences,
    structures,
)
from af2jax.audit.balance import Classes, classes
from af2jax.audit.columns import Column
from af2jax.audit.findings import Finding, ranked
from af2jax.audit.label_column import LabelColumn
from af2jax.audit.look import Seen, look
from af2jax.audit.proposal import Proposal, propose
from af2jax.data import splits
from af2jax.data.dataset import columns as names_of
from af2jax.data.dataset import read_dataset
from af2jax.data.parse import printable
from af2jax.errors import InputError, nearest
from af2jax.files import plain

UNREAD = {"file": "its cells name files", "list": "its cells hold several numbers"}  # by kind of a label's column
STAGES = 3
FOLD_CLUSTER = "fold_cluster"  # the column of a split by fold
OF_ITEMS = ("named", "every", "seen", "columns", "targets", "findings")  # fields that are not numbers of the set
OF_LABELS = ("distribution", "outliers", "noise", "contradictions", "relation", "explained")

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Audit:
    """What was found of a data set; all but `every` is of the items that can be used."""

    source: str  # the table or folder
    named: tuple[str, ...]  # columns to be learnt that were asked for; (): none were
    every: list[Seen]
    seen: list[Seen]
    own: dict[str, int]  # items that have something in each column that every table may have
    columns: list[Column]  # beside these
    targets: list[LabelColumn]  # the columns to be learnt
    classes: dict[str, Classes]  # of those that have some, by split
    lengths: sequences.Lengths
    composition: sequences.Composition  # of proteins without homologues
    structures: structures.Structures | None  # None: there are none; likewise dates and alignments
    dates: dates.Dates | None
    alignments: alignments.Alignments | None
    homologues: homologues.Homologues
    folds: folds.Folds | None  # None: nobody asked
    relations: relations.Relations
    groups: list[groups.Groups]
    proposal: Proposal
    findings: list[Finding]  # the worst first

    @property
    def rows(self) -> list[dict]:
        """A row for each finding, the worst first."""
        return [asdict(finding) | {"level": finding.level} for finding in self.findings]

    def json(self) -> str:
        """The findings, and all numbers by subject."""
        proteins = len(self.homologues.clusters)
        known = {"items": len(self.every), "used": len(self.seen), "proteins": proteins}
        known |= {"targets": [one.name for one in self.targets], "findings": self.rows}
        known |= {"labels": {one.name: {name: getattr(one, name) for name in OF_LABELS} for one in self.targets}}
        known |= {name: value for name, value in vars(self).items() if name not in OF_ITEMS}
        return json.dumps(plain(known), allow_nan=False)


def explore(
    data: str | os.PathLike,
    target: str | Sequence[str] = (),
    *,
    compare_folds: bool = False,
    split_by: str = "",
    progress: Progress = lambda what, done, total: None,
) -> Audit:
    """What a data set is and what threatens a result, before anything is trained; `af2jax.page` makes its page.

    Args:
        data: a table or a folder (`af2jax.data.dataset`).
        target: a column to be learnt, or several; (): all that look like labels.
        compare_folds: known structures in valid and test are aligned to those in train: 400 alignments at most, of some
            75 milliseconds each; the first compiles for up to a minute.
        split_by: the proposed split keeps items of one cell of this column together, or by "fold" those of one fold,
            beside homologues; "": homologues alone, and a split that the table has is kept. Folds take 20 alignments
            for each item, some milliseconds each.
        progress: is told what is done, how much of it, and how much there is.

    Raises:
        InputError: the data set cannot be read, a target is not a column or is not read here, no item can be used, or
            it cannot be split so.
    """
    targets = (target,) if isinstance(target, str) else tuple(target)
    repeated: dict[str, list[str]] = {}
    given = read_dataset(data, repeated)
    for name in targets:
        if name not in (names := names_of(given)):
            shown = ", ".join(map(printable, names)) or "none"
            raise InputError(f'no column is called "{printable(name)}"{nearest(name, names)} (columns: {shown})')
    every = look(given, lambda done, total: progress("looking at items", done, total))
    seen = [one for one in every if not one.problem and one.sequence]
    if not seen:
        why = "".join(f"; {finding.title}" for finding in scan.findings(given, []))
        raise InputError(f"none of {len(given)} items can be used; the first: {given[0].id}: {every[0].problem}{why}")
    progress("comparing sequences", 0, STAGES)
    related = splits.clusters([one.sequence for one in seen])
    progress("studying labels", 1, STAGES)
    known = labels.study(seen, related, targets)
    for one in known.targets:
        if unread := UNREAD.get(one.column.kind):
            raise InputError(
                f'target "{printable(one.name)}": {unread}, which explore does not read; leave it out and write its '
                "head into the config by hand (Labels, in docs/data.md)"
            )
    progress("studying the rest", 2, STAGES)
    told = lambda done, total: progress("comparing structures", done, total)
    kept = folds.together(seen, related, split_by, told) if split_by else None
    shapes = folds.study(seen, related, told) if compare_folds else None
    size, aligned, family = sequences.lengths(seen), alignments.study(seen), homologues.study(seen, related, kept)
    mixture = sequences.composition(homologues.apart(seen, family.clusters))
    together = relations.study(seen, known.columns, known.targets)
    parted = groups.study(known.columns, known.targets, seen)
    of_scan = scan.findings(given, seen, len(family.clusters))
    found = [
        *items.findings(every, repeated, {name for one in of_scan for name in one.unused}),
        *of_scan,
        *placing.findings([one.item for one in seen]),
        *known.findings,
        *sequences.findings(seen, mixture),
        *structures.findings(seen),
        *dates.findings(seen),
        *alignments.findings(seen),
        *leakage.findings(family, seen),
        *folds.findings(shapes),
        *partners.findings(seen),
        *relations.findings(together),
        *(finding for one in parted for finding in groups.findings(one)),
    ]
    progress("done", STAGES, STAGES)
    return Audit(
        source=str(data),
        named=targets,
        every=every,
        seen=seen,
        own=columns.own(seen),
        columns=[*known.columns, *_clusters(split_by, kept)],
        targets=known.targets,
        classes={one.name: counted for one in known.targets if (counted := classes(one, seen))},
        lengths=size,
        composition=mixture,
        structures=structures.study(seen),
        dates=dates.study(seen),
        alignments=aligned,
        homologues=family,
        folds=shapes,
        relations=together,
        groups=parted,
        proposal=propose(seen, known.targets, bool(targets), size, aligned, family, len(every) - len(seen)),
        findings=ranked(found),
    )


def _clusters(split_by: str, kept: np.ndarray | None) -> list[Column]:
    """The column that says which items a split by fold keeps together."""
    if split_by != folds.FOLD:
        return []
    return [Column(FOLD_CLUSTER, "class", tuple(str(number) for number in kept.tolist()), 0, {})]
