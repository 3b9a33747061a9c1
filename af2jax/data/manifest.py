"""Data sets from a list of PDB identifiers and addresses, held to the SHA-256 digests of a lock file."""

import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from af2jax.data import tables
from af2jax.data.parse import printable, read_text
from af2jax.errors import InputError
from af2jax.files import file_name, write
from af2jax.transfer import Fetched, download, name_in

PDB_URL = "https://files.rcsb.org/download"
COLUMNS = ("id", "url", "name", "sha256")
LOCK_COLUMNS = ("name", "url", "bytes", "sha256")
IDENTIFIER = re.compile(r"([0-9][0-9a-z]{3})(_[0-9a-z]+)?", re.IGNORECASE)
THREADS = 4
SAVE_EVERY = 100  # files, between two writings of the lock


class ManifestEntry(NamedTuple):
    """One file to fetch."""

    name: str  # in the output folder
    url: str
    sha256: str  # "" where the manifest does not state it


class Locked(NamedTuple):
    """What a file was when it was fetched first."""

    url: str
    size: int
    sha256: str


def read_manifest(path: Path, pdb_url: str = PDB_URL) -> list[ManifestEntry]:
    """The files that a manifest names, each once, in its order.

    A manifest is a table with tabs or commas between the columns `id` (1UBQ or 1ubq_A: the whole entry as mmCIF), `url`
    (in its place), and, where needed, `name` (of the file) and `sha256`; others are ignored.

    Raises:
        InputError: a fault, with the number of its line.
    """
    items: dict[str, tuple[ManifestEntry, int]] = {}
    for line, row in _table(path, COLUMNS):
        item = _item(row, f"{path}, line {line}", pdb_url)
        other, first = items.setdefault(item.name, (item, line))
        if other != item:
            raise InputError(f"{path}, lines {first} and {line}: two files would be called {item.name}; give a name")
    if not items:
        raise InputError(f"{path} names nothing: no row has an id or a url")
    return [item for item, _ in items.values()]


def _item(row: dict[str, str], where: str, pdb_url: str) -> ManifestEntry:
    """What one row asks for."""
    if bool(row["id"]) == bool(row["url"]):
        raise InputError(f"{where}: give an id or a url, and not both")
    if row["id"]:
        if not (found := IDENTIFIER.fullmatch(row["id"])):
            raise InputError(f"{where}: {row['id']!r} is not a PDB identifier such as 1UBQ or 1ubq_A")
        entry = found[1].lower()
        name, url = f"{entry}.cif.gz", f"{pdb_url.rstrip('/')}/{entry}.cif.gz"
    else:
        url = row["url"]
        try:
            name = name_in(url)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    name = row["name"] or name
    if name != file_name(name) or name.endswith((".part", ".part.tag")):
        raise InputError(f"{where}: {name!r} is not a plain file name; use A-Z, a-z, 0-9, '_', '-' and '.'")
    if row["sha256"] and not re.fullmatch("[0-9a-fA-F]{64}", row["sha256"]):
        raise InputError(f"{where}: {row['sha256']!r} is not a SHA-256 digest of 64 hexadecimal digits")
    return ManifestEntry(name, url, row["sha256"].lower())


def read_lock(path: Path) -> dict[str, Locked]:
    """The lock file by file name; empty where there is none.

    Raises:
        InputError: it was damaged.
    """
    lock = {}
    for line, row in _table(path, LOCK_COLUMNS) if path.exists() else ():
        if not row["bytes"].isdecimal() or not re.fullmatch("[0-9a-f]{64}", row["sha256"]):
            raise InputError(f"{path}, line {line}: not a line of a lock file; restore it, or delete it to start again")
        lock[row["name"]] = Locked(row["url"], int(row["bytes"]), row["sha256"])
    return lock


def write_lock(path: Path, lock: dict[str, Locked]) -> None:
    """Writes a lock file, sorted by name, so that versions of it compare well."""
    rows = ["\t".join(LOCK_COLUMNS), *("\t".join(map(str, (name, *lock[name]))) for name in sorted(lock))]
    write(path, "\n".join(rows) + "\n")


def fetch(
    items: list[ManifestEntry],
    lock_path: Path,
    folder: Path,
    *,
    update: bool = False,
    done: Callable[[str, str | None], None] = lambda name, error: None,
    wait: float = 1.0,
) -> dict[str, str]:
    """Fetches what is not in the folder yet, checks all against the lock file, and adds what is new to it.

    Args:
        update: take what the servers have now, whatever the lock says.
        done: called with each name and, where it failed, the reason.
        wait: seconds before a second try.

    Returns {name: reason} of what failed.
    """
    lock = read_lock(lock_path)
    known = {} if update else {i.name: lock[i.name] for i in items if i.name in lock and lock[i.name].url == i.url}
    lock = {item.name: lock[item.name] for item in items if item.name in lock}
    failures: dict[str, str] = {}
    stop = threading.Event()
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            tasks = {pool.submit(_fetch_one, item, known.get(item.name), folder, wait, stop): item for item in items}
            for number, task in enumerate(as_completed(tasks), 1):
                item = tasks[task]
                try:
                    found = task.result()
                    lock[item.name] = Locked(item.url, found.size, found.sha256)
                except InputError as error:
                    failures[item.name] = str(error)
                done(item.name, failures.get(item.name))
                if number % SAVE_EVERY == 0:
                    write_lock(lock_path, lock)
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            write_lock(lock_path, lock)
    return failures


def _fetch_one(item: ManifestEntry, known: Locked | None, folder: Path, wait: float, stop: threading.Event) -> Fetched:
    """One file: as it lies in the folder if it is the right one, else from its server."""
    path = folder / item.name
    expected = item.sha256 or (known.sha256 if known else "")

    def go_on(done: int, total: int | None) -> None:
        if stop.is_set():
            raise InputError(f"{item.url}: stopped")

    if expected and path.exists():
        with open(path, "rb") as file:
            found = Fetched(os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest())
        if found.sha256 != expected:
            raise InputError(f"{path} was altered: its SHA-256 is {found.sha256}, not {expected}; delete it")
        return found
    return download(item.url, path, sha256=expected or None, progress=go_on, wait=wait)


def _table(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table, by line; of `columns` those that are not there are empty.

    Raises:
        InputError: it cannot be read, or has none of the first two columns.
    """
    source, text = printable(str(path)), read_text(path)
    if not set(columns[:2]) & {name.lower() for name in tables.header(text)}:
        raise InputError(f"{source}, line 1: no column {columns[0]!r} or {columns[1]!r}; its first line names columns")
    for line, row in tables.rows(text, source):
        cells = {name.lower(): cell for name, cell in row.items()}
        yield line, {column: cells.get(column, "") for column in columns}
