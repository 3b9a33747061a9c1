"""How large a gradient is, part by part: where a training is alive, and where it explodes."""

import jax.numpy as jnp

from af2jax.finetune.summary import module
from af2jax.pretrained.tree import flatten
from af2jax.typing import Array

STACKS = ("evoformer", "extra_msa")  # whose leaves have the blocks on axis 0


def by_block(gradient: dict) -> dict[str, Array]:
    """The norm of each module, and of each block where modules are stacked: "grad_norm/evoformer/blocks/07"."""
    squares: dict[str, Array] = {}
    for path, leaf in flatten(gradient).items():
        scope = path.removeprefix("lora/")
        name, stacked = module(scope), scope.split("/")[0] in STACKS
        total = jnp.sum(leaf**2, axis=tuple(range(1, leaf.ndim))) if stacked else jnp.sum(leaf**2)
        squares[name] = squares.get(name, 0) + total
    norms: dict[str, Array] = {}
    for name, total in squares.items():
        parts = {name: total} if total.ndim == 0 else {f"{name}/{i:02d}": x for i, x in enumerate(total)}
        norms |= {f"grad_norm/{part}": jnp.sqrt(value) for part, value in parts.items()}
    return norms
