"""Strict dtype promotion: a layer computes in the dtype of its input and nowhere else by accident."""

import jax
import pytest


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"):
        yield
