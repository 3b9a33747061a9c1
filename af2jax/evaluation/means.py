"""The means of an evaluation with their intervals, for what quotes them."""

import numpy as np

from af2jax.evaluation.record import Evaluation, metric
from af2jax.metrics.statistics import Interval, bootstrap


def means(evaluation: Evaluation) -> dict[str, Interval]:
    """The mean over targets of lDDT-CA and of each head's main number, by label; families are drawn together."""
    found = {}
    for name in evaluation.primary:
        values = evaluation.column(name)
        if np.isfinite(values).any():
            found[metric(name).label] = bootstrap(values, evaluation.families)
    return found
