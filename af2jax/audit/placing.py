"""Structures that a table of alphafold_finetune aligns to sequences: whether they are of these."""

from collections.abc import Sequence

from af2jax.audit.findings import Finding
from af2jax.data import alphafold_finetune
from af2jax.data.dataset import Item
from af2jax.data.parse import printable
from af2jax.errors import InputError

LEAST = 0.2  # identity, below which an alignment is of another protein, or shifted


def findings(items: Sequence[Item]) -> list[Finding]:
    """Alignment strings under which structure and sequence have next to nothing in common."""
    placed = [item for item in items if item.placed and item.file is not None]
    found = []
    for item in placed:
        try:
            share = alphafold_finetune.identity(item.file, item.placed, item.sequence, item.where)
        except InputError:
            continue  # which is told where items are read
        if share < LEAST:
            found.append(f"{item.where} ({printable(item.id)}): {share:.0%} of the pairs are equal")
    if not found:
        return []
    return [
        Finding(
            "an alignment of another protein",
            75,
            f"{len(found)} of {len(placed)} alignment strings pair residues of which less than {LEAST:.0%} are equal",
            "The structure is aligned to the wrong residues: each would learn the coordinates of another.",
            "Count residues from 0, chains joined, in sequence and file; correct these strings or leave the rows out.",
            tuple(found),
        )
    ]
