"""What `predict` returns."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from af2jax.protein.files import Protein
from af2jax.results.job import save
from af2jax.results.scored import Scored
from af2jax.typing import Int


@dataclass(frozen=True)
class Prediction(Scored):
    __doc__ = Scored.__doc__

    def save(
        self,
        out: str | Path,
        rank: int = 1,
        seed: int = 0,
        *,
        naming: str = "colabfold",
        plots: bool = True,
        arrays: bool = False,
        alignment: Int[np.ndarray, "N_seq N_res"] | None = None,
        relaxed: Protein | None = None,
    ) -> list[Path]:
        """Writes this prediction into the folder `out`, whole or not at all, and says which files these are.

        The arguments are those of `save_job`. What a job has once, its plots and its PAE file, is written with rank 1.

        Raises:
            InputError: see `save_job`.
        """
        relaxed = {rank: relaxed} if relaxed else {}
        return save({rank: (self, seed)}, Path(out), naming, plots, arrays, alignment, relaxed)
