"""Layers: the dtype of the input wins, parameters stay float32, initialisation is the supplement's."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.nn.attention import Attention
from af2jax.nn.dropout import Dropout
from af2jax.nn.layers import LayerNorm, Linear, final, gate, masked_mean
from af2jax.nn.transition import Transition

KEY = jax.random.key(0)
X = jax.random.normal(jax.random.key(1), (3, 5, 8))
MASK = jnp.arange(5)[None] < jnp.array([[5], [3], [0]])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("layer", [Linear(4), LayerNorm(), Transition(2)], ids=lambda m: type(m).__name__)
def test_the_dtype_of_the_input_wins(layer, dtype):
    params = layer.init(KEY, X.astype(dtype))
    assert all(p.dtype == jnp.float32 for p in jax.tree.leaves(params))
    y = layer.apply(params, X.astype(dtype))
    assert y.dtype == dtype
    np.testing.assert_allclose(np.float32(y), layer.apply(params, X), atol=0.03, rtol=0.03)


def test_layer_norm_is_an_island_of_float32():
    """Far from zero, bfloat16 statistics would lose the differences."""
    x = (100 + X[:1, :1]).astype(jnp.bfloat16)
    params = LayerNorm().init(KEY, x)
    expected = LayerNorm().apply(params, x.astype(jnp.float32))
    np.testing.assert_allclose(np.float32(LayerNorm().apply(params, x)), expected, atol=0.02)


def test_layer_norm_is_flax_with_our_names():
    y = nn.LayerNorm(epsilon=1e-5).apply({"params": {"scale": jnp.full(8, 2.0), "bias": jnp.ones(8)}}, X)
    ours = LayerNorm().apply({"params": {"scale": jnp.full(8, 2.0), "offset": jnp.ones(8)}}, X)
    np.testing.assert_allclose(ours, y, atol=1e-5)


def test_a_gate_starts_open_and_an_update_at_zero():
    params = gate(4, name="g").init(KEY, X)
    np.testing.assert_allclose(nn.sigmoid(gate(4, name="g").apply(params, X)), jax.nn.sigmoid(1.0), rtol=1e-6)
    assert not np.any(final(4, name="f").apply(final(4, name="f").init(KEY, X), X))


@pytest.mark.parametrize("init, scale", [("lecun", 1.0), ("he", 2.0), ("glorot", 2 * 400 / 900)])
def test_the_spread_of_initial_weights(init, scale):
    kernel = Linear(500, initializer=init).init(KEY, jnp.ones((1, 400)))["params"]["kernel"]
    np.testing.assert_allclose(400 * jnp.var(kernel), scale, rtol=0.02)


def test_masked_mean():
    np.testing.assert_allclose(masked_mean(X[..., 0], MASK, axis=1)[1], X[1, :3, 0].mean(), rtol=1e-5)
    assert masked_mean(X[..., 0], MASK, axis=1)[2] == 0


@pytest.mark.medium("compiles attention in every form")
def test_attention_sees_only_what_is_present():
    """Junk under the mask changes nothing; a row with nothing present stays finite, gradients too."""
    module = Attention(2, 4)
    params = jax.tree.map(lambda p: jax.random.normal(KEY, p.shape), module.init(KEY, X, X, MASK))
    junk = jnp.where(MASK[..., None], X, 1e3)
    np.testing.assert_allclose(module.apply(params, X, junk, MASK)[:2], module.apply(params, X, X, MASK)[:2], atol=1e-5)
    grads = jax.grad(lambda y: jnp.sum(module.apply(params, X, y, MASK) ** 2))(X)
    assert np.isfinite(grads).all() and not np.any(grads[1, 3:])


@pytest.mark.parametrize("axis, shared", [(0, (1, 40, 6)), (1, (30, 1, 6)), (None, (30, 40, 6))])
def test_dropout_shares_its_draw_along_an_axis(axis, shared):
    ones, module = jnp.ones((30, 40, 6)), Dropout(0.25, axis)
    y = np.asarray(module.apply({}, ones, rngs={"dropout": KEY}))
    pattern = np.broadcast_to(np.take(y, [0], axis) if axis is not None else y, y.shape)
    np.testing.assert_array_equal(y, pattern)
    assert set(np.unique(y)) == {0, np.float32(1 / 0.75)}
    independent = np.prod(shared)
    assert abs((y > 0).mean() - 0.75) < 5 * np.sqrt(0.75 * 0.25 / independent)
    np.testing.assert_array_equal(module.apply({}, ones), ones)
