"""Many queries in one folder: which part of them is this process's, which are done, which failed."""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from af2jax.cli.locks import locked
from af2jax.cli.warnings import warn
from af2jax.errors import InputError, machine
from af2jax.files import file_name, write

FAILURES, DONE = "failures.jsonl", ".done.txt"
LARGE = 2**26  # bytes
Item = TypeVar("Item")


def shard(items: Sequence[Item], part: str) -> list[Item]:
    """Part i of n of some items, "i/n" with i from 1: each n-th of them; all where `part` is empty.

    Raises:
        InputError: `part` is none.
    """
    if not part:
        return list(items)
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", part)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(f"--shard {part}: write i/n, with i from 1 to n, such as 1/4")
    return list(items[int(found[1]) - 1 :: int(found[2])])


def lock_of(out: Path, name: str) -> Path:
    """The lock that whoever works on a query holds."""
    return out / f".{file_name(name)}.lock"


def exit_code(failed: int, of: int, begun: int) -> int:
    """That of a batch, by what failed of how many, and of how many the work was begun: 0 all done, 3 some failed, 4 all
    failed, 2 nothing was begun, as nothing that was given can be used."""
    return 0 if not failed else 3 if failed < of else 4 if begun else 2


def settings(out: Path, name: str) -> dict:
    """Those with which a query was finished; {}: it was not."""
    found = _marked(out, name).get("settings")
    return found if isinstance(found, dict) else {}


def files(out: Path, name: str) -> list[Path]:
    """The results that the marker of a query names."""
    found = _marked(out, name).get("files")
    return [out / str(file) for file in found] if isinstance(found, list) else []


def is_done(out: Path, name: str, settings: Mapping) -> bool:
    """Whether a query was finished with these settings, and its files are still there."""
    same = _marked(out, name).get("settings") == json.loads(json.dumps(settings))
    return same and all(file.is_file() for file in files(out, name))


def identity(path: Path) -> list:
    """What tells a file from another: its name, and its SHA-256 or, where it is large, size and time; None: no file."""
    try:
        if (stat := path.stat()).st_size >= LARGE:
            return [path.name, stat.st_size, stat.st_mtime_ns]
        return [path.name, hashlib.sha256(path.read_bytes()).hexdigest()]
    except OSError:
        return [path.name, None]


def clear(out: Path, name: str, but: Collection[Path] = ()) -> None:
    """Removes the results of a query that was finished with other settings, which the new ones would mix with, `but`
    those."""
    old = files(out, name)
    _marker(out, name).unlink(missing_ok=True)
    for file in old:
        if file not in but and file.is_file() and file.resolve().is_relative_to(out.resolve()):
            file.unlink()


def finish(
    out: Path,
    name: str,
    settings: Mapping,
    files: Iterable[Path],
    answers: Sequence[Mapping] = (),
    scores: Sequence[Mapping] = (),
    states: Sequence[Mapping] = (),
) -> None:
    """Says that a query is done, with which settings, that these files came of it, what tuned heads answered, how a
    structure that was given of it scores, and its states."""
    from importlib.metadata import version

    done = {
        "af2jax": version("af2jax"),
        "query": name,
        "settings": settings,
        "files": [str(f.relative_to(out)) for f in files],
        "answers": list(answers),
        "scores": list(scores),
        "states": list(states),
    }
    write(_marker(out, name), json.dumps(done, indent=1) + "\n")


def rows(out: Path, what: str) -> list[dict]:
    """What is known of every query that is done in a folder: "answers" of tuned heads (rows of `heads.summary`),
    "scores" of given structures (`Score.rows`), or "states" (`States.rows`)."""
    markers = sorted(out.glob(f"*{DONE}"))
    found = [_marked(out, marker.name.removesuffix(DONE)).get(what) for marker in markers]
    return [row for rows in found if isinstance(rows, list) for row in rows if isinstance(row, dict)]


def note(out: Path, failed: Mapping[str, str], settled: Iterable[str] = ()) -> None:
    """Has `failures.jsonl` say what is failed now: adds {query: reason}, and takes off what is settled.

    Other processes may do the same at the same time.
    """
    path = out / FAILURES
    if not failed and not path.exists():
        return
    with locked(out / f".{FAILURES}.lock", wait=True):
        known = {job: error for job, error in _failures(path).items() if job not in set(settled)} | dict(failed)
        if known:
            write(path, "".join(json.dumps({"job": job, "error": error}) + "\n" for job, error in known.items()))
        else:
            path.unlink(missing_ok=True)


def note_failures(path: Path, failures: Iterable[tuple[str, str]]) -> None:
    """Writes what failed and why, or says that this cannot be written."""
    try:
        write(path, "".join(json.dumps({"job": name, "error": reason}) + "\n" for name, reason in failures))
    except OSError as error:
        warn("%s does not say so: %s", path, machine(error))


def _marker(out: Path, name: str) -> Path:
    return out / f"{file_name(name)}{DONE}"


def _marked(out: Path, name: str) -> dict:
    """What the marker of a query says; nothing where there is none, or one of ColabFold's."""
    try:
        found = json.loads(_marker(out, name).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _failures(path: Path) -> dict[str, str]:
    """The entries of a file of failures; lines that are none are dropped."""
    found = {}
    for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
        try:
            entry = json.loads(line)
            found[str(entry["job"])] = str(entry["error"])
        except (ValueError, KeyError, TypeError):
            continue
    return found
