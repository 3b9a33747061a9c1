"""Heads alone, asked of many sequences: no structures, one compiled program for each length."""

from af2jax.screening.answers import NONE, Answers, Asked, Member, answer, answered, members
from af2jax.screening.program import ask
from af2jax.screening.variants import Scan, scan

__all__ = ["NONE", "Answers", "Asked", "Member", "Scan", "answer", "answered", "ask", "members", "scan"]
