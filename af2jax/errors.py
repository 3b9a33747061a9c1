"""What goes wrong with what people hand to af2jax: one clear line each."""

import difflib
import errno
from collections.abc import Iterable, Sequence


class InputError(ValueError):
    """Bad input. The message is one line: what is wrong, where (file, line, column), what to do."""


class WeightsError(InputError):
    """A parameter file that is damaged, unsafe, incomplete or of another preset."""


def few(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def nearest(name: str, known: Iterable[str]) -> str:
    """ "; did you mean ...?" for a message, where a known name is near; else ""."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f'; did you mean "{near[0]}"?' if near else ""


def one_line(error: Exception) -> str:
    """The words of an error, the first 300 characters."""
    return " ".join(str(error).split())[:300]


def internal(error: Exception) -> str:
    """What is told of an error that is the program's own."""
    reason = f"{type(error).__name__}: {one_line(error)}"
    return f"internal error ({reason}); please report it (--debug shows the traceback)"


CURES = {  # what to do where the machine is at fault
    errno.ENOSPC: "make room on this disk, then give the same command again",
    errno.EDQUOT: "make room in this quota, then give the same command again",
    errno.EROFS: "this disk is read-only; give another folder",
    errno.EACCES: "give a folder and files that you may read and write",
    errno.EPERM: "give a folder and files that you may read and write",
    errno.EIO: "this disk fails; give another",
}


def machine(error: OSError) -> str:
    """What the operating system says of a file, in one line: the path, why, and what to do where that is known."""
    where = f"{error.filename}: " if error.filename is not None else ""
    cure = CURES.get(error.errno or 0, "")
    return f"{where}{error.strerror or error}{cure and '; '}{cure}"
