"""Alignments from a ColabFold-compatible MMseqs2 server; it is contacted by `fetch` alone, and only when called.

The protocol: POST ticket/msa takes the query and gives a ticket, GET ticket/ID its state, and GET result/download/ID
the result, a tar.gz of A3M files.
"""

import gzip
import http.client
import io
import itertools
import json
import re
import tarfile
import time
import zlib
from collections.abc import Callable
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import quote as percent
from urllib.parse import urlencode
from urllib.request import OpenerDirector, Request

from absl import logging

from af2jax.data.parse import printable, quote
from af2jax.data.search import a3m
from af2jax.errors import InputError
from af2jax.transfer import HANDLERS

FILES = ("uniref.a3m", "bfd.mgnify30.metaeuk30.smag30.a3m")  # of the result; the second is of environmental sequences
_ATTEMPTS = 4  # at one request, where the connection breaks or the server is at fault
_LONGEST_PAUSE = 60.0  # seconds
_LARGEST_ANSWER = 1 << 20  # bytes; more is not a ticket
_LARGEST_RESULT = 1 << 30  # bytes, packed and unpacked
_NUMBER = 101  # that the query goes by, as ColabFold's first


class Patience(NamedTuple):
    """How long to wait for a server, in seconds."""

    answer: float = 30.0  # for each part of an answer
    result: float = 3600.0  # for the whole
    pause: float = 5.0  # between two questions; doubles while the server turns them down


PATIENCE = Patience()


def fetch(
    name: str,
    sequence: str,
    url: str,
    *,
    user_agent: str,
    patience: Patience = PATIENCE,
    progress: Callable[[str], None] | None = None,
) -> str:
    """The alignment of one chain that a server makes, as A3M text: the query, its hits, the environmental hits.

    The sequence leaves this machine; a warning says where to.

    Args:
        name: the header of the first row; it is not sent.
        sequence: one chain, in letters.
        url: of the server, http or https.
        user_agent: says who asks, such as "tool/version contact@address".
        patience: how long to wait.
        progress: is told the state of the ticket, such as "RUNNING".

    Raises:
        InputError: the server cannot be reached, is not what `url` says, turns the query down, takes too long, or gives
            a result that is damaged, too large, or of another sequence.
    """
    sequence = a3m.checked_query(name, sequence)
    if not re.fullmatch(r"https?://[!-~]+", url):
        raise InputError(f"{quote(url, 200)} is not an address of a server; give one such as https://api.colabfold.com")
    server = _Server(url.rstrip("/"), user_agent, patience, time.monotonic() + patience.result)
    logging.warning("%s: the sequence is sent to %s", printable(name), server.url)
    ticket = _finished_ticket(server, sequence, progress or (lambda state: None))
    packed = _ask(server, f"result/download/{ticket}", largest=_LARGEST_RESULT)
    texts = _members(packed, server.url)
    if FILES[1] not in texts:
        logging.warning("%s: no environmental sequences in the result of %s", printable(name), server.url)
    hits = (a3m.hits(text, sequence, f"{server.url}: {file}") for file, text in texts.items())
    return a3m.join(name, sequence, itertools.chain(*hits))


class _Server(NamedTuple):
    url: str
    user_agent: str
    patience: Patience
    deadline: float  # of time.monotonic()


def _finished_ticket(server: _Server, sequence: str, progress: Callable[[str], None]) -> str:
    """Hands in a query and waits until its ticket is done."""
    query = urlencode({"q": f">{_NUMBER}\n{sequence}\n", "mode": "env"}).encode()
    ticket, refusals = "", 0
    while True:
        answer = _ask(server, f"ticket/{ticket}") if ticket else _ask(server, "ticket/msa", query)
        state, number = _state(server, answer)
        progress(state)
        if state == "COMPLETE":
            return number
        if state == "MAINTENANCE":
            raise InputError(f"{server.url} is under maintenance; try again later")
        if state not in ("RATELIMIT", "UNKNOWN", "PENDING", "RUNNING"):
            raise InputError(
                f"{server.url} turns the query down ({quote(state)}); check the sequence or try again later"
            )
        refused = state in ("RATELIMIT", "UNKNOWN")
        refusals = refusals + 1 if refused else 0
        ticket = ticket if refused else number
        _rest(server, refusals, f"its last word is {state}")


def _state(server: _Server, answer: bytes) -> tuple[str, str]:
    """The state and the number of a ticket, the latter as part of an address."""
    try:
        fields = json.loads(answer)
        return str(fields["status"]), percent(str(fields.get("id", "")), safe="")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        shown = quote(" ".join(answer[:200].decode(errors="replace").split()))
        raise InputError(f"{server.url} is not an MMseqs2 server: its ticket is {shown}; check the address") from None


def _ask(server: _Server, path: str, data: bytes | None = None, largest: int = _LARGEST_ANSWER) -> bytes:
    """What the server answers; asked again where the connection breaks, or the server is busy or at fault."""
    opener = OpenerDirector()
    for handler in HANDLERS:
        opener.add_handler(handler())
    failures = refusals = 0
    while True:
        busy = False
        try:
            request = Request(f"{server.url}/{path}", data, {"User-Agent": server.user_agent})
            with opener.open(request, timeout=server.patience.answer) as answer:
                return _read(answer, server, largest)
        except HTTPError as error:
            error.close()
            reason, busy = f"HTTP status {error.code}", error.code == 429
            if error.code < 500 and not busy:
                raise InputError(
                    f"{server.url} is not an MMseqs2 server ({reason} for {path}); check the address"
                ) from None
        except (http.client.InvalidURL, ValueError) as error:
            if isinstance(error, InputError):
                raise
            reason = printable(str(error))
            raise InputError(f"{quote(server.url, 200)} is not an address of a server: {reason}") from None
        except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
            reason = printable(str(getattr(error, "reason", "") or error or type(error).__name__))
        failures, refusals = failures + (not busy), refusals + 1
        if failures >= _ATTEMPTS:
            raise InputError(f"{server.url} cannot be reached ({reason}), {failures} attempts; try again later")
        _rest(server, refusals, reason)


def _read(answer: http.client.HTTPResponse, server: _Server, largest: int) -> bytes:
    """A whole answer, unless it is larger, slower or shorter than it should be."""
    parts, size = [], 0
    while part := answer.read1(1 << 16):
        parts.append(part)
        size += len(part)
        if size > largest:
            raise InputError(f"{server.url} sends more than {largest >> 20} MiB; check the address")
        if time.monotonic() > server.deadline:
            raise _too_late(server, "its answer is slow")
    if answer.length:  # bytes still missing of those that were announced
        raise http.client.IncompleteRead(b"", answer.length)
    return b"".join(parts)


def _rest(server: _Server, refusals: int, reason: str) -> None:
    """Waits before the next question: twice as long after each refusal."""
    pause = min(server.patience.pause * 2 ** min(max(refusals - 1, 0), 10), _LONGEST_PAUSE)
    if time.monotonic() + pause > server.deadline:
        raise _too_late(server, reason)
    time.sleep(pause)


def _too_late(server: _Server, reason: str) -> InputError:
    return InputError(
        f"{server.url} has given no result in {server.patience.result:g} seconds ({reason}); try again later, when it "
        "may be ready"
    )


def _members(packed: bytes, url: str) -> dict[str, str]:
    """The texts of `FILES` in a tar.gz; nothing is written, and other members are not looked at."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            data = file.read(_LARGEST_RESULT + 1)
        if len(data) > _LARGEST_RESULT:
            raise InputError(f"{url}: the result is larger than {_LARGEST_RESULT >> 20} MiB")
        texts = {}
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if name in FILES and member.isreg() and not member.issparse():
                    texts[name] = archive.extractfile(member).read().decode(errors="replace")
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = printable(" ".join(str(error).split()))
        raise InputError(f"{url}: the result is damaged ({reason}); try again") from None
    if FILES[0] not in texts:
        raise InputError(f"{url}: the result has no {FILES[0]}; is it the right server?")
    return {file: texts[file] for file in FILES if file in texts}
