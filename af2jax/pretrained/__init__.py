"""Weights and checkpoints, in and out."""

from af2jax.pretrained.deepmind import from_deepmind, to_deepmind
from af2jax.pretrained.load import load_weights, report

__all__ = ["from_deepmind", "load_weights", "report", "to_deepmind"]
