"""An index of the structures in a folder: the CA atoms of every chain and its fingerprint, in one `.npz`.

It is made when a folder is first searched, lies in it (`af2jax_find.npz`), and is brought up to date when files were
added, changed or removed, of which only those are read. A digest over its content is looked at each time.
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import logging

from af2jax.data import formats
from af2jax.data.dataset import STRUCTURES
from af2jax.data.parse import printable
from af2jax.data.traces import Trace, read_traces
from af2jax.errors import InputError
from af2jax.files import DAMAGED, whole
from af2jax.folds.prints import SIZE, fingerprint
from af2jax.metrics.ca_classes import ca_classes
from af2jax.typing import Float

VERSION = 2
FILE = "af2jax_find.npz"
KEPT = np.float16  # of fingerprints
LEAST = 10  # residues of a chain that can be searched for, or found
Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Entry:
    """One chain that can be found. `name`: of its file below the folder, and of its chain where there are several."""

    name: str
    file: str
    chain: str
    sequence: str
    points: Float[np.ndarray, "N_res 3"]  # angstrom

    def __len__(self) -> int:
        return len(self.sequence)

    @property
    def shape(self) -> str:
        """H, E or C of each residue, by the distances of CA atoms."""
        return "".join("CHEC"[kind] for kind in ca_classes(self.points, len(self)).tolist())


@dataclass(frozen=True)
class Index:
    """The chains of a folder, in the order of its files.

    Attributes:
        folder: that was searched.
        entries: of 10 residues or more; of chains of one sequence in a file the first.
        prints: float32 [N_entry F], of length 1.
        short: (file, chain, residues) of chains of fewer.
        unread: (file, reason) of those that cannot be read.
        stamps: [size, time of change in nanoseconds] of every file.
    """

    folder: Path
    entries: tuple[Entry, ...]
    prints: Float[np.ndarray, "N F"]
    short: tuple[tuple[str, str, int], ...]
    unread: tuple[tuple[str, str], ...]
    stamps: dict[str, list[int]]


class _Content(NamedTuple):
    """What one file has."""

    entries: list[Entry]
    prints: list[np.ndarray]
    short: list[tuple[str, str, int]]
    unread: list[tuple[str, str]]


def index(
    folder: str | os.PathLike, file: str | os.PathLike | None = None, progress: Progress = lambda done, total: None
) -> Index:
    """The index of a folder and all folders in it: what is kept, brought up to date.

    Args:
        file: of the index; None: `af2jax_find.npz` in the folder. Where it cannot be written a warning says so.

    Raises:
        InputError: the folder is not there or has no structure that can be read, or the index is damaged or of another
            version.
    """
    folder = Path(folder)
    file = folder / FILE if file is None else Path(file)
    found = _files(folder)
    old = load(file, folder) if file.exists() else None
    if old is not None and old.stamps == found:
        return old
    made = _made(folder, found, old, progress)
    try:
        save(made, file)
    except OSError as error:
        logging.warning("the index is not kept: %s cannot be written (%s); give --index FILE", file, error.strerror)
    return made


def _files(folder: Path) -> dict[str, list[int]]:
    """[size, time of change] of each structure by its path below the folder."""
    if not folder.is_dir():
        raise InputError(f"{printable(str(folder))} is not a folder; give a folder of structures")
    found = {}
    for path in sorted(folder.rglob("[!.]*")):
        if formats.plain(path.name).lower().endswith(STRUCTURES) and path.is_file():
            known = path.stat()
            found[path.relative_to(folder).as_posix()] = [known.st_size, known.st_mtime_ns]
    if not found:
        kinds = ", ".join(STRUCTURES)
        raise InputError(f"no structures in {printable(str(folder))}: files must end in {kinds} (.gz too)")
    return found


def _made(folder: Path, found: dict[str, list[int]], old: Index | None, progress: Progress) -> Index:
    """The index of the files `found`, of which those that are as they were are not read again."""
    known, content = _by_file(old) if old else {}, []
    for done, (name, stamp) in enumerate(found.items()):
        progress(done, len(found))
        same = old is not None and old.stamps.get(name) == stamp
        content.append(known[name] if same else _read(folder, name))
    progress(len(found), len(found))
    entries, prints, short, unread = (tuple(chain.from_iterable(parts)) for parts in zip(*content, strict=True))
    if not entries:
        why = f"; the first: {unread[0][1]}" if unread else f": all chains are shorter than {LEAST} residues"
        raise InputError(f"no chain of {printable(str(folder))} can be searched{why}")
    prints = np.reshape(prints, (-1, SIZE)).astype(KEPT).astype(np.float32)  # as they are read again
    return Index(folder, entries, prints, short, unread, found)


def _read(folder: Path, name: str) -> _Content:
    """What a file has."""
    try:
        traces = read_traces(folder / name)
    except InputError as error:
        return _Content([], [], [], [(name, str(error))])
    entries = named(name, traces)
    return _Content(entries, [fingerprint(one.points) for one in entries], too_short(name, traces), [])


def _by_file(old: Index) -> dict[str, _Content]:
    """What each file of an index had."""
    found = {name: _Content([], [], [], []) for name in old.stamps}
    for entry, one in zip(old.entries, old.prints, strict=True):
        found[entry.file].entries.append(entry)
        found[entry.file].prints.append(one)
    for one in old.short:
        found[one[0]].short.append(one)
    for one in old.unread:
        found[one[0]].unread.append(one)
    return found


def named(file: str, traces: Sequence[Trace], chosen: bool = False) -> list[Entry]:
    """The entries of a file: chains of 10 residues or more, of those of one sequence the first.

    Args:
        chosen: the name of the chain is part of each name, also where there is one alone.
    """
    stem, long = formats.plain(file).rsplit(".", 1)[0], {}
    for trace in traces:
        if len(trace) >= LEAST:
            long.setdefault(trace.sequence, trace)
    full = chosen or len(long) > 1
    return [
        Entry(printable(f"{stem}_{one.chain}" if full else stem), file, one.chain, one.sequence, one.points)
        for one in long.values()
    ]


def too_short(file: str, traces: Sequence[Trace]) -> list[tuple[str, str, int]]:
    """(file, chain, residues) of chains of fewer than 10 residues, which have no entry."""
    return [(file, trace.chain, len(trace)) for trace in traces if len(trace) < LEAST]


def save(made: Index, file: Path) -> None:
    """Writes an index, whole or not at all."""
    facts = {
        "entries": [[one.name, one.file, one.chain, one.sequence] for one in made.entries],
        "short": made.short,
        "unread": made.unread,
        "stamps": made.stamps,
    }
    arrays = {
        "facts": np.frombuffer(json.dumps(facts).encode(), np.uint8),
        "points": np.concatenate([one.points for one in made.entries]).astype(np.float32),
        "prints": made.prints.astype(KEPT),
    }
    arrays |= {"version": np.array(VERSION), "digest": np.frombuffer(_digest(arrays), np.uint8)}
    with whole(file) as part, open(part, "wb") as out:
        np.savez_compressed(out, **arrays)


def load(file: Path, folder: Path) -> Index:
    """An index that `save` wrote of a folder.

    Raises:
        InputError: it is damaged, or of another version.
    """
    source, cure = printable(str(file)), "delete it, and it is made again"
    try:
        with np.load(file, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        version, digest = int(arrays.pop("version")), arrays.pop("digest").tobytes()
        if version != VERSION:
            raise InputError(f"{source} is an index of version {version}, and this af2jax reads {VERSION}; {cure}")
        if digest != _digest(arrays):
            raise InputError(f"{source} is damaged: its content is not what was written; {cure}")
        facts = json.loads(arrays["facts"].tobytes())
        entries, start = [], 0
        for *words, sequence in facts["entries"]:
            entries.append(Entry(*words, sequence, arrays["points"][start : start + len(sequence)]))
            start += len(sequence)
        short, unread = (tuple(map(tuple, facts[name])) for name in ("short", "unread"))
        return Index(folder, tuple(entries), arrays["prints"].astype(np.float32), short, unread, facts["stamps"])
    except (*DAMAGED, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{source} is not an index, or damaged; name another file with --index, or {cure}") from None


def _digest(arrays: dict[str, np.ndarray]) -> bytes:
    """SHA-256 of the content."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        total.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        total.update(arrays[name].tobytes())
    return total.digest()
