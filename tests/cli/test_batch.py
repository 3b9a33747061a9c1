"""Many queries in one folder: parts, locks, markers, failures; real files, some broken, killed and run again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from af2jax.cli import batch
from af2jax.cli.main import main
from af2jax.data.queries import read_queries
from af2jax.errors import InputError
from af2jax.files import file_name, tidy
from tests import flags

FAST = ("--num-recycle", "0", "--max-msa", "5:1", "--no-plots")


@pytest.fixture(scope="module")
def mixed(shared, tmp_path_factory) -> Path:
    """Thirty real inputs of every kind, of which six are broken."""
    folder, data = tmp_path_factory.mktemp("mixed"), shared / "data"
    for name, source in (
        ("3e7u.a3m", "3e7u_X/hhb-cov60.a3m"),
        ("bpti.a3m.gz", "bpti_kunitz/small.a3m.gz"),
        ("2q2k.sto", "2q2k_A/mgnify_hits.sto"),
        ("test64.sto.gz", "alphapulldown_TEST64/uniref90_hits.sto.gz"),
        ("short.fasta", "openfold_test73/short.fasta"),
        ("T1046s1.aln", "T1046s1/BFD_ALN_T1046s1.aln"),
    ):
        shutil.copy(data / "msa" / source, folder / name)
    shutil.copy(data / "formats" / "other" / "colabfold__P54025.fasta", folder)
    table = (data / "formats" / "other" / "colabfold__input.csv").read_text()
    (folder / "colabfold__input.csv").write_text(table.replace(":", "::"))  # its complex gets an empty chain
    rows = [line.split("\t") for line in (data / "chains.tsv").read_text().splitlines()]
    at = {name: rows[0].index(name) for name in ("id", "sequence", "length")}
    chains = [(row[at["id"]], row[at["sequence"]]) for row in sorted(rows[1:], key=lambda row: int(row[at["length"]]))]
    for name, sequence in chains[:10]:
        (folder / f"{name}.fasta").write_text(f">{name} of the PDB\n{sequence}\n")
    (folder / "table.tsv").write_text("id\tsequence\n" + "".join(f"{n}\t{s}\n" for n, s in chains[10:16]))
    shutil.copy(data / "formats" / "a3m" / "colabfold__empty.a3m", folder)
    shutil.copy(data / "msa" / "kaib_2qkeE" / "Cluster92.fasta", folder)  # an alignment that is called .fasta
    (folder / "ragged.a3m").write_text(">q\nMKTAYI\n>r\nMKTAY\n")
    (folder / "cut.fasta.gz").write_bytes((data / "msa" / "bpti_kunitz" / "small.a3m.gz").read_bytes()[:200])
    (folder / "binary.sto").write_bytes(bytes(range(256)))
    (folder / "notes.txt").write_text("not a query")
    jobs, failures = read_queries([folder])
    assert len(jobs) + len(failures) == 30
    return folder


def start(folder: Path, weights: Path, out: Path) -> subprocess.Popen:
    """`af2jax predict` in a process of its own, with the compiled programs of the tests."""
    command = [sys.executable, "-m", "af2jax", "predict", str(folder), "--out", str(out), *FAST]
    command += ["--params", str(weights)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=os.environ | flags.SETTINGS, **pipes)


def results(out: Path) -> dict[str, int]:
    """When each file in a folder of results was written."""
    return {path.name: path.stat().st_mtime_ns for path in out.iterdir() if path.name != batch.FAILURES}


def done(out: Path) -> set[str]:
    return {path.name.removesuffix(".done.txt") for path in out.glob("*.done.txt")}


def failed(out: Path) -> dict[str, str]:
    lines = (out / batch.FAILURES).read_text().splitlines()
    return {entry["job"]: entry["error"] for entry in map(json.loads, lines)}


@pytest.mark.slow("starts several processes")
def test_thirty_inputs_six_broken_killed_at_half_and_run_again(mixed, weights, tmp_path):
    out = tmp_path / "out"
    process = start(mixed, weights, out)
    while process.poll() is None and len(done(out)) < 12:
        time.sleep(0.02)
    time.sleep(0.2)  # amid the next query, not between a marker and the end of its lock
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    first, before = done(out), results(out)
    assert 12 <= len(first) < 24

    again = start(mixed, weights, out)
    said, errors = again.communicate(timeout=900)
    assert again.returncode == 3 and said.startswith("device: ")
    after = results(out)
    of_first = {name for name in before if any(name.startswith((f"{job}.done", f"{job}_")) for job in first)}
    assert of_first and {name: after[name] for name in of_first} == {name: before[name] for name in of_first}
    assert said.count("already done, skipped") == len(first) and said.count("mean pLDDT") == 24 - len(first)
    assert len(done(out)) == 24 and len(list(out.glob("*_unrelaxed_rank_001_*.pdb"))) == 24
    assert not [name for name in after if name.startswith(".")]  # neither locks nor what was half written
    broken = {"Cluster92.fasta", "cut.fasta.gz", "colabfold__empty", "ragged", "binary", "3G5O_A_3G5O_B"}
    assert {name.removeprefix(f"{mixed}/") for name in failed(out)} == broken
    assert all("\n" not in reason for reason in failed(out).values())
    assert errors.count("failed: ") == 6 and "Traceback" not in errors and "ignored, no queries" in errors


@pytest.mark.slow("starts several processes")
def test_two_processes_share_a_folder(mixed, weights, tmp_path):
    out = tmp_path / "out"
    processes = [start(mixed, weights, out) for _ in range(2)]
    said = [process.communicate(timeout=900)[0] for process in processes]
    assert {process.returncode for process in processes} == {3}
    folded = [line.split(":")[0] for text in said for line in text.splitlines() if "mean pLDDT" in line]
    assert sorted(map(file_name, folded)) == sorted(done(out)) and len(folded) == 24
    assert all("mean pLDDT" in text for text in said)  # both did some
    assert len(failed(out)) == 6 and not [name for name in results(out) if name.startswith(".")]


def test_parts_are_all_and_none_twice():
    items = [f"j{i}" for i in range(20)]
    assert batch.shard(items, "") == batch.shard(items, "1/1") == items
    parts = [batch.shard(items, f"{i}/3") for i in (1, 2, 3)]
    assert sorted(item for part in parts for item in part) == sorted(items)
    assert {len(part) for part in parts} == {6, 7}
    assert batch.shard(items, "21/30") == []
    for wrong in ("0/3", "4/3", "1", "1/0", "a/b", "1/3/4", "-1/2", "1/2 "):
        with pytest.raises(InputError, match=f"--shard {wrong}: write i/n"):
            batch.shard(items, wrong)


def test_what_killed_processes_left_is_removed(tmp_path):
    code = (
        "from af2jax.files import whole; import os, sys, pathlib\nwith whole(sys.argv[1]) as p: p.write_text('half');"
    )
    (tmp_path / "job").mkdir()
    for path in (tmp_path / "a.pdb", tmp_path / "job" / "b.pdb"):
        subprocess.run([sys.executable, "-c", f"{code} os.kill(os.getpid(), 9)", str(path)])
    gone = [*tmp_path.glob(".*.part"), *tmp_path.glob("job/.*.part")]
    assert len(gone) == 2
    kept = [gone[0].with_name(gone[0].name.rsplit("-", 1)[0] + f"-{os.getpid()}.part"), tmp_path / ".x.pdb.0-1.part"]
    for path in kept:
        path.write_text("half")  # of a process that lives, and of one of another machine
    tidy(tmp_path)
    assert not any(path.exists() for path in gone) and all(path.exists() for path in kept)


def test_failures_are_those_of_now(tmp_path):
    batch.note(tmp_path / "new", {}, ["a"])
    assert not (tmp_path / "new").exists()
    batch.note(tmp_path, {"a": "one", "b": "two"})
    batch.note(tmp_path, {"c": "three"}, ["a"])
    assert failed(tmp_path) == {"b": "two", "c": "three"}
    with open(tmp_path / batch.FAILURES, "a") as file:
        file.write("half a li")
    batch.note(tmp_path, {"b": "again"}, ["b", "c"])
    assert failed(tmp_path) == {"b": "again"}
    batch.note(tmp_path, {}, ["b"])
    assert not list(tmp_path.iterdir())


def test_processes_that_note_failures_at_once_lose_none(tmp_path):
    code = (
        "import sys, pathlib; from af2jax.cli import batch\n"
        "for i in range(30): batch.note(pathlib.Path(sys.argv[1]), {f'{sys.argv[2]}{i}': 'x'})"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in "ab"]
    assert [process.wait() for process in processes] == [0, 0]
    assert set(failed(tmp_path)) == {f"{name}{i}" for name in "ab" for i in range(30)}


def test_a_marker_stands_for_settings_and_files(tmp_path):
    settings = {"query": "abc", "templates": ("x", 1)}
    assert not batch.is_done(tmp_path, "q", settings)
    (tmp_path / "q.pdb").write_text("")
    batch.finish(tmp_path, "q", settings, [tmp_path / "q.pdb"])
    assert batch.is_done(tmp_path, "q", settings) and not batch.is_done(tmp_path, "q", settings | {"query": "abd"})
    (tmp_path / "q.pdb").unlink()
    assert not batch.is_done(tmp_path, "q", settings)
    for text in ("", "[1]", '{"settings": 3}', "\x00"):  # ColabFold's markers are empty
        (tmp_path / "q.done.txt").write_text(text)
        assert not batch.is_done(tmp_path, "q", settings)
        batch.clear(tmp_path, "q")


def test_clearing_stays_in_the_folder(tmp_path):
    out, outside = tmp_path / "out", tmp_path / "outside.txt"
    out.mkdir()
    for path in (outside, out / "q.pdb"):
        path.write_text("")
    (out / "link").symlink_to(tmp_path)
    names = ["q.pdb", "../outside.txt", str(outside), "link/outside.txt", ".", "absent"]
    (out / "q.done.txt").write_text(json.dumps({"files": names}))
    batch.clear(out, "q")
    assert outside.exists() and [path.name for path in out.iterdir()] == ["link"]


@pytest.mark.medium("compiles the small network")
@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "a/b", ".hidden", "..", "CON", "ü" * 300, "", "$(touch x)"])
def test_no_name_writes_outside_the_folder(weights, tmp_path, name):
    path, out = tmp_path / "in" / "q.csv", tmp_path / "deep" / "out"
    path.parent.mkdir()
    path.write_text(f'id,sequence\n"{name}",MKTAYI\n' if name else "id,sequence\nq,MKTAYI\n")
    fasta = path.with_name("f.fasta")
    fasta.write_text(f">{name}\nMKTAYIA\n")
    flags = [*FAST, "--params", str(weights), "--overwrite-existing-results"]
    for query in (path, fasta):
        assert main(["predict", str(query), "--out", str(out), *flags]) == 0
    inside = {p for p in tmp_path.rglob("*") if p.is_file()} - {path, fasta}
    assert inside and all(p.parent == out for p in inside)
