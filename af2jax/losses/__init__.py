"""Losses (supplement, section 1.9): functions of (outputs, targets), and their weighted total."""

from af2jax.losses.weighted import LOSSES, WEIGHTS, check, default_weights, total

__all__ = ["LOSSES", "WEIGHTS", "check", "default_weights", "total"]
