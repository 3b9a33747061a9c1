"""The size of a chain in space."""

import numpy as np

from af2jax.typing import Bool, Float


def radius_of_gyration(points: Float[np.ndarray, "N_res 3"], mask: Bool[np.ndarray, " N_res"]) -> float:
    """The root mean square distance of the points in `mask` from their middle, in angstrom; NaN where there is none.

    Points are one per residue, CA by custom, and count alike; what `mask` excludes may be anything.
    """
    present = np.asarray(points, np.float64)[mask]
    return float(np.sqrt(np.mean(np.sum((present - present.mean(axis=0)) ** 2, axis=-1)))) if len(present) else np.nan
