"""Every attention implementation and every chunk size gives the same answer and the same gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.nn.runtime import IMPLS, Runtime

ROWS, QUERIES, KEYS, HEADS, C = 5, 4, 6, 2, 8
key = lambda i: jax.random.key(i)
Q = jax.random.normal(key(0), (ROWS, QUERIES, HEADS, C))
K, V = (jax.random.normal(key(i), (ROWS, KEYS, HEADS, C)) for i in (1, 2))
BIAS = jax.random.normal(key(3), (HEADS, QUERIES, KEYS))
MASK = jax.random.uniform(key(4), (ROWS, KEYS)) < 0.7


def reference(q, k, v, bias, mask):
    """Row by row and head by head, as Algorithm 7 is written."""
    out = np.zeros(q.shape, np.float64)
    for r in range(ROWS):
        for h in range(HEADS):
            logits = np.float64(q[r, :, h]) @ np.float64(k[r, :, h]).T / np.sqrt(C) + (0 if bias is None else bias[h])
            logits = np.where(mask[r][None], logits, -np.inf)
            weights = np.exp(logits - logits.max(-1, keepdims=True))
            out[r, :, h] = weights / weights.sum(-1, keepdims=True) @ np.float64(v[r, :, h])
    return out


@pytest.mark.parametrize("bias", [BIAS, None], ids=["bias", "no bias"])
@pytest.mark.parametrize("chunk", [0, 1, 2, 3, 5, 99])
@pytest.mark.parametrize("impl", IMPLS)
def test_attention_by_the_book(impl, chunk, bias):
    runtime = Runtime(impl=impl, chunk=chunk)
    np.testing.assert_allclose(
        runtime.attend(Q, K, V, bias, MASK), reference(Q, K, V, bias, np.asarray(MASK)), atol=2e-6
    )


@pytest.mark.parametrize("impl, chunk", [("sdpa", 0), ("xla", 2), ("sdpa", 3)])
def test_gradients_too(impl, chunk):
    def grads(runtime):
        loss = lambda q, k, v, bias: jnp.sum(jnp.sin(runtime.attend(q, k, v, bias, MASK)))
        return jax.grad(loss, argnums=(0, 1, 2, 3))(Q, K, V, BIAS)

    for a, b in zip(grads(Runtime(impl=impl, chunk=chunk)), grads(Runtime()), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


@pytest.mark.parametrize("impl", IMPLS)
def test_nothing_to_attend_to_is_finite(impl):
    loss = lambda q, bias: jnp.sum(Runtime(impl=impl).attend(q, K, V, bias, jnp.zeros_like(MASK)) ** 2)
    value, grads = jax.value_and_grad(loss, argnums=(0, 1))(Q, BIAS)
    assert np.isfinite(value) and all(np.isfinite(g).all() for g in grads)


@pytest.mark.parametrize("impl", IMPLS)
def test_bfloat16_in_bfloat16_out(impl):
    low = [x.astype(jnp.bfloat16) for x in (Q, K, V)]
    with jax.numpy_dtype_promotion("standard"):  # jax's own function needs it
        y = Runtime(impl=impl).attend(*low, BIAS.astype(jnp.bfloat16), MASK)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.float32(y), Runtime().attend(Q, K, V, BIAS, MASK), atol=0.05)


def test_a_chunked_backward_pass_does_not_store_every_chunk():
    """Temporary memory of the gradient stays below that of all rows at once."""
    wide = lambda x, n: jnp.tile(x, (n, *(1,) * (x.ndim - 1)))
    args = [wide(x, 40) for x in (Q, K, V)]
    mask = wide(MASK, 40)

    def memory(runtime):
        loss = lambda q, k, v: jnp.sum(runtime.attend(q, k, v, BIAS, mask) ** 2)
        return jax.jit(jax.grad(loss)).lower(*args).compile().memory_analysis().temp_size_in_bytes

    assert memory(Runtime(chunk=10)) < 0.5 * memory(Runtime())
