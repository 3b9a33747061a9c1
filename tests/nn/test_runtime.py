"""Every attention implementation and every chunk size gives the same answer and the same gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.nn.attention import Attention
from af2jax.nn.runtime import IMPLS, Runtime
from af2jax.nn.transition import Transition

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


@pytest.fixture(params=IMPLS)
def impl(request):
    """Each that works here."""
    if request.param == "tokamax":
        try:
            import tokamax  # noqa: F401
        except Exception as error:  # see `tokamax_attention`
            pytest.skip(f"tokamax does not work here: {type(error).__name__}")
    return request.param


@pytest.mark.parametrize("bias", [BIAS, None], ids=["bias", "no bias"])
def test_attention_by_the_book(impl, bias):
    found = Runtime(impl=impl).attend(Q, K, V, bias, MASK)
    np.testing.assert_allclose(found, reference(Q, K, V, bias, np.asarray(MASK)), atol=2e-6)


@pytest.mark.medium("compiles gradients of attention")
@pytest.mark.parametrize("impl", [name for name in IMPLS if name != "xla"], indirect=True)
@pytest.mark.parametrize("mask", [MASK, jnp.zeros_like(MASK)], ids=["mask", "nothing there"])
def test_gradients_too(impl, mask):
    """Of queries, keys, values and bias, against those of the formula."""

    def grads(runtime):
        loss = lambda q, k, v, bias: jnp.sum(jnp.sin(runtime.attend(q, k, v, bias, mask)))
        return jax.grad(loss, argnums=(0, 1, 2, 3))(Q, K, V, BIAS)

    for a, b in zip(grads(Runtime(impl=impl)), grads(Runtime()), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


X = jax.random.normal(key(5), (ROWS, KEYS, 12))
ROOMS = {
    "attention": lambda runtime: (Attention(HEADS, C, runtime=runtime), (X[:, :QUERIES], X, MASK, BIAS)),
    "no gate, no bias": lambda runtime: (Attention(HEADS, C, False, runtime), (X, X, MASK)),
    "transition": lambda runtime: (Transition(2, runtime), (X,)),
}


@pytest.mark.medium("compiles each layer in chunks")
@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 99])
@pytest.mark.parametrize("room", ROOMS)
def test_chunks_change_nothing(room, chunk):
    """Values and gradients, of inputs and of parameters."""

    def run(runtime):
        module, inputs = ROOMS[room](runtime)
        shapes = jax.eval_shape(module.init, key(6), *inputs)
        params = jax.tree.map(lambda x: jax.random.normal(key(len(x.shape)), x.shape), shapes)
        loss = lambda params, x: jnp.sum(jnp.sin(module.apply(params, x, *inputs[1:])))
        return jax.value_and_grad(loss, argnums=(0, 1))(params, inputs[0])

    whole, parts = run(Runtime()), run(Runtime(chunk=chunk))
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(parts), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-6 * float(jnp.abs(a).max()))


@pytest.mark.medium("compiles for more than a second")
def test_nothing_to_attend_to_is_finite(impl):
    loss = lambda q, bias: jnp.sum(Runtime(impl=impl).attend(q, K, V, bias, jnp.zeros_like(MASK)) ** 2)
    value, grads = jax.value_and_grad(loss, argnums=(0, 1))(Q, BIAS)
    assert np.isfinite(value) and all(np.isfinite(g).all() for g in grads)


def test_bfloat16_in_bfloat16_out(impl):
    low = [x.astype(jnp.bfloat16) for x in (Q, K, V)]
    with jax.numpy_dtype_promotion("standard"):  # jax's own function needs it
        y = Runtime(impl=impl).attend(*low, BIAS.astype(jnp.bfloat16), MASK)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.float32(y), Runtime().attend(Q, K, V, BIAS, MASK), atol=0.05)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="other devices take all at once")
@pytest.mark.parametrize(("num_res", "rows"), [(64, 64), (128, 16), (256, 4), (2048, 4)])
def test_passes_alone_take_what_a_cache_holds(num_res, rows):
    assert Runtime("bfloat16").forward_only(num_res) == Runtime("bfloat16", chunk=rows)
    assert Runtime(chunk=7).forward_only(num_res).chunk == 7


@pytest.mark.medium("compiles for more than a second")
def test_a_chunked_backward_pass_does_not_store_every_chunk():
    """Temporary memory of the gradient stays below that of all rows at once."""
    x, mask = jnp.tile(X, (40, 1, 1)), jnp.tile(MASK, (40, 1))

    def memory(module, *inputs):
        params = jax.eval_shape(module.init, key(0), x, *inputs)
        loss = lambda params, x: jnp.sum(module.apply(params, x, *inputs) ** 2)
        lowered = jax.jit(jax.grad(loss)).lower(params, x)
        return lowered.compile().memory_analysis().temp_size_in_bytes

    for room, inputs in ((lambda r: Attention(HEADS, C, runtime=r), (x, mask)), (lambda r: Transition(8, r), ())):
        assert memory(room(Runtime(chunk=10)), *inputs) < 0.5 * memory(room(Runtime()), *inputs)
