"""Items that cannot be used, and ids that stand twice."""

from collections.abc import Iterator, Mapping, Sequence, Set

from af2jax.audit.findings import Finding
from af2jax.audit.look import Seen
from af2jax.data.parse import printable
from af2jax.words import counted


def findings(
    every: Sequence[Seen], repeated: Mapping[str, Sequence[str]], told: Set[str] = frozenset()
) -> Iterator[Finding]:
    """What is wrong with the rows of a table.

    Args:
        repeated: where each id stands that stands several times.
        told: ids of items that another finding tells of.
    """
    if problems := [one for one in every if (one.problem or not one.sequence) and one.item.id not in told]:
        yield Finding(
            "items that cannot be used",
            70 if len(problems) > 0.1 * len(every) else 50,
            f"{len(problems)} of {len(every)} items cannot be used",
            "A training leaves them out. If they have something in common, what is left is biased.",
            "Correct the files, or delete the rows knowingly; prepared.csv is without them.",
            tuple(f"{one.item.id}: {printable(one.problem)}" for one in problems),
            tuple(one.item.id for one in problems),
        )
    if repeated:
        number = sum(map(len, repeated.values()))
        yield Finding(
            "ids that stand twice",
            70,
            f"{counted(len(repeated), 'id stands', 'ids stand')} several times, in {number} of {len(every)} rows",
            "Results could not be told apart, so that a training refuses such a table; here later ones have a number.",
            "Give each row an id of its own, or delete what is there twice; prepared.csv has them numbered.",
            tuple(f"{printable(name)}: {', '.join(places)}" for name, places in repeated.items()),
        )
