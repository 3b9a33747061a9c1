"""How sure may the classes of a head be called? One temperature for each head, fitted to proteins held out.

Guo, Pleiss, Sun & Weinberger, "On calibration of modern neural networks", ICML 2017: logits are divided by one number
that minimises the log loss on the validation part. The most probable class never changes.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from af2jax.metrics.classification import log_loss, reliability
from af2jax.typing import Float, Int

LEAST, PROTEINS = 50, 5  # labelled places and proteins, below which a temperature would be made of chance
RANGE = 20.0  # temperatures from 1/20 to 20


@dataclass(frozen=True)
class Calibration:
    """What a temperature does on the validation part that it was fitted to.

    Attributes:
        temperature: that logits are divided by; 1.0 where it was refused.
        places: labelled places.
        proteins: that they are of.
        log_loss: before and after, nats.
        error: expected calibration error before and after, 0 to 1: how far the probability of the class that is called
            lies from how often it is right, in ten bins.
        refused: why there is no temperature; "": there is one.
    """

    temperature: float
    places: int
    proteins: int
    log_loss: tuple[float, float]
    error: tuple[float, float]
    refused: str = ""

    @classmethod
    def of(cls, values: Mapping) -> "Calibration":
        """From what `json` made."""
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})

    def json(self) -> dict:
        """As JSON has it."""
        return asdict(self)

    def __str__(self) -> str:
        """In words, for captions."""
        if self.refused:
            return f"probabilities are not calibrated: {self.refused}"
        before, after = self.error
        return (
            f"probabilities are calibrated (temperature {self.temperature:.2f}, on {self.places} labelled places of "
            f"{self.proteins} validation proteins; calibration error {before:.3f} before, {after:.3f} after)"
        )


def calibrate(
    logits: Float[np.ndarray, "n classes"], labels: Int[np.ndarray, " n"], proteins: Int[np.ndarray, " n"]
) -> Calibration:
    """The temperature of a head by its logits at labelled places; `proteins` says which protein each place is of.

    It is refused, with a reason, where there are fewer than 50 places or 5 proteins, where all are of one class, and
    where the head says the same of everything.
    """
    from scipy.optimize import minimize_scalar

    logits, count = np.asarray(logits, np.float64), len(np.unique(proteins))
    if not len(labels):
        return Calibration(1.0, 0, 0, (0.0, 0.0), (0.0, 0.0), "no place of the validation part is labelled")

    def loss(temperature: float) -> float:
        return float(log_loss(probabilities(logits, temperature), labels).mean())

    def error(temperature: float) -> float:
        found = probabilities(logits, temperature)
        return float(reliability(found.max(-1), found.argmax(-1) == labels).error)

    temperature, refused = 1.0, ""
    if len(labels) < LEAST or count < PROTEINS:
        refused = f"{len(labels)} labelled places of {count} validation proteins; {LEAST} of {PROTEINS} are needed"
    elif len(np.unique(labels)) < 2:
        refused = f"all {len(labels)} labelled places of the validation part are of one class"
    elif np.ptp(logits - logits.mean(-1, keepdims=True), axis=0).max() < 1e-6:
        refused = "the head says the same of every place of the validation part"
    else:
        span = np.log(RANGE)
        temperature = float(
            np.exp(minimize_scalar(lambda x: loss(np.exp(x)), bounds=(-span, span), method="bounded").x)
        )
    losses, errors = ((score(1.0), score(temperature)) for score in (loss, error))
    return Calibration(temperature, len(labels), count, losses, errors, refused)


def probabilities(
    logits: Float[np.ndarray, "*axes classes"], temperature: float = 1.0
) -> Float[np.ndarray, "*axes classes"]:
    """The softmax of logits [... classes] divided by a temperature, float64."""
    from scipy.special import softmax

    return softmax(np.asarray(logits, np.float64) / temperature, axis=-1)
