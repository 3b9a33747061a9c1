"""Cyclic chains: head-to-tail peptides, of which the last residue is bound to the first."""

from collections.abc import Sequence

import numpy as np

from af2jax.errors import InputError
from af2jax.typing import Int

SMALLEST = 3  # residues of a ring


def names(text: str | Sequence[str] | None) -> tuple[str, ...]:
    """The names of chains that are joined by "," or given as they are."""
    parts = text.split(",") if isinstance(text, str) else text or ()
    return tuple(name.strip() for name in parts if name.strip())


def ring(
    residue_index: Int[np.ndarray, " N_res"],
    chains: Sequence[str],
    lengths: Sequence[int],
    cyclic: Sequence[str],
    source: str,
) -> Int[np.ndarray, " N_res"]:
    """What `Features.ring` has: the residues of the ring that a residue's chain is, 0 in other chains.

    Args:
        chains: the name of each chain.
        lengths: residues of each.
        cyclic: names of those that are cyclic.
        source: for messages.

    Raises:
        InputError: there is no such chain, it has less than three residues, or its numbers leave a gap.
    """
    if odd := [name for name in cyclic if name not in chains]:
        raise InputError(
            f'{source}: no chain is called "{odd[0]}", which is to be cyclic; give one of {", ".join(chains)}'
        )
    out = np.zeros(len(residue_index), np.int32)
    ends = np.cumsum(lengths)
    for name, start, end in zip(chains, ends - lengths, ends, strict=True):
        if name not in cyclic:
            continue
        gap = np.flatnonzero(np.diff(residue_index[start:end]) != 1)
        if end - start < SMALLEST:
            raise InputError(f"{source}: chain {name} has {end - start} residues, and a cyclic one at least {SMALLEST}")
        if len(gap):
            raise InputError(
                f"{source}: chain {name} is to be cyclic, and its numbers leave a gap after residue {gap[0] + 1}; give "
                "its whole sequence"
            )
        out[start:end] = end - start
    return out
