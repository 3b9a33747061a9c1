"""Locks between processes: the operating system's, so that a lock goes with its process, however that ends.

By `filelock` (MIT): `flock` on Linux and macOS, `LockFileEx` on Windows. On network file systems a lock holds between
machines where the file system passes it on, as NFS 4 does.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: str | os.PathLike, wait: bool = False) -> Iterator[bool]:
    """Whether this process holds the lock of this name, until the block ends; its empty file is gone then.

    A file that a killed process left is taken for none. The file is removed while it is locked: whoever waits for it
    holds a file without a name then, which filelock does not take for the lock.

    Args:
        wait: until it is free; else the answer may be False.

    Raises:
        OSError: the file cannot be written, or its file system has no locks.
    """
    from filelock import FileLock, Timeout

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=-1 if wait else 0, fallback_to_soft=False)  # a soft lock would outlive a kill
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):  # Windows removes it when it is released
            path.unlink()
        lock.release()
