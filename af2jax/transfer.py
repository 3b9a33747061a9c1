"""Downloads over HTTP that resume, are checked, and appear under their name only when they are complete."""

import contextlib
import hashlib
import http.client
import os
import re
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from absl import logging

from af2jax.errors import InputError
from af2jax.files import file_name
from af2jax.locks import locked

CHUNK = 2**18
TIMEOUT = 60.0  # seconds without a byte
HANDLERS = (  # http and https alone: no file:, data: or ftp:, not even by a redirect
    urllib.request.ProxyHandler,
    urllib.request.UnknownHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPRedirectHandler,
    urllib.request.HTTPErrorProcessor,
)
Progress = Callable[[int, int | None], None]


class Fetched(NamedTuple):
    """What was downloaded."""

    size: int  # bytes
    sha256: str


class _Retryable(Exception):
    """A transient error; the request may be retried."""


def download(
    url: str,
    path: str | os.PathLike,
    *,
    sha256: str | None = None,
    space: float = 1.0,
    progress: Progress | None = None,
    tries: int = 5,
    wait: float = 1.0,
) -> Fetched:
    """Downloads `url` to the file `path`, going on where an earlier call was stopped if the file is still the same.

    What has come lies in `<path>.part`, with the server's mark of its version in `<path>.part.tag`; both go when the
    file is whole. Connections that break and servers that are busy are tried again, after a wait that doubles.

    Args:
        sha256: the digest that the file must have.
        space: how many times its size must be free on the disk.
        progress: called with (bytes so far, bytes in all or None).
        tries: how many in a row may bring nothing new.
        wait: seconds before the second try.

    Raises:
        InputError: no such file on the server, no network, a web page in place of data, no space, another digest, or
            another process that downloads the same file.
    """
    path = Path(path)
    if _split(url).scheme not in ("http", "https"):
        raise InputError(f"{url!r} is not an http or https address")
    partial = path.with_name(path.name + ".part")
    try:
        with locked(f"{partial}.lock") as ours:
            if not ours:
                raise InputError(f"another process downloads {path}; wait for it")
            try:
                with open(partial, "a+b") as part:
                    _all_of(url, part, path, space, progress or (lambda done, total: None), tries, wait)
                    found = _checked(part, url, sha256)
                os.replace(partial, path)
            finally:
                if not (partial.exists() and partial.stat().st_size):  # nothing to resume from
                    partial.unlink(missing_ok=True)
                    _tag_file(partial).unlink(missing_ok=True)
        return found
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error


def name_in(url: str) -> str:
    """The last part of the path of `url`, as a plain file name.

    Raises:
        InputError: not an address.
    """
    return file_name(urllib.parse.unquote(_split(url).path).rsplit("/", 1)[-1])


def _split(url: str) -> urllib.parse.SplitResult:
    try:
        return urllib.parse.urlsplit(url)
    except ValueError as error:
        raise InputError(f"{url!r} is not an address: {error}") from error


def _checked(part: BinaryIO, url: str, sha256: str | None) -> Fetched:
    """What has come, if it has the digest that it must have."""
    part.seek(0)
    found = Fetched(_size(part), hashlib.file_digest(part, "sha256").hexdigest())
    if sha256 and found.sha256 != sha256.lower():
        _forget(part)
        raise InputError(f"{url} is not the file expected: its SHA-256 is {found.sha256}, not {sha256.lower()}")
    return found


def _all_of(url: str, part: BinaryIO, path: Path, space: float, progress: Progress, tries: int, wait: float) -> None:
    """As many requests as it takes."""
    failures = 0
    while True:
        before = _size(part)
        try:
            return _rest_of(url, part, path, space, progress)
        except _Retryable as error:
            failures = 1 if _size(part) > before else failures + 1
            if failures >= tries:
                raise InputError(f"{url}: {error}; try again later, the download resumes where it stopped") from error
            logging.info("%s: %s; trying again", url, error)
            time.sleep(wait * 2 ** (failures - 1))


def _rest_of(url: str, part: BinaryIO, path: Path, space: float, progress: Progress) -> None:
    """One request: the rest of the file, or all of it where the server has another version or knows no ranges."""
    headers = {"User-Agent": "af2jax", "Accept-Encoding": "identity"}
    done, known = _size(part), _known_tag(part)
    if done and known:
        headers |= {"Range": f"bytes={done}-", "If-Range": known}
    with contextlib.closing(_open(url, headers)) as answer:
        tag, total = _tag(answer), _total(answer)
        if answer.status == 416 and total == done and tag in ("", known):
            return  # nothing was left
        if answer.status == 416 or (answer.status == 206 and (tag != known or _first(answer) != done)):
            _forget(part)
            raise _Retryable("the file on the server has changed")
        if answer.headers.get_content_type() == "text/html" and not path.suffix.startswith(".htm"):
            raise InputError(
                f"{url} is a web page, not a file; check the address, and whether the network asks to log in"
            )
        if answer.status != 206:
            _forget(part)
            _tag_file(part).write_text(tag)
            done = 0
        if total and (need := space * total - done) > (free := shutil.disk_usage(path.parent).free):
            raise InputError(f"{path.parent} has {free / 1e9:.1f} GB free, {need / 1e9:.1f} GB are needed; make room")
        progress(done, total)
        for data in _chunks(answer):
            part.write(data)
            done += len(data)
            progress(done, total)
        part.flush()
    if total and done != total:
        raise _Retryable(f"the connection broke off after {done:,} of {total:,} bytes")


def _open(url: str, headers: dict[str, str]):
    """The server's answer: 200, 206 or 416."""
    opener = urllib.request.OpenerDirector()
    for handler in HANDLERS:
        opener.add_handler(handler())
    try:
        return opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            return error
        error.close()
        reason = f"the server says {error.code} {error.reason}"
        if error.code in (408, 425, 429) or error.code >= 500:
            raise _Retryable(reason) from error
        raise InputError(f"{url}: {reason}; check the address") from error
    except (ValueError, http.client.InvalidURL) as error:
        raise InputError(f"{url!r} is not an address: {error}") from error
    except urllib.error.URLError as error:
        raise _Retryable(f"no connection ({error.reason})") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Retryable(f"the connection failed ({error or type(error).__name__})") from error


def _chunks(answer) -> Iterator[bytes]:
    try:
        while data := answer.read(CHUNK):
            yield data
    except (OSError, http.client.HTTPException) as error:
        raise _Retryable(f"the connection broke off ({error or type(error).__name__})") from error


def _tag(answer) -> str:
    """By what the server knows this version of the file; weak tags do not vouch for every byte."""
    tag = answer.headers.get("ETag", "")
    return answer.headers.get("Last-Modified", "") if not tag or tag.startswith("W/") else tag


def _total(answer) -> int | None:
    """The bytes of the whole file, where the server says so."""
    if found := re.search(r"/(\d+)$", answer.headers.get("Content-Range", "")):
        return int(found[1])
    length = answer.headers.get("Content-Length", "")
    return int(length) if answer.status == 200 and length.isdigit() else None


def _first(answer) -> int | None:
    """The number of the first byte of a partial answer."""
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _size(part: BinaryIO) -> int:
    part.flush()
    return os.fstat(part.fileno()).st_size


def _forget(part: BinaryIO) -> None:
    """Starts again from the first byte."""
    part.truncate(0)
    _tag_file(part).unlink(missing_ok=True)


def _tag_file(part: BinaryIO | Path) -> Path:
    """Where the server's mark of what has come lies."""
    return Path(f"{part if isinstance(part, Path) else part.name}.tag")


def _known_tag(part: BinaryIO) -> str:
    """The server's mark of the version that was begun; "" where it cannot be gone on with."""
    file = _tag_file(part)
    return file.read_text().strip() if file.exists() else ""
