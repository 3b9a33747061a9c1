"""The alignments and templates of a data set: how deep, how varied, and where they have gaps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from af2jax.audit import distribution
from af2jax.audit.distribution import Distribution
from af2jax.audit.findings import Finding
from af2jax.audit.look import ENOUGH, Seen


@dataclass(frozen=True)
class Alignments:
    """What alignments hold."""

    length: np.ndarray  # [N_alignment] residues
    depth: Distribution  # different sequences, with the query
    neff: Distribution  # effective number of sequences
    sampled: int  # how many Neff are of rows drawn
    shallow: int  # alignments of fewer than 30 sequences
    gaps: np.ndarray  # [3 20] share of gaps in each twentieth of the chain: median, lower and upper quartile
    inside: float  # the median share within the chain,
    ends: float  # and at its ends


def study(seen: Sequence[Seen]) -> Alignments | None:
    """None: no item has an alignment."""
    known = [one for one in seen if one.rows]
    if not known:
        return None
    depth, neff = (np.array([getattr(one.rows, name) for one in known], float) for name in ("depth", "neff"))
    gaps = np.quantile([one.rows.gaps for one in known], [0.5, 0.25, 0.75], axis=0)
    return Alignments(
        length=np.array([one.length for one in known]),
        depth=distribution.of(depth),
        neff=distribution.of(neff),
        sampled=sum(one.rows.sampled for one in known),
        shallow=int((depth < ENOUGH).sum()),
        gaps=gaps,
        inside=float(gaps[0, 2:-2].mean()),
        ends=float(gaps[0, [0, -1]].mean()),
    )


def findings(seen: Sequence[Seen]) -> Iterator[Finding]:
    """What is wrong with alignments and templates."""
    rows = [one for one in seen if one.rows]
    if not rows:
        yield Finding(
            "no alignment",
            20,
            f"none of {len(seen)} items has an alignment",
            _without(seen),
            "af2jax search makes alignments; give them in the column msa.",
        )
    elif len(rows) < len(seen):
        yield Finding(
            "alignments of some",
            50,
            f"{len(seen) - len(rows)} of {len(seen)} items have no alignment where others have one",
            "The network can tell the two kinds apart; if they differ in the label too, it learns that.",
            "Search alignments for all items, or for none.",
            tuple(one.item.id for one in seen if not one.rows),
        )
    shallow = [one for one in rows if one.rows.depth < ENOUGH]
    if len(shallow) > 0.25 * max(len(rows), 1):
        yield Finding(
            "shallow alignments",
            45 if any(one.structure for one in seen) else 30,
            f"{len(shallow)} of {len(rows)} alignments have fewer than {ENOUGH} different sequences",
            f"Below {ENOUGH} sequences the accuracy of AlphaFold falls (Jumper et al. 2021, figure 5a).",
            "Search larger databases, and report shallow and deep targets apart.",
            tuple(f"{one.item.id}: {one.rows.depth}" for one in shallow),
        )
    if own := [one for one in seen if one.own_template]:
        yield Finding(
            "the answer as a template",
            90,
            f"{len(own)} of {len(seen)} items have their own structure as a template",
            "The network is given what it is asked for: it learns to copy, and every metric is too good.",
            "Delete these templates; af2jax search leaves out what is younger than a date.",
            tuple(f"{one.item.where}: {one.own_template}" for one in own),
        )


def templates(seen: Sequence[Seen]) -> list[int]:
    """How many templates each item has, a table of templates counted as one."""
    return [len(one.item.templates) + bool(one.item.aligned_templates) for one in seen]


def _without(seen: Sequence[Seen]) -> str:
    """What follows where no item has an alignment."""
    if given := sum(map(bool, templates(seen))):
        return f"The network sees the sequence, and the templates of {given} of {len(seen)} items."
    if any(one.structure for one in seen):
        return "AlphaFold is poor without one: its structures, and what a head reads of them, rest on the sequence."
    return "A head reads what the network makes of the sequence alone."
