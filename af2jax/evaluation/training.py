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

OUTCOMES = (  # of (the best step or None, whether the baseline is beaten, homologues validated on): answer, sentence
    (
        lambda step, beaten, leaked: step is None,
        OPEN,
        "Nothing was validated: that the loss falls says nothing about other proteins.",
    ),
    (lambda step, beaten, leaked: step == 0, NO, "Training did not help: no step is better than before the first."),
    (
        lambda step, beaten, leaked: beaten is False,
        NO,
        "It is better than before the first step ({first:.4g}), and not better than {baseline} ({level:.4g}), for "
        "which nothing need be trained.",
    ),
    (
        lambda step, beaten, leaked: leaked,
        OPEN,
        "It is better than before the first step ({first:.4g}), but {leaked} of {valid} validation items have "
        "homologues in training, so that this says little about new proteins: split by protein "
        "(af2jax explore proposes a split).",
    ),
    (
        lambda step, beaten, leaked: beaten,
        YES,
        "It is better than before the first step ({first:.4g}), and than {baseline} ({level:.4g}).",
    ),
    (
        lambda step, beaten, leaked: True,
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
    texts: dict[str, str]
    files: tuple[str, ...]

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
        step = watched[self.history.best][0] if watched else None
        answer, text = chosen(OUTCOMES, step, self.beaten, self.leaked)
        words = {"first": watched[0][1] if watched else 0.0, "leaked": self.leaked, "valid": self.items.get("valid", 0)}
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
        {name: read_text(root / name) for name in TEXTS if (root / name).is_file()},
        tuple(file.relative_to(root).as_posix() for file in files),
    )
