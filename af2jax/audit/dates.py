"""When the structures of a data set were deposited, beside the training cut-offs of the published networks."""

import datetime
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from af2jax.audit.findings import Finding
from af2jax.audit.look import Seen
from af2jax.audit.reference import COMPLEXES, MONOMERS


@dataclass(frozen=True)
class Dates:
    """Dates of the chains that have one."""

    years: np.ndarray  # float [N_dated]
    late: int  # younger than AlphaFold 2's training
    counts: dict[str, int]  # chains of each year, in order


def study(seen: Sequence[Seen]) -> Dates | None:
    """None: no chain has a date."""
    dates = [one.date for one in seen if one.date]
    counts = dict(sorted(Counter(date[:4] for date in dates).items()))
    return (
        Dates(np.array([year(date) for date in dates]), sum(date > MONOMERS for date in dates), counts)
        if dates
        else None
    )


def year(date: str) -> float:
    """A date as a number of years."""
    return int(date[:4]) + int(date[5:7]) / 12


def findings(seen: Sequence[Seen]) -> Iterator[Finding]:
    """Dates that cannot be, chains on both sides of the cut-off, and held-out chains that are older than it."""
    dated = sorted((one for one in seen if one.date), key=lambda one: one.date)
    today = datetime.date.today().isoformat()
    if wrong := [one for one in dated if one.date > today]:
        yield Finding(
            "date in the future",
            60,
            f"{len(wrong)} of {len(dated)} dates lie in the future",
            f"Today is {today}: the column is not a date of deposition, or damaged.",
            "Correct the dates.",
            _lines(wrong),
        )
    if late := [one for one in dated if one.date > MONOMERS]:
        after = sum(one.date > COMPLEXES for one in late)
        yield Finding(
            "date after the cut-off",
            50 if len(late) < len(dated) else 20,
            f"{len(late)} of {len(dated)} dated chains are younger than {MONOMERS}",
            f"AlphaFold 2 was trained on structures up to {MONOMERS}, AlphaFold-Multimer 2.3 up to {COMPLEXES} "
            f"({after} are younger than that). The older chains it has probably seen, the younger ones not: a mean "
            "over both shows neither how well it memorises nor how well it predicts.",
            "Report old and young chains apart, and test on the young ones.",
            _lines(late),
        )
    if held := [one for one in dated if one.item.split in ("valid", "test") and one.date <= MONOMERS]:
        yield Finding(
            "held out but seen",
            30,
            f"{len(held)} validation or test chains are of {MONOMERS} or older",
            "DeepMind's weights have probably seen their structures. What is measured on them is too good for "
            "structures; labels of your own are not affected.",
            "Where structures are what is measured, test on chains that are younger.",
            _lines(held),
        )


def _lines(chosen: Sequence[Seen]) -> tuple[str, ...]:
    return tuple(f"{one.item.id}: {one.date}" for one in chosen)
