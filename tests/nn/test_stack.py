"""Stacked layers equal a loop over their slices; shared layers equal a loop over one; remat changes nothing."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.nn.layers import Linear
from af2jax.nn.stack import each, repeat, stack

X = jax.random.normal(jax.random.key(1), (4, 6))


class Block(nn.Module):
    """A residual layer."""

    scale: float

    @nn.compact
    def __call__(self, x, y):
        return x + self.scale * jnp.tanh(Linear(6, name="a")(x)) * y


class Stacked(nn.Module):
    """Five of them."""

    remat: bool

    @nn.compact
    def __call__(self, x):
        return stack(Block, 5, remat=self.remat, scale=0.5)(x, jnp.cos(x))


def one(module, carry):
    carry = carry + jnp.tanh(Linear(6, name="a")(carry))
    return carry, -carry


class Repeated(nn.Module):
    """One layer, three times."""

    @nn.compact
    def __call__(self, x):
        return repeat(one, self, 3)(x)


class Each(nn.Module):
    """One layer over every row."""

    @nn.compact
    def __call__(self, x, y):
        return each(lambda module, x, y: jnp.tanh(Linear(6, name="a")(x)) * y, self)(x, y)


def parameters(module, *args):
    params = module.init(jax.random.key(0), *args)["params"]
    return jax.tree.map(lambda p: jax.random.normal(jax.random.key(2), p.shape), params)


@pytest.mark.medium("compiles stacks and loops")
@pytest.mark.parametrize("remat", [False, True])
def test_a_stack_is_a_loop(remat):
    params = parameters(Stacked(remat), X)
    assert params["blocks"]["a"]["kernel"].shape == (5, 6, 6)

    def loop(params, x):
        y = jnp.cos(x)
        for i in range(5):
            x = Block(0.5).apply({"params": jax.tree.map(lambda p, i=i: p[i], params["blocks"])}, x, y)
        return x

    scan = lambda params, x: Stacked(remat).apply({"params": params}, x)
    np.testing.assert_allclose(scan(params, X), loop(params, X), atol=1e-6)
    grads = [jax.grad(lambda p, f=f: jnp.sum(f(p, X) ** 2))(params) for f in (scan, loop)]
    for a, b in zip(*map(jax.tree.leaves, grads), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4, rtol=1e-5)


@pytest.mark.medium("compiles for more than a second")
@pytest.mark.parametrize(("remat", "loops"), [(False, False), (True, True)])
def test_a_loop_that_would_copy_what_is_stored_is_unrolled(remat, loops):
    params = parameters(Stacked(remat), X)
    gradient = jax.jit(jax.grad(lambda p: jnp.sum(Stacked(remat).apply({"params": p}, X) ** 2)))
    assert ("while" in gradient.lower(params).as_text()) == loops


def test_blocks_start_differently():
    kernel = Stacked(False).init(jax.random.key(0), X)["params"]["blocks"]["a"]["kernel"]
    assert np.abs(kernel[0] - kernel[1]).max() > 0.01


def test_repeated_is_a_loop_over_one():
    params = parameters(Repeated(), X)
    last, each = Repeated().apply({"params": params}, X)
    x = X
    for i in range(3):
        x = x + jnp.tanh(Linear(6).apply({"params": params["a"]}, x))
        np.testing.assert_allclose(each[i], -x, atol=1e-6)
    np.testing.assert_allclose(last, x, atol=1e-6)


def test_each_is_a_loop_over_slices():
    params = parameters(Each(), X, 2.0)
    found = Each().apply({"params": params}, X, 2.0)
    for row, y in zip(X, found, strict=True):
        np.testing.assert_allclose(y, 2 * jnp.tanh(Linear(6).apply({"params": params["a"]}, row)), atol=1e-6)
