"""The sequences that taught the heads of a run, and how near a query is to them: may an answer be believed?

How good a head is was measured on proteins such as it was trained on. An answer for a query that is far from all of
them, or much shorter or longer, is an extrapolation, which no figure of the training covers.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from af2jax.constants.residues import encode
from af2jax.data.nearest import nearest
from af2jax.data.parse import read_text
from af2jax.errors import WeightsError
from af2jax.files import write

FILE = "trained_on.tsv"
HEADER = "id\tsequence"
KINDS, WORD = 32, 3  # more than there are codes of residues; residues of a word
CANDIDATES = 20  # training sequences that are aligned with a query, those that share most words with it


class Nearness(NamedTuple):
    """A query beside what taught the heads."""

    id: str  # of the nearest training sequence
    identity: float  # 0 to 1: aligned and identical residues, of the residues of the query
    length: int  # residues of the query
    shortest: int  # of the training sequences
    longest: int

    @property
    def length_in_range(self) -> bool:
        """Whether the training had sequences both as short and as long."""
        return self.shortest <= self.length <= self.longest

    def __str__(self) -> str:
        """In words, for captions."""
        lies = "within" if self.length_in_range else "outside"
        return (
            f"the nearest training sequence ({self.id}) has {self.identity:.0%} identity; {self.length} residues lie "
            f"{lies} the trained {self.shortest} to {self.longest}"
        )


@dataclass(frozen=True, eq=False)
class TrainedOn:
    """The sequences that a run learnt from, by id; "/" joins the chains of a complex, which count as one sequence."""

    sequences: Mapping[str, str]

    def nearest(self, query: str) -> Nearness:
        """The training sequence that is most like `query`, by global alignment (BLOSUM62) with the 20 candidates that
        share the most words of three residues with it, beyond what chance gives sequences of their length.

        Among up to 20 training sequences the search is exhaustive. In larger sets the nearest is found above some 30 %
        identity; below, where sequence says little, another of the distant ones may be named.
        """
        query = _joined(query)
        sizes = [len(sequence) for sequence in self.joined.values()]
        near = nearest(query, {name: self.joined[name] for name in self._candidates(query)})
        same = near.identity * len(near.pairs) if len(near.pairs) else 0.0
        return Nearness(near.id, float(same / len(query)), len(query), min(sizes), max(sizes))

    @cached_property
    def joined(self) -> dict[str, str]:
        """Sequences without marks between chains."""
        return {name: _joined(sequence) for name, sequence in self.sequences.items()}

    @cached_property
    def _words(self):
        """Which words each sequence has: a sparse [N words]."""
        from scipy.sparse import csr_array

        found = [_words(sequence) for sequence in self.joined.values()]
        columns, ends = np.concatenate(found), np.cumsum([0, *map(len, found)])
        return csr_array((np.ones(len(columns), np.float32), columns, ends), shape=(len(found), KINDS**WORD))

    def _candidates(self, query: str) -> list[str]:
        names = list(self.joined)
        if len(names) <= CANDIDATES:
            return names
        own = np.zeros(KINDS**WORD, np.float32)
        own[_words(query)] = 1
        by_chance = (self._words.sum(1) + 1) * (own.sum() + 1) / 20**WORD
        score = (self._words @ own - by_chance) / np.sqrt(by_chance)
        return [names[i] for i in np.argsort(-score, kind="stable")[:CANDIDATES]]

    def save(self, folder: str | os.PathLike) -> Path:
        """Writes `trained_on.tsv` into a folder."""
        rows = [f"{name}\t{sequence}" for name, sequence in self.sequences.items()]
        return write(Path(folder) / FILE, "\n".join([HEADER, *rows]) + "\n")

    @classmethod
    def read(cls, folder: str | os.PathLike) -> "TrainedOn | None":
        """What `save` wrote; None where the file is not there, as where the owner of the sequences has deleted it.

        Raises:
            WeightsError: the file is damaged.
        """
        path = Path(folder) / FILE
        if not path.is_file():
            return None
        header, *rows = read_text(path).splitlines() or [""]
        found = dict(row.split("\t", 1) for row in rows if row.count("\t") == 1)
        if header != HEADER or len(found) < len(rows) or not found or not all(map(_joined, found.values())):
            raise WeightsError(
                f"{path} is damaged; restore it from a copy, or delete it to go without (nearness is unknown)"
            )
        return cls(found)


def _joined(sequence: str) -> str:
    return sequence.replace("/", "").replace(":", "")


def _words(sequence: str) -> np.ndarray:
    """The words of a sequence as numbers, each once."""
    codes = encode(sequence).astype(np.int64)
    if len(codes) < WORD:
        return np.zeros(0, np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(codes, WORD)
    return np.unique(windows @ KINDS ** np.arange(WORD))
