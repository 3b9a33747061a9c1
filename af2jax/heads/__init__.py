"""New heads on what the network knows: what they are, how they are described in a file, and what they answer."""

from af2jax.heads.answer import Answer, agree, combine, read_answers, together
from af2jax.heads.calibration import Calibration, calibrate
from af2jax.heads.description import Description, check_heads, describe
from af2jax.heads.head import (
    BREAK,
    SCOPE,
    TAKEN,
    Head,
    TaskHead,
    apply,
    apply_variants,
    init,
    interface,
    label,
    starts,
)
from af2jax.heads.trained_on import Nearness, TrainedOn
from af2jax.heads.variant import at, sites

__all__ = [
    "BREAK",
    "SCOPE",
    "TAKEN",
    "Answer",
    "Calibration",
    "Description",
    "Head",
    "Nearness",
    "TaskHead",
    "TrainedOn",
    "agree",
    "apply",
    "apply_variants",
    "at",
    "calibrate",
    "check_heads",
    "combine",
    "describe",
    "init",
    "interface",
    "label",
    "read_answers",
    "sites",
    "starts",
    "together",
]
