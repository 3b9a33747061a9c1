"""Locks between processes: files that the operating system locks, so that a lock goes with its process.

On network file systems they hold between machines where the file system passes them on, as NFS 4 does. Where there are
no locks at all, a warning says so, and processes must be kept apart by `--shard`.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from absl import logging


@contextlib.contextmanager
def locked(path: Path, wait: bool = False) -> Iterator[bool]:
    """Whether this process holds the lock of this name, until the block ends; the file is gone then.

    Args:
        wait: until it is free; else the answer may be False.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = _acquire(path, wait)
    try:
        yield file is not None
    finally:
        if file is not None:
            path.unlink(missing_ok=True)
            file.close()


def _acquire(path: Path, wait: bool) -> TextIO | None:
    import fcntl

    while True:
        file = open(path, "a")  # noqa: SIM115 (the lock lasts as long as it is open)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            file.close()
            return None
        except OSError as error:
            logging.warning("%s: no locks on this file system (%s); use --shard", path.parent, error.strerror)
            return file
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        file.close()  # whoever held it has removed it in between: this is no longer the file of that name
