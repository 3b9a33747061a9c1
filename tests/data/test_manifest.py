"""Manifests and their lock files, against a server of our own."""

import hashlib
import random
import string

import pytest

from af2jax.data.manifest import PDB_URL, ManifestEntry, fetch, read_lock, read_manifest
from af2jax.errors import InputError
from tests import web
from tests.web import Fault

DIGEST = "ab" * 32


@pytest.fixture
def read(tmp_path):
    """`read(text)`: the items of a manifest."""

    def read(text: str | bytes) -> list[ManifestEntry]:
        path = tmp_path / "set.tsv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_manifest(path)

    return read


def test_identifiers_become_stable_links_once_each(read):
    expected = [
        ManifestEntry("1ubq.cif.gz", f"{PDB_URL}/1ubq.cif.gz", ""),
        ManifestEntry("4hhb.cif.gz", f"{PDB_URL}/4hhb.cif.gz", ""),
    ]
    assert PDB_URL == "https://files.rcsb.org/download"
    assert read("id\n1UBQ\n1ubq_A\n\n4HHB_B\n1ubq_B\n") == expected
    assert read("id,note\r\n1UBQ,x\r\n4hhb,\r\n") == expected
    assert read("﻿chain\tID \n A \t 1ubq\nB\t4hhb\n") == expected


def test_addresses_names_and_digests(read):
    table = f"url\tname\tsha256\nhttps://a.org/b/t%20b.csv?x=1\t\t{DIGEST.upper()}\nhttp://a.org/\tx.txt\t\n"
    assert read(table) == [
        ManifestEntry("t_b.csv", "https://a.org/b/t%20b.csv?x=1", DIGEST),
        ManifestEntry("x.txt", "http://a.org/", ""),
    ]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "line 1: no column 'id' or 'url'"),
        ("1ubq\n4hhb\n", "line 1: no column 'id' or 'url'"),
        ("id\n", "names nothing"),
        ("id\n1ubq\nubiquitin\n", "line 3: 'ubiquitin' is not a PDB identifier such as 1UBQ or 1ubq_A"),
        ("id\n1ubq/../x\n", "line 2: '1ubq/../x' is not a PDB identifier"),
        ("id,url\n1ubq,http://a/b\n", "line 2: give an id or a url, and not both"),
        ("id,name\n,x\n", "line 2: give an id or a url, and not both"),
        ("url,name\nhttp://a/b,../c\n", r"line 2: '\.\./c' is not a plain file name"),
        ("url,name\nhttp://a/b,c.part\n", "is not a plain file name"),
        ("url\nhttp://a/b\nhttp://c/b\n", "lines 2 and 3: two files would be called b; give a name"),
        ("url,sha256\nhttp://a/b,abc\n", "line 2: 'abc' is not a SHA-256 digest"),
        ("id\n1ubq,2\n", "line 2: 2 cells under 1 column"),
        (b"id\n\xff\xfe\n", "line 2: this is not UTF-8"),
        (b"id\n1u\0bq\n", "it has NUL bytes"),
        (b"\x1f\x8bid\n", "gzip"),
        ("url\nhttp://[a/b\n", "is not an address: Invalid IPv6 URL"),
    ],
)
def test_faults_are_one_line_with_their_place(read, text, message):
    with pytest.raises(InputError, match=message) as caught:
        read(text)
    assert "\n" not in str(caught.value) and "set.tsv" in str(caught.value)


@pytest.mark.medium("mutates many files")
def test_mutated_manifests_raise_nothing_else(read):
    rng = random.Random(0)
    start = f"id\turl\tname\tsha256\n1UBQ\t\t\t\n\thttp://a.org/b.csv\tc.csv\t{DIGEST}\n4hhb_A\t\t\t\n".encode()
    pieces = [b"\0", b'"', b"\xff", b"\r", b"\n", b"\t", b",", b"../", b"\xe2\x80\xa8", b"id", b"'", b"x" * 200_000]
    for _ in range(2000):
        text = bytearray(start)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(text) + 1)
            text[at : at + rng.randint(0, 3)] = rng.choice([*pieces, rng.choice(string.printable).encode()])
        try:
            items = read(bytes(text))
        except InputError as error:
            assert "\n" not in str(error)
            continue
        assert all("/" not in item.name and not item.name.startswith(".") for item in items)


@pytest.fixture
def site():
    with web.serve() as site:
        site.files |= {f"{name}.cif.gz": name.encode() * 1000 for name in ("1ubq", "4hhb", "2abc")}
        yield site


@pytest.fixture
def run(site, tmp_path):
    """`run(text)`: {name: reason} of what failed; `run.lock()` and `run.files()` say what there is then."""

    def run(text="id\n1ubq\n4hhb\n2abc\n", **options):
        (tmp_path / "set.tsv").write_text(text)
        site.asked.clear()
        items = read_manifest(tmp_path / "set.tsv", site.url(""))
        return fetch(items, tmp_path / "set.tsv.lock", tmp_path / "out", wait=0.0, **options)

    run.out = tmp_path / "out"
    run.lock_file = tmp_path / "set.tsv.lock"
    run.lock = lambda: read_lock(run.lock_file)
    run.files = lambda: {p.name: p.read_bytes() for p in run.out.iterdir()}
    return run


def test_the_first_run_locks_and_the_second_asks_nobody(site, run):
    said = {}
    assert run(done=said.__setitem__) == {} and run.files() == site.files
    assert said == dict.fromkeys(site.files)
    digest = hashlib.sha256(site.files["1ubq.cif.gz"]).hexdigest()
    assert run.lock()["1ubq.cif.gz"] == (site.url("1ubq.cif.gz"), 4000, digest)
    lines = run.lock_file.read_text().split("\n")
    assert lines[0] == "name\turl\tbytes\tsha256" and lines[1:] == [*sorted(lines[1:-1]), ""]
    before = run.lock_file.read_text()
    assert run() == {} and site.asked == [] and run.lock_file.read_text() == before


def test_a_file_that_changed_on_its_server_is_refused(site, run):
    run()
    locked = run.lock()
    site.files["4hhb.cif.gz"] = b"new"
    for path in run.out.iterdir():
        path.unlink()
    failures = run()
    assert list(failures) == ["4hhb.cif.gz"] and "is not the file expected" in failures["4hhb.cif.gz"]
    assert run.lock() == locked and sorted(run.files()) == ["1ubq.cif.gz", "2abc.cif.gz"]
    assert run(update=True) == {} and run.files()["4hhb.cif.gz"] == b"new"
    assert run.lock()["4hhb.cif.gz"].size == 3 and run() == {}


def test_a_file_that_changed_here_is_refused_and_left(run):
    run()
    (run.out / "1ubq.cif.gz").write_bytes(b"mine")
    failures = run()
    assert list(failures) == ["1ubq.cif.gz"] and "was altered" in failures["1ubq.cif.gz"]
    assert run.files()["1ubq.cif.gz"] == b"mine"


def test_what_fails_is_named_and_the_rest_is_locked(site, run):
    del site.files["4hhb.cif.gz"]
    site.faults["2abc.cif.gz"] = [Fault(503), Fault(stop=1000)]
    failures = run()
    assert list(failures) == ["4hhb.cif.gz"] and "404" in failures["4hhb.cif.gz"]
    assert sorted(run.lock()) == ["1ubq.cif.gz", "2abc.cif.gz"] and run.files() == site.files


def test_a_digest_in_the_manifest_holds_whatever_the_lock_says(site, run):
    right = hashlib.sha256(site.files["1ubq.cif.gz"]).hexdigest()
    assert run(f"id,sha256\n1ubq,{right}\n") == {}
    for update in (False, True):
        assert list(run(f"id,sha256\n1ubq,{DIGEST}\n", update=update)) == ["1ubq.cif.gz"]


def test_the_lock_follows_the_manifest(site, run):
    run()
    assert run("id\n1ubq\n") == {} and list(run.lock()) == ["1ubq.cif.gz"]
    site.files["other/1ubq.cif.gz"] = b"other"
    table = f"url,name\n{site.url('other/1ubq.cif.gz')},1ubq.cif.gz\n"
    assert run(table) == {} and run.lock()["1ubq.cif.gz"].size == 5  # another address: a new file


def test_a_stop_keeps_what_was_fetched(site, run):
    def stop(name, error):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(done=stop)
    assert len(run.lock()) == 1
    assert run() == {} and len(run.lock()) == 3


@pytest.mark.parametrize("text", ["name\turl\tbytes\tsha256\na\tb\tmany\t" + DIGEST, "name,url\na,b\n", "x\n"])
def test_a_damaged_lock(run, text):
    run()
    run.lock_file.write_text(text)
    with pytest.raises(InputError, match=r"set.tsv.lock, line \d"):
        run()
