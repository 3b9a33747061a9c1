"""Several processes that run the same script, on one host or many: who writes, and what all know."""

from collections.abc import Callable

import jax
import numpy as np

from af2jax.errors import InputError


def first() -> bool:
    """Whether this is the process that writes files and speaks."""
    return jax.process_index() == 0


def lead(work: Callable[[], object]) -> None:
    """The first process does `work`, and all wait for it.

    Raises:
        InputError: bad input, which then ends all processes.
    """
    problem = None
    if first():
        try:
            work()
        except InputError as error:
            problem = error
    if anywhere(problem is not None):
        raise problem or InputError("the first process was given bad input; it says which")


def anywhere(flag: bool) -> bool:
    """Whether `flag` is true in any process; all wait for all."""
    if jax.process_count() == 1:
        return flag
    from jax.experimental import multihost_utils

    return bool(multihost_utils.process_allgather(np.array(flag)).any())
