"""What tuned heads answer of one query: probabilities with the names of their classes, or numbers with a unit."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from absl import logging

from af2jax.errors import InputError
from af2jax.heads.calibration import Calibration, probabilities
from af2jax.heads.head import Head, starts
from af2jax.heads.trained_on import Nearness
from af2jax.schema import Features
from af2jax.typing import Array

AXES = {"residue": ("residue",), "chain": (), "pair": ("residue_1", "residue_2"), "binding": ()}  # of `values`


@dataclass(frozen=True)
class Answer:
    """What a tuned head answers of one query, without padding.

    Attributes:
        head: its name.
        kind: "residue", "chain", "pair" or "binding".
        values: float64, probabilities of the classes or numbers in the labels' unit: [N_res n], [N_res N_res n] of
            pairs, [n] of the whole.
        classes: their names; () of numbers.
        unit: of numbers; "" where none was given.
        spread: the sample standard deviation of `values` over several answers (`combine`), or None.
        calibration: that the probabilities were made with; None: without, or numbers.
        near: the query beside the sequences that taught the head; None where these are not known.
        count: answers of which this is the mean; then `calibration` and `near` are those of the least trustworthy one.
    """

    head: str
    kind: str
    values: np.ndarray
    classes: tuple[str, ...] = ()
    unit: str = ""
    spread: np.ndarray | None = None
    calibration: Calibration | None = None
    near: Nearness | None = None
    count: int = 1

    @property
    def calibrated(self) -> bool:
        """Whether the probabilities of its classes were calibrated on held-out proteins."""
        return self.calibration is not None and not self.calibration.refused

    @property
    def support(self) -> str:
        """Why the answer may be believed, or not: a sentence on calibration, and one on what taught the head."""
        near = str(self.near) if self.near else "the sequences that taught the head are not known"
        parts = [f"{self.calibration or 'probabilities are not calibrated: no validation'}"] if self.classes else []
        if self.count > 1:
            parts.insert(0, f"mean of {self.count} answers; what follows is of the least trustworthy one")
        return " ".join(f"{part[:1].upper()}{part[1:]}." for part in [*parts, near])

    @property
    def best(self) -> np.ndarray:
        """The name of the most probable class, str [N_res] and so on; of a regression the numbers, `values`."""
        return np.asarray(np.array(self.classes)[self.values.argmax(-1)]) if self.classes else self.values

    @property
    def rows(self) -> list[dict]:
        """A row for each residue, each pair, or one for the whole; residues count from 1.

        Of classes: "class", its "probability", and "p_<name>" of each class; of numbers: "value" or "value_1",
        "value_2" and so on. "spread" is that of the probability or the value, where several answered.
        """
        return [dict(zip(self.columns, row, strict=True)) for row in self.cells]

    @property
    def columns(self) -> list[str]:
        """The names of the columns of `rows`."""
        several = self.values.shape[-1] > 1
        spread = self.spread is not None
        if self.classes:
            found = ["class", "probability", *(["spread"] if spread else []), *(f"p_{name}" for name in self.classes)]
        else:
            names = ("value", "spread") if spread else ("value",)
            places = [f"_{i + 1}" for i in range(self.values.shape[-1])] if several else [""]
            found = [f"{name}{place}" for name in names for place in places]
        return [*AXES[self.kind], *found]

    @property
    def cells(self) -> list[list]:
        """The values of `rows`, as Python's own."""
        where = np.argwhere(np.ones(self.values.shape[:-1], bool)) + 1
        flat = self.values.reshape(-1, self.values.shape[-1])
        parts: list[np.ndarray] = [flat]
        if self.spread is not None:
            parts.append(self.spread.reshape(flat.shape))
        if self.classes:
            top = flat.argmax(-1)[:, None]
            parts = [*(np.take_along_axis(part, top, 1) for part in parts), flat]
        numbers = np.concatenate(parts, 1).tolist()
        names = [[name] for name in self.best.reshape(-1).tolist()] if self.classes else [[]] * len(flat)
        return [[*at, *name, *row] for at, name, row in zip(where.tolist(), names, numbers, strict=True)]

    def json(self) -> dict:
        """As the scores file of a prediction has it."""
        known = {"kind": self.kind, "classes": list(self.classes), "unit": self.unit, "values": self.values.tolist()}
        if self.classes:
            known |= {"best": self.best.tolist(), "calibrated": self.calibrated}
        if self.near:
            known["near"] = self.near._asdict() | {"length_in_range": self.near.length_in_range}
        return known | ({} if self.spread is None else {"spread": self.spread.tolist()})

    def __str__(self) -> str:
        """In a few words: the class with its probability or the number, of residues and pairs shares or the mean."""
        if self.kind in ("residue", "pair"):
            if not self.classes:
                mean = self.values.mean(tuple(range(self.values.ndim - 1)))
                return f"{self.head} {_joined(mean)}{self._of} on average"
            shares = [(name, 100 * float((self.best == name).mean())) for name in self.classes]
            return f"{self.head} " + ", ".join(f"{name} {share:.0f} %" for name, share in shares)
        best = int(self.values.argmax(-1))
        shown = slice(best, best + 1) if self.classes else slice(None)
        spread = "" if self.spread is None else f" ± {_joined(self.spread[shown])}"
        if self.classes:
            return f"{self.head} {self.classes[best]} ({self.values[best]:.3f}{spread})"
        return f"{self.head} {_joined(self.values)}{spread}{self._of}"

    @property
    def _of(self) -> str:
        return f" {self.unit}" if self.unit else ""


def read_answers(
    heads: Mapping[str, Head], raw: Mapping[str, Array | np.ndarray], features: Features
) -> dict[str, Answer]:
    """The answers in what heads computed (`heads.apply`) of one query, padding included.

    A "binding" head answers of two molecules or more alone, a "variant" head of mutations alone
    (`screening.variants.scan`): such a one is left out, and a warning says so.
    """
    rows, found = np.asarray(features.seq_mask), {}
    for name, head in heads.items():
        if head.kind == "binding" and not np.asarray(starts(features)).any():
            logging.warning('head "%s" does not answer: the query is one molecule, and it needs two', name)
            continue
        if head.kind == "variant":
            logging.warning('head "%s" does not answer here: it is of variants, and af2jax scan asks it', name)
            continue
        values = np.asarray(raw[name], np.float64)
        if head.kind in ("residue", "pair"):
            values = values[rows]
        if head.kind == "pair":
            values = values[:, rows]
        if head.classes:
            values = probabilities(values, head.temperature)
        found[name] = Answer(name, head.kind, values, head.labels, head.unit, calibration=head.calibration)
    return found


def together(several: Sequence[Mapping[str, Answer]]) -> dict[str, Answer]:
    """What each head answers of one query over several seeds or runs: `combine` of those that have it.

    Raises:
        InputError: heads of one name are different ones.
    """
    by_head: dict[str, list[Answer]] = {}
    for answers in several:
        for name, answer in answers.items():
            by_head.setdefault(name, []).append(answer)
    return {name: combine(found) for name, found in by_head.items()}


def agree(sources: Mapping[str, Mapping[str, Head]]) -> None:
    """Passes if heads of one name, by the runs that have them, answer the same question.

    Raises:
        InputError: they do not; the message names two runs and the difference.
    """
    first: dict[str, tuple[str, Head]] = {}
    for source, heads in sources.items():
        for name, head in heads.items():
            other, known = first.setdefault(name, (source, head))
            for what in ("kind", "labels", "outputs", "unit"):
                if (a := getattr(known, what)) != (b := getattr(head, what)):
                    what = {"labels": "classes"}.get(what, what)
                    raise InputError(
                        f'head "{name}" is not the same in {other} and {source} ({what}: {a!r} and {b!r}); give runs '
                        "whose heads answer one question"
                    )


def combine(answers: Sequence[Answer]) -> Answer:
    """The mean of several answers of one head of one query, such as by several seeds or runs, with their spread.

    Of calibrations and nearness the worst is kept: a mean is not called better founded than any of its parts.

    Raises:
        InputError: there is none, or they are not of one head and query.
    """
    if not answers:
        raise InputError("combine: give one answer or more")
    first = answers[0]
    for other in answers[1:]:
        for what in ("head", "kind", "classes", "unit"):
            if (a := getattr(first, what)) != (b := getattr(other, what)):
                raise InputError(f'answers of head "{first.head}" do not go together: {what} is {a!r} and {b!r}')
        if first.values.shape != other.values.shape:
            shapes = f"{list(first.values.shape)} and {list(other.values.shape)}"
            raise InputError(f'answers of head "{first.head}" do not go together: they have shapes {shapes}')
    if len(answers) == 1:
        return first
    values = np.stack([answer.values for answer in answers])
    calibration = min((answer.calibration for answer in answers), key=_trust)
    nears = [answer.near for answer in answers]
    near = None if None in nears else min(nears, key=lambda near: (near.length_in_range, near.identity))
    about = {"calibration": calibration, "near": near, "count": len(answers)}
    return dataclasses.replace(first, values=values.mean(0), spread=values.std(0, ddof=1), **about)


def _trust(calibration: Calibration | None) -> tuple[int, float]:
    if calibration is None:
        return 0, 0.0
    return (1 if calibration.refused else 2), -calibration.error[1]


def _joined(values: np.ndarray) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
