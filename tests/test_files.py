"""Files appear whole or not at all, and stay in their folder."""

import errno

import pytest

from af2jax.files import file_name, whole, write


def test_names_stay_in_their_folder():
    assert file_name("../../etc/passwd") == "_.._etc_passwd" and file_name("...") == "query"
    assert file_name("my-seq.1") == "my-seq.1" and len(file_name("x" * 999)) == 120


def test_letters_of_any_script_stay():
    assert file_name("β-lactamase Ångström/Δ5") == "β-lactamase_Ångström_Δ5"
    assert file_name("e\u0301") == "é" and file_name("蛋白质 1") == "蛋白质_1" and file_name("प्रोटीन") == "प्रोटीन"
    assert file_name("a\u200bb\x1b[31m😀") == "a_b__31m_"
    assert len(file_name("é" * 999).encode()) == 120 and file_name("xé" * 99).encode().decode()


def test_a_file_system_without_them_gets_ascii(monkeypatch):
    monkeypatch.setattr("os.fsencode", lambda name: name.encode("ascii"))
    assert file_name("β-lactamase") == "_-lactamase"


def test_a_full_disk_names_the_file(tmp_path):
    with pytest.raises(OSError, match="No space") as caught, whole(tmp_path / "a.npz"):
        raise OSError(errno.ENOSPC, "No space left on device")  # as `write` raises it, without a name
    assert caught.value.filename == str(tmp_path / "a.npz") and not list(tmp_path.iterdir())


def test_a_file_is_whole(tmp_path):
    path = tmp_path / "new" / "a.txt"
    assert write(path, "hello").read_text() == "hello" and [path] == list(path.parent.iterdir())


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = write(tmp_path / "a.txt", "old")
    with pytest.raises(RuntimeError), whole(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and [path] == list(tmp_path.iterdir())
