"""How the network is run, never what it computes: precision, chunks, attention implementation, rematerialisation."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from af2jax.nn.layers import island
from af2jax.typing import Array, Bool, Float

MASKED = -1e9  # a finite logit: a row without a single key keeps finite gradients


def xla_attention(q: Array, k: Array, v: Array, bias: Array | None, mask: Array) -> Array:
    """softmax(q k / sqrt(c) + bias) v with the softmax in at least float32; a row without keys gets the mean of v."""
    logits = jnp.einsum("rqhc,rkhc->rhqk", q * q.shape[-1] ** -0.5, k, preferred_element_type=island(q).dtype)
    if bias is not None:
        logits += island(bias)[None]
    weights = jax.nn.softmax(jnp.where(mask[:, None, None], logits, MASKED), axis=-1).astype(v.dtype)
    return jnp.einsum("rhqk,rkhc->rqhc", weights, v)


def sdpa_attention(q: Array, k: Array, v: Array, bias: Array | None, mask: Array) -> Array:
    """The same by `jax.nn.dot_product_attention`."""
    bias = None if bias is None else bias[None]
    return jax.nn.dot_product_attention(q, k, v, bias=bias, mask=mask[:, None, None], implementation="xla")


IMPLS = {"xla": xla_attention, "sdpa": sdpa_attention}


@dataclass(frozen=True)
class Runtime:
    """Choices that change speed, memory and rounding only.

    Attributes:
        dtype: of the trunk's activations, "float32" or "bfloat16"; parameters, LayerNorm, softmax, geometry, structure
            module and heads stay float32.
        chunk: rows of attention, of a transition, or of the outer product, computed at a time; 0: all at once.
        impl: a name of `IMPLS`.
        remat: recompute each block of a stack in the backward pass instead of storing its inside.
    """

    dtype: str = "float32"
    chunk: int = 0
    impl: str = "xla"
    remat: bool = True

    def rows(self, fn: Callable, *arrays: Array) -> Array:
        """`fn(*arrays)` for an `fn` that treats the leading axis row by row, `chunk` rows at a time."""
        if not 0 < self.chunk < arrays[0].shape[0]:
            return fn(*arrays)
        one = jax.checkpoint(lambda row: fn(*(x[None] for x in row))[0])  # else the backward stores every chunk
        return jax.lax.map(one, arrays, batch_size=self.chunk)

    def attend(
        self,
        q: Float[Array, "rows N_q heads c"],
        k: Float[Array, "rows N_k heads c"],
        v: Float[Array, "rows N_k heads c"],
        bias: Float[Array, "heads N_q N_k"] | None,
        mask: Bool[Array, "rows N_k"],
    ) -> Float[Array, "rows N_q heads c"]:
        """Attention within each row, all rows at once; `bias` is shared by them."""
        return IMPLS[self.impl](q, k, v, bias, mask)
