"""The bar of all commands: what it shows, and where it shows nothing."""

import pytest

from af2jax.cli.progress import bar


@pytest.mark.parametrize(
    ("counts", "shown"),
    [("items", "second2000/4000"), ("bytes", "second2.0/4.0kB"), ("notes", "secondbeside")],
)
def test_what_it_counts(counts, shown, monkeypatch, capsys):
    for name, value in {"TERM": "xterm", "COLUMNS": "60", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    for terminal, quiet in (("1", False), ("1", True), ("", False)):
        monkeypatch.setenv("FORCE_COLOR", terminal)
        with bar("first", quiet, counts) as progress:
            progress(2000, 4000, "second", "beside")
        out, err = capsys.readouterr()
        seen = "".join(text for text in err.split() if "━" not in text)
        assert not out and (shown in seen) == (terminal == "1" and not quiet)
