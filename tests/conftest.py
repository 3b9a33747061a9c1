"""Settings that every test shares: CPU, one compile cache, no silent broadcasting, checked array types."""

import importlib.util
import logging
import os
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")

if importlib.util.find_spec("beartype"):
    from jaxtyping import install_import_hook

    install_import_hook("af2jax", "beartype.beartype")

import jax
import pytest

from af2jax.compilation import make_room
from tests import flags

jax.config.update("jax_compilation_cache_dir", str(flags.CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_default_matmul_precision", "highest")
jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_collection_modifyitems(items):
    """Each test outside `make check` says why. Those of full size begin first, so that no process ends long after."""
    for item in items:
        for mark in item.iter_markers():
            if mark.name in ("medium", "slow") and not (mark.args and isinstance(mark.args[0], str) and mark.args[0]):
                raise pytest.UsageError(f'{item.nodeid}: say why: @pytest.mark.{mark.name}("compiles ...")')
    items.sort(key=lambda item: ("parity" not in item.path.parts, len(item.path.parts)))


@pytest.fixture(autouse=True)
def logging_as_it_was():
    """Commands set up the logging of a process, in whichever room a test runs them; tests give it back."""
    log = logging.getLogger("absl")
    before = list(log.handlers), log.propagate
    yield
    log.handlers, log.propagate = before


@pytest.fixture(autouse=True)
def few_programs():
    """Compiled programs are let go of before a process holds so many that it crashes."""
    yield
    make_room(20_000)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and stored outputs of DeepMind's code, beside the repository."""
    path = Path(__file__).resolve().parents[2] / "shared"
    if not path.is_dir():
        pytest.skip("no folder ../shared beside the repository")
    return path


@pytest.fixture
def x64():
    """The test runs with 64-bit types enabled."""
    with jax.enable_x64(True):
        yield
