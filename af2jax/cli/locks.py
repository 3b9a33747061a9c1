"""Locks of commands, which work on where a file system has none: processes are then kept apart by `--shard`."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from af2jax import locks
from af2jax.cli.warnings import warn

NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP}


@contextlib.contextmanager
def locked(path: Path, wait: bool = False) -> Iterator[bool]:
    """`af2jax.locks.locked`; where there are no locks at all, a warning says so, and all processes hold them."""
    with contextlib.ExitStack() as stack:
        try:
            ours = stack.enter_context(locks.locked(path, wait))
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            warn("%s: no locks on this file system (%s); use --shard", path.parent, error.strerror)
            ours = True
        yield ours
