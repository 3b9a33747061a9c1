"""All that is wrong with the columns of a data set, above all with those to be learnt."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from af2jax.audit import balance, columns, label_column, label_findings, placing, scan
from af2jax.audit.columns import Column
from af2jax.audit.findings import CAUTION, Finding, ranked
from af2jax.audit.label_column import LabelColumn
from af2jax.audit.look import Seen


@dataclass(frozen=True)
class Labels:
    """What was found of the columns of a data set.

    Attributes:
        columns: beside those that every table may have.
        targets: those to be learnt.
        findings: the worst first.
    """

    columns: list[Column]
    targets: list[LabelColumn]
    findings: list[Finding]


def before(seen: Sequence[Seen], groups: np.ndarray, targets: Collection[str]) -> list[Finding]:
    """What a training should be warned of, the worst first: cautions and worse of its labels, mutants and alignments;
    arguments are as in `study`, with at least one target."""
    learnt = columns.choose(columns.describe(seen), targets)
    found = _study(learnt, learnt, seen, groups, targets).findings
    items = [one.item for one in seen]
    return [
        one for one in ranked([*found, *scan.findings(items, seen), *placing.findings(items)]) if one.threat >= CAUTION
    ]


def study(seen: Sequence[Seen], groups: np.ndarray, targets: Collection[str]) -> Labels:
    """What the columns of items hold, and what is wrong with them.

    Args:
        groups: int [N], equal for homologues.
        targets: columns to be learnt; (): all that look like labels.
    """
    table = columns.describe(seen)
    return _study(table, columns.choose(table, targets), seen, groups, targets)


def _study(
    table: list[Column], chosen: list[Column], seen: Sequence[Seen], groups: np.ndarray, targets: Collection[str]
) -> Labels:
    """What is wrong with the columns of a table, of which those `chosen` are learnt."""
    learnt = [label_column.study(column, seen, groups) for column in chosen]
    found = columns.findings(table, chosen, seen)
    for one in learnt:
        found += label_findings.findings(one, seen, one.name in targets) + balance.findings(one, seen, groups)
    return Labels(table, learnt, ranked(found))
