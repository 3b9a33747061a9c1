"""Programs beside af2jax: real ones where they are installed, and stand-ins that fail."""

import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from absl import logging

from af2jax.data.parse import parse_a3m
from af2jax.data.search import programs
from af2jax.errors import InputError

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


@pytest.fixture(scope="module")
def families():
    """Three families of ten sequences, each a mutated copy of one ancestor."""
    rng = random.Random(0)
    mutated = lambda s: "".join(rng.choice(LETTERS) if rng.random() < 0.3 else c for c in s)
    ancestors = ["".join(rng.choices(LETTERS, k=80)) for _ in range(3)]
    return {f"f{n}": [mutated(ancestor) for _ in range(10)] for n, ancestor in enumerate(ancestors)}


@pytest.fixture(scope="module")
def query(families):
    return families["f1"][0]


def call(*arguments, **options):
    subprocess.run([*map(str, arguments)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)


def need(program: str) -> str:
    path = shutil.which(program)
    if not path:
        pytest.skip(f"{program} is not installed")
    return path


def test_hhblits_finds_the_family(families, query, tmp_path):
    root = Path(need("hhblits")).parents[1]
    translate = next((root / "libexec" / "hhsuite").glob("cstranslate-plain"), shutil.which("cstranslate"))
    tables = root / "lib" / "hhsuite" / "data"
    if not (translate and tables.is_dir() and shutil.which("ffindex_build") and shutil.which("hhmake")):
        pytest.skip("the programs that make an HH-suite database are not all there")
    for folder in ("a3m", "hhm"):
        (tmp_path / folder).mkdir()
    for name, rows in families.items():
        text = "".join(f">{name}_{n}\n{row}\n" for n, row in enumerate(rows))
        (tmp_path / "a3m" / name).write_text(text)
        call("hhmake", "-i", tmp_path / "a3m" / name, "-o", tmp_path / "hhm" / name)
    for kind in ("a3m", "hhm"):
        call("ffindex_build", "-s", f"db_{kind}.ffdata", f"db_{kind}.ffindex", f"{kind}/", cwd=tmp_path)
    context = ["-A", tables / "cs219.lib", "-D", tables / "context_data.lib", "-x", 0.3, "-c", 4]
    call(translate, *context, "-f", "-b", "-I", "a3m", "-i", "db_a3m", "-o", "db_cs219", cwd=tmp_path)

    text = programs.hhblits("my query", query, [tmp_path / "db"], cpus=1)
    rows = parse_a3m(text, "")
    assert rows.names[0] == "my query" and rows.query == query and rows.codes.shape[1] == 80
    assert {name.split()[0] for name in rows.names[1:]} >= {f"f1_{n}" for n in range(1, 10)}
    assert not any(name.startswith(("f0", "f2")) for name in rows.names)
    assert programs.hhblits("q", "ACDEFG", [tmp_path / "db"]) == ">q\nACDEFG\n"


def test_mmseqs_finds_the_family(families, query, tmp_path, caplog):
    need("mmseqs")
    logging.get_absl_logger().propagate = True
    fasta = tmp_path / "db.fasta"
    fasta.write_text("".join(f">{name}_{n}\n{row}\n" for name, rows in families.items() for n, row in enumerate(rows)))
    call("mmseqs", "createdb", fasta, tmp_path / "db")
    rare = query[:20] + "U" + query[21:]  # MMseqs2 gives it back as another letter
    text = programs.mmseqs("my query", rare, [tmp_path / "db"], cpus=1)
    rows = parse_a3m(text, "")
    assert rows.names[0] == "my query" and rows.query == rare and rows.codes.shape[1] == 80
    assert len(rows.names) > 8 and all(name.startswith("f1_") for name in rows.names[1:9])  # the best hits
    version = subprocess.run(["mmseqs", "version"], capture_output=True, text=True).stdout.strip()
    warned = f"MMseqs2 is {version}; ColabFold's own alignments are made by 18-8cc5c" in caplog.messages
    assert warned is not version.startswith("18-8cc5c")


@pytest.mark.parametrize(("version", "told"), [("18-8cc5c\n", False), ("15-6f452", True)])
def test_another_release_of_mmseqs_is_named(version, told, tmp_path, monkeypatch, caplog):
    (tmp_path / "db.dbtype").touch()

    def run(program, package, arguments, folder, timeout):
        if arguments == ["version"]:
            return version
        raise InputError("far enough")

    monkeypatch.setattr(programs, "_run", run)
    logging.get_absl_logger().propagate = True
    with pytest.raises(InputError, match="far enough"):
        programs.mmseqs("q", "ACDEFG", [tmp_path / "db"])
    assert (f"MMseqs2 is {version.strip()}; ColabFold's own alignments" in caplog.text) is told


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Puts a shell script in the place of hhblits; a function of its lines."""
    (tmp_path / "db_cs219.ffdata").touch()
    script = tmp_path / "bin" / "hhblits"
    script.parent.mkdir()
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")

    def write(lines: str) -> None:
        script.write_text(f"#!/bin/sh\n{lines}\n")
        script.chmod(0o755)

    return write


def test_how_it_is_called(stand_in, query, tmp_path):
    stand_in(f'printf "%s\\n" "$@" > {tmp_path}/said; cat "$2" > "$4"')
    assert programs.hhblits("q", query, [tmp_path / "db", tmp_path / "db"], cpus=3) == f">q\n{query}\n"
    words = (tmp_path / "said").read_text().split("\n")
    assert words[4:10] == ["-o", os.devnull, "-v", "1", "-cpu", "3"]
    settings = "-n 3 -e 0.001 -maxseq 1000000 -realign_max 100000 -maxfilt 100000 -min_prefilter_hits 1000"
    assert words[10:] == [*settings.split(), "-d", str(tmp_path / "db"), "-d", str(tmp_path / "db"), ""]


@pytest.mark.parametrize(
    "lines, message",
    [
        ("echo one; echo two >&2; exit 3", "hhblits failed (exit code 3): one | two"),
        ("kill -9 $$", "hhblits failed (exit code -9)"),
        ('printf "\\377\\n\\n a  b \\n"; exit 1', "b"),
        ('echo ">query\nACD" > "$4"', "the result of another sequence"),
        ('echo "<html>" > "$4"', "hhblits, line 1: this is a web page"),
        ("exit 0", "hhblits wrote no result"),
    ],
)
def test_failures_are_one_line(stand_in, query, tmp_path, lines, message):
    stand_in(lines)
    with pytest.raises(InputError) as error:
        programs.hhblits("q", query, [tmp_path / "db"])
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_program_that_takes_too_long_is_stopped_with_its_children(stand_in, query, tmp_path):
    stand_in(f"sleep 60 & echo $! > {tmp_path}/child; wait")
    with pytest.raises(InputError, match=r"hhblits was stopped after 0\.5 seconds"):
        programs.hhblits("q", query, [tmp_path / "db"], timeout=0.5)
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.02)
    pytest.fail("its child is still running")


def test_what_is_missing_is_named(query, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="is not an HH-suite database: there is no db_cs219"):
        programs.hhblits("q", query, [tmp_path / "db"])
    with pytest.raises(InputError, match="is not an MMseqs2 database; make one"):
        programs.mmseqs("q", query, [tmp_path / "db"])
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="hhblits is not installed: install the package hhsuite"):
        programs.hhblits("q", query, [])
    with pytest.raises(InputError, match="mmseqs is not installed: install the package mmseqs2"):
        programs.mmseqs("q", query, [])
    with pytest.raises(InputError, match="amino-acid letters only"):
        programs.hhblits("q", "$(ls)", [])
