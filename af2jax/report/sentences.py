"""What follows from the numbers of an evaluation, in plain words: each sentence is looked up in a table.

A table has conditions in their order, and the words of the first that holds.
"""

import numpy as np

from af2jax.audit.findings import phrase
from af2jax.evaluation.head_scores import FEW, HONEST, LEAST, RANKED_FROM, ClassScores, NumberScores
from af2jax.evaluation.reliability import FAR, GAIN, MISMATCH, RANKS, WEAKLY, Pae, Plddt, Recycling
from af2jax.evaluation.verdict import NO_FOLD, shown
from af2jax.metrics.judgement import BETTER, WORSE
from af2jax.metrics.statistics import NARROW

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


LOW = (  # of structures
    (lambda s: s.low > 0, "look at these one by one before any training."),
    (lambda s: True, "none needs to be looked at first."),
)
CALLED = (  # of contacts
    (lambda c: c.called and c.right > 0.7 * c.called, "what it calls may be trusted."),
    (lambda c: True, "do not build on what it calls."),
)
FOLD = (
    (lambda c: c.right < 0.3 * c.real, "the fold is not seen; an alignment or a template must bring it."),
    (lambda c: True, "the fold is seen, so that the structure module is where to look."),
)
DEPTH = (  # of an alignment
    (lambda d: d.share > 0.5, "search larger databases before tuning."),
    (lambda d: True, "the alignment does not explain the errors."),
)
HIDDEN = (  # of aligned errors
    (lambda e: e.hidden > 0.05, "PAE hides errors here."),
    (lambda e: True, "what is wrong is also predicted to be uncertain."),
)
MISTAKES = (
    (lambda s: s.mistake[0] == s.mistake[1], "No label is missed: look for a leak before believing it."),
    (
        lambda s: True,
        "The commonest mistake is {true} called {taken} ({number} of {all}): give it examples of both, or weight the "
        "class.",
    ),
)
AREAS = (
    (lambda s: s.scores.count[s.shown].min() < FEW, "with {fewest} labels of a class it may be chance."),
    (lambda s: s.roc[s.worst].area < 0.6, "near chance; do not use this class."),
    (lambda s: True, "above chance; set its threshold by what a false alarm costs."),
)
CALIBRATED = (
    (lambda s: s.labels < LEAST, "{labels} labels are too few to judge it by."),
    (lambda s: s.calibration.error > HONEST, "do not read it as a probability before it is calibrated."),
    (lambda s: True, "it may be read as a probability."),
)
PARITY = (
    (lambda s: not s.scores.r2 > 0, "no better than predicting the mean; do not use it."),
    (lambda s: True, "better than predicting the mean."),
)
RANKED = (
    (lambda s: np.isnan(s.scores.spearman), "the same answer for all"),
    (lambda s: True, "Spearman {spearman:.3f}"),
)
SLOPES = (
    (
        lambda s: s.slope < -0.5 and not s.scores.spearman > RANKED_FROM,
        "it keeps to the middle and does not rank.",
    ),
    (lambda s: s.slope < -0.5, "extremes are pulled to the mean; it ranks better than it measures."),
    (lambda s: True, "extremes are kept."),
)


def plddt_sentence(of: Plddt) -> str:
    """What follows for who uses pLDDT."""
    level = phrase(LEVELS, of)
    ranks = phrase(PLDDT, of, families=of.rank.families, rank=shown(of.rank))
    return f"The calibration error is {of.found.error:.1f} over {of.found.count.sum():,} residues: {level}. {ranks}"


def pae_sentence(of: Pae) -> str:
    """What follows for who uses PAE."""
    follows = phrase(PAE, of, families=of.rank.families, rank=shown(of.rank))
    return (
        f"On average the two are {of.gap:.1f} angstrom apart, and {of.sure:.0%} of the pairs are predicted to be "
        f"within {FAR + 1:g}: {follows}"
    )


def recycling_sentence(of: Recycling) -> str:
    """What follows for the number of recycles."""
    gain = of.found.difference
    shown = f"{gain.value:+.2f} ({gain.ends('+.2f')})"
    first = f"From {of.mean[0, 0]:.1f} after the first layer of the first pass to {of.mean[-1, -1]:.1f} at the end: "
    follows = phrase(RECYCLES, of, gain=shown)
    return first + follows[0].lower() + follows[1:]


def mistake_sentence(of: ClassScores) -> str:
    """What is confused most."""
    true, taken = of.mistake
    numbers = {"number": of.confusion[true, taken], "all": of.confusion[true].sum()}
    return phrase(MISTAKES, of, true=of.classes[true], taken=of.classes[taken], **numbers)


def area_sentence(of: ClassScores) -> str:
    """What the smallest area under a ROC curve means."""
    follows = phrase(AREAS, of, fewest=of.scores.count[of.shown].min())
    return f"The smallest area is {of.roc[of.worst].area:.3f} ({of.classes[of.worst]}): {follows}"


def calibration_sentence(of: ClassScores) -> str:
    """Whether a probability is one."""
    side = "modest" if of.modest > 0 else "sure"
    follows = phrase(CALIBRATED, of, labels=of.labels)
    return f"Calibration error {of.calibration.error:.3f}, on average {abs(of.modest):.3f} too {side}: {follows}"


def parity_sentence(of: NumberScores) -> str:
    """Whether the numbers are better than their mean."""
    ranked = phrase(RANKED, of, spearman=of.scores.spearman)
    return f"R2 {of.scores.r2:.3f}, {ranked}, mean absolute error {of.scores.mae:.3g}: {phrase(PARITY, of)}"


def residual_sentence(of: NumberScores) -> str:
    """Whether extremes are kept."""
    return f"On average {of.bias:+.3g}, slope {of.slope:+.2f}: {phrase(SLOPES, of)}"
