"""The radius of gyration of shapes worked out by hand."""

import numpy as np
import pytest

from af2jax.protein.shape import radius_of_gyration

ALL = np.ones(4, bool)


def test_worked_out():
    """The corners of a square of side 2 lie at the square root of 2 from its middle, wherever it is."""
    square = np.array([[0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0]], np.float32) + 100
    assert radius_of_gyration(square, ALL) == pytest.approx(2**0.5)
    line = np.array([[0.0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 0, 3]])
    assert radius_of_gyration(line, ALL) == pytest.approx(1.25**0.5)
    assert radius_of_gyration(line, np.arange(4) == 2) == 0


def test_masked_points_may_be_anything():
    points = np.array([[0, 0, 0], [np.nan] * 3, [6, 0, 0], [1e9] * 3])
    assert radius_of_gyration(points, np.array([True, False, True, False])) == 3


def test_of_nothing_it_is_nan():
    with np.errstate(all="raise"):
        assert np.isnan(radius_of_gyration(np.zeros((4, 3)), ~ALL))
