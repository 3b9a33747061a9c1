"""DockQ: how well a model of a complex has the interfaces of the known structure.

Basu and Wallner, PLoS ONE 11, e0161879, 2016, for two chains; Mirabello and Wallner, Bioinformatics 40, btae586, 2024
(DockQ v2), for more. The definitions, as version 2 of their program has them:

- Two residues of different chains are in native contact if any of their heavy atoms are closer than 5 angstrom in the
  known structure. Two chains with such a contact have an interface; others have none and are not scored.
- fnat is the share of the native contacts that are contacts in the model too. Residues that the model lacks lose
  theirs.
- iRMS: the residues of the interface are those with a heavy atom closer than 10 angstrom to one of the other chain, in
  the known structure, among the residues that both structures have. It is the root mean square distance of their
  backbone atoms (N, CA, C, O) after the superposition that makes it least.
- LRMS: of two chains the receptor is the one with more residues in the known structure (of equal ones that which comes
  second there), the other the ligand. It is the distance, root mean square, of the ligand's backbone atoms when those
  of the receptor are superposed.
- DockQ = (fnat + 1 / (1 + (iRMS / 1.5)^2) + 1 / (1 + (LRMS / 8.5)^2)) / 3, from 0 to 1: below 0.23 incorrect, from
  0.23 acceptable, from 0.49 medium, from 0.80 high. What has no atoms in common with the known structure has an RMS of
  NaN and gets nothing for it.
- GlobalDockQ is the mean over the interfaces of the known structure whose chains both have a chain of the model.

Atoms are in the atom37 layout (heavy atoms alone), in angstrom. What `atom_mask` excludes may be anything, and a
residue without atoms is not there. All is in double precision, on the host.
"""

from collections.abc import Mapping
from itertools import combinations, product
from typing import NamedTuple

import numpy as np

from af2jax.constants.atoms import CA, C, N, O
from af2jax.errors import InputError
from af2jax.geometry.superpose import superpose
from af2jax.metrics.chain_assignment import assign
from af2jax.protein.files import Protein
from af2jax.protein.record import chain_name
from af2jax.typing import Bool, Float, Int

TOUCH, NEAR = 5.0, 10.0  # angstrom between heavy atoms: contacts, residues of the interface
HALF_IRMS, HALF_LRMS = 1.5, 8.5  # angstrom at which an RMS gets half of its share
BACKBONE = (N, CA, C, O)
CLASSES = (("high", 0.80), ("medium", 0.49), ("acceptable", 0.23), ("incorrect", 0.0))
MATCH, OPEN, EXTEND = 10, 8, 1  # of the alignment, in halves of the published program's 5, 4 and 0.5
BLOCK = 2**21  # distances held at a time, more or less

Pairing = Mapping[tuple[int, int], np.ndarray]


class Interface(NamedTuple):
    """One interface of the known structure in the model."""

    chains: tuple[int, int]  # of the known structure
    model_chains: tuple[int, int]
    dockq: float  # 0 to 1
    fnat: float
    irms: float  # angstrom
    lrms: float  # angstrom
    contacts: int  # native ones
    wrong: float  # share of the model's contacts that are not native, "fnonnat"; 0 where the model has none

    @property
    def quality(self) -> str:
        """CAPRI's class by DockQ: "high", "medium", "acceptable" or "incorrect"."""
        return next(name for name, lowest in CLASSES if self.dockq >= lowest)


class DockQ(NamedTuple):
    """A model of a complex against the known structure."""

    mean: float  # GlobalDockQ, 0 to 1; NaN where no interface was scored
    interfaces: tuple[Interface, ...]  # in the order of the known structure's chains; empty where it has none
    chains: dict[int, int]  # chain of the known structure: chain of the model
    lost: tuple[tuple[int, int], ...]  # interfaces that are not scored, because a chain has none in the model
    exact: bool  # no other assignment of chains has a higher sum; False: the search was broken off


class _Complex:
    """One structure: its chains in their order, and how near residues of two chains are, kept."""

    def __init__(self, positions: np.ndarray, atom_mask: np.ndarray, chain_index: np.ndarray):
        self.positions, self.atom_mask = np.asarray(positions, np.float64), np.asarray(atom_mask)
        self.rows = _chains(chain_index, self.atom_mask.any(1))
        atoms = np.where(self.atom_mask[..., None], self.positions, 0)
        self._center = atoms.sum(1) / np.maximum(self.atom_mask.sum(1), 1)[:, None]
        outward = np.linalg.norm(atoms - self._center[:, None], axis=-1)
        self._radius = np.max(outward, axis=1, initial=0, where=self.atom_mask)
        self._known: dict[tuple[int, int], np.ndarray] = {}

    def near(self, a: int, b: int) -> np.ndarray:
        """int8 [N_a N_b]: 2 where heavy atoms are closer than 5 angstrom, 1 where closer than 10, else 0."""
        if (a, b) not in self._known:
            self._known[a, b] = self._near(self.rows[a], self.rows[b])
            self._known[b, a] = self._known[a, b].T
        return self._known[a, b]

    def _near(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        apart = np.linalg.norm(self._center[a, None] - self._center[None, b], axis=-1)
        maybe = apart < NEAR + self._radius[a, None] + self._radius[None, b]
        rows, columns, out = maybe.any(1), maybe.any(0), np.zeros(maybe.shape, np.int8)
        if rows.any():
            squared = self._squared(a[rows], b[columns])
            out[np.ix_(rows, columns)] = (squared < TOUCH**2).astype(np.int8) + (squared < NEAR**2)
        return out

    def _squared(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """[N_a N_b] squared distances of the nearest heavy atoms."""
        points, start = self._atoms(b)
        out, step = np.empty((len(a), len(b))), max(BLOCK // (8 * len(points)), 1)
        for first in range(0, len(a), step):
            own, own_start = self._atoms(a[first : first + step])
            squared = sum((own[:, None, axis] - points[None, :, axis]) ** 2 for axis in range(3))
            nearest = np.minimum.reduceat(squared, own_start, axis=0)
            out[first : first + step] = np.minimum.reduceat(nearest, start, axis=1)
        return out

    def _atoms(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The atoms [N 3] of residues, and where those of each begin."""
        mask = self.atom_mask[rows]
        return self.positions[rows][mask], np.cumsum(mask.sum(1)) - mask.sum(1)


def same_residues(
    aatype: Int[np.ndarray, " N_res"],
    chain_index: Int[np.ndarray, " N_res"],
    present: Bool[np.ndarray, " N_res"],
    true_aatype: Int[np.ndarray, " N_true"],
    true_chain_index: Int[np.ndarray, " N_true"],
    true_present: Bool[np.ndarray, " N_true"],
    numbers: tuple[Int[np.ndarray, " N_res"], Int[np.ndarray, " N_true"]] | None = None,
    mismatches: int = 0,
) -> dict[tuple[int, int], np.ndarray]:
    """Which chain of the model may be which of the known structure, and which residues are then the same.

    Sequences of the residues present (those with an atom) are aligned globally, with the published program's scores: 5
    for equal residues, 0 for others, -4 and -0.5 for a gap. Beside a gap more than one alignment may be best; residue
    `numbers`, where both structures count alike, know better, and then residues of one number are the same. Only
    residues of one type are paired. Two chains may be the same if these are half of the shorter one or more, which the
    program does not ask for, and at most `mismatches` others lie over each other.

    Returns:
        {(chain of the model, chain of the known structure): int [2 N_pair] rows of both}.
    """
    out, seen = {}, {}
    model, true = _chains(chain_index, present), _chains(true_chain_index, true_present)
    for (a, own), (b, theirs) in product(model.items(), true.items()):
        sides = (aatype[own], true_aatype[theirs])
        if numbers:
            i, j = np.intersect1d(numbers[0][own], numbers[1][theirs], return_indices=True)[1:]
        else:
            key = tuple(side.tobytes() for side in sides)
            i, j = seen[key] = seen[key] if key in seen else _align(*sides)
        equal = sides[0][i] == sides[1][j]
        if 2 * equal.sum() >= min(len(own), len(theirs)) and (~equal).sum() <= mismatches:
            out[a, b] = np.stack([own[i[equal]], theirs[j[equal]]])
    return out


def dockq(
    positions: Float[np.ndarray, "N_res 37 3"],
    atom_mask: Bool[np.ndarray, "N_res 37"],
    chain_index: Int[np.ndarray, " N_res"],
    true_positions: Float[np.ndarray, "N_true 37 3"],
    true_atom_mask: Bool[np.ndarray, "N_true 37"],
    true_chain_index: Int[np.ndarray, " N_true"],
    pairing: Pairing,
    chains: Mapping[int, int] | None = None,
) -> DockQ:
    """DockQ of each interface of the known structure, and GlobalDockQ; see the head of this file.

    Chains come in the order of their first residues. Where `chains` is None, they are assigned so that the sum of DockQ
    is highest, among all that `pairing` allows. That is exact for a group of up to eight identical chains, and for more
    where the search can leave branches early; after 200,000 steps the best found is improved by exchanges, and `exact`
    says so.

    Args:
        pairing: the residues that are the same, for each two chains that may be; `same_residues` finds them.
        chains: {chain of the known structure: chain of the model}, then only these are scored.

    Raises:
        InputError: `chains` has a chain twice, or two that are not in `pairing`, or `pairing` contradicts the chains.
    """
    model, true = (
        _Complex(positions, atom_mask, chain_index),
        _Complex(true_positions, true_atom_mask, true_chain_index),
    )
    pairs = {key: _present(key, np.asarray(rows), model, true) for key, rows in pairing.items()}
    pairs = {key: rows for key, rows in pairs.items() if rows.size}
    native = {pair: int((true.near(*pair) == 2).sum()) for pair in combinations(true.rows, 2)}
    native = {pair: count for pair, count in native.items() if count}
    known: dict[tuple, Interface] = {}

    def score(pair: tuple[int, int], found: tuple[int, int]) -> Interface:
        if (pair, found) not in known:
            known[pair, found] = _interface(model, true, pairs, pair, found, native[pair])
        return known[pair, found]

    if chains is None:
        allowed = {b: [a for a in model.rows if (a, b) in pairs] for b in true.rows}
        chains, exact = assign(allowed, list(native), lambda *key: score(*key).dockq)
    else:
        _check(chains, pairs)
        chains, exact = {b: chains[b] for b in true.rows if b in chains}, True
    scored = tuple(score((i, j), (chains[i], chains[j])) for i, j in native if i in chains and j in chains)
    lost = tuple(pair for pair in native if not {*pair} <= {*chains})
    mean = float(np.mean([interface.dockq for interface in scored])) if scored else np.nan
    return DockQ(mean, scored, chains, lost, exact)


def compare(
    model: Protein,
    true: Protein,
    chains: Mapping[int, int] | None = None,
    numbers: bool = False,
    mismatches: int = 0,
) -> DockQ:
    """`dockq` of two structures; residues are the same by their sequences, or by their numbers if these agree.

    Args:
        chains: {chain of the known structure: chain of the model}, by `chain_index`; None: the best assignment.
        numbers: pair residues by `residue_index` and type, not by alignment.
        mismatches: how many residues may differ in type between two chains that are the same.

    Raises:
        InputError: `chains` does not fit, or no chain of the model is one of the known structure.
    """
    own, theirs = ((p.aatype, p.chain_index, p.atom_mask.any(1)) for p in (model, true))
    counted = (model.residue_index, true.residue_index) if numbers else None
    pairing = same_residues(*own, *theirs, counted, mismatches)
    if not pairing:
        raise InputError(
            f"no chain of {model.name} has the sequence of a chain of {true.name}; allow mismatches, or give the "
            "structure that the model is of"
        )
    sides = (x for p in (model, true) for x in (p.positions, p.atom_mask, p.chain_index))
    return dockq(*sides, pairing, chains)


def _chains(chain_index: np.ndarray, present: np.ndarray) -> dict[int, np.ndarray]:
    """The rows of each chain, in the order of their first residues."""
    rows = np.flatnonzero(present)
    return {int(chain): rows[chain_index[rows] == chain] for chain in dict.fromkeys(chain_index[rows].tolist())}


def _present(key: tuple[int, int], rows: np.ndarray, model: _Complex, true: _Complex) -> np.ndarray:
    """The pairs of rows, [2 N_pair], that have atoms in both structures."""
    rows = rows[:, model.atom_mask[rows[0]].any(1) & true.atom_mask[rows[1]].any(1)]
    for structure, chain, own in zip((model, true), key, rows, strict=True):
        if not np.isin(own, structure.rows.get(chain, [])).all() or len(np.unique(own)) < len(own):
            raise InputError(f"pairing {key}: its rows are of another chain, or one is there twice")
    return rows


def _check(chains: Mapping[int, int], pairs: Pairing) -> None:
    if len({*chains.values()}) < len(chains):
        raise InputError("chains: a chain of the model stands for two of the known structure; give each its own")
    for b, a in chains.items():
        if (a, b) not in pairs:
            raise InputError(
                f"chains: chain {chain_name(a)} of the model has no residues of chain {chain_name(b)} of the known "
                "structure; see that the sequences are the same"
            )


def _interface(model: _Complex, true: _Complex, pairs: Pairing, pair, found, contacts: int) -> Interface:
    """Chains `pair` of the known structure as chains `found` of the model."""
    first, second = pairs[found[0], pair[0]], pairs[found[1], pair[1]]
    native = _part(true, pair, first[1], second[1])
    own = _part(model, found, first[0], second[0])
    shared, total = int(((native == 2) & (own == 2)).sum()), int((own == 2).sum())
    fnat, wrong = shared / contacts, (total - shared) / total if total else 0.0
    edge = np.concatenate([first[:, (native > 0).any(1)], second[:, (native > 0).any(0)]], axis=1)
    irms = _rms(model, true, edge, edge)
    larger = len(true.rows[pair[0]]) > len(true.rows[pair[1]])
    receptor, ligand = (first, second) if larger else (second, first)
    lrms = _rms(model, true, receptor, ligand)
    scaled = (irms / HALF_IRMS, lrms / HALF_LRMS)
    of_irms, of_lrms = (0.0 if np.isnan(x) else 1 / (1 + x**2) for x in scaled)
    score = (fnat + of_irms + of_lrms) / 3
    return Interface(pair, found, score, fnat, irms, lrms, contacts, wrong)


def _part(structure: _Complex, pair: tuple[int, int], first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """`near` of two chains for these of their rows."""
    place = [np.searchsorted(structure.rows[chain], rows) for chain, rows in zip(pair, (first, second), strict=True)]
    return structure.near(*pair)[np.ix_(*place)]


def _rms(model: _Complex, true: _Complex, fitted: np.ndarray, measured: np.ndarray) -> float:
    """The RMS distance of the backbone atoms of `measured` when those of `fitted` are superposed."""
    moving, fixed = _backbone(model, true, fitted)
    points, goal = _backbone(model, true, measured)
    if not len(moving) or not len(points):
        return np.nan
    motion = superpose(moving, fixed, np.ones(len(moving), bool))
    return float(np.sqrt(np.mean(np.sum((points @ motion.rot.T + motion.trans - goal) ** 2, axis=-1))))


def _backbone(model: _Complex, true: _Complex, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The backbone atoms [N 3] that both structures have, in each."""
    own, theirs = (np.ix_(side, BACKBONE) for side in rows)
    both = model.atom_mask[own] & true.atom_mask[theirs]
    return model.positions[own][both], true.positions[theirs][both]


def _align(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places of `a` and `b` that lie over each other in a best global alignment with affine gaps (Gotoh 1982)."""
    if np.array_equal(a, b):
        return np.arange(len(a)), np.arange(len(b))
    best = np.zeros((len(a) + 1, len(b) + 1), np.int64)
    slope = EXTEND * np.arange(len(b) + 1)
    best[0, 1:] = -OPEN - slope[:-1]
    gap = np.full(len(b) + 1, -(2**40))  # the best that end in a gap of b
    for i, code in enumerate(a):
        gap = np.maximum(gap - EXTEND, best[i] - OPEN)
        row = gap.copy()
        row[1:] = np.maximum(row[1:], best[i, :-1] + MATCH * (b == code))
        across = np.maximum.accumulate(row + slope)[:-1] - OPEN - slope[:-1]
        best[i + 1] = np.concatenate([row[:1], np.maximum(row[1:], across)])
    i, j, pairs = len(a), len(b), []
    ends = lambda values, n: values - OPEN - EXTEND * np.arange(n - 1, -1, -1)
    while i and j:
        if best[i, j] == best[i - 1, j - 1] + MATCH * (a[i - 1] == b[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif len(start := np.flatnonzero(ends(best[:i, j], i) == best[i, j])):
            i = int(start[-1])
        else:
            j = int(np.flatnonzero(ends(best[i, :j], j) == best[i, j])[-1])
    x, y = np.array(pairs[::-1], int).reshape(-1, 2).T
    return x, y
