"""Layers in sequence: the only place that knows of scan and rematerialisation."""

from collections.abc import Callable

import flax.linen as nn

UNROLLED = 8  # blocks that are compiled one by one where their inside is stored: a loop would copy all of it


def stack(block: type[nn.Module], num: int, *, remat: bool, name: str = "blocks", **fields) -> Callable:
    """`num` copies of `block` in sequence, `x = block(x, *args)`; parameters gain a leading axis of length `num`."""
    body = lambda module, x, args: (module(x, *args), None)
    body = nn.remat(body, prevent_cse=False) if remat else body
    scan = nn.scan(
        body,
        length=num,
        in_axes=nn.broadcast,
        variable_axes={"params": 0},
        split_rngs={"params": True, "dropout": True},
        unroll=1 if remat or num > UNROLLED else num,
    )
    return lambda x, *args: scan(block(**fields, name=name), x, args)[0]


def repeat(body: Callable, module: nn.Module, num: int) -> Callable:
    """`carry, out = body(module, carry, *args)`, `num` times with the same weights; the `out` are stacked.

    `body` creates its modules in `module`, the one that calls.
    """
    scan = nn.scan(
        lambda module, carry, args: body(module, carry, *args),
        length=num,
        in_axes=nn.broadcast,
        variable_broadcast="params",
        split_rngs={"params": False, "dropout": True},
    )
    return lambda carry, *args: scan(module, carry, args)


def each(body: Callable, module: nn.Module) -> Callable:
    """`out = body(module, x, *args)` for each slice `x` of the leading axis, one after the other, weights shared."""
    scan = nn.scan(
        lambda module, carry, x, args: (carry, body(module, x, *args)),
        in_axes=(0, nn.broadcast),
        variable_broadcast="params",
        split_rngs={"params": False, "dropout": True},
    )
    return lambda xs, *args: scan(module, None, xs, args)[1]
