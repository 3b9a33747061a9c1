"""New heads on what the network knows: what they are, how they are described in a file, and what they answer."""

from af2jax.heads.answer import Answer, combine, read
from af2jax.heads.description import check, describe
from af2jax.heads.head import BREAK, SCOPE, TAKEN, Head, TaskHead, apply, init, interface, label, starts

__all__ = [
    "BREAK",
    "SCOPE",
    "TAKEN",
    "Answer",
    "Head",
    "TaskHead",
    "apply",
    "check",
    "combine",
    "describe",
    "init",
    "interface",
    "label",
    "read",
    "starts",
]
