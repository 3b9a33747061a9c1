"""Does a network know how good it is, and does recycling help? Numbers first, then the sentence that they earn."""

from dataclasses import dataclass

import numpy as np

from af2jax.evaluation.record import Evaluation
from af2jax.evaluation.scores import PAE_WIDTH
from af2jax.metrics.judgement import Judgement, judge
from af2jax.metrics.quality import PlddtCalibration, calibration
from af2jax.metrics.statistics import Interval, Paired, bootstrap, paired, rank_correlation

RANKS, WEAKLY = 0.5, 0.2  # Spearman's correlation, which the whole interval must exceed to rank at all, or weakly
MISMATCH = 10.0  # of pLDDT: a calibration error above it is worth a warning
FAR = 5.0  # angstrom of aligned errors
GAIN = 0.5  # lDDT-CA that recycling has to bring


@dataclass(frozen=True)
class Plddt:
    """pLDDT against lDDT-CA, over the residues of all targets."""

    found: PlddtCalibration
    rank: Interval  # Spearman's correlation, over families
    over: float  # mean of pLDDT minus lDDT-CA

    @property
    def bins(self) -> int:
        """How many bins of pLDDT hold a residue."""
        return int((self.found.count > 0).sum())


@dataclass(frozen=True)
class Pae:
    """PAE against the true aligned error, over pairs of residues that are not neighbours along a chain."""

    middle: np.ndarray  # float [bins], angstrom, of the bins that hold a pair
    true: np.ndarray  # float [bins], mean true error
    pairs: np.ndarray  # float [bins]
    rank: Interval  # Spearman's correlation within a target, its mean over targets

    @property
    def gap(self) -> float:
        """How far the two are apart on average, in angstrom."""
        return float(np.sum(np.abs(self.true - self.middle) * self.pairs) / self.pairs.sum())

    @property
    def sure(self) -> float:
        """The share of pairs that are predicted within `FAR` + 1."""
        return float(self.pairs[self.middle < FAR + PAE_WIDTH / 2 + 0.5].sum() / self.pairs.sum())


@dataclass(frozen=True)
class Recycling:
    """lDDT-CA after the last pass against that after the first, on the same targets."""

    mean: np.ndarray  # float [N_pass N_layer], over targets
    targets: int
    found: Paired
    judged: Judgement


def plddt(evaluation: Evaluation) -> Plddt:
    """pLDDT against lDDT-CA over the residues of all targets; `rank` is NaN where nothing is known."""
    true, predicted = (np.array([row[column] for row in evaluation.residues], np.float64) for column in (3, 5))
    family = dict(zip((target.id for target in evaluation.targets), evaluation.families.tolist(), strict=True))
    found = calibration(predicted, true, np.ones(len(true), bool))
    there = found.count > 0
    gap = float(np.sum((found.predicted - found.found)[there] * found.count[there]) / max(found.count.sum(), 1))
    rank = rank_correlation(predicted, true, np.array([family[row[0]] for row in evaluation.residues], int))
    return Plddt(found, rank, gap)


def pae(evaluation: Evaluation) -> Pae | None:
    """PAE against true errors; None where no pair is known."""
    pairs, errors = evaluation.pae.T
    there = pairs > 0
    if not there.any():
        return None
    middle = (np.arange(len(pairs)) + 0.5)[there] * PAE_WIDTH
    rank = bootstrap(evaluation.column("pae_rank"), evaluation.families)
    return Pae(middle, errors[there] / pairs[there], pairs[there], rank)


def recycling(evaluation: Evaluation) -> Recycling | None:
    """The last pass against the first; None where no target has a known structure."""
    passes = np.array([target.passes for target in evaluation.targets], float)
    known = np.isfinite(passes).all((1, 2))
    if not known.any():
        return None
    found = paired(passes[known, -1, -1], passes[known, 0, -1], evaluation.families[known])
    (judged,) = judge([found], [True])
    return Recycling(passes[known].mean(0), int(known.sum()), found, judged)
