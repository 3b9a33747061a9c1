"""Low-rank adapters (Hu et al. 2022) as functions on the parameter tree; the network knows nothing of them.

An adapter of a kernel [..., c_in, c_out] is {"a": [..., c_in, r], "b": [..., r, c_out]}, stacked as the kernel is, and
stands for the kernel plus a @ b. `b` starts at zero, so that nothing changes at step 0.
"""

import json
import os
import re
import zlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from af2jax.errors import InputError
from af2jax.files import whole, write
from af2jax.finetune.rules import join, paired
from af2jax.pretrained import npz
from af2jax.pretrained.tree import flatten, unflatten

LORA = "lora"  # the scope of adapters among what trains
WEIGHTS, CONFIG = "adapter_model.npz", "adapter_config.json"


def init(params: dict, labels: dict, rank: int = 8, key: jax.Array | None = None) -> dict:
    """An adapter of `rank` for every kernel whose label is "lora", at the kernel's place in a tree.

    `a` is normal with variance 1 / c_in, from `key` (default `jax.random.key(0)`) and the kernel's path alone.

    Raises:
        InputError: labels of another tree, no label is "lora", or `rank` is not between 1 and the smaller side of a
            kernel.
    """
    key, adapters = jax.random.key(0) if key is None else key, {}
    flat, labels = paired(params, labels)
    for path, what in labels.items():
        if what != "lora":
            continue
        *stack, c_in, c_out = flat[path].shape
        if not 1 <= rank <= min(c_in, c_out):
            raise InputError(f"rank={rank} does not fit {path}, {c_in} x {c_out}; give 1 to {min(c_in, c_out)}")
        a = jax.random.normal(jax.random.fold_in(key, zlib.crc32(path.encode())), (*stack, c_in, rank)) / np.sqrt(c_in)
        adapters[path] = {"a": a, "b": jnp.zeros((*stack, rank, c_out))}
    if not adapters:
        raise InputError('no label is "lora"; give rules such as recipe("lora")')
    return unflatten(adapters)


def merge(params: dict, adapters: dict) -> dict:
    """`params` with a @ b added to every kernel that has an adapter; the others are the very same arrays.

    Training applies this same function, so merged weights are the trained ones. Differentiable in `adapters`.

    Raises:
        InputError: an adapter fits no kernel of `params`.
    """
    flat = dict(flatten(params))
    for path, adapter in pairs(adapters).items():
        if path not in flat or _stands_for(adapter) != np.shape(flat[path]):
            raise InputError(f"the adapter of {path} fits no kernel of these parameters; load the preset it is of")
        flat[path] = _add(flat[path], jnp.matmul(adapter["a"], adapter["b"], precision="highest"))
    return unflatten(flat)


def assembled(trained: dict, frozen: dict) -> dict:
    """All parameters of what trains and what does not, adapters merged into theirs."""
    params = join({name: tree for name, tree in trained.items() if name != LORA}, frozen)
    return merge(params, trained[LORA]) if LORA in trained else params


@jax.custom_jvp
def _add(kernel, change):
    """The sum; where `change` is 0 every bit of `kernel`, for -0.0 + 0.0 is 0.0. Its derivative is that of the sum."""
    return jnp.where(change == 0, kernel, kernel + change)


@_add.defjvp
def _(inputs, tangents):
    return _add(*inputs), tangents[0] + tangents[1]


def _stands_for(adapter: dict) -> tuple[int, ...] | None:
    """The shape of the kernel that an adapter belongs to; None: it is not an adapter."""
    if adapter.keys() != {"a", "b"}:
        return None
    (*stack, c_in, rank), (*other, same, c_out) = np.shape(adapter["a"]), np.shape(adapter["b"])
    return (*stack, c_in, c_out) if (stack, rank) == (other, same) else None


def pairs(adapters: dict) -> dict[str, dict]:
    """{path of a kernel: {"a": ..., "b": ...}}."""
    found: dict[str, dict] = {}
    for path, leaf in flatten(adapters).items():
        kernel, _, side = path.rpartition("/")
        found.setdefault(kernel, {})[side] = leaf
    return found


def save_adapters(adapters: dict, folder: str | os.PathLike, base: str) -> Path:
    """Writes the adapters alone, with Hugging Face's names for their metadata; `base` is the preset that they adapt."""
    folder, found = Path(folder), pairs(adapters)
    with whole(folder / WEIGHTS) as partial, open(partial, "wb") as file:
        np.savez(file, **{path: np.asarray(leaf) for path, leaf in flatten(adapters).items()})
    rank = next(iter(found.values()))["a"].shape[-1]
    config = {
        "peft_type": "LORA",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": rank,  # a @ b is not scaled
        "target_modules": sorted({re.sub("/kernel$", "", path) for path in found}),
    }
    write(folder / CONFIG, json.dumps(config, indent=2) + "\n")
    return folder


def load_adapters(folder: str | os.PathLike) -> dict:
    """The adapters that `save_adapters` wrote.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    return unflatten({path: jnp.asarray(leaf) for path, leaf in npz.read(Path(folder) / WEIGHTS).items()})
