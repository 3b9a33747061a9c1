"""Models made as planned, each with the alignment that made it; what was made before is read and not made again."""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from af2jax.conformations.ways import Plan
from af2jax.constants.atoms import CA
from af2jax.data.alignment import to_a3m
from af2jax.data.msa import profile
from af2jax.data.parse import Alignment
from af2jax.data.pipeline import Read, draw
from af2jax.data.transforms import padded
from af2jax.files import DAMAGED, file_name, whole
from af2jax.inference import predict
from af2jax.model.alphafold import AlphaFold
from af2jax.protein.files import Protein

FOLDER = "models"  # of the files of all models
ARRAYS = ("aatype", "positions", "atom_mask", "residue_index", "chain_index", "plddt")


class Network(NamedTuple):
    """A network that makes models."""

    name: str
    model: AlphaFold
    params: dict
    notes: tuple[str, ...] = ()
    calibrated: bool = False  # whether its pLDDT is the one that DeepMind calibrated
    digest: str = ""  # of its weights and of all else that decides its models


class Made(NamedTuple):
    """What a network makes of a plan."""

    protein: Protein
    ptm: float | None
    seconds: float
    first: bool


@dataclass(frozen=True)
class Model:
    """One model.

    Attributes:
        name: of its files; says network, way and number.
        way: see `ways.WAYS`.
        network: that made it.
        seed: of the features, and of dropout where there is.
        alignment: that made it.
        protein: the atoms, with pLDDT.
        ptm: 0 to 1, or None.
        seconds: that it took, by the clock.
        first: whether it was the first of its shape, so that its seconds have the compilation too.
    """

    name: str
    way: str
    network: str
    seed: int
    alignment: Alignment
    protein: Protein
    ptm: float | None
    seconds: float
    first: bool

    @property
    def plddt(self) -> float:
        """Mean, 0 to 100."""
        return float(np.mean(self.protein.plddt))

    @property
    def points(self) -> np.ndarray:
        """float [N_res 3], CA atoms, angstrom."""
        return self.protein.positions[:, CA]

    @property
    def files(self) -> dict[str, Callable[[Path], str]]:
        """The text of each file of it, by its path below the folder of a page."""
        stem = f"{FOLDER}/{self.name}"
        return {f"{stem}.cif": lambda _: self.protein.to_mmcif(), f"{stem}.a3m": lambda _: to_a3m(self.alignment)}


def sampled(
    known: Read,
    networks: Sequence[Network],
    plans: Sequence[Plan],
    num_recycle: int | None = None,
    tolerance: float | None = None,
    keep: Path | None = None,
    progress: Callable[[int, int], object] = lambda done, total: None,
    notes: tuple[str, ...] = (),
) -> list[Model]:
    """The planned models by each network, the first plan first.

    Args:
        known: the query.
        num_recycle, tolerance: as of `inference.predict`.
        keep: a folder in which each model is kept as NAME.npz as soon as it is made, and looked for before.
        progress: called with the models that are done and their number.
        notes: what every file states, beside the notes of a network.

    Raises:
        InputError: an answer is not finite, or the features cannot be drawn.
    """
    found, total, shapes = [], len(plans) * len(networks), set()
    for network in networks:
        params = jax.device_put(network.params)
        for plan in plans:
            name = file_name(f"{network.name}_{plan.way}_{plan.number:03d}_seed_{plan.seed:03d}")
            facts = [network.digest, to_a3m(plan.alignment), plan.number, plan.seed, plan.key, num_recycle, tolerance]
            settings = hashlib.sha256(repr(facts).encode()).hexdigest()
            path = None if keep is None else keep / f"{name}.npz"
            made = path and _kept(path, settings)
            if not made:
                own_notes = (*network.notes, *notes)
                made = _made(known, network, params, plan, num_recycle, tolerance, own_notes, shapes)
                if path:
                    _keep(path, settings, made)
            seed = plan.seed if plan.key is None else plan.key
            found.append(Model(name, plan.way, network.name, seed, plan.alignment, *made))
            progress(len(found), total)
    return found


def _made(known: Read, network: Network, params: dict, plan: Plan, num_recycle, tolerance, notes, shapes: set) -> Made:
    """One model; `shapes`: what this run has compiled programs for, to which its own is added."""
    start, config = time.perf_counter(), network.model.config
    cycles = None if num_recycle is None else num_recycle + 1
    features = padded(draw(shown(known, plan.alignment), plan.seed, config, cycles), config.data)
    key = None if plan.key is None else jax.random.key(plan.key)
    one = predict(network.model, params, features, num_recycle, tolerance, known.query.name, notes, key=key)
    shape = (network.name, key is None, *map(np.shape, jax.tree.leaves(features)))
    first = shape not in shapes
    shapes.add(shape)
    return Made(one.protein, one.ptm, time.perf_counter() - start, first)


def shown(known: Read, alignment: Alignment) -> Read:
    """A query of one chain as a network reads it that is shown another alignment."""
    own = np.ones(alignment.codes.shape, bool)
    assembly = known.assembly._replace(alignment=alignment, own=own)
    return dataclasses.replace(known, assembly=assembly, profile=profile(alignment.codes))


def _keep(path: Path, settings: str, made: Made) -> None:
    arrays = {name: getattr(made.protein, name) for name in ARRAYS}
    facts = {"ptm": np.nan if made.ptm is None else made.ptm, "seconds": made.seconds, "first": made.first}
    facts |= {"settings": settings, "name": made.protein.name, "notes": np.array(made.protein.notes, str)}
    with whole(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays, **facts)


def _kept(path: Path, settings: str) -> Made | None:
    """What `_keep` wrote; None: nothing, with other settings, or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["settings"]) != settings:
                return None
            ptm = float(file["ptm"])
            names = {"name": str(file["name"]), "notes": tuple(file["notes"].tolist())}
            protein = Protein(**{name: file[name] for name in ARRAYS}, **names)
            return Made(protein, None if np.isnan(ptm) else ptm, float(file["seconds"]), bool(file["first"]))
    except DAMAGED:
        return None
