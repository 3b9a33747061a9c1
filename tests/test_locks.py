"""A lock is held by one process, goes with it however it ends, and leaves no file."""

import subprocess
import sys

import pytest

from af2jax.cli.locks import locked as warned
from af2jax.locks import locked


def test_a_lock_is_held_by_one_and_goes_with_its_process(tmp_path):
    path = tmp_path / "new" / ".a.lock"
    with locked(path) as one, locked(path) as other:
        assert one and not other
    assert not list(path.parent.iterdir())
    code = "import sys; from af2jax.locks import locked\n"
    code += "with locked(sys.argv[1]) as ours: print(ours, flush=True); input()"
    command, pipe = [sys.executable, "-c", code, str(path)], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout.readline() == "True\n"
        with locked(path) as ours:
            assert not ours
        process.kill()
    assert path.exists()  # which the next one takes and removes
    with locked(path) as ours:
        assert ours
    assert not list(path.parent.iterdir())


def test_two_processes_never_hold_one_lock(tmp_path):
    """Each removes the file three hundred times while the other asks for it."""
    code = """if True:
        import os, pathlib, sys
        from af2jax.locks import locked
        folder, times = pathlib.Path(sys.argv[1]), 0
        while times < 300:
            with locked(folder / ".a.lock") as ours:
                if ours:
                    (folder / "alone").touch(exist_ok=False)
                    (folder / "alone").unlink()
                    times += 1"""
    processes = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    assert not list(tmp_path.iterdir())


def test_a_lock_that_was_removed_meanwhile_is_no_lock(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    path, whole, count = tmp_path / ".a.lock", fcntl.flock, []

    def flock(file, how):
        count.append(file)
        if len(count) == 1:
            path.unlink()  # by the process that held it
        whole(file, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with locked(path, wait=True) as ours:
        assert ours and path.exists() and len(count) == 2


def test_a_file_system_without_locks_is_warned_of(tmp_path, monkeypatch, caplog):
    fcntl = pytest.importorskip("fcntl")

    def flock(file, how):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    with warned(tmp_path / ".a.lock") as ours:
        assert ours
    assert "no locks on this file system (Function not implemented); use --shard" in caplog.text
    with pytest.raises(OSError, match="not implemented"), locked(tmp_path / ".a.lock"):
        pass


def test_a_folder_that_cannot_be_written_is_no_lack_of_locks(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"exists|directory"), warned(tmp_path / "file" / ".a.lock"):
        pass
