"""Downloads from a server that breaks off, knows no ranges, changes its files, and answers with web pages."""

import errno
import hashlib
import os
import subprocess
import sys
from collections import namedtuple

import pytest

from af2jax import transfer
from af2jax.errors import InputError
from tests import web
from tests.web import Fault

DATA = os.urandom(2_000_000)


@pytest.fixture
def site():
    with web.serve() as site:
        site.files["a.bin"] = DATA
        yield site


@pytest.fixture
def get(site, tmp_path):
    """`get(path)` downloads into an empty folder without waiting; `get.left()` says what lies there."""

    def get(path="a.bin", **options):
        return transfer.download(site.url(path), tmp_path / "new" / "a.bin", wait=0.0, **options)

    get.folder = tmp_path / "new"
    get.left = lambda: sorted(p.name for p in get.folder.iterdir())
    return get


def test_a_file_arrives_whole(site, get):
    seen = []
    found = get(progress=lambda done, total: seen.append((done, total)))
    assert found == (len(DATA), hashlib.sha256(DATA).hexdigest())
    assert (get.folder / "a.bin").read_bytes() == DATA and get.left() == ["a.bin"]
    assert seen[0] == (0, len(DATA)) and seen[-1] == (len(DATA), len(DATA)) and seen == sorted(seen)


def test_broken_connections_go_on_where_they_broke(site, get):
    site.faults["a.bin"] = [Fault(stop=700_000), Fault(stop=700_000)]
    get()
    assert (get.folder / "a.bin").read_bytes() == DATA
    assert [asked for _, asked in site.asked] == ["", "bytes=700000-", "bytes=1400000-"]


def test_a_later_call_goes_on(site, get):
    site.faults["a.bin"] = [Fault(stop=700_000)]
    with pytest.raises(InputError, match="broke off after 700,000 of 2,000,000 bytes; try again later"):
        get(tries=1)
    assert get.left() == ["a.bin.part", "a.bin.part.tag"]
    get()
    assert (get.folder / "a.bin").read_bytes() == DATA and site.asked[-1][1] == "bytes=700000-"


def test_progress_makes_new_tries(site, get):
    site.faults["a.bin"] = [Fault(stop=100_000)] * 9
    get(tries=2)
    assert len(site.asked) == 10 and (get.folder / "a.bin").read_bytes() == DATA


@pytest.mark.parametrize("kind", ["no ranges", "no tag", "weak tag"])
def test_what_cannot_be_gone_on_with_starts_again(site, get, kind):
    site.ranges = kind != "no ranges"
    if kind != "no ranges":
        site.tag = lambda data: {"no tag": "", "weak tag": 'W/"1"'}[kind]
    site.faults["a.bin"] = [Fault(stop=700_000)]
    get()
    assert (get.folder / "a.bin").read_bytes() == DATA and len(site.asked) == 2
    assert site.asked[1][1] == ("bytes=700000-" if kind == "no ranges" else "")


@pytest.mark.parametrize("heeds", [True, False])
def test_a_file_that_changed_meanwhile_starts_again(site, get, heeds, monkeypatch):
    site.faults["a.bin"] = [Fault(stop=700_000)]
    with pytest.raises(InputError):
        get(tries=1)
    new = site.files["a.bin"] = os.urandom(1_500_000)
    if not heeds:  # a server that sends a part of the new version, whatever If-Range says
        honest = transfer._open
        drop = lambda url, headers: honest(url, {k: v for k, v in headers.items() if k != "If-Range"})
        monkeypatch.setattr(transfer, "_open", drop)
    get()
    assert (get.folder / "a.bin").read_bytes() == new


def test_a_part_that_is_all_or_too_much(site, get):
    for extra, requests in ((b"", 1), (b"more", 2)):
        get.folder.mkdir(exist_ok=True)
        (get.folder / "a.bin.part").write_bytes(DATA + extra)
        (get.folder / "a.bin.part.tag").write_text(site.tag(DATA))
        site.asked.clear()
        get()
        assert (get.folder / "a.bin").read_bytes() == DATA and len(site.asked) == requests


def test_an_unknown_length(site, get):
    site.faults["a.bin"] = [Fault(chunked=True)]
    assert get().size == len(DATA)


def test_an_empty_file(site, get):
    site.files["a.bin"] = b""
    assert get().size == 0 and get.left() == ["a.bin"]


def test_a_busy_server_is_asked_again(site, get):
    site.faults["a.bin"] = [Fault(503), Fault(429)]
    assert get().size == len(DATA)
    site.faults["a.bin"] = [Fault(500)] * 3
    with pytest.raises(InputError, match="the server says 500 Internal Server Error; try again later"):
        get(tries=3)


def test_a_silent_server_is_asked_again(site, get, monkeypatch):
    monkeypatch.setattr(transfer, "TIMEOUT", 0.2)
    site.faults["a.bin"] = [Fault(stop=700_000, pause=0.6)]
    get()
    assert (get.folder / "a.bin").read_bytes() == DATA and site.asked[-1][1].startswith("bytes=")


def test_waits_double(site, get, monkeypatch):
    waits = []
    monkeypatch.setattr(transfer.time, "sleep", waits.append)
    site.faults["a.bin"] = [Fault(503)] * 4
    transfer.download(site.url("a.bin"), get.folder / "a.bin", wait=0.5)
    assert waits == [0.5, 1, 2, 4]


@pytest.mark.parametrize("path", ["b.bin", "a b", "ü"])
def test_an_address_without_a_file(site, get, path):
    with pytest.raises(InputError, match=r"404 Not Found; check the address|is not an address") as caught:
        get(path)
    assert len(site.asked) <= 1 and "\n" not in str(caught.value) and get.left() == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/a", "a.bin", "data:,x", "http://[a/b"])
def test_only_the_web(get, url):
    with pytest.raises(InputError, match=r"is not an http or https address|is not an address: Invalid IPv6 URL"):
        transfer.download(url, get.folder / "a.bin")
    assert not get.folder.exists()


def test_a_web_page_is_no_data(site, get):
    site.faults["a.bin"] = [Fault(stop=700_000)]
    with pytest.raises(InputError):
        get(tries=1)
    site.types["a.bin"] = "text/html; charset=utf-8"
    with pytest.raises(InputError, match="is a web page, not a file; check the address"):
        get()
    assert (get.folder / "a.bin.part").stat().st_size == 700_000  # a login page does not cost what had come


def test_no_network(get):
    with web.serve() as gone:
        pass
    with pytest.raises(InputError, match=r"no connection \(.*refused.*\)"):
        transfer.download(gone.url("a.bin"), get.folder / "a.bin", wait=0.0)
    assert get.left() == []


def test_another_digest(site, get):
    right = hashlib.sha256(DATA).hexdigest()
    with pytest.raises(InputError, match=f"is not the file expected: its SHA-256 is {right}, not 0+$"):
        get(sha256="0" * 64)
    assert get.left() == []
    assert get(sha256=right.upper()).sha256 == right


def test_a_disk_too_small_is_known_before(site, get, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda path: usage(0, 0, 3_000_000))
    get()
    with pytest.raises(InputError, match=r"has 0.0 GB free, 0.0 GB are needed; make room"):
        get(space=2.0)
    assert get.left() == ["a.bin"]


def test_a_disk_that_fills_up_or_cannot_be_written(site, get, monkeypatch):
    (get.folder.parent / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written: File exists"):
        transfer.download(site.url("a.bin"), get.folder.parent / "file" / "a.bin")

    def full(answer):
        yield DATA[:700_000]
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(transfer, "_chunks", full)
    with pytest.raises(InputError, match=r"a.bin cannot be written: No space left on device"):
        get()
    monkeypatch.undo()
    assert get().size == len(DATA) and site.asked[-1][1] == "bytes=700000-"


def test_one_process_at_a_time(site, get):
    """One that was killed stops no other, and what it left goes."""
    code = "import sys; from af2jax.locks import locked\nwith locked(sys.argv[1]): print(flush=True); input()"
    command, pipe = [sys.executable, "-c", code, str(get.folder / "a.bin.part.lock")], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as other:
        other.stdout.readline()
        with pytest.raises(InputError, match=r"another process downloads [^\n]*a.bin; wait for it$"):
            get()
        other.kill()
    assert get.left() == ["a.bin.part.lock"]
    get()
    assert get.left() == ["a.bin"]


def test_without_locks_of_unix_all_can_be_imported():
    code = "import sys; sys.modules['fcntl'] = None; import af2jax.transfer, af2jax.compilation, af2jax.cli.main"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
