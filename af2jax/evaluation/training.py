"""A training as numbers: its course, and whether validation got better than at its start and than a simple baseline."""

import csv
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from af2jax.data.parse import printable, read_text
from af2jax.data.preflight import HOMOLOGUE
from af2jax.evaluation.history import History, history
from af2jax.evaluation.verdict import NO, OPEN, YES
from af2jax.finetune import run
from af2jax.finetune.curves import ENOUGH, moving_mean, width
from af2jax.finetune.record import TRAIN, lines
from af2jax.finetune.watch import better
from af2jax.words import chosen

TEXTS = ("summary.txt", "changes.txt")  # of a run directory, that its page shows

OUTCOMES = (  # of a `Trained`: answer, sentence
    (
        lambda of: of.step is None,
        OPEN,
        "Nothing was validated: that the loss falls says nothing about other proteins.",
    ),
    (
        lambda of: of.alike,
        OPEN,
        "The data cannot tell whether training helped: all labels that are validated on are equal, so that a constant "
        "is right. Validate on labels that differ.",
    ),
    (
        lambda of: of.families == 1 and not of.leaked,
        OPEN,
        "The data cannot tell whether training helped: validation is of one family alone, which is too few to judge "
        "by. It was {first:.4g} before the first step, and at best {best:.4g}; hold out more families.",
    ),
    (lambda of: of.step == 0, NO, "Training did not help: no step is better than before the first."),
    (
        lambda of: of.beaten is False,
        NO,
        "It is better than before the first step ({first:.4g}), and not better than {baseline} ({level:.4g}), for "
        "which nothing need be trained.",
    ),
    (
        lambda of: of.leaked,
        OPEN,
        "It is better than before the first step ({first:.4g}), but {leaked} of {valid} validation items have "
        "homologues in training, so that this says little about new proteins: split by protein "
        "(af2jax explore proposes a split).",
    ),
    (
        lambda of: of.beaten,
        YES,
        "It is better than before the first step ({first:.4g}), and than {baseline} ({level:.4g}).",
    ),
    (
        lambda of: True,
        YES,
        "It is better than before the first step ({first:.4g}); what a simple baseline reaches was not measured.",
    ),
)


@dataclass(frozen=True)
class Trained:
    """A training and what came of it.

    Attributes:
        name, path: of the run directory.
        history: its course.
        steps, losses: the loss of each step that was finite.
        smooth: the moving mean of these; [] of few steps.
        over: steps that it is over.
        skipped: steps that were not finite and changed nothing.
        items: number by split, and "unused".
        leaked: validation items with homologues in training.
        families: of homologues, that are validated on; None: not known, as of runs before it was kept.
        texts: what trained and what moved, by the name of the file.
        files: of the directory, relative to it.
    """

    name: str
    path: Path
    history: History
    steps: list[int]
    losses: list[float]
    smooth: list[float]
    over: int
    skipped: int
    items: dict[str, int]
    leaked: int
    families: int | None
    texts: dict[str, str]
    files: tuple[str, ...]

    @property
    def step(self) -> int | None:
        """The best; None: nothing was validated."""
        watched = self.history.watched
        return watched[self.history.best][0] if watched else None

    @property
    def alike(self) -> bool:
        """Whether all labels that are validated on are equal, of the head that is monitored or of all that learn."""
        training, last = self.history.training, self.history.validation[-1]
        names = list(training.losses) if training.monitor == "loss" else [training.monitor.split("/")[0]]
        equal = [last.get(f"{n}/accuracy_of_majority") == 1 or last.get(f"{n}/rmse_of_mean") == 0 for n in names]
        return bool(equal) and all(equal)

    @property
    def beaten(self) -> bool | None:
        """Whether the best validation is better than the simplest baseline; None: not known."""
        if not self.history.watched or self.history.baseline is None:
            return None
        best = self.history.watched[self.history.best][1]
        return better(self.history.training.monitor, best, self.history.baseline[1])

    @property
    def outcome(self) -> tuple[str, str]:
        """(answer, sentence): did training help on the validation part?"""
        watched, known = self.history.watched, self.history.baseline
        answer, text = chosen(OUTCOMES, self)
        first, best = (watched[0][1], watched[self.history.best][1]) if watched else (0.0, 0.0)
        words = {"first": first, "best": best, "leaked": self.leaked, "valid": self.items.get("valid", 0)}
        words |= {"baseline": known[0], "level": known[1]} if known else {}
        return answer, text.format(**words)


def trained(path: str | os.PathLike) -> Trained:
    """What a run directory, or the run that a checkpoint is of, came to.

    Raises:
        InputError, WeightsError: it is not a run, or a file is missing or damaged.
    """
    found = history(path)
    root = run.root_of(Path(path))
    every = lines(root / TRAIN)
    known = [line for line in every if line["loss"] is not None]
    losses, over = [line["loss"] for line in known], width(len(known))
    table = read_text(root / "items.tsv").splitlines()
    rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    files = sorted(file for file in root.rglob("*") if file.is_file() and file.name[0] != ".")
    return Trained(
        printable(root.name),
        root,
        found,
        [line["step"] for line in known],
        losses,
        moving_mean(losses, over) if len(losses) >= ENOUGH else [],
        over,
        sum(bool(line.get("skipped")) for line in every),
        dict(Counter(row["split"] for row in rows)),
        sum(row["split"] == "valid" and row["reason"] == HOMOLOGUE for row in rows),
        run.facts_of(root).get("valid_families"),
        {name: read_text(root / name) for name in TEXTS if (root / name).is_file()},
        tuple(file.relative_to(root).as_posix() for file in files),
    )
