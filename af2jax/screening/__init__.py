"""Heads alone, asked of many sequences: no structures, one compiled program for each length."""

from af2jax.screening.answers import Answers, Asked, answer
from af2jax.screening.program import ask

__all__ = ["Answers", "Asked", "answer", "ask"]
