"""The page of whatever Python was given by a function of `af2jax`, or of a training."""

import os

from af2jax.audit.explore import Audit
from af2jax.conformations import States
from af2jax.errors import InputError
from af2jax.evaluation.assessment import assess
from af2jax.evaluation.comparison import Comparison
from af2jax.evaluation.record import Evaluation
from af2jax.evaluation.training import Trained, trained
from af2jax.folds.find import Search
from af2jax.html.page import Page
from af2jax.report import assessment, comparison, explore, find, scan, states, training
from af2jax.screening.variants import Scan


def page(
    found: Audit | Evaluation | Comparison | Scan | Search | States | Trained | str | os.PathLike,
) -> Page:
    """The page of an audit, an evaluation, a comparison, a scan, a search by structure or states, or of a training by
    its run directory, as the commands write it; `save(folder)` writes it.

    Raises:
        InputError, WeightsError: nothing of the evaluation could be judged, or a path is not a run.
    """
    if isinstance(found, str | os.PathLike):
        found = trained(found)
    if isinstance(found, Audit):
        return explore.render(found)
    if isinstance(found, Comparison):
        return comparison.render(found)
    if isinstance(found, Search):
        return find.render(found)
    if isinstance(found, States):
        return states.render(found)
    if isinstance(found, Scan):
        return scan.render(found)
    if isinstance(found, Trained):
        return training.render(found)
    if not found.judged:
        raise InputError("nothing to judge: no target has a known structure or a label; see Evaluation.unjudged")
    return assessment.render(assess(found))
