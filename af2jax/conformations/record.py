"""What models of one protein are: states, what found each, and what may be claimed; as rows, JSON and a table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from af2jax.conformations.claims import FOUND, NEARER, Claim
from af2jax.conformations.sampling import Model
from af2jax.files import plain, write_table

LOW = 50.0  # pLDDT, below which a residue may be disordered
TABLE = "states.csv"
COLUMNS = ("query", "state", "models", "plddt", "tm_first", "representative", "ways", "references", "answer", "claim")


@dataclass(frozen=True)
class State:
    """Models of one structure.

    Attributes:
        number: from 1, the state of the whole alignment; the others by their models, most first.
        representative: the model of highest mean pLDDT.
        models: all, the representative first.
        counts: models by way, of the ways that found it.
        tm_first: TM-score of the representative to that of the first state.
        moved: float [N_res 3], CA atoms of the representative superposed on the first state's where they are alike.
        apart: float [N_res], how far these are from the first state's, angstrom.
        references: TM-score of the representative to each known structure.
    """

    number: int
    representative: Model
    models: tuple[Model, ...]
    counts: Mapping[str, int]
    tm_first: float
    moved: np.ndarray
    apart: np.ndarray
    references: tuple[float, ...]

    @property
    def plddt(self) -> float:
        """Mean over the residues of the representative, 0 to 100."""
        return self.representative.plddt

    @property
    def near(self) -> int | None:
        """The place of the known structure that it is; None: of none."""
        return nearest(self.references)


@dataclass(frozen=True)
class Found:
    """What a way found.

    Attributes:
        way: see `ways.WAYS`.
        models: that it made.
        states: that they are of.
        plddt: mean over its models.
        seconds: mean for a model that was not the first of its shape, which is compiled for; None: all were.
        near: models of each known structure (TM-score above 0.5, and 0.05 above that to the others).
        best: the highest TM-score to each.
    """

    way: str
    models: int
    states: int
    plddt: float
    seconds: float | None
    near: tuple[int, ...]
    best: tuple[float, ...]

    @property
    def both(self) -> bool:
        """Whether every one of two known structures or more was found."""
        return len(self.near) > 1 and min(self.near) > 0


@dataclass(frozen=True)
class States:
    """What models of one protein, made in several ways, are: every figure of the page is here.

    Attributes:
        name, sequence: of the query.
        asked: the ways that were asked for; their controls ran beside them.
        threshold: TM-score of models of one state.
        models: all, the first being of the whole alignment.
        scores: float [N_model N_reference], TM-score of each to each known structure.
        references: names of these.
        between: float [N_reference N_reference], TM-score of each two of them; NaN where they share no residue.
        states: the first is that of the whole alignment.
        by_way: of each way that ran, what it found.
        claims: of each other state what may be claimed, the strongest first.
        calibrated: whether pLDDT of every network is the one that DeepMind calibrated.
        notes: remarks.
    """

    name: str
    sequence: str
    asked: tuple[str, ...]
    threshold: float
    models: tuple[Model, ...]
    scores: np.ndarray
    references: tuple[str, ...]
    between: np.ndarray
    states: tuple[State, ...]
    by_way: tuple[Found, ...]
    claims: tuple[Claim, ...]
    calibrated: bool
    notes: tuple[str, ...] = ()

    @property
    def claim(self) -> Claim:
        """The strongest."""
        return self.claims[0]

    @property
    def best(self) -> tuple[float, ...]:
        """The highest TM-score of any model to each known structure."""
        return tuple(self.scores.max(axis=0).tolist())

    @cached_property
    def state_of(self) -> dict[str, int]:
        """The number of the state of each model, by its name."""
        return {model.name: state.number for state in self.states for model in state.models}

    @property
    def disordered(self) -> np.ndarray | None:
        """bool [N_res]: pLDDT is below 50 in every state; None where it is not known what that is worth: the
        weights are not calibrated, or there was no alignment."""
        if not self.calibrated or len(self.models[0].alignment.codes) < 2:
            return None
        return np.all([state.representative.protein.plddt < LOW for state in self.states], axis=0)

    @property
    def rows(self) -> list[dict]:
        """A row of `COLUMNS` for each state; "" where nothing is known."""
        told = {one.evidence.state: one for one in self.claims if one.evidence}
        rows = []
        for state in self.states:
            own = told.get(state.number)
            row = {"query": self.name, "state": state.number, "models": len(state.models), "plddt": state.plddt}
            row |= {"tm_first": state.tm_first, "representative": state.representative.name}
            row |= {"ways": "; ".join(f"{way} {count}" for way, count in state.counts.items())}
            row |= {"references": "; ".join(f"{score:.3f}" for score in state.references)}
            rows.append(row | {"answer": own.answer if own else "", "claim": own.text if own else ""})
        return rows

    def json(self) -> dict:
        """The numbers, as JSON has them."""
        models = [
            {"name": one.name, "way": one.way, "network": one.network, "seed": one.seed}
            | {"rows": len(one.alignment.codes), "state": self.state_of[one.name]}
            | {"plddt": one.plddt, "ptm": one.ptm, "seconds": one.seconds, "first": one.first}
            | {"references": scores.tolist()}
            for one, scores in zip(self.models, self.scores, strict=True)
        ]
        names = ("name", "sequence", "asked", "threshold", "references", "between", "by_way", "claims", "calibrated")
        facts = {name: getattr(self, name) for name in (*names, "notes")}
        return plain(facts | {"states": self.rows, "models": models})


def nearest(scores: Sequence[float]) -> int | None:
    """The place of the known structure that a model is of: TM-score above 0.5 and 0.05 above all others; or None."""
    best = int(np.argmax(scores)) if len(scores) else -1
    others = [score for place, score in enumerate(scores) if place != best]
    return best if best >= 0 and scores[best] > FOUND and all(scores[best] - x > NEARER for x in others) else None


def save(out: Path, rows: Iterable[Mapping]) -> Path | None:
    """Writes the table `states.csv` of rows as `States.rows` has them, whole or not at all; None: there is no row."""
    return write_table(out / TABLE, COLUMNS, rows)
