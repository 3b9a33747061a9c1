"""Linear and LayerNorm: float32 parameters, computing in the dtype of their input.

Initialisation follows section 1.11.4 of the supplement: LeCun normal by default, He before a ReLU, Glorot uniform for
attention's queries, keys and values, zero weights and unit biases for gates, zero weights for the last layer of every
residual update.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from af2jax.typing import Array, Bool, Float

INITS = {
    "lecun": nn.initializers.lecun_normal(),
    "he": nn.initializers.he_normal(),
    "glorot": nn.initializers.glorot_uniform(),
    "zeros": nn.initializers.zeros,
}


class Linear(nn.Module):
    """x -> x @ kernel + bias over the last axis; `initializer` is a name of `INITS`."""

    features: int
    bias: bool = True
    initializer: str = "lecun"
    bias_init: float = 0.0

    @nn.compact
    def __call__(self, x: Float[Array, "*axes c_in"]) -> Float[Array, "*axes c_out"]:
        shape = (x.shape[-1], self.features)
        return linear(x, _weights(self, shape, self.initializer, self.bias, self.bias_init))


class Weights(nn.Module):
    """The (kernel, bias) of a `Linear`, by default of a `final`, for callers that apply them chunk by chunk."""

    shape: tuple[int, int]
    initializer: str = "zeros"
    bias: bool = True
    bias_init: float = 0.0

    @nn.compact
    def __call__(self) -> tuple:
        return _weights(self, self.shape, self.initializer, self.bias, self.bias_init)


def _weights(module: nn.Module, shape: tuple[int, int], initializer: str, bias: bool, bias_init: float):
    kernel = module.param("kernel", INITS[initializer], shape)
    return kernel, module.param("bias", nn.initializers.constant(bias_init), shape[1:]) if bias else None


def linear(x: Float[Array, "*axes c_in"], weights: tuple) -> Float[Array, "*axes c_out"]:
    """x @ kernel + bias in the dtype of `x`; `weights`: (kernel [c_in c_out], bias [c_out] or None)."""
    kernel, bias = weights
    y = x @ kernel.astype(x.dtype)
    return y if bias is None else y + jnp.broadcast_to(bias.astype(x.dtype), y.shape)


def linear_channels_first(x: Float[Array, "c_in *axes"], weights: tuple) -> Float[Array, "c_out *axes"]:
    """`linear` over the first axis, which stays the first."""
    kernel, bias = (w.astype(x.dtype) for w in weights)
    y = (kernel.T @ x.reshape(len(x), -1)).reshape(-1, *x.shape[1:])
    return y + jnp.broadcast_to(bias.reshape(-1, *[1] * (x.ndim - 1)), y.shape)


def gate(features: int, name: str) -> Linear:
    """A linear layer for a sigmoid gate: open at initialisation."""
    return Linear(features, initializer="zeros", bias_init=1.0, name=name)


def final(features: int, name: str) -> Linear:
    """The last linear layer of a residual update: zero at initialisation."""
    return Linear(features, initializer="zeros", name=name)


def at_least_float32(x: Array) -> Array:
    """`x` in at least float32: LayerNorm, softmax, geometry and losses are computed so whatever the policy."""
    return x.astype(jnp.float32) if jnp.finfo(x.dtype).bits < 32 else x


class LayerNorm(nn.Module):
    """Normalises the last axis, in at least float32; the result has the dtype of the input."""

    @nn.compact
    def __call__(self, x: Float[Array, "*axes c"]) -> Float[Array, "*axes c"]:
        scale = self.param("scale", nn.initializers.ones, x.shape[-1:])
        offset = self.param("offset", nn.initializers.zeros, x.shape[-1:])
        y = at_least_float32(x)
        y -= jnp.mean(y, axis=-1, keepdims=True)
        y *= jax.lax.rsqrt(jnp.mean(y * y, axis=-1, keepdims=True) + 1e-5)
        scale, offset = (jnp.broadcast_to(p.astype(y.dtype), y.shape) for p in (scale, offset))
        return (y * scale + offset).astype(x.dtype)


def masked_mean(x: Float[Array, "*axes"], mask: Bool[Array, "*axes"], axis, eps: float = 1e-10) -> Array:
    """The mean of `x` over `axis` where `mask`; 0 where nothing is present."""
    weight = mask.astype(x.dtype)
    return jnp.sum(x * weight, axis=axis) / (jnp.sum(weight, axis=axis) + eps)
