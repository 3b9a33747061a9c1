"""Scores of a pair of chains whose direction matters, from PAE: ipSAE, pDockQ2, LIS and cLIS; and actifpTM.

A block is the part of a matrix that belongs to two chains: rows of the chain that is aligned, columns of the one that
is scored, so that A on B differs from B on A; the smaller of the two is the cautious score. Every score is 0 where
nothing counts: without contacts, or without any error below its cutoff.
"""

import jax
import jax.numpy as jnp
import numpy as np

from af2jax.metrics.distogram import CENTERS, CONTACT, WIDTH
from af2jax.typing import Array, Bool, Float

IPSAE, LIS = 15.0, 12.0  # angstrom of PAE; only pairs below count
D0_PDOCKQ2 = 10.0  # angstrom


def ipsae(pae: Float[np.ndarray, "N_a N_b"]) -> float:
    """ipSAE (Dunbrack, bioRxiv 2025.02.10.637595), 0 to 1; its `d0res`, with a cutoff of 15 angstrom as in ColabFold.

    The TM-score of chain b that the best residue of a expects, over the residues of b with a PAE below the cutoff, the
    number of which sets d0 (at least 1 angstrom).
    """
    pae = np.asarray(pae, np.float64)
    counted = pae < IPSAE
    number = counted.sum(axis=1, keepdims=True)
    d0 = np.maximum(1, 1.24 * np.cbrt(np.maximum(number, 26) - 15) - 1.8)
    return float(np.max(np.sum(counted / (1 + (pae / d0) ** 2), axis=1) / np.maximum(number[:, 0], 1)))


def lis(pae: Float[np.ndarray, "N_a N_b"], counted: Bool[np.ndarray, "N_a N_b"] | None = None) -> float:
    """LIS (Kim et al., bioRxiv 2024.02.19.580970), 0 to 1: the mean of 1 - PAE / 12 over the pairs below 12 angstrom.

    With `counted`, the contacts, it is cLIS.
    """
    pae = np.asarray(pae, np.float64)
    below = (pae < LIS) & (True if counted is None else counted)
    return float(np.mean(1 - pae[below] / LIS)) if below.any() else 0.0


def pdockq2(pae: Float[np.ndarray, "N_a N_b"], contacts: Bool[np.ndarray, "N_a N_b"], plddt: float) -> float:
    """pDockQ2 (Zhu et al., Bioinformatics 39, btad424, 2023) of two chains, 0 to 1.31; `plddt`: mean of the interface.

    The constants and the contacts (CB atoms) are those of ColabFold and of ipSAE's program; see `chain_pdockq2`.
    """
    return _pdockq2(pae, contacts, plddt, 1.31, 84.733, 0.075, 0.005)


def chain_pdockq2(
    pae: Float[np.ndarray, "N_a N_other"],
    contacts: Bool[np.ndarray, "N_a N_other"],
    plddt: Float[np.ndarray, " N_a"],
) -> float:
    """The authors' own pDockQ2, of one chain and all others, 0 to 1.31 (here 0 without contacts, theirs 0.007).

    Their contacts are between CA atoms, and the pLDDT of a residue counts once for each of its contacts.
    """
    mean = float(np.mean(np.asarray(plddt, np.float64)[np.nonzero(contacts)[0]])) if contacts.any() else 0.0
    return _pdockq2(pae, contacts, mean, 1.31034849, 84.7326239, 0.0747157696, 0.00501886443)


def _pdockq2(pae, contacts, plddt: float, limit: float, middle: float, slope: float, floor: float) -> float:
    if not contacts.any():
        return 0.0
    sure = np.mean(1 / (1 + (np.asarray(pae, np.float64)[contacts] / D0_PDOCKQ2) ** 2))
    return float(limit / (1 + np.exp(-slope * (plddt * sure - middle))) + floor)


def contact_weights(logits: Float[Array, "N_res N_res 64"]) -> Float[Array, "N_res N_res"]:
    """What actifpTM weighs pairs by: the probability of a CB distance in the distogram's bins that begin below 8
    angstrom, the bin that 8 falls in included."""
    within = jnp.asarray(CENTERS - WIDTH / 2 < CONTACT, logits.dtype)
    return jnp.sum(jax.nn.softmax(logits, axis=-1) * within[None, None], axis=-1)


def actifptm(expected: Float[np.ndarray, "N_a N_b"], weights: Float[np.ndarray, "N_a N_b"]) -> float:
    """actifpTM (Varga, Ovchinnikov and Schueler-Furman, Bioinformatics 41, btaf107, 2025), 0 to 1: an ipTM in which
    pairs count by their `contact_weights`, as in ColabFold. `expected`: `confidence.closeness` of the whole complex.
    """
    expected, weights = np.asarray(expected, np.float64), np.asarray(weights, np.float64)
    return float(np.max(np.sum(expected * weights, axis=1) / (np.sum(weights, axis=1) + 1e-8)))
