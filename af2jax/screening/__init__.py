"""Heads alone, asked of many sequences: no structures, one compiled program for each length."""

from af2jax.screening.answers import NONE, Answers, Asked, Member, answer, answered, members
from af2jax.screening.program import ask

__all__ = ["NONE", "Answers", "Asked", "Member", "answer", "answered", "ask", "members"]
