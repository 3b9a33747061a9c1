"""What an evaluation is: targets with their numbers, what heads predicted where labels are known, and what is shown."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from af2jax.evaluation.observe import Observed
from af2jax.evaluation.scores import METRICS, PAE_BINS, Metric, Scores
from af2jax.evaluation.verdict import OPEN, Verdict, beats, transfers
from af2jax.heads import Answer
from af2jax.html.page import plain
from af2jax.metrics.classification import log_loss, roc
from af2jax.metrics.judgement import judge
from af2jax.metrics.statistics import paired, spearman
from af2jax.schema import Features, Targets

FORMAT = 3  # of `scores.json`
VARIANTS, ORDER = "variants", "order"  # answers are of the variants of one assay; of these the order alone counts
HEAD_METRICS = {
    "accuracy": Metric("accuracy", True),
    "log_loss": Metric("log loss", False),
    "error": Metric("absolute error", False),
    "spearman": Metric("Spearman's correlation", True),
    "roc_auc": Metric("area under ROC", True),
}
CONSTANT = {  # what one answer for all variants of an assay has in what ranks them: (value, words)
    "spearman": (0.0, "one answer for all, which ranks nothing"),
    "roc_auc": (0.5, "one answer for all, which tells no class from another"),
}


@dataclass(frozen=True)
class Answers:
    """What a head predicts of a target where the label is known."""

    predicted: np.ndarray  # float [n classes] probabilities, calibrated where the head is, or [n] numbers
    label: np.ndarray  # int [n] or float [n]
    place: np.ndarray  # int [n] of the full sequence, from 0; 0 where the whole has one label
    within: str = ""  # `VARIANTS` or `ORDER`, of heads of variants


@dataclass(frozen=True)
class ScoredTarget:
    """One evaluated protein. `numbers` has those of `Scores` and "<head>/accuracy" and so on."""

    id: str
    sequence: str
    family: int  # equal for homologues
    homologue: bool  # whether a homologue was learned from
    numbers: dict[str, float]
    passes: list[list[float]]
    answers: dict[str, Answers]
    values: dict[str, str] = field(default_factory=dict)  # other cells of its row, for groups
    split: str = ""  # "train", "valid" or "test", as its row or the run says
    chains: list[str] = field(default_factory=list)  # names, where there are several
    interfaces: list[dict] = field(default_factory=list)  # those of the known structure, as `docking.interfaces`
    near_fold: float | None = None  # highest TM-score, by its length, with what was learned from; None: not known


@dataclass(frozen=True)
class Shown:
    """A target whose structures are kept; not part of the files."""

    target: ScoredTarget
    features: Features
    targets: Targets
    seen: Observed
    scores: Scores
    alignment: np.ndarray | None = None  # int [N_seq N_res], the query first; None: the item has none


@dataclass(frozen=True)
class Evaluation:
    """What came of a data set."""

    subject: dict  # facts of the network
    data: dict  # path, split
    classes: dict[str, list[str]]  # of each head; [] of numbers
    targets: list[ScoredTarget]
    problems: list[tuple[str, str]]  # (id, reason)
    pae: np.ndarray = field(default_factory=lambda: np.zeros((PAE_BINS, 2)))
    residues: list[tuple] = field(default_factory=list)  # (id, position, letter, lddt_ca, lddt, plddt, error, clashes)
    worst: list[Shown] = field(default_factory=list)
    unjudged: dict[str, dict[str, Answer]] = field(default_factory=dict)  # by target of which nothing is known

    @property
    def rows(self) -> list[dict]:
        """A row for each target: its id, split, family, and all its numbers by name."""
        facts = ("id", "split", "family", "homologue")
        return [{name: getattr(target, name) for name in facts} | target.numbers for target in self.targets]

    def json(self) -> str:
        """All of it but structures, as `scores.json` has it; null where a number is not known."""
        names = ("subject", "data", "classes", "problems")
        known = {"format": FORMAT} | {name: getattr(self, name) for name in names}
        known["targets"] = [dataclasses.asdict(target) for target in self.targets]
        return json.dumps(plain(known), allow_nan=False)

    @property
    def judged(self) -> bool:
        """Whether anything is known of any target: a structure, or a label of a head."""
        return len(self.unjudged) < len(self.targets)

    def column(self, name: str) -> np.ndarray:
        """A number of every target, NaN where it has none."""
        return np.array([target.numbers.get(name, np.nan) for target in self.targets], float)

    @property
    def families(self) -> np.ndarray:
        """What is drawn together: the family of every target; each alone where all are of one, as in a scan."""
        found = np.array([target.family for target in self.targets], int)
        return np.arange(len(found)) if self.scan else found

    def labelled(self, name: str) -> list[Answers]:
        """What the head `name` predicts of the targets that have a label."""
        return [t.answers[name] for t in self.targets if name in t.answers and len(t.answers[name].label)]

    @property
    def primary(self) -> list[str]:
        """The metrics that verdicts are about: one for each head, and lDDT-CA where structures are known."""
        heads = [f"{name}/{self.judged_by(name)}" for name in self.classes]
        return [name for name in (*heads, "lddt_ca") if np.isfinite(self.column(name)).any()]

    def judged_by(self, name: str) -> str:
        """What a head is judged by: of variants what ranks them, else accuracy or error."""
        ranked, classes = [k for k in CONSTANT if np.isfinite(self.column(f"{name}/{k}")).any()], self.classes[name]
        if not ranked and any(answers.within for answers in self.labelled(name)):  # of which none has an order
            ranked = ["roc_auc" if classes else "spearman"]
        return ranked[0] if ranked else "accuracy" if classes else "error"

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """Of the structure, where any is known, and of each head by name."""
        lddt = self.column("lddt_ca")
        found = {"structure": transfers(lddt, self.families)} if np.isfinite(lddt).any() else {}
        return found | {name: _verdict(self, name) for name in self.classes}

    @property
    def scan(self) -> bool:
        """Whether all targets are of one family, so that what is found holds for it alone."""
        return len(self.targets) > 1 and len({target.family for target in self.targets}) == 1


def metric(name: str) -> Metric:
    """How a number of a target is read; "<head>/<kind>" those of new heads."""
    head, _, kind = name.rpartition("/")
    if not head:
        return METRICS[name]
    known = HEAD_METRICS[kind]
    return dataclasses.replace(known, label=f"{head}: {known.label}")


def head_numbers(answers: Mapping[str, Answers]) -> dict[str, float]:
    """The mean accuracy and log loss of classes, and absolute error of numbers, over the known labels of one target.

    Of the variants of an assay besides what ranks them: Spearman's correlation, or of classes the area under ROC, each
    class against the others, the mean of those that there are. Where the order alone counts there is no error.
    """
    out: dict[str, float] = {}
    for name, given in answers.items():
        if not len(given.label):
            continue
        if given.predicted.ndim == 2:
            out[f"{name}/accuracy"] = float((given.predicted.argmax(-1) == given.label).mean())
            out[f"{name}/log_loss"] = float(log_loss(given.predicted, given.label).mean())
        elif given.within != ORDER:
            out[f"{name}/error"] = float(np.abs(given.predicted - given.label).mean())
        if given.within:
            out |= {f"{name}/{kind}": value for kind, value in _ranked(given).items()}
    return out


def _ranked(given: Answers) -> dict[str, float]:
    """How the variants of an assay are ranked; {} where their labels have no order."""
    if given.predicted.ndim == 2:
        areas = [roc(given.predicted[:, i], given.label == i).area for i in range(given.predicted.shape[1])]
        return {"roc_auc": float(np.nanmean(areas))} if np.isfinite(areas).any() else {}
    if len(given.label) < 2 or np.ptp(given.label) == 0:
        return {}
    return {"spearman": spearman(given.predicted, given.label) if np.ptp(given.predicted) > 0 else 0.0}


def _verdict(evaluation: Evaluation, name: str) -> Verdict:
    """Whether the head `name` beats always predicting the same: the majority class, or the median, of the labels."""
    given = evaluation.labelled(name)
    if not given:
        return Verdict(OPEN, f"The data cannot tell whether {name} was learned: no target has a label.")
    if (kind := evaluation.judged_by(name)) in CONSTANT:
        column = evaluation.column(f"{name}/{kind}")
        if not np.isfinite(column).any():
            text = f"The data cannot tell whether {name} was learned: no assay has two variants with different labels."
            return Verdict(OPEN, text)
        level, baseline = CONSTANT[kind]
        found = paired(column, np.where(np.isfinite(column), level, np.nan), evaluation.families)
        (judged,) = judge([found], [True])
        return beats(found, judged, metric(f"{name}/{kind}").label, baseline)
    label = np.concatenate([answers.label for answers in given])
    if classes := evaluation.classes[name]:
        constant, column = np.bincount(label.astype(int)).argmax(), f"{name}/accuracy"
        baseline = f"always predicting {classes[constant]}"
        guess = lambda labels: float((labels == constant).mean())
    else:
        constant, column = float(np.median(label)), f"{name}/error"  # what has the least absolute error
        baseline = f"always predicting the median, {constant:.3g}"
        guess = lambda labels: float(np.abs(labels - constant).mean())
    labels = [t.answers[name].label if name in t.answers else np.zeros(0) for t in evaluation.targets]
    other = np.array([guess(x) if len(x) else np.nan for x in labels])
    found = paired(evaluation.column(column), other, evaluation.families)
    (judged,) = judge([found], [metric(column).higher])
    return beats(found, judged, metric(column).label, baseline)
