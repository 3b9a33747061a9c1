"""The page of whatever Python was given by `explore`, `evaluate` or `compare`."""

from af2jax.audit.explore import Audit
from af2jax.conformations import States
from af2jax.errors import InputError
from af2jax.evaluation.assessment import assess
from af2jax.evaluation.comparison import Comparison
from af2jax.evaluation.record import Evaluation
from af2jax.html.page import Page
from af2jax.report import assessment, comparison, explore, scan, states
from af2jax.screening.variants import Scan


def page(found: Audit | Evaluation | Comparison | Scan | States) -> Page:
    """The page of an audit, evaluation, comparison, scan or states, as the commands write it; `save(folder)` writes it.

    Raises:
        InputError: nothing of the evaluation could be judged.
    """
    if isinstance(found, Audit):
        return explore.render(found)
    if isinstance(found, Comparison):
        return comparison.render(found)
    if isinstance(found, States):
        return states.render(found)
    if isinstance(found, Scan):
        return scan.render(found)
    if not found.judged:
        raise InputError("nothing to judge: no target has a known structure or a label; see Evaluation.unjudged")
    return assessment.render(assess(found))
