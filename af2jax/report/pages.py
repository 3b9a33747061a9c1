"""The page of whatever Python was given by `explore`, `evaluate` or `compare`."""

from dataclasses import dataclass
from pathlib import Path

from af2jax.audit.explore import Audit
from af2jax.errors import InputError
from af2jax.report import assessment, comparison, head_scores
from af2jax.report.differences import Comparison
from af2jax.report.evaluation import Evaluation
from af2jax.report.explore import save as save_audit
from af2jax.report.verdict import Verdict


@dataclass(frozen=True)
class Made:
    """A page that is not written yet."""

    found: Audit | Evaluation | Comparison

    @property
    def verdicts(self) -> list[Verdict]:
        """What follows, in the page's own words: an answer (yes, no, open) and sentences each; [] of an audit."""
        if isinstance(self.found, Audit):
            return []
        if isinstance(self.found, Comparison):
            return self.found.verdicts
        return list(head_scores.verdicts(self.found).values())

    def save(self, folder: str | Path) -> Path:
        """Writes `index.html` with its plots, tables and numbers into `folder`; the path of the page."""
        if isinstance(self.found, Audit):
            return save_audit(self.found, folder)
        if isinstance(self.found, Comparison):
            return comparison.render(self.found).save(Path(folder))
        return assessment.write(self.found, Path(folder))[0]


def page(found: Audit | Evaluation | Comparison) -> Made:
    """The page of an audit, an evaluation or a comparison, as the commands write it.

    Raises:
        InputError: nothing of the evaluation could be judged.
    """
    if isinstance(found, Evaluation) and not found.judged:
        raise InputError("nothing to judge: no target has a known structure or a label; see Evaluation.unjudged")
    return Made(found)
