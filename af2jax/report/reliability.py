"""Does a network know how good it is, and does recycling help? Numbers first, then the sentence that they earn."""

from dataclasses import dataclass

import numpy as np

from af2jax.metrics.judgement import BETTER, WORSE, Judgement, judge
from af2jax.metrics.quality import PlddtCalibration, calibration
from af2jax.metrics.statistics import NARROW, Interval, Paired, bootstrap, paired, rank_correlation
from af2jax.report.evaluation import Evaluation
from af2jax.report.scores import PAE_WIDTH
from af2jax.report.verdict import NO_FOLD, shown

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
    """PAE against the true aligned error, over pairs of residues that are no neighbours along a chain."""

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


PLDDT = (
    (
        lambda p: p.bins == 1 or np.isnan(p.rank.value),
        "It predicts nearly the same of all residues, which ranks nothing.",
    ),
    (
        lambda p: p.rank.families < NARROW,
        "{families} families are too few to say whether pLDDT ranks residues here (Spearman {rank}).",
    ),
    (
        lambda p: p.rank.low > RANKS,
        "pLDDT ranks residues well here and may be used to rank them (Spearman {rank}).",
    ),
    (
        lambda p: p.rank.low > WEAKLY,
        "pLDDT ranks residues weakly here; do not filter by it (Spearman {rank}).",
    ),
    (lambda p: p.rank.high < 0, "pLDDT ranks residues backwards here: never rank or filter by it (Spearman {rank})."),
    (lambda p: True, "pLDDT has not been shown to rank residues here; do not rank or filter by it (Spearman {rank})."),
)
LEVELS = (
    (lambda p: p.found.error <= MISMATCH, "its values may be taken as they are"),
    (
        lambda p: p.over > MISMATCH / 2,
        "it is too sure of itself; do not take its values as they are without a new calibration",
    ),
    (
        lambda p: p.over < -MISMATCH / 2,
        "it is too modest; do not take its values as they are without a new calibration",
    ),
    (lambda p: True, "it errs both ways; do not take its values as they are without a new calibration"),
)
PAE = (
    (lambda p: np.isnan(p.rank.value), "whether PAE ranks pairs was not measured."),
    (lambda p: p.sure < 0.01, "it trusts nothing, so that PAE tells no part from another."),
    (
        lambda p: p.rank.families < NARROW,
        "{families} families are too few to say whether PAE ranks pairs (Spearman {rank}).",
    ),
    (
        lambda p: p.rank.low > RANKS and p.gap < FAR,
        "PAE may guide what to trust (Spearman {rank}).",
    ),
    (lambda p: p.rank.low > RANKS, "PAE ranks pairs (Spearman {rank}), but do not take it in angstrom."),
    (lambda p: True, "do not cut domains by PAE here (Spearman {rank})."),
)
RECYCLES = (
    (
        lambda r: len(r.mean) == 1,
        "There was one pass: whether recycling helps was not looked at.",
    ),
    (
        lambda r: r.mean[-1, -1] < NO_FOLD and r.judged.answer != BETTER,
        "No fold forms, so that recycles are not the question.",
    ),
    (
        lambda r: r.judged.answer == BETTER and r.found.difference.value > GAIN,
        "Recycling changed it by {gain}: keep recycling.",
    ),
    (
        lambda r: r.judged.answer == WORSE,
        "Recycling changed it by {gain}: it makes it worse; use fewer recycles.",
    ),
    (
        lambda r: r.found.difference.families >= NARROW and r.found.difference.high < GAIN,
        "Recycling changed it by {gain}: fewer recycles would do, and training can use none.",
    ),
    (lambda r: True, "Recycling changed it by {gain}: the data cannot tell whether it helps."),
)


def chosen(table: tuple, of: object, **words: object) -> str:
    """The first sentence of a table whose condition holds."""
    return next(text for holds, text in table if holds(of)).format(**words)


def plddt(evaluation: Evaluation) -> Plddt:
    """pLDDT against lDDT-CA over the residues of all targets; `rank` is NaN where nothing is known."""
    true, predicted = (np.array([row[column] for row in evaluation.residues], np.float64) for column in (3, 5))
    family = dict(zip((target.id for target in evaluation.targets), evaluation.families.tolist(), strict=True))
    found = calibration(predicted, true, np.ones(len(true), bool))
    there = found.count > 0
    gap = float(np.sum((found.predicted - found.found)[there] * found.count[there]) / max(found.count.sum(), 1))
    rank = rank_correlation(predicted, true, np.array([family[row[0]] for row in evaluation.residues], int))
    return Plddt(found, rank, gap)


def plddt_sentence(of: Plddt) -> str:
    """What follows for who uses pLDDT."""
    level = chosen(LEVELS, of)
    ranks = chosen(PLDDT, of, families=of.rank.families, rank=shown(of.rank))
    return f"The calibration error is {of.found.error:.1f} over {of.found.count.sum():,} residues: {level}. {ranks}"


def pae(evaluation: Evaluation) -> Pae | None:
    """PAE against true errors; None where no pair is known."""
    pairs, errors = evaluation.pae.T
    there = pairs > 0
    if not there.any():
        return None
    middle = (np.arange(len(pairs)) + 0.5)[there] * PAE_WIDTH
    rank = bootstrap(evaluation.column("pae_rank"), evaluation.families)
    return Pae(middle, errors[there] / pairs[there], pairs[there], rank)


def pae_sentence(of: Pae) -> str:
    """What follows for who uses PAE."""
    follows = chosen(PAE, of, families=of.rank.families, rank=shown(of.rank))
    return (
        f"On average the two are {of.gap:.1f} angstrom apart, and {of.sure:.0%} of the pairs are predicted to be "
        f"within {FAR + 1:g}: {follows}"
    )


def recycling(evaluation: Evaluation) -> Recycling | None:
    """The last pass against the first; None where no target has a known structure."""
    passes = np.array([target.passes for target in evaluation.targets], float)
    known = np.isfinite(passes).all((1, 2))
    if not known.any():
        return None
    found = paired(passes[known, -1, -1], passes[known, 0, -1], evaluation.families[known])
    (judged,) = judge([found], [True])
    return Recycling(passes[known].mean(0), int(known.sum()), found, judged)


def recycling_sentence(of: Recycling) -> str:
    """What follows for the number of recycles."""
    gain = of.found.difference
    shown = f"{gain.value:+.2f} ({gain.low:+.2f} to {gain.high:+.2f}{gain.caveat})"
    first = f"From {of.mean[0, 0]:.1f} after the first layer of the first pass to {of.mean[-1, -1]:.1f} at the end: "
    follows = chosen(RECYCLES, of, gain=shown)
    return first + follows[0].lower() + follows[1:]
