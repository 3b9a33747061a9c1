"""Compiled programs: compiled for little memory, kept on disk, and let go of before a process holds too many.

Four properties of XLA on CPUs shape this module.

- It runs whatever can run as early as it can, and so holds nearly twice the memory of an order that is made to hold
  little. `Jitted` asks for the latter, which costs no time.

- A program read back on another kind of CPU is run after a line in the log alone, so each kind has its own folder.
- Each kernel of a program takes three maps of memory, a full-size network about 5,000 of the 65,530 that Linux allows a
  process; beyond them compiling or reading back ends in a segmentation fault. So commands `make_room` between items.
- jaxlib 0.10 links kernels that call the C library (sinf, memset) by recursion when it reads a program back: a thousand
  of them overflow its stack (0.12 is free of it). Our programs have fewer than 100. Should a process crash while it
  reads, the next one finds its Python stack beside the programs and empties the folder, in place of crashing for ever.
"""

import atexit
import contextlib
import ctypes
import faulthandler
import functools
import gc
import hashlib
import os
import platform
import zlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from absl import logging

from af2jax.locks import locked

THRIFTY = {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}
KEPT = (-4, 0), (-1, 2**31 - 1), (-8, 1)  # glibc's M_MMAP_MAX, M_TRIM_THRESHOLD and M_ARENA_MAX
MAX_BYTES = 4 * 2**30  # of all programs of one machine; those used longest ago go first
MIN_SECONDS = 0.2  # of compilation, for a program to be kept


class Jitted:
    """`jax.jit(function, **options)`, compiled for little memory where it runs on a CPU; `__wrapped__`: `function`."""

    def __init__(self, function: Callable, **options):
        functools.update_wrapper(self, function)
        self.options = options

    def __call__(self, *arguments):
        import jax

        inside = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(arguments))
        return (self.__wrapped__ if inside else self.jitted)(*arguments)  # jax: options are for the outermost function

    @functools.cached_property
    def jitted(self):
        """What `jax.jit` gives; not before the first call, since it asks for the device."""
        import jax

        options = THRIFTY if jax.default_backend() == "cpu" else None
        return jax.jit(self.__wrapped__, compiler_options=options, **self.options)


def keep_memory() -> None:
    """From now on this process keeps the memory that it frees, where glibc manages it (Linux).

    Else Linux takes back what a program worked in when it ends, and clears the pages again when it runs: a fifth or
    more of a training step of a small network. To be called before JAX computes anything; a process then never holds
    less than the most that it held. Elsewhere nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if platform.libc_ver()[0] == "glibc" else None
    for option, value in KEPT if mallopt else ():
        mallopt(option, value)


def need(plan) -> int:
    """Bytes of the device that one run of a program takes, by XLA's `memory_analysis`.

    Outputs that take the place of arguments count once.
    """
    outputs = plan.output_size_in_bytes - plan.alias_size_in_bytes
    return plan.argument_size_in_bytes + outputs + plan.temp_size_in_bytes


def folder() -> Path | None:
    """Where compiled programs of this kind of machine are kept; None where AF2JAX_CACHE is "off"."""
    root = os.environ.get("AF2JAX_CACHE", "")
    if root.lower() == "off":
        return None
    if not root:
        root = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "af2jax" / "compiled"
    return Path(root) / f"{version('jaxlib')}-{machine()}"


def machine() -> str:
    """Eight digits for the kind of CPU: equal where programs compiled for one run on the other."""
    kind = [platform.machine(), platform.processor()]
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
        kind += [line for line in first if line.startswith(("model name", "flags", "Features", "CPU "))]
    except OSError:  # not Linux: a machine shares with no other
        kind.append(platform.node())
    return hashlib.sha256("\n".join(kind).encode()).hexdigest()[:8]


def persist(path: str | os.PathLike | None = None) -> Path | None:
    """From now on jax keeps what it compiles in a folder, and reads back what is there; returns the folder in use.

    Args:
        path: the folder; by default `folder()`. One that the user has given jax itself is left as it is.

    Returns None, after a warning, where the folder cannot be written or anyone may write to it: compiled programs are
    code.
    """
    import jax

    if jax.config.jax_compilation_cache_dir:
        return Path(jax.config.jax_compilation_cache_dir)
    place = folder() if path is None else Path(path)
    if place is None:
        return None
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        if place.stat().st_mode & 0o002:
            raise PermissionError("anyone may write to it")
        tidy(place)
        _watch(place)
    except OSError as error:
        reason = error.strerror or error
        logging.warning("compiled programs are not kept: %s: %s; AF2JAX_CACHE=DIR names another folder", place, reason)
        return None
    jax.config.update("jax_compilation_cache_dir", str(place))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", MIN_SECONDS)
    return place


def tidy(place: Path, max_bytes: int = MAX_BYTES) -> None:
    """Removes programs that crashed a process, that a killed one left half written, or that are too many."""
    for note in place.glob("running-*.txt"):
        stack, since = _left_by(note)
        if since is None:
            continue
        crashed = "get_executable_and_time" in stack
        if crashed:
            logging.warning("an earlier run crashed while it read a compiled program back; %s is emptied", place)
        for entry, stat in _entries(place).items():
            if crashed or (stat.st_mtime >= since and not _is_whole(entry)):
                entry.unlink(missing_ok=True)
        note.unlink(missing_ok=True)
    entries = _entries(place)
    excess = sum(stat.st_size for stat in entries.values()) - max_bytes
    for entry in sorted(entries, key=lambda e: max(entries[e].st_atime, entries[e].st_mtime)):
        if excess <= 0:
            break
        entry.unlink(missing_ok=True)
        excess -= entries[entry].st_size


def make_room(limit: int | None = None) -> bool:
    """Lets go of every compiled function where this process has many maps of memory; True if it did.

    They are read back, or compiled again, when they are called next. Not to be called inside a jitted function.

    Args:
        limit: so many maps are many; by default half of what Linux allows. Elsewhere there is none.
    """
    try:
        limit = int(Path("/proc/sys/vm/max_map_count").read_text()) // 2 if limit is None else limit
        maps = Path("/proc/self/maps").read_bytes().count(b"\n")
    except OSError:
        return False
    if maps <= limit:
        return False
    import jax

    jax.clear_caches()
    gc.collect()
    return True


def _watch(place: Path) -> None:
    """Leaves a note while this process lives: locked, gone when it ends, and with its Python stack if it crashes."""
    note = place / f"running-{platform.node()}-{os.getpid()}.txt"
    lock = contextlib.ExitStack()
    lock.enter_context(locked(_lock_of(note)))
    file = open(note, "w")  # noqa: SIM115 (open as long as the process lives)
    ours = not faulthandler.is_enabled()
    if ours:
        faulthandler.enable(file)

    @atexit.register
    def leave():
        if ours:
            faulthandler.disable()
        file.close()
        note.unlink(missing_ok=True)
        lock.close()


def _lock_of(note: Path) -> Path:
    return note.with_suffix(".lock")


def _left_by(note: Path) -> tuple[str, float | None]:
    """What a process that died left in its note, and when it last wrote there; None for the time while it lives."""
    try:
        with locked(_lock_of(note)) as ended:
            return (note.read_text(errors="replace"), note.stat().st_mtime) if ended else ("", None)
    except OSError:
        return "", None


def _entries(place: Path) -> dict[Path, os.stat_result]:
    """The programs in a folder; other processes may be writing and removing some."""
    found = {}
    for entry in place.glob("*-cache"):  # jax's names
        with contextlib.suppress(OSError):
            found[entry] = entry.stat()
    return found


def _is_whole(entry: Path) -> bool:
    """Whether a program was written to its end; jax compresses with zlib unless zstandard is installed."""
    try:
        zlib.decompress(entry.read_bytes())
    except (zlib.error, OSError):
        return False
    return True
