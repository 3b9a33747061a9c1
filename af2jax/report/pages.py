"""The page of whatever Python was given by `explore`, `evaluate` or `compare`."""

from af2jax.audit.explore import Audit
from af2jax.errors import InputError
from af2jax.evaluation.assessment import assess
from af2jax.evaluation.comparison import Comparison
from af2jax.evaluation.record import Evaluation
from af2jax.folds.find import Search
from af2jax.html.page import Page
from af2jax.report import assessment, comparison, explore, find, scan
from af2jax.screening.variants import Scan


def page(found: Audit | Evaluation | Comparison | Scan | Search) -> Page:
    """The page of an audit, an evaluation, a comparison, a scan or a search by structure, as the commands write it.

    `save(folder)` writes it.

    Raises:
        InputError: nothing of the evaluation could be judged.
    """
    if isinstance(found, Audit):
        return explore.render(found)
    if isinstance(found, Comparison):
        return comparison.render(found)
    if isinstance(found, Search):
        return find.render(found)
    if isinstance(found, Scan):
        return scan.render(found)
    if not found.judged:
        raise InputError("nothing to judge: no target has a known structure or a label; see Evaluation.unjudged")
    return assessment.render(assess(found))
