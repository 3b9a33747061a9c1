"""How the network is run, never what it computes: precision, chunks, attention implementation, rematerialisation."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from af2jax.errors import InputError
from af2jax.nn.layers import at_least_float32
from af2jax.typing import Array, Bool, Float

CACHED = 2**23  # bytes of attention's weights that a CPU's cache holds
CHANNELS = 16  # of triangle multiplication at a time, where there are chunks
MASKED = -1e9  # a finite logit: a row without a single key keeps finite gradients


def xla_attention(q: Array, k: Array, v: Array, bias: Array | None, mask: Array) -> Array:
    """softmax(q k / sqrt(c) + bias) v with the softmax in at least float32; a row without keys gets the mean of v."""
    q, k, v = (jnp.swapaxes(x, 1, 2) for x in (q, k, v))  # heads first: products of plain matrices
    logits = jnp.einsum("rhqc,rhkc->rhqk", q * q.shape[-1] ** -0.5, k, preferred_element_type=at_least_float32(q).dtype)
    if bias is not None:
        logits += at_least_float32(bias)[None]
    logits = jnp.where(mask[:, None, None], logits, MASKED)
    weights = jnp.exp(logits - jax.lax.stop_gradient(jnp.max(logits, axis=-1, keepdims=True)))
    total = jnp.sum(weights, axis=-1, keepdims=True)
    o = jnp.einsum("rhqk,rhkc->rhqc", weights.astype(v.dtype), v, preferred_element_type=total.dtype)
    return jnp.swapaxes((o / total).astype(v.dtype), 1, 2)  # divided last: fewer numbers than there are weights


def sdpa_attention(q: Array, k: Array, v: Array, bias: Array | None, mask: Array) -> Array:
    """The same by `jax.nn.dot_product_attention`."""
    bias = None if bias is None else bias[None]
    return jax.nn.dot_product_attention(q, k, v, bias=bias, mask=mask[:, None, None], implementation="xla")


def tokamax_attention(q: Array, k: Array, v: Array, bias: Array | None, mask: Array) -> Array:
    """The same by tokamax: the best kernel that it has for this device, or XLA.

    Raises:
        InputError: tokamax does not work here.
    """
    from absl import flags

    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()  # or tokamax takes the command line of the script for its own
    try:
        from tokamax import dot_product_attention
    except Exception as error:  # with another typeguard than its own, a SyntaxError
        raise InputError(f'impl="tokamax" needs tokamax with the typeguard that it asks for: {error}') from error
    return dot_product_attention(q, k, v, bias=None if bias is None else bias[None], mask=mask[:, None, None])


IMPLS = {"xla": xla_attention, "sdpa": sdpa_attention, "tokamax": tokamax_attention}


@dataclass(frozen=True)
class Runtime:
    """Choices that change speed, memory and rounding only.

    Attributes:
        dtype: of the trunk's activations, "float32" or "bfloat16"; parameters, LayerNorm, softmax, geometry, structure
            module and heads stay float32.
        chunk: rows of attention, of a transition, or of the outer product, computed at a time, and of triangle
            multiplication 16 channels; 0: all at once (but see `forward_only`). A CPU always takes the outer product a
            row at a time, unless sequences are few.
        impl: a name of `IMPLS`.
        remat: recompute each block of a stack in the backward pass instead of storing its inside.
        shards: devices that share the representations of one protein, the first of `jax.devices()`; parameters are on
            all of them.
    """

    dtype: str = "float32"
    chunk: int = 0
    impl: str = "xla"
    remat: bool = True
    shards: int = 1

    def forward_only(self, num_res: int) -> "Runtime":
        """For passes without a gradient: a CPU takes as many rows at a time as its cache holds the attention of."""
        if self.chunk or jax.default_backend() != "cpu":
            return self
        return replace(self, chunk=4 * max(1, CACHED // (4 * 8 * 4 * num_res**2)))  # fours of rows, 8 heads, 4 bytes

    def rows(self, fn: Callable, *arrays: Array, single: bool = False) -> Array:
        """`fn(*arrays)` for an `fn` that treats the leading axis row by row: each device its share, in chunks.

        Args:
            single: a CPU does it quicker with one row at a time.
        """
        if self.shards == 1:
            return self._chunks(fn, single, *arrays)
        num = len(arrays[0])
        each = -(-num // self.shards)
        pad = lambda x: jnp.pad(x, [(0, each * self.shards - num), *[(0, 0)] * (x.ndim - 1)])
        parts = [self.share(pad(x).reshape(self.shards, each, *x.shape[1:])) for x in arrays]
        out = self.share(jax.vmap(lambda *part: self._chunks(fn, single, *part))(*parts))
        return out.reshape(-1, *out.shape[2:])[:num]

    def _chunks(self, fn: Callable, single: bool, *arrays: Array) -> Array:
        """`fn(*arrays)`, `chunk` rows at a time."""
        size = 1 if single and jax.default_backend() == "cpu" else self.chunk
        if not 0 < size < len(arrays[0]):
            return fn(*arrays)
        one = lambda row: fn(*(x[None] for x in row))[0]
        if self.chunk:
            one = jax.checkpoint(one)  # else the backward stores every chunk
        return jax.lax.map(one, arrays, batch_size=size if size > 1 else None)

    def channels(self, fn: Callable, num_res: int, *weights: tuple) -> Array:
        """`fn(*weights)`, for an `fn` that treats the channels one by one of kernels whose halves are two inputs.

        In chunks of 16 where `num_res` rows are in chunks; several devices share the channels, and take theirs at once.

        Args:
            weights: (kernel [c_in 2*channels], bias [2*channels]).
        """
        if not 0 < self.chunk < num_res or self.shards > 1:
            return fn(*weights)
        each = jax.tree.map(lambda w: jnp.moveaxis(w.reshape(*w.shape[:-1], 2, -1), -1, 0), weights)
        return jax.lax.map(jax.checkpoint(lambda pairs: fn(*pairs)[0]), each, batch_size=CHANNELS)

    def share(self, x: Array) -> Array:
        """`x` with its leading axis spread over the devices.

        Raises:
            InputError: there are fewer devices.
        """
        if self.shards == 1:
            return x
        devices = jax.devices()[: self.shards]
        if len(devices) < self.shards:
            raise InputError(f"shards={self.shards}, but JAX sees {len(devices)} devices; ask for as many as there are")
        leading = NamedSharding(Mesh(np.array(devices), ("shards",)), PartitionSpec("shards"))
        return jax.lax.with_sharding_constraint(x, leading)

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
