"""A given structure judged by a network: as its initial guess, or as its template (AF2Rank)."""

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from af2jax import schema
from af2jax.config import Config
from af2jax.constants.atoms import CA
from af2jax.data import formats
from af2jax.data.cyclic import names as chain_names
from af2jax.data.given import Given, read_given
from af2jax.data.pae import read_pae
from af2jax.data.pipeline import NO_ALIGNMENT, Read, draw, read
from af2jax.data.protein import read_protein
from af2jax.data.templates import Paths
from af2jax.errors import InputError
from af2jax.files import plain, write_table
from af2jax.geometry.superpose import superpose
from af2jax.inference import predict
from af2jax.metrics.superposition import rmsd, tm_score
from af2jax.model.alphafold import AlphaFold
from af2jax.results import Prediction
from af2jax.results.scored import DIRECTED

GUESS, RANK = PROTOCOLS = ("initial-guess", "af2rank")
FILES = "files"  # of a structure and its PAE file, without a network
RECYCLES = {GUESS: 3, RANK: 1}  # as published
TABLE = "scores.csv"
COLUMNS = (
    *("structure", "protocol", "target", "cyclic", "network", "seed", "recycles", "residues", "observed"),
    *("plddt", "ptm", "iptm", "actifptm", "rmsd", "tm_score"),
    *("composite", "pair", "pair_iptm", "pair_actifptm", "pae_interaction", "interface_pae", "contacts", "pdockq"),
    *(f"{name}_min" for name in DIRECTED),
    *("plddt_first", "plddt_second", "rmsd_first", "rmsd_second", "rmsd_first_on_second", "rmsd_second_on_first"),
)


@dataclass(frozen=True)
class Score:
    """What a network says of a given structure.

    Attributes:
        structure: file and chains.
        protocol: "initial-guess", "af2rank", or "files" where nothing was folded (`of_files`).
        prediction: the network's own structure and its confidence.
        seed: of the features; None where there are none.
        rmsd: of CA atoms between the given structure and the prediction, superposed, angstrom; over what the structure
            has, NaN where that is nothing.
        tm_score: of the same atoms, 0 to 1.
        composite: AF2Rank's score, 0 to 1: mean pLDDT / 100 times pTM times `tm_score`; None without pTM.
        moved: [N_chain N_chain] CA-RMSD of the chain of the column once the chain of the row is superposed, angstrom;
            on the diagonal of each chain by itself.
        observed: residues with a CA atom in the given structure, which `rmsd` and `tm_score` are of.
        given: the structure itself; None of files, whose structure is the prediction.
        target: chains that were shown as a template.
        cyclic: chains that are rings.
    """

    structure: str
    protocol: str
    prediction: Prediction
    seed: int | None
    rmsd: float
    tm_score: float
    composite: float | None
    moved: np.ndarray
    observed: int
    given: Given | None
    target: tuple[str, ...] = ()
    cyclic: tuple[str, ...] = ()

    @property
    def recycles(self) -> int | None:
        """Passes before the last; None where nothing was folded."""
        return len(self.prediction.changes) - 1 if self.prediction.changes else None

    @property
    def rows(self) -> list[dict]:
        """A row of `COLUMNS` for each pair of chains, or one row of one chain; "" where nothing is known."""
        one = self.prediction
        whole = {"structure": one.protein.name, "protocol": self.protocol, "network": one.preset, "seed": self.seed}
        whole |= {"target": ",".join(self.target), "cyclic": ",".join(self.cyclic), "recycles": self.recycles}
        whole |= {"residues": len(one.plddt), "observed": self.observed}
        whole |= {"plddt": float(np.mean(one.plddt)), "rmsd": self.rmsd}
        whole |= {name: getattr(one, name) for name in ("ptm", "iptm", "actifptm")}
        whole |= {"tm_score": self.tm_score, "composite": self.composite}
        rows = [whole | self._pair(pair, *at) for pair, at in one.pairs.items()] or [whole]
        return [{name: _known(row.get(name)) for name in COLUMNS} for row in rows]

    def _pair(self, pair: str, i: int, j: int) -> dict:
        one, found = self.prediction, self.prediction.interfaces
        chains = list(one.protein.names)
        a, b = (np.flatnonzero(one.protein.chain_index == chains[k]) for k in (i, j))
        out = {"pair": pair, "contacts": int(found.contacts[i, j]), "pdockq": found.pdockq[i, j]}
        for name, table in (
            ("pair_iptm", one.chain_tm),
            ("pair_actifptm", one.chain_actifptm),
            ("interface_pae", found.pae),
        ):
            out[name] = None if table is None else table[i, j]
        if one.pae is not None:
            out["pae_interaction"] = (np.mean(one.pae[np.ix_(a, b)]) + np.mean(one.pae[np.ix_(b, a)])) / 2
        if found.directed is not None:
            tables = ((name, getattr(found.directed, name)) for name in DIRECTED)
            out |= {f"{name}_min": min(table[i, j], table[j, i]) for name, table in tables}
        moved = {"first": (i, i), "second": (j, j), "first_on_second": (j, i), "second_on_first": (i, j)}
        out |= {f"rmsd_{name}": self.moved[at] for name, at in moved.items()}
        return out | {"plddt_first": np.mean(one.plddt[a]), "plddt_second": np.mean(one.plddt[b])}

    def json(self) -> dict:
        """The numbers of the structure as a whole and of its pairs of chains, and the scores of the prediction."""
        return plain({"protocol": self.protocol, "rows": self.rows, "scores": self.prediction.scores()})


def _known(value):
    """A cell: "" where nothing is known, floats with the digits of a float32."""
    if value is None or (isinstance(value, float | np.floating) and not np.isfinite(value)):
        return ""
    return float(f"{value:.6g}") if isinstance(value, float | np.floating) else value


def judge(
    prediction: Prediction,
    given: Given,
    protocol: str = GUESS,
    seed: int = 0,
    target: tuple[str, ...] = (),
    cyclic: tuple[str, ...] = (),
) -> Score:
    """How a prediction compares with the structure that was given of it; both have the same residues."""
    found, known = prediction.protein.positions[:, CA], given.positions[:, CA]
    there = given.atom_mask[:, CA] & (np.asarray(prediction.protein.atom_mask)[:, CA] > 0)
    rows = [there & (given.chain_index == chain) for chain in range(len(given.chains))]
    moved = np.full((len(rows), len(rows)), np.nan)
    for i, j in itertools.product(range(len(rows)), repeat=2):
        if rows[i].any() and rows[j].any():
            motion = superpose(found.astype(np.float64), known.astype(np.float64), rows[i])
            apart = (found @ motion.rot.T + motion.trans - known)[rows[j]]
            moved[i, j] = np.sqrt(np.mean(np.sum(apart**2, axis=-1)))
    near = tm_score(found, known, there)
    composite = None if prediction.ptm is None else float(np.mean(prediction.plddt)) / 100 * prediction.ptm * near
    whole = rmsd(found, known, there)
    observed = int(given.atom_mask[:, CA].sum())
    numbers = whole, near, composite, moved, observed
    return Score(given.source, protocol, prediction, seed, *numbers, given, target, cyclic)


def named(prediction: Prediction, given: Given) -> Prediction:
    """The prediction with the names of the structure's chains, and without the note that there was no alignment, which
    the protocols do without."""
    notes = tuple(note for note in prediction.protein.notes if note != NO_ALIGNMENT)
    rename = lambda protein: dataclasses.replace(protein, chain_names=given.chains, notes=notes)
    passes = tuple(map(rename, prediction.passes))
    return dataclasses.replace(prediction, protein=rename(prediction.protein), passes=passes)


def check(protocol: str, target: Sequence[str], config: Config) -> None:
    """Passes if a network can judge structures in this way.

    Raises:
        InputError: the protocol is unknown, or needs templates, which the network does not read.
    """
    if protocol not in PROTOCOLS:
        raise InputError(f'protocol "{protocol}" is unknown; choose from {", ".join(PROTOCOLS)}')
    if protocol == RANK and target:
        raise InputError(f"a target is of the protocol {GUESS}: with {RANK} the whole structure is the template")
    if config.template is None and (protocol == RANK or target):
        what = f"the protocol {RANK}" if protocol == RANK else "a target"
        raise InputError(
            f"{config.name} reads no templates, which {what} needs; choose a network that does, such as model_1_ptm"
        )


@dataclass(frozen=True)
class Ready:
    """A query with a structure that is given of it."""

    query: Read  # as the network reads it
    given: Given
    guess: np.ndarray | None  # float32 [N_res 37 3], the initial guess
    protocol: str
    target: tuple[str, ...] = ()  # chains that are shown as a template

    @property
    def cyclic(self) -> tuple[str, ...]:
        """The chains that are rings, as the structure calls them."""
        if self.query.ring is None:
            return ()
        rings = set(self.given.chain_index[self.query.ring > 0].tolist())
        return tuple(name for i, name in enumerate(self.given.chains) if i in rings)

    @property
    def notes(self) -> tuple[str, ...]:
        """What every file states of the structure."""
        return (self.given.gaps,) if self.given.gaps else ()

    def judge(self, predictions: Sequence[tuple[Prediction, int]]) -> list[Score]:
        """The scores of each prediction, with its seed."""
        way = self.protocol, self.target, self.cyclic
        return [judge(one, self.given, way[0], seed, *way[1:]) for one, seed in predictions]


def prepared(query: Read, given: Given, protocol: str = GUESS, target: Sequence[str] = ()) -> Ready:
    """The query as it is folded: from the structure, or with it or its `target` as the only template."""
    templates: Callable[[Config], schema.Templates] | None = query.templates
    if protocol == RANK:
        templates = given.template
    elif target:
        templates = lambda config: given.target(target, config)
    guess = given.guess() if protocol == GUESS else None
    return Ready(dataclasses.replace(query, templates=templates), given, guess, protocol, tuple(target))


def save(out: Path, rows: Iterable[Mapping]) -> Path | None:
    """Writes the table `scores.csv` of rows as `Score.rows` has them, whole or not at all; None: there is no row."""
    return write_table(out / TABLE, COLUMNS, rows)


def of_files(path: str | os.PathLike, pae: str | os.PathLike, name: str = "") -> Score:
    """The scores of a predicted structure by its pLDDT (B factors) and its PAE file, without a network.

    Args:
        name: of the structure in tables; "": that of its file.

    Raises:
        InputError: a file cannot be read, the PAE is of another number of residues, or B factors are no pLDDT.
    """
    protein = read_protein(path)
    table, numbers = read_pae(pae, len(protein.aatype), str(path))
    if not 1 < protein.plddt.max() <= 100 or protein.plddt.min() < 0:
        raise InputError(
            f"{path}: B factors of {protein.plddt.min():.4g} to {protein.plddt.max():.4g} are not a pLDDT of 0 to 100; "
            "give a predicted structure"
        )
    protein = dataclasses.replace(protein, name=name or protein.name)
    known = {score: numbers.get(score) for score in ("ptm", "iptm")}
    one = Prediction(plddt=protein.plddt, pae=table, protein=protein, preset="", changes=(), **known)
    moved = np.full((len(protein.names),) * 2, np.nan)
    observed = int((protein.atom_mask[:, CA] > 0).sum())
    return Score(str(path), FILES, one, None, np.nan, np.nan, None, moved, observed, None)


def score(
    path: str | os.PathLike,
    model: AlphaFold,
    params: dict,
    *,
    chains: str | None = None,
    protocol: str = GUESS,
    target: str | None = None,
    cyclic: str | None = None,
    msa: Paths | None = None,
    num_recycle: int | None = None,
    seed: int = 0,
) -> Score:
    """Judges a structure by a network: its confidence when it starts from the structure, or sees it as a template.

    Args:
        path: mmCIF or PDB file (.gz too).
        chains: those that are meant, joined by ","; None: all protein chains.
        protocol: "initial-guess" (Bennett et al., Nature Communications 14, 2625, 2023): the first pass reads the
            positions as those of a pass before. "af2rank" (Roney and Ovchinnikov, Phys. Rev. Lett. 129, 238101,
            2022): the structure is a template without sequence or side chains. Both mean something of DeepMind's
            parameters alone.
        target: chains that the network sees as a template, joined by ",", as Bennett et al. do with a binder's target.
        cyclic: chains of which the last residue is bound to the first, joined by ",".
        msa: alignments; see `af2jax.features`. None: the sequence alone, as both papers have it.
        num_recycle: default 3 for an initial guess and 1 for AF2Rank, as published.
        seed: of the features.

    Raises:
        InputError: the structure cannot be read, has no such chain, or the network reads no templates and the protocol
            needs them.
    """
    shown = chain_names(target)
    check(protocol, shown, model.config)
    given = read_given(f"{os.fspath(path)}:{chains}" if chains else path)
    given.check_target(shown)
    query = read(":".join(given.sequences), msa=msa, cyclic=given.letters(chain_names(cyclic)), alone=True)
    ready = prepared(query, given, protocol, shown)
    recycles = RECYCLES[protocol] if num_recycle is None else num_recycle
    features = draw(ready.query, seed, model.config, recycles + 1)
    stem = Path(formats.plain(Path(path).name)).stem
    found = predict(model, params, features, recycles, name=stem, notes=ready.notes, guess=ready.guess)
    (scored,) = ready.judge([(named(found, given), seed)])
    return scored
