"""The means of an evaluation with their intervals, for what quotes them."""

from af2jax.evaluation.record import Evaluation, metric
from af2jax.metrics.statistics import Interval, bootstrap


def means(evaluation: Evaluation) -> dict[str, Interval]:
    """The mean over targets of lDDT-CA and of each head's main number, by label; families are drawn together."""
    families = evaluation.families
    return {metric(name).label: bootstrap(evaluation.column(name), families) for name in evaluation.primary}
