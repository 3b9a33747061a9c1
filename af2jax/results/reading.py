"""What can be read from the predictions of one query: how sure they are, where they are not, how chains lie."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from af2jax.constants.atoms import CA
from af2jax.data.given import Given
from af2jax.geometry.superpose import superpose
from af2jax.metrics.depth import ENOUGH, Depth, depth
from af2jax.plots.confidence import LEVELS
from af2jax.plots.pae import FAR, NEAR
from af2jax.protein.files import Protein
from af2jax.protein.secondary import secondary
from af2jax.results.prediction import Prediction
from af2jax.results.scored import DIRECTED

LOW, SURE = 50, 70  # pLDDT: below, a residue may be disordered; from here on, the backbone is mostly right
SHORTEST = 5  # residues of a stretch that is flagged
TRACES = 5  # structures that are superposed, to be shown together
Ranked = Sequence[tuple[Prediction, int | None]]  # with their seeds, the best first; None: it is as given


@dataclass(frozen=True)
class Level:
    """The residues on one of AlphaFold's levels of pLDDT."""

    name: str
    low: int
    top: int
    residues: int
    share: float


@dataclass(frozen=True)
class Stretch:
    """Neighbouring residues of a chain that all have a pLDDT below 50."""

    rows: np.ndarray  # int [n]
    plddt: float  # mean
    depth: float | None  # median of the sequences there; None: no alignment


@dataclass(frozen=True)
class ChainConfidence:
    """A chain of rank 1 by itself."""

    name: str
    residues: int
    plddt: float  # mean
    ptm: float | None


@dataclass(frozen=True)
class PairConfidence:
    """Two chains of rank 1, as `metrics.interface` scores them."""

    name: str  # "A-B"
    iptm: float | None
    pae: float | None  # angstrom
    contacts: int
    pdockq: float
    plddt: float
    actifptm: float | None
    ipsae: float | None  # this and those below: the smaller of both orders
    pdockq2: float | None
    lis: float | None
    clis: float | None


@dataclass(frozen=True)
class Reading:
    """The numbers of a page of predictions.

    Attributes:
        predictions: with their seeds, the best first.
        means: mean pLDDT of each.
        traces: float [N_res 3], CA atoms of the first five superposed on the first, angstrom.
        shapes: a letter for each residue of these, as `protein.secondary` has it.
        given: float [N_res 3] for each trace, CA atoms of the structure that was given of the query, superposed on it,
            NaN where it has none; () where none was given.
        given_shape: its letters.
        sure: residues of rank 1 with a pLDDT of 70 and more.
        levels: from high to low.
        stretches: in their order.
        depth: of the alignment; None: there was none.
        near, far: shares of the pairs with a PAE below 5 and above 15 angstrom; None: no PAE is predicted.
        chains, pairs: of complexes, pairs with most contacts first.
    """

    predictions: Ranked
    means: tuple[float, ...]
    traces: tuple[np.ndarray, ...]
    shapes: tuple[str, ...]
    given: tuple[np.ndarray, ...]
    given_shape: str
    sure: int
    levels: tuple[Level, ...]
    stretches: tuple[Stretch, ...]
    depth: Depth | None
    near: float | None
    far: float | None
    chains: tuple[ChainConfidence, ...]
    pairs: tuple[PairConfidence, ...]

    @property
    def best(self) -> Prediction:
        """Rank 1."""
        return self.predictions[0][0]

    @property
    def shallow(self) -> int:
        """Stretches that fewer sequences cover than pLDDT needs."""
        return sum(one.depth is not None and one.depth < ENOUGH for one in self.stretches)


def read(predictions: Ranked, alignment: np.ndarray | None = None, given: Given | None = None) -> Reading:
    """The numbers of ranked predictions.

    Args:
        alignment: int [N_seq N_res], codes of the rows, the query first.
        given: the structure that was given of the query.
    """
    best, _ = predictions[0]
    traces = tuple(_trace(one.protein, best.protein) for one, _ in predictions[:TRACES])
    seen = None if alignment is None else depth(alignment)
    near, far = (None, None) if best.pae is None else ((best.pae < NEAR).mean(), (best.pae > FAR).mean())
    chains, pairs = _chains(best) if len(best.protein.names) > 1 else ((), ())
    return Reading(
        predictions=predictions,
        means=tuple(float(one.plddt.mean()) for one, _ in predictions),
        traces=traces,
        shapes=tuple(_shape(one.protein) for one, _ in predictions[:TRACES]),
        given=() if given is None else tuple(_onto(given, points, best.protein) for points in traces),
        given_shape="" if given is None else _shape(given),
        sure=int((best.plddt >= SURE).sum()),
        levels=_levels(best.plddt),
        stretches=tuple(
            Stretch(run, float(best.plddt[run].mean()), None if seen is None else float(np.median(seen.at[run])))
            for run in stretches(best.protein, best.plddt)
        ),
        depth=seen,
        near=near,
        far=far,
        chains=chains,
        pairs=pairs,
    )


def stretches(protein: Protein, plddt: np.ndarray) -> list[np.ndarray]:
    """The rows of each stretch of five residues or more of a chain that all have a pLDDT below 50."""
    rows = np.flatnonzero(plddt < LOW)
    new = (np.diff(rows) > 1) | (np.diff(protein.chain_index[rows]) != 0)
    return [run for run in np.split(rows, np.flatnonzero(new) + 1) if len(run) >= SHORTEST]


def _trace(protein: Protein, first: Protein) -> np.ndarray:
    points, known = protein.positions[:, CA].astype(np.float64), protein.atom_mask[:, CA] > 0
    motion = superpose(points, first.positions[:, CA].astype(np.float64), known)
    return points @ motion.rot.T + motion.trans


def _onto(given: Given, points: np.ndarray, protein: Protein) -> np.ndarray:
    """CA atoms of the given structure on those of a trace, wherever both have one."""
    there = given.atom_mask[:, CA]
    known = given.positions[:, CA].astype(np.float64)
    motion = superpose(known, points, there & (protein.atom_mask[:, CA] > 0))
    return np.where(there[:, None], known @ motion.rot.T + motion.trans, np.nan)


def _shape(protein: Protein | Given) -> str:
    return secondary(protein.aatype, protein.positions, protein.atom_mask > 0, protein.chain_index)


def _levels(plddt: np.ndarray) -> tuple[Level, ...]:
    level, lows = np.digitize(plddt, list(LEVELS)[:-1]), [0, *LEVELS]
    found = [
        Level(name, lows[i], top, int((level == i).sum()), float((level == i).mean()))
        for i, (top, name) in enumerate(LEVELS.items())
    ]
    return tuple(reversed(found))


def _chains(best: Prediction) -> tuple[tuple[ChainConfidence, ...], tuple[PairConfidence, ...]]:
    protein, found, tm = best.protein, best.interfaces, best.chain_tm
    number = lambda table, at: None if table is None else float(table[at])
    chains = []
    for i, (chain, name) in enumerate(protein.names.items()):
        own = protein.chain_index == chain
        chains.append(ChainConfidence(name, int(own.sum()), float(best.plddt[own].mean()), number(tm, (i, i))))
    least = {name: np.minimum(x := getattr(found.directed, name), x.T) for name in DIRECTED} if found.directed else {}
    pairs = [
        PairConfidence(
            name,
            number(tm, at),
            number(found.pae, at),
            int(found.contacts[at]),
            float(found.pdockq[at]),
            float(found.plddt[at]),
            number(best.chain_actifptm, at),
            *(number(least.get(score), at) for score in DIRECTED),
        )
        for name, at in sorted(best.pairs.items(), key=lambda entry: -found.contacts[entry[1]])
    ]
    return tuple(chains), tuple(pairs)
