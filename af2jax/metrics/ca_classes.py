"""Secondary structure from CA atoms alone, as TM-align has it (Zhang and Skolnick, Nucleic Acids Research 33,
2302-2309, 2005): by the distances of residues up to four apart. `protein.secondary` reads hydrogen bonds instead.
"""

import numpy as np

from af2jax.typing import Array, Float, Int

COIL, HELIX, STRAND, TURN = range(4)
CLASSES = 4
IDEAL = {  # angstrom between CA atoms two, three and four residues apart, and how far they may be off
    HELIX: ((5.45, 5.18, 6.37), 2.1),
    STRAND: ((6.1, 10.4, 13.0), 1.42),
}
TURNED = 8.0  # angstrom between residues four apart, at most


def ca_classes(points: Float[Array | np.ndarray, "N 3"], length: int | Int[Array, ""]) -> Int[Array | np.ndarray, " N"]:
    """COIL, HELIX, STRAND or TURN of each of the first `length` residues; of NumPy or JAX, as `points` are.

    The two residues at each end, and what follows the last, are COIL.
    """
    xp = points.__array_namespace__()
    padded = xp.pad(points, ((2, 2), (0, 0)))
    at = lambda k: padded[2 + k : 2 + k + len(points)]
    apart = lambda a, b: xp.sqrt(xp.sum((at(a) - at(b)) ** 2, axis=-1))
    by_step = [[apart(first, first + step) for first in range(-2, 3 - step)] for step in (2, 3, 4)]
    place = xp.arange(len(points))
    found = xp.where((by_step[2][0] < TURNED), TURN, COIL)
    for kind, (ideal, off) in reversed(IDEAL.items()):
        like = [xp.abs(one - d) < off for d, same in zip(ideal, by_step, strict=True) for one in same]
        found = xp.where(xp.all(xp.stack(like), axis=0), kind, found)
    return xp.where((place >= 2) & (place < length - 2), found, COIL)
