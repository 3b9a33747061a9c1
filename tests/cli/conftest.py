"""Commands set up the logging of a process; tests give it back. Parameters for commands."""

import logging

import numpy as np
import pytest

from af2jax.config import preset
from tests import support


@pytest.fixture(autouse=True)
def logging_as_it_was():
    log = logging.getLogger("absl")
    before = log.handlers, log.propagate
    yield
    log.handlers, log.propagate = before


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A folder with the parameters of the small network, made by rule: initialising takes longer than reading."""
    folder = tmp_path_factory.mktemp("params")
    np.savez(folder / "params_tiny.npz", **support.rule_flat(preset("tiny")))
    return folder
