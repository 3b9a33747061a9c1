"""How near one prediction is to its known structure: numbers of the whole, of each residue, of each pass and layer.

What cannot be told is NaN: the lDDT of a residue that was not observed, everything where no structure is known.
"""

from dataclasses import dataclass

import jax
import numpy as np

from af2jax.constants.atoms import CA
from af2jax.evaluation.docking import docked
from af2jax.evaluation.observe import Observed
from af2jax.geometry.superpose import superpose
from af2jax.metrics import quality, stereochemistry, superposition
from af2jax.metrics.baselines import helix
from af2jax.metrics.dockq import DockQ
from af2jax.metrics.statistics import spearman
from af2jax.protein.truth import truth
from af2jax.schema import Features, Targets

CHI_NEAR = 40.0  # degrees, within which a side-chain angle counts as right
PAE_WIDTH, PAE_BINS = 2.0, 16  # angstrom, of the table of predicted against true aligned errors
APART = 6  # residues along a chain, below which two are neighbours, which PAE and contacts leave out


@dataclass(frozen=True)
class Metric:
    """A number of each target, as tables name it."""

    label: str
    higher: bool  # whether more is better
    unit: str = ""


METRICS = {
    "lddt_ca": Metric("lDDT-CA", True),
    "lddt": Metric("lDDT, all atoms", True),
    "gdt_ts": Metric("GDT-TS", True),
    "gdt_ha": Metric("GDT-HA", True),
    "tm": Metric("TM-score", True),
    "rmsd": Metric("RMSD of CA", False, "angstrom"),
    "clashes": Metric("clashes per 1000 atoms", False),
    "breaks": Metric("chain breaks", False),
    "chi1": Metric("chi 1 within 40 degrees", True),
    "chi": Metric("all chi within 40 degrees", True),
    "plddt_gap": Metric("|pLDDT - lDDT-CA|", False),
    "pae_gap": Metric("|PAE - true error|", False, "angstrom"),
    "dockq": Metric("DockQ", True),
}


@dataclass(frozen=True)
class Scores:
    """Of one target.

    Attributes:
        numbers: by name of `METRICS`, "pae_rank" (Spearman's correlation of PAE and true error), "plddt", "ptm",
            "iptm", "length", "observed", and "helix_lddt_ca" and so on:
            those of one long alpha helix.
        residues: by name, float [N_res]: lddt_ca, lddt, plddt, error (angstrom after superposition), clashes.
        passes: float [N_pass N_layer], lDDT-CA by layer and pass.
        pae: float [PAE_BINS 2], pairs whose predicted error falls in a bin, and the sum of their true errors; pairs
            that are not neighbours (`APART`) alone.
        moved: float [N_res 3], the CA of the prediction superposed on the known structure.
        aligned: float [N_res N_res], the true aligned error in angstrom.
        docked: DockQ of each native interface; None for one chain.
    """

    numbers: dict[str, float]
    residues: dict[str, np.ndarray]
    passes: np.ndarray
    pae: np.ndarray
    moved: np.ndarray
    aligned: np.ndarray
    docked: DockQ | None = None


_truth, _backbone = jax.jit(truth), jax.jit(quality.lddt_ca)
_by_layer = jax.jit(jax.vmap(quality.lddt_ca, (0, None, None)))


def score(seen: Observed, features: Features, targets: Targets) -> Scores:
    """All scores of one target; arrays of the result are without padding. Copies are matched (`docking.matched`)."""
    rows = np.asarray(features.seq_mask)
    known = _truth(targets.aatype, targets.positions, targets.atom_mask & rows[:, None])
    both = np.asarray(targets.atom_mask) & seen.atom_mask & rows[:, None]
    observed = both[:, CA]
    points, true_points = seen.positions[:, CA], np.asarray(targets.positions)[:, CA]
    everything = quality.lddt(seen.positions, np.asarray(targets.positions), both)
    num_pass, num_layer = seen.layers.shape[:2]
    backbone = _by_layer(seen.layers[..., CA, :].reshape(-1, *points.shape), true_points, observed)
    per_residue = np.asarray(backbone.per_residue)[-1]
    per_residue = np.where(observed, per_residue, np.nan)
    ring = None if features.ring is None else features.ring[rows]
    real = stereochemistry.clashes(
        seen.positions[rows], seen.atom_mask[rows], features.residue_index[rows], features.asym_id[rows], ring
    )
    bonds = stereochemistry.bonds(
        features.aatype[rows],
        seen.positions[rows],
        seen.atom_mask[rows],
        features.residue_index[rows],
        features.asym_id[rows],
    )
    chi, chi_mask = _chi(seen, known)
    aligned, aligned_mask = _aligned(seen, known)
    moved = _moved(points, true_points, observed)
    error = np.where(observed, np.linalg.norm(moved - true_points, axis=-1), np.nan)
    plddt, interfaces = seen.plddt[-1], docked(seen, features, targets)
    numbers = {
        "length": float(rows.sum()),
        "observed": float(observed.sum()),
        "lddt_ca": float(backbone.overall[-1]),
        "lddt": float(everything.overall),
        "rmsd": superposition.rmsd(points, true_points, observed),
        "gdt_ts": superposition.gdt_ts(points, true_points, observed),
        "gdt_ha": superposition.gdt_ha(points, true_points, observed),
        "tm": superposition.tm_score(points, true_points, observed),
        "clashes": real.per_1000_atoms,
        "breaks": float(bonds.breaks),
        "chi1": _mean(chi[:, 0][chi_mask[:, 0]]),
        "chi": _mean(chi[chi_mask]),
        "plddt": float(plddt[rows].mean()),
        "ptm": np.nan if seen.ptm is None else seen.ptm,
        "iptm": np.nan if seen.iptm is None else seen.iptm,
        "dockq": np.nan if interfaces is None else interfaces.mean,
        **_helix(true_points, observed),
        "plddt_gap": _mean(np.abs(plddt - per_residue)[~np.isnan(per_residue)]),
        "pae_gap": np.nan,
        "pae_rank": np.nan,
    }
    table = np.zeros((PAE_BINS, 2))
    if seen.pae is not None:
        predicted, found = seen.pae[aligned_mask], np.minimum(aligned[aligned_mask], 31.75)  # the last bin of PAE
        numbers["pae_gap"] = _mean(np.abs(predicted - found))
        away = _apart(features)[aligned_mask]
        predicted, found = predicted[away], found[away]
        numbers["pae_rank"] = spearman(predicted, found)
        place = np.minimum(predicted // PAE_WIDTH, PAE_BINS - 1).astype(int)
        table = np.stack([np.bincount(place, w, PAE_BINS) for w in (np.ones(len(predicted)), found)], axis=1)
    lddts = np.where(observed, np.asarray(everything.per_residue), np.nan)
    residues = {"lddt_ca": per_residue, "lddt": lddts, "plddt": plddt, "error": error}
    residues = {name: values[rows] for name, values in residues.items()} | {"clashes": real.per_residue}
    passes = np.asarray(backbone.overall).reshape(num_pass, num_layer)
    aligned = np.where(aligned_mask, aligned, np.nan)[rows][:, rows]
    return Scores(numbers, residues, passes, table, moved[rows], aligned, interfaces)


def _helix(true_points: np.ndarray, observed: np.ndarray) -> dict[str, float]:
    """What one long alpha helix scores, the baseline of a network that knows nothing of a fold."""
    points = helix(len(true_points))
    return {
        "helix_lddt_ca": float(_backbone(points, true_points, observed).overall),
        "helix_gdt_ts": superposition.gdt_ts(points, true_points, observed),
        "helix_tm": superposition.tm_score(points, true_points, observed),
        "helix_rmsd": superposition.rmsd(points, true_points, observed),
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else np.nan


def _chi(seen: Observed, known) -> tuple[np.ndarray, np.ndarray]:
    """(within 40 degrees, known), bool [N_res 4] both; half a turn is not an error where it gives the same molecule."""
    cosine = (seen.torsions[:, 3:] * np.asarray(known.chi)).sum(-1)
    cosine = np.where(np.asarray(known.chi_pi_periodic), np.abs(cosine), cosine)
    return cosine >= np.cos(np.deg2rad(CHI_NEAR)), np.asarray(known.chi_mask)


def _aligned(seen: Observed, known) -> tuple[np.ndarray, np.ndarray]:
    """(the error in angstrom of residue j seen from the frame of i, known), [N_res N_res] both."""
    local = lambda rot, x: np.einsum("iyx,ijy->ijx", rot, x[None] - x[:, None])
    true = known.backbone
    found = local(seen.rot, seen.positions[:, CA])
    error = np.linalg.norm(found - local(np.asarray(true.rot), np.asarray(true.trans)), axis=-1)
    mask = np.asarray(known.backbone_mask) & seen.atom_mask[:, CA]  # nothing is known of padding
    return error, mask[:, None] & mask[None]


def _apart(features: Features) -> np.ndarray:
    """bool [N_res N_res]: pairs of residues that are not neighbours along a chain."""
    index, chain = np.asarray(features.residue_index), np.asarray(features.asym_id)
    return (np.abs(index[:, None] - index[None]) >= APART) | (chain[:, None] != chain[None])


def _moved(points: np.ndarray, true_points: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """The points superposed on the true ones."""
    motion = superpose(points.astype(np.float64), true_points.astype(np.float64), observed)
    return points @ motion.rot.T + motion.trans
