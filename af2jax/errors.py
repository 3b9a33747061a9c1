"""What goes wrong with what people hand to af2jax: one clear line each."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input. The message is one line: what is wrong, where (file, line, column), what to do."""


class WeightsError(InputError):
    """A parameter file that is damaged, unsafe, incomplete or of another preset."""


def nearest(name: str, known: Iterable[str]) -> str:
    """ "; did you mean ...?" for a message, where a known name is near; else ""."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f'; did you mean "{near[0]}"?' if near else ""
