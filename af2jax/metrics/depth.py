"""How many sequences an alignment has at each position."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from af2jax.constants.residues import GAP

ENOUGH = 30  # sequences, below which the accuracy of AlphaFold falls (Jumper et al. 2021, figure 5a)


@dataclass(frozen=True)
class Depth:
    """The depth of an alignment of `rows` sequences, the query's included."""

    rows: int
    at: Int[np.ndarray, " N_res"]  # sequences with a residue there

    @property
    def median(self) -> float:
        """Over positions."""
        return float(np.median(self.at))

    @property
    def few(self) -> Bool[np.ndarray, " N_res"]:
        """Where there are fewer than `ENOUGH`."""
        return self.at < ENOUGH

    @property
    def share(self) -> float:
        """Of the positions, those with fewer than `ENOUGH`."""
        return float(self.few.mean())


def depth(alignment: Int[np.ndarray, "N_seq N_res"]) -> Depth:
    """The depth of rows of codes, in which gaps are 21."""
    return Depth(len(alignment), (alignment < GAP).sum(0))
