"""From the alignments of the chains of one query, one chain or several, to the one alignment that the network reads."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from af2jax.data.alignment import alone, distinct
from af2jax.data.pairing import MODES, Ids, number, pair
from af2jax.data.parse import Alignment
from af2jax.errors import InputError

PAIRINGS = ("auto", *MODES)


class Assembly(NamedTuple):
    """All chains side by side, in the order in which they were given."""

    alignment: Alignment
    own: np.ndarray  # bool [N_seq N_res] False: filled with gaps, where a row is of another chain; no target of a loss
    ids: Ids


def assemble(
    sequences: Sequence[str],
    unpaired: Sequence[Alignment | None] = (),
    paired: Sequence[Alignment | None] = (),
    mode: str = "auto",
) -> Assembly:
    """One chain keeps its alignment, without rows that repeat others; for several see `pairing.pair`.

    Args:
        sequences: of each chain.
        unpaired, paired, mode: as in `pairing.pair`; `mode` may be "auto" too: "greedy" where `paired` has rows that
            one search has joined, else "species".

    Raises:
        InputError: as in `pairing.pair`; or `mode` is unknown.
    """
    if mode not in PAIRINGS:
        raise InputError(f'pairing "{mode}" is unknown; give one of {", ".join(PAIRINGS)}')
    if len(sequences) == 1:
        alignment = next((given for given in unpaired if given is not None), None) or alone(sequences[0])
        kept, _ = distinct(alignment)
        return Assembly(kept, np.ones(kept.codes.shape, bool), number(sequences))
    joined = any(given is not None and len(given.codes) > 1 for given in paired)
    if mode == "auto":
        mode = "greedy" if joined else "species"
    joint = pair(sequences, unpaired, paired if joined else (), mode)
    columns = np.argsort(np.repeat(joint.order, [len(sequences[chain]) for chain in joint.order]), kind="stable")
    found = joint.alignment
    alignment = Alignment(
        found.names,
        found.codes[:, columns],
        found.deletions[:, columns],
        "".join(found.query[column] for column in columns),
    )
    return Assembly(alignment, joint.bert_mask[:, columns], number(sequences))
