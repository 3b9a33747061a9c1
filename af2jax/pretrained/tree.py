"""Parameter trees by path: "a/b/c" for nested dictionaries, and the Evoformer as one stack or several."""

import hashlib
from collections.abc import Mapping
from itertools import accumulate

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict


def flatten(tree: dict) -> dict:
    """{"a/b/c": leaf} of a nested dictionary."""
    return flatten_dict(tree, sep="/")


def unflatten(flat: dict) -> dict:
    """The inverse of `flatten`."""
    return unflatten_dict(flat, sep="/")


def digest(arrays: Mapping) -> bytes:
    """The SHA-256 of arrays with their names, types and shapes."""
    total = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        array = np.asarray(array)
        total.update(f"{name} {array.dtype} {array.shape}\n".encode())
        total.update(np.ascontiguousarray(array).data)
    return total.digest()


def concatenate(arrays: list, axis: int):
    """Concatenates NumPy arrays to NumPy, JAX arrays to JAX."""
    return (jnp if any(isinstance(x, jax.Array) for x in arrays) else np).concatenate(arrays, axis)


def split_stack(params: dict, sizes: tuple[int, ...]) -> dict:
    """`params` with `evoformer/blocks` cut into `blocks_0`, `blocks_1`, ... of `sizes` blocks; () leaves it whole."""
    if not sizes:
        return params
    stack = params["evoformer"]["blocks"]
    ends = list(accumulate(sizes))
    parts = {
        f"blocks_{i}": jax.tree.map(lambda x, a=end - size, b=end: x[a:b], stack)
        for i, (size, end) in enumerate(zip(sizes, ends, strict=True))
    }
    return params | {"evoformer": parts}


def join_stacks(params: dict) -> dict:
    """The inverse of `split_stack`; a whole stack is left as it is."""
    parts = params["evoformer"]
    if "blocks" in parts:
        return params
    ordered = [parts[f"blocks_{i}"] for i in range(len(parts))]
    return params | {"evoformer": {"blocks": jax.tree.map(lambda *x: concatenate(list(x), 0), *ordered)}}
