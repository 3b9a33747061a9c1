"""From the alignments of the chains of one query, one chain or several, to the one alignment that the network reads."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from af2jax.data import pairing
from af2jax.data.msa import deduplicate
from af2jax.data.parse import Alignment
from af2jax.errors import InputError

PAIRINGS = ("auto", *pairing.MODES)


class Ids(NamedTuple):
    """What tells the residues of several chains apart, each int32 [N_res]."""

    residue_index: np.ndarray  # counts each chain from 0
    asym_id: np.ndarray  # number of the chain, from 1
    entity_id: np.ndarray  # number of its sequence, from 1, in the order of appearance
    sym_id: np.ndarray  # number among the chains of this sequence, from 1


class Assembly(NamedTuple):
    """All chains side by side, in the order in which they were given."""

    alignment: Alignment
    own: np.ndarray  # bool [N_seq N_res] False: filled with gaps, where a row is of another chain; no target of a loss
    ids: Ids


def number(sequences: Sequence[str]) -> Ids:
    """The numbers of the residues of chains of these sequences, one chain after the other."""
    lengths = [len(sequence) for sequence in sequences]
    entity, sym = pairing.number(sequences)
    spread = lambda values: np.repeat(np.asarray(values, np.int32), lengths)
    index = np.concatenate([np.arange(length, dtype=np.int32) for length in lengths])
    return Ids(index, spread(range(1, len(lengths) + 1)), spread(entity), spread(sym))


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
        alignment = next((given for given in unpaired if given is not None), None) or pairing.alone(sequences[0])
        kept = pairing.take(alignment, deduplicate(alignment.codes))
        return Assembly(kept, np.ones(kept.codes.shape, bool), number(sequences))
    joined = any(given is not None and len(given.codes) > 1 for given in paired)
    if mode == "auto":
        mode = "greedy" if joined else "species"
    joint = pairing.pair(sequences, unpaired, paired if joined else (), mode)
    columns = np.argsort(np.repeat(joint.order, [len(sequences[chain]) for chain in joint.order]), kind="stable")
    found = joint.alignment
    alignment = Alignment(
        found.names,
        found.codes[:, columns],
        found.deletions[:, columns],
        "".join(found.query[column] for column in columns),
    )
    return Assembly(alignment, joint.bert_mask[:, columns], number(sequences))
