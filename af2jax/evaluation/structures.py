"""What an evaluation says of structures: metrics, what the network knows of its errors, the worst cases."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from af2jax.constants.atoms import CA, CB
from af2jax.evaluation import reliability
from af2jax.evaluation.record import Evaluation, ScoredTarget, Shown
from af2jax.evaluation.reliability import FAR, Pae, Plddt, Recycling
from af2jax.evaluation.scores import APART, METRICS
from af2jax.evaluation.verdict import GOOD
from af2jax.geometry.rigid import Rigid
from af2jax.geometry.superpose import superpose
from af2jax.metrics.depth import Depth, depth
from af2jax.metrics.dockq import CLASSES
from af2jax.metrics.statistics import Interval, bootstrap
from af2jax.protein.files import Protein
from af2jax.protein.secondary import secondary

CONTACT = 8.0  # angstrom between CB atoms
LIKELY = 0.5  # the probability from which a contact is called


@dataclass(frozen=True)
class MetricMean:
    """One metric over all targets."""

    name: str  # in `METRICS`
    interval: Interval  # of the mean, families drawn together
    spread: float  # population standard deviation over targets


@dataclass(frozen=True)
class Interfaces:
    """Native interfaces of the targets of several chains, the worst first."""

    rows: list[tuple[ScoredTarget, dict]]  # as `docking.interfaces`
    dockq: np.ndarray  # float [targets with several chains]
    mean: Interval  # of DockQ
    counts: dict[str, int]  # by CAPRI's class


@dataclass(frozen=True)
class Contacts:
    """What the distogram says of a target; angstrom, [N_res N_res], NaN where not observed."""

    distances: np.ndarray  # expected
    probability: np.ndarray  # of a contact
    known: np.ndarray
    several: bool  # chains
    called: int  # pairs `APART` or more residues apart, or of two chains, with a probability above `LIKELY`
    right: int  # of these in contact
    real: int  # such pairs in contact

    @property
    def known_contacts(self) -> np.ndarray:
        """1.0, 0.0 or NaN."""
        return np.where(np.isfinite(self.known), self.known < CONTACT, np.nan)


@dataclass(frozen=True)
class AlignedErrors:
    """PAE of a target beside the true aligned error, angstrom [N_res N_res]."""

    predicted: np.ndarray
    true: np.ndarray
    hidden: float  # share of the known pairs that are predicted within `FAR` and off by more than twice that


@dataclass(frozen=True)
class WorstCase:
    """A target whose prediction is shown on what is known of it; no padding, positions in angstrom.

    Attributes:
        protein: the prediction.
        layers: float [N_pass N_layer N_res 37 3], of the structure module, superposed on the prediction by CA atoms.
        moved: float [N_res 3], CA atoms of the prediction superposed on the known structure.
        formed: float [N_pass N_layer N_res 3], CA atoms of each layer superposed on `moved`.
        known, observed: float [N_res 3] and bool [N_res], CA atoms of the known structure.
        plddt, error: float [N_res]; the distance of CA atoms.
        shape, known_shape: a letter for each residue, as `protein.secondary` has it.
        bounds: rows where chains begin, but the first.
        alignment: int [N_seq N_res], or None; `depth` is its depth.
    """

    target: ScoredTarget
    protein: Protein
    layers: np.ndarray
    moved: np.ndarray
    formed: np.ndarray
    known: np.ndarray
    observed: np.ndarray
    plddt: np.ndarray
    error: np.ndarray
    shape: str
    known_shape: str
    bounds: list[int]
    contacts: Contacts | None
    aligned: AlignedErrors | None
    alignment: np.ndarray | None
    depth: Depth | None

    def trajectory(self) -> str:
        """mmCIF with a model for each layer in each pass, superposed on the prediction."""
        models = None
        for layer in self.layers.reshape(-1, *self.layers.shape[2:]):
            one = dataclasses.replace(self.protein, positions=layer).structure()
            if models is None:
                models = one
            else:
                models.add_model(one[0])
        models.renumber_models()
        return models.make_mmcif_document().as_string()


@dataclass(frozen=True)
class StructureScores:
    """All of it.

    Attributes:
        metrics: those that any target has.
        targets: the worst first, those without a known structure last.
        lddt: float [targets with a known structure], lDDT-CA.
        low: the share of these below 70, from which a backbone is mostly right.
    """

    metrics: tuple[MetricMean, ...]
    targets: tuple[ScoredTarget, ...]
    lddt: np.ndarray
    low: float
    interfaces: Interfaces | None
    plddt: Plddt
    pae: Pae | None
    recycling: Recycling | None
    worst: tuple[WorstCase, ...]


def study(evaluation: Evaluation) -> StructureScores:
    """The numbers of an evaluation of which some structures are known."""
    lddt = evaluation.column("lddt_ca")
    order = np.argsort(np.nan_to_num(lddt, nan=np.inf), kind="stable")
    means = []
    for name in METRICS:
        values = evaluation.column(name)
        interval = bootstrap(values, evaluation.families)
        if interval.count:
            means.append(MetricMean(name, interval, float(np.nanstd(values))))
    lddt = lddt[np.isfinite(lddt)]
    return StructureScores(
        metrics=tuple(means),
        targets=tuple(evaluation.targets[i] for i in order),
        lddt=lddt,
        low=float((lddt < GOOD).mean()),
        interfaces=_interfaces(evaluation),
        plddt=reliability.plddt(evaluation),
        pae=reliability.pae(evaluation),
        recycling=reliability.recycling(evaluation),
        worst=tuple(map(worst_case, evaluation.worst)),
    )


def _interfaces(evaluation: Evaluation) -> Interfaces | None:
    found = [(target, one) for target in evaluation.targets for one in target.interfaces]
    if not found:
        return None
    found.sort(key=lambda entry: entry[1]["dockq"])
    scores = evaluation.column("dockq")
    counts = {name: sum(one["quality"] == name for _, one in found) for name, _ in CLASSES}
    return Interfaces(found, scores[np.isfinite(scores)], bootstrap(scores, evaluation.families), counts)


def worst_case(shown: Shown) -> WorstCase:
    """A kept target, as pages show it."""
    rows, residues = np.asarray(shown.features.seq_mask), shown.scores.residues
    chains = np.unique(np.asarray(shown.features.asym_id)[rows], return_inverse=True)[1]
    final, points = shown.seen.positions, shown.seen.layers[..., CA, :][:, :, rows].astype(np.float64)
    kept = (np.asarray(x)[rows] for x in (shown.features.aatype, final, shown.seen.atom_mask))
    index, plddt = np.asarray(shown.features.residue_index)[rows], shown.seen.plddt[-1][rows]
    protein = Protein(*kept, index, chains, plddt, shown.target.id, chain_names=tuple(shown.target.chains))
    true = (shown.targets.positions, shown.targets.atom_mask)
    onto = superpose(points, final[rows, CA].astype(np.float64), np.ones(points.shape[:3], bool))
    on_known = superpose(points, shown.scores.moved.astype(np.float64), np.ones(points.shape[:3], bool))
    return WorstCase(
        target=shown.target,
        protein=protein,
        layers=_moved(shown.seen.layers[:, :, rows], onto),
        moved=shown.scores.moved,
        formed=_moved(points[..., None, :], on_known)[..., 0, :],
        known=np.asarray(shown.targets.positions)[rows, CA],
        observed=np.asarray(shown.targets.atom_mask)[rows, CA],
        plddt=residues["plddt"],
        error=residues["error"],
        shape=secondary(protein.aatype, protein.positions, protein.atom_mask > 0, chains),
        known_shape=secondary(protein.aatype, *(np.asarray(x)[rows] for x in true), chains),
        bounds=(np.flatnonzero(np.diff(chains)) + 1).tolist(),
        contacts=_contacts(shown, rows, chains),
        aligned=_aligned(shown, rows),
        alignment=shown.alignment,
        depth=None if shown.alignment is None else depth(shown.alignment),
    )


def _moved(atoms: np.ndarray, motion: Rigid) -> np.ndarray:
    """[N_pass N_layer N_res N_atom 3] under a motion [N_pass N_layer] each."""
    return atoms @ np.swapaxes(motion.rot, -1, -2)[:, :, None] + motion.trans[:, :, None, None]


def _contacts(shown: Shown, rows: np.ndarray, chains: np.ndarray) -> Contacts | None:
    if shown.seen.distances is None:
        return None
    distances, probability = (x[rows][:, rows] for x in (shown.seen.distances, shown.seen.contacts))
    atoms, mask = np.asarray(shown.targets.positions)[rows], np.asarray(shown.targets.atom_mask)[rows]
    place = np.arange(len(chains))
    pick = np.where(mask[:, CB], CB, CA)
    beta = np.where(mask[place, pick][:, None], atoms[place, pick], np.nan)
    known = np.linalg.norm(beta[:, None] - beta[None], axis=-1)
    other = chains[:, None] != chains
    far = np.triu((np.abs(place[:, None] - place) >= APART) | other) & np.isfinite(known)
    real, likely = far & (known < CONTACT), far & (probability > LIKELY)
    counts = (int(likely.sum()), int((real & likely).sum()), int(real.sum()))
    return Contacts(distances, probability, known, bool(other.any()), *counts)


def _aligned(shown: Shown, rows: np.ndarray) -> AlignedErrors | None:
    if shown.seen.pae is None or not np.isfinite(shown.scores.aligned).any():
        return None
    predicted, true = shown.seen.pae[rows][:, rows], shown.scores.aligned
    known = np.isfinite(true)
    return AlignedErrors(predicted, true, float(((predicted < FAR) & (true > 2 * FAR))[known].mean()))
