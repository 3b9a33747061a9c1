"""`af2jax doctor`: what it says of a sound machine, and that each fault is a line with its remedy."""

import importlib.metadata

import jax
import pytest

from af2jax.cli import doctor
from af2jax.cli.main import main


@pytest.fixture
def run(capsys):
    """`run()`: the exit code and the lines."""

    def run() -> tuple[int, list[str]]:
        code = main(["doctor"])
        return code, capsys.readouterr().out.splitlines()

    return run


@pytest.fixture
def versions(monkeypatch):
    """Installed versions as the test sets them; None: not installed."""
    real, changed = importlib.metadata.version, {}

    def version(name: str) -> str:
        if changed.get(name, "") is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return changed.get(name) or real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    return changed


def test_a_sound_machine(run):
    code, lines = run()
    assert code == 0 and not [line for line in lines if line.startswith("problem")]
    text = "\n".join(lines)
    for word in ("Python 3", "af2jax 0", f"jax {jax.__version__}", "jaxlib ", "flax ", "optax ", "numpy ", "gemmi "):
        assert f"ok       {word}" in text
    assert "GB of memory" in text and "device 0: cpu" in text and "XLA_FLAGS" in text and "compiled programs" in text
    assert "attention is right to" in text
    assert all(line.split()[0] in ("ok", "missing", "problem") for line in lines)


def test_versions_are_held_against_what_is_asked_for(run, versions):
    versions |= {"jax": "0.4.26", "jaxlib": "0.13.0", "flax": None}
    code, lines = run()
    assert code == 2
    wrong = [line for line in lines if line.startswith("problem")]
    assert len(wrong) == 3
    assert wrong[0].startswith("problem  flax is not installed: pip install")
    assert wrong[1].startswith("problem  jax 0.4.26, but jax") and "pip install" in wrong[1]
    assert wrong[2].startswith("problem  jaxlib 0.13.0, but jaxlib")


def test_what_is_optional_is_missing_and_no_problem(run, versions, monkeypatch):
    versions |= dict.fromkeys([*doctor.OPTIONAL, "hypothesis"])  # the last one is for developers
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    code, lines = run()
    missing = [line for line in lines if line.startswith("missing")]
    assert code == 0 and len(missing) == len(doctor.OPTIONAL) + len(doctor.PROGRAMS)
    assert all("optional): " in line for line in missing)


def test_a_package_that_is_not_installed_itself(run, versions):
    versions["af2jax"] = None
    code, lines = run()
    assert code == 2 and "problem  af2jax is not installed" in "\n".join(lines)


def test_no_device(run, monkeypatch):
    def none():
        raise RuntimeError("Unable to initialize backend 'cuda':\n no driver")

    monkeypatch.setattr(jax, "devices", none)
    code, lines = run()
    assert code == 2
    assert (
        "problem  jax finds no device (Unable to initialize backend 'cuda': no driver); JAX_PLATFORMS=cpu"
        in "\n".join(lines)
    )


def test_a_gpu_that_jax_does_not_use(run, monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}")
    code, lines = run()
    assert code == 0 and 'pip install "jax[cuda' in "\n".join(lines)


def test_wrong_numbers(run, monkeypatch):
    monkeypatch.setattr("af2jax.nn.runtime.MASKED", -1.0)  # masked keys count
    code, lines = run()
    assert code == 2 and lines[-1].startswith("problem  attention is wrong by")


def test_the_cache(run, monkeypatch, tmp_path):
    monkeypatch.setenv("AF2JAX_CACHE", "off")
    assert "are not kept (AF2JAX_CACHE=off)" in "\n".join(run()[1])
    monkeypatch.setenv("AF2JAX_CACHE", str(tmp_path))
    place = next(line for line in run()[1] if "compiled programs" in line)
    assert str(tmp_path) in place and place.endswith(" 0.0 MB")
    assert not list(tmp_path.iterdir())  # asking makes nothing
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    assert f"missing  {tmp_path} cannot be written" in "\n".join(run()[1])
