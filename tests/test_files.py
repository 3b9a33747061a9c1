"""Files appear whole or not at all, and stay in their folder."""

import pytest

from af2jax.files import file_name, whole, write


def test_names_stay_in_their_folder():
    assert file_name("../../etc/passwd") == "_.._etc_passwd" and file_name("...") == "query"
    assert file_name("my-seq.1") == "my-seq.1" and len(file_name("x" * 999)) == 120


def test_a_file_is_whole(tmp_path):
    path = tmp_path / "new" / "a.txt"
    assert write(path, "hello").read_text() == "hello" and [path] == list(path.parent.iterdir())


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = write(tmp_path / "a.txt", "old")
    with pytest.raises(RuntimeError), whole(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and [path] == list(tmp_path.iterdir())
