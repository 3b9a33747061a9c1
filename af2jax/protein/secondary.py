"""Secondary structure from hydrogen bonds of the backbone, after Kabsch and Sander (Biopolymers 22, 2577-2637, 1983).

Three classes hold the letters of DSSP: H helices (its H, G and I), E strands (its E and B), C all else. In arrays
[N N] of bonds the row is the residue that gives its N-H, the column the one that takes it with its C=O.
"""

import numpy as np
from scipy.spatial.distance import cdist

from af2jax.constants.atoms import CA, C, N, O
from af2jax.constants.residues import CODES
from af2jax.typing import Bool, Float, Int

COUPLING = 0.42 * 0.20 * 332  # kcal/mol times angstrom: the partial charges of C=O and N-H
BOND = -0.5  # kcal/mol, at most
LENGTH_N_H = 1.0  # angstrom
NEAR = 9.0  # angstrom between CA atoms of residues with a bond, at most
NEAREST = 0.5  # angstrom; nearer atoms count as this far apart
JOINED = 2.5  # angstrom between C and N of a peptide bond, at most
LONG, SHORT = 5, 2  # steps from one bridge of a ladder to the next: on one strand, and on the other with a bulge


def secondary(
    aatype: Int[np.ndarray, " N_res"],
    positions: Float[np.ndarray, "N_res 37 3"],
    atom_mask: Bool[np.ndarray, "N_res 37"],
    asym_id: Int[np.ndarray, " N_res"] | None = None,
) -> str:
    """A letter for each residue: H helix, E strand, C all else, "-" where N, CA, C or O is missing.

    `asym_id` tells chains apart; None: there is one. As in DSSP, a chain continues from one residue to the next in the
    arrays where C and N are no farther apart than 2.5 angstrom, whatever their numbers; residues that lack an atom
    count as absent; N-H gives its two best bonds; strands pair between chains too; and alpha helices come before
    strands, strands before other helices.
    """
    backbone = [N, CA, C, O]
    known = atom_mask[:, backbone].all(axis=1)
    n, ca, c, o = np.moveaxis(np.asarray(positions, np.float64)[known][:, backbone], 1, 0)
    joined = np.zeros(len(n), bool)  # to the residue before
    joined[1:] = np.linalg.norm(n[1:] - c[:-1], axis=-1) <= JOINED
    if asym_id is not None:
        joined[1:] &= np.diff(asym_id[known]) == 0
    bonds = _bonds(n, ca, c, o, joined & (aatype[known] != CODES["P"]))
    part = np.cumsum(~joined)  # equal: no break between

    strand = _strands(bonds, part)
    alpha = _helices(bonds, part, 4, np.ones(len(n), bool))
    three = _helices(bonds, part, 3, ~alpha & ~strand)
    pi = _helices(bonds, part, 5, alpha | ~three & ~strand)
    out = np.full(len(known), "-")
    out[known] = np.where(alpha | three | pi, "H", np.where(strand, "E", "C"))
    return "".join(out)


def _bonds(n: np.ndarray, ca: np.ndarray, c: np.ndarray, o: np.ndarray, gives: np.ndarray) -> np.ndarray:
    """bool [N N] hydrogen bonds of residues with atoms at [N 3]; `gives` [N]: the residue has an N-H.

    H lies as seen from N as C lies from O in the residue before.
    """
    away, h = c[:-1] - o[:-1], n.copy()
    h[1:] += LENGTH_N_H * away / np.maximum(np.linalg.norm(away, axis=-1, keepdims=True), NEAREST)

    def inverse(a, b):
        return 1 / np.maximum(cdist(a, b), NEAREST)

    energy = COUPLING * (inverse(n, o) + inverse(h, c) - inverse(h, o) - inverse(n, c))
    giver, taker = np.arange(len(n))[:, None], np.arange(len(n))
    possible = gives[:, None] & (cdist(ca, ca) < NEAR) & (taker != giver) & (taker != giver - 1)
    energy = np.where(possible, np.round(energy, 3), 0)  # DSSP compares thousandths of a kcal/mol
    second = np.sort(energy, axis=1)[:, :2][:, -1:]
    return (energy < BOND) & (energy <= second)


def _helices(bonds: np.ndarray, part: np.ndarray, size: int, free: np.ndarray) -> np.ndarray:
    """bool [N]: residues of helices, two turns of `size` in a row, of which each stretch of `size` is all `free`."""
    first = np.arange(len(part) - size)
    turn = bonds[first + size, first] & (part[first + size] == part[first])
    stretch = np.flatnonzero(turn[1:] & turn[:-1])[:, None] + 1 + np.arange(size)
    out = np.zeros(len(part), bool)
    out[stretch[free[stretch].all(axis=1)]] = True
    return out


def _strands(bonds: np.ndarray, part: np.ndarray) -> np.ndarray:
    """bool [N]: residues of bridges, and those in bulges between two bridges of a ladder."""
    before, here, after = slice(0, -2), slice(1, -1), slice(2, None)
    one = bonds[after, here] & bonds[here, before].T
    parallel = one | one.T
    narrow, wide = bonds[here, here], bonds[after, before]
    whole = part[before] == part[after]
    possible = np.triu(whole[:, None] & whole, 3)
    edges = np.zeros(len(part) + 1, int)
    for found, sign in ((parallel, 1), (~parallel & (narrow & narrow.T | wide & wide.T), -1)):
        i, j = np.nonzero(found & possible)
        i, j = i + 1, j + 1
        step, other = i - i[:, None], sign * (j - j[:, None])
        ladder = (step > 0) & (step <= LONG) & (other >= 0) & (other <= LONG) & (np.minimum(step, other) <= SHORT)
        ladder &= (part[i] == part[i][:, None]) & (part[j] == part[j][:, None])
        a, b = np.nonzero(ladder | np.eye(len(i), dtype=bool))
        for x in (i, j):
            np.add.at(edges, np.minimum(x[a], x[b]), 1)
            np.add.at(edges, np.maximum(x[a], x[b]) + 1, -1)
    return np.cumsum(edges[:-1]) > 0
