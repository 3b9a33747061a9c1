"""How good a training is on examples that it does not learn from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from af2jax.finetune.state import TrainState
from af2jax.finetune.step import eval_step
from af2jax.finetune.task_loss import Label, present
from af2jax.heads import Head
from af2jax.heads.calibration import Calibration, calibrate
from af2jax.metrics.statistics import spearman
from af2jax.schema import Variants
from af2jax.typing import Float, Int

HIGHER = ("accuracy", "spearman", "lddt_ca")  # what is best when it is high
BASELINES = {"accuracy": ("accuracy_of_majority", "majority class"), "rmse": ("rmse_of_mean", "predicting the mean")}


@dataclass(frozen=True)
class Validation:
    """What a look at the validation part found.

    Attributes:
        scores: the mean of every metric; a metric that no example has is left out.
        calibration: of each head with classes, the temperature for its probabilities.
    """

    scores: dict[str, float]
    calibration: dict[str, Calibration]


def validate(state: TrainState, batches: Iterable[tuple], num_recycle: int | None = None) -> Validation:
    """Scores over batches of one example, without dropout, by the moving average where there is one.

    A new head has what people read besides, of all its known labels together: "<head>/accuracy" of classes, with
    "<head>/calibration_error" as trained and "<head>/calibrated_error" after a temperature; "<head>/rmse" and
    "<head>/spearman" of numbers (of variants within an assay, the mean over assays). Beside them is what needs no
    network: "<head>/accuracy_of_majority" of always predicting the class with most of these labels,
    "<head>/rmse_of_mean" of always predicting their mean.
    """
    metrics: dict[str, list[float]] = {}
    seen: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for batch in batches:
        values, answers = eval_step(state, batch, num_recycle)
        for name, value in values.items():
            metrics.setdefault(name, []).append(float(value))
        for name, head in state.setup.scored.items():
            seen.setdefault(name, []).append(known(head, np.asarray(answers[name]), batch[1].labels[name], batch[1]))
    scores = {name: float(np.nanmean(x)) for name, x in metrics.items() if not np.isnan(x).all()}
    calibration = {}
    for name, pairs in seen.items():
        head = state.setup.scored[name]
        answers, labels = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
        own = _scores(head, answers, labels)
        if head.kind == "variant" and head.outputs:
            own = _of_assays(head, own, pairs)
        if head.classes:
            proteins = np.repeat(np.arange(len(pairs)), [len(labels) for _, labels in pairs])
            found = calibration[name] = calibrate(answers, labels, proteins)
            own |= dict(zip(("calibration_error", "calibrated_error"), found.error, strict=True))
        scores |= {f"{name}/{key}": value for key, value in own.items()}
    return Validation(scores, calibration)


def known(
    head: Head, answers: Float[np.ndarray, "..."], labels: Label, targets
) -> tuple[Float[np.ndarray, "N_known N_answer"], Int[np.ndarray, " N_known"] | Float[np.ndarray, "N_known N_answer"]]:
    """(what the head says, the labels) where labels are known: logits and classes, or numbers twice."""
    if head.kind == "variant":
        return _known_variants(head, answers, labels)
    mask = np.asarray(present(head, np.asarray(targets.seq_mask)))
    if head.classes:
        labels = np.asarray(labels)
        mask = mask & (labels >= 0)
    else:
        labels = np.asarray(labels).reshape(answers.shape)
        mask = mask & ~np.isnan(labels).any(-1)
    return answers[mask], labels[mask]


def baseline(monitor: str, scores: Mapping[str, float | int | None]) -> tuple[str, float] | None:
    """What the simplest prediction reaches in what is called `monitor`: (its name, value); None: not known."""
    head, _, kind = monitor.rpartition("/")
    name, words = BASELINES.get(kind, ("", ""))
    value = scores.get(f"{head}/{name}")
    return None if value is None else (words, value)


def _known_variants(head: Head, answers: np.ndarray, labels: Variants) -> tuple[np.ndarray, np.ndarray]:
    """The same of an assay: measured values, not those that are known to be beyond one."""
    value = np.asarray(labels.value)
    mask = (value >= 0) if head.classes else ~np.isnan(value) & (np.asarray(labels.bound) == 0)
    return answers[mask], value[mask] if head.classes else value[mask][:, None]


def _of_assays(head: Head, scores: dict[str, float], assays: list) -> dict[str, float]:
    """Spearman's correlation is that within an assay, the mean of all; numbers that only rank have no error."""
    ordered = [(x[:, 0], y[:, 0]) for x, y in assays if len(y) and np.ptp(y) > 0]
    each = [spearman(x, y) if np.ptp(x) > 0 else 0.0 for x, y in ordered]  # one answer for all ranks nothing
    kept = {name: value for name, value in scores.items() if name.startswith("rmse") and not head.ranks}
    return kept | ({"spearman": float(np.mean(each))} if each else {})


def better(monitor: str, new: float, old: float | None) -> bool:
    """Whether `new` is the best so far of what is called `monitor`."""
    return old is None or (new > old if monitor.endswith(HIGHER) else new < old)


def _scores(head: Head, answers: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    if not len(labels):
        return {}
    if head.classes:
        right, most = np.mean(answers.argmax(-1) == labels), np.bincount(labels).max() / len(labels)
        return {"accuracy": float(right), "accuracy_of_majority": float(most)}
    scores = {"rmse": float(np.sqrt(np.mean((answers - labels) ** 2)))}
    scores["rmse_of_mean"] = float(np.sqrt(np.mean((labels - labels.mean(0)) ** 2))) if np.ptp(labels, 0).any() else 0.0
    if len(labels) > 2 and head.outputs == 1 and min(np.ptp(answers), np.ptp(labels)) > 0:
        from scipy.stats import spearmanr

        scores["spearman"] = float(spearmanr(answers[:, 0], labels[:, 0]).statistic)
    return scores
