"""`af2jax download` as a stranger meets it: exit codes, one line for each error."""

import functools

import pytest

from af2jax.cli.main import main
from af2jax.errors import InputError
from af2jax.pretrained.download import fetch_params
from tests import web
from tests.pretrained.test_download import GOOD, NAME, tar


@pytest.fixture
def run(tmp_path, monkeypatch):
    """`run(archive)`: the exit code, for an archive of the tiny preset alone."""
    only_tiny = functools.partial(fetch_params, presets=("tiny",))
    monkeypatch.setattr("af2jax.pretrained.download.fetch_params", only_tiny)
    with web.serve() as site:
        site.files["p.tar"] = b""

        def run(archive: bytes, *options: str) -> int:
            site.files["p.tar"] = archive
            return main(["download", "--out", str(tmp_path / "p"), "--url", site.url("p.tar"), *options])

        yield run


def test_downloads_and_says_so(run, tmp_path, capsys):
    assert run(tar((NAME, GOOD))) == 0
    assert (
        capsys.readouterr().out == f"{NAME}: unpacked and checked\n{tmp_path / 'p'}: 1 parameter files are complete\n"
    )
    assert run(b"gone") == 0 and "there already, and right" in capsys.readouterr().out


@pytest.mark.medium("compiles the small network")
def test_predict_takes_the_folder(run, tmp_path):
    query = tmp_path / "q.a3m"
    query.write_text(">q\nACDEFGHI\n>r\nACDEYGHI\n")
    assert run(tar((NAME, GOOD))) == 0
    command = ["predict", str(query), "--params", str(tmp_path / "p"), "--out", str(tmp_path / "o")]
    assert main([*command, "--num-recycle", "0"]) == 0


@pytest.mark.parametrize(
    "archive, message",
    [(b"", "is a damaged archive"), (tar(("x", b"")), f"damaged: {NAME}"), (tar((NAME, b"<html>")), "web page")],
)
def test_errors_are_one_line_and_2(run, capsys, archive, message):
    assert run(archive) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and message in line
    with pytest.raises(InputError):
        run(archive, "--debug")
