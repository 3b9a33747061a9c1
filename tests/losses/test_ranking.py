"""The order of labels: what is certain, what a change of unit does, and values beyond what could be measured."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.losses.ranking import beyond, limits, ordered, ranking

NAN = np.nan


def loss(score, value, bound=None) -> float:
    value = jnp.asarray(value, jnp.float32)
    bound = jnp.zeros(len(value), jnp.int32) if bound is None else jnp.asarray(bound)
    return float(ranking(jnp.asarray(score, jnp.float32), *limits(value, bound)))


def test_by_hand():
    """Three values, two of which are equal: two pairs count."""
    expected = (np.log1p(np.exp(-(2.0 - 0.5))) + np.log1p(np.exp(-(2.0 - 1.0)))) / 2
    assert loss([2.0, 0.5, 1.0], [9.0, 3.0, 3.0]) == pytest.approx(expected, rel=1e-6)


def test_another_unit_changes_nothing():
    rng = np.random.default_rng(0)
    score, value = rng.normal(size=8), rng.normal(size=8)
    assert loss(score, value) == pytest.approx(loss(score, 100 + 3 * value**3), rel=1e-6)
    assert loss(score + 7, value) == pytest.approx(loss(score, value), rel=1e-5)


@pytest.mark.parametrize("value", [[1.0, 1.0, 1.0], [NAN, NAN, 2.0], [NAN] * 3])
def test_where_no_order_is_known(value):
    assert loss([1.0, 5.0, 9.0], value) == 0
    found = jax.grad(lambda s: ranking(s, *limits(jnp.array(value, jnp.float32), jnp.zeros(3, jnp.int32))))(
        jnp.arange(3.0)
    )
    np.testing.assert_array_equal(found, 0)


def test_limits_leave_some_pairs_open():
    """5 or more is above 4, and not known beside 6; 5 or less is below 6; an unknown value is beside nothing."""
    value, bound = jnp.array([5.0, 4.0, 6.0, NAN]), jnp.array([1, 0, 0, 0])
    expected = np.zeros((4, 4), bool)
    expected[[0, 2], [1, 1]] = True
    np.testing.assert_array_equal(ordered(*limits(value, bound)), expected)
    expected = np.zeros((4, 4), bool)
    expected[[2, 2], [0, 1]] = True
    np.testing.assert_array_equal(ordered(*limits(value, bound * -1)), expected)


def test_the_right_order_is_rewarded():
    value = [0.0, 1.0, 2.0]
    assert loss([-3.0, 0.0, 3.0], value) < loss([0.0, 0.0, 0.0], value) < loss([3.0, 0.0, -3.0], value)


def test_beyond_a_limit_is_no_error():
    value, bound = jnp.array([5.0, 5.0, 5.0, 5.0, 5.0, NAN]), jnp.array([0, 1, 1, -1, -1, 0])
    said = jnp.array([7.0, 7.0, 3.0, 3.0, 7.0, 7.0])
    np.testing.assert_array_equal(beyond(said, value, bound), [2, 0, -2, 0, 2, 0])
    gradient = jax.grad(lambda s: jnp.sum(beyond(s, value, bound) ** 2))(said)
    np.testing.assert_array_equal(gradient, [4, 0, -4, 0, 4, 0])
