"""Parameters for commands."""

import numpy as np
import pytest

from af2jax.config import preset
from tests import support


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A folder with the parameters of the small network, made by rule: initialising takes longer than reading."""
    folder = tmp_path_factory.mktemp("params")
    np.savez(folder / "params_tiny.npz", **support.rule_flat(preset("tiny")))
    return folder
