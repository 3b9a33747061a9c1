"""Everything that the page of an evaluation shows, as numbers."""

from dataclasses import dataclass

from af2jax.evaluation import head_scores, strata, structures
from af2jax.evaluation.head_scores import AssayScores, ClassScores, NumberScores
from af2jax.evaluation.record import Evaluation
from af2jax.evaluation.strata import Strata
from af2jax.evaluation.structures import StructureScores
from af2jax.evaluation.verdict import Verdict
from af2jax.metrics.statistics import fewest


@dataclass(frozen=True)
class Assessment:
    """What an evaluation amounts to.

    Attributes:
        verdicts: by "structure" and the names of heads.
        structures: None where no structure is known.
        heads: by name; None where no target has a label.
        assays: how heads of variants rank those of each assay, by name.
        strata: None where the targets have no parts.
        families: of homologues, which count once in tests.
        fewest: families below which no test can tell a difference from chance.
    """

    evaluation: Evaluation
    verdicts: dict[str, Verdict]
    structures: StructureScores | None
    heads: dict[str, ClassScores | NumberScores | None]
    assays: dict[str, AssayScores]
    strata: Strata | None
    families: int
    fewest: int


def assess(evaluation: Evaluation) -> Assessment:
    """Scores, calibration, strata and verdicts of an evaluation."""
    verdicts = evaluation.verdicts
    return Assessment(
        evaluation,
        verdicts,
        structures.study(evaluation) if "structure" in verdicts else None,
        {name: head_scores.study(evaluation, name) for name in evaluation.classes},
        {name: one for name in evaluation.classes if (one := head_scores.of_assays(evaluation, name))},
        strata.study(evaluation),
        len(set(evaluation.families.tolist())),
        fewest(),
    )
