"""What the network says of each pair of chains: pTM and ipTM, error across the interface, pDockQ, ipSAE and others.

A table over chains is [N_chain N_chain] in the order of `chains`, and its diagonal belongs to single chains. It is
symmetric, but for the directed scores (`Directed`). One chain has a pTM and no interface. Residues that `mask` excludes
do not count, whatever they hold.

Two residues of different chains are in contact if their CB atoms (CA of glycine) are within 8 angstrom of each other in
the predicted structure, 8 included; the residues in contact are the interface. This is how pDockQ counts (Bryant et
al., Nature Communications 13, 1265, 2022).
"""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from af2jax.constants.atoms import CA, CB
from af2jax.constants.residues import CODES
from af2jax.metrics import directed
from af2jax.metrics.confidence import closeness
from af2jax.metrics.distogram import CONTACT
from af2jax.typing import Array, Bool, Float, Int

LIMIT, SLOPE, MIDDLE, FLOOR = 0.724, 0.052, 152.611, 0.018  # pDockQ's sigmoid, as published


class Directed(NamedTuple):
    """Scores of ordered pairs of chains [N_chain N_chain]: the chain of the row is aligned, that of the column scored;
    NaN on the diagonal. See `metrics.directed`."""

    ipsae: np.ndarray
    pdockq2: np.ndarray
    lis: np.ndarray
    clis: np.ndarray
    chain_pdockq2: np.ndarray  # [N_chain], of each chain and all others


class Interfaces(NamedTuple):
    """What is known of each pair of chains without the network's logits; see `interfaces`."""

    chains: np.ndarray  # int [N_chain], the numbers of the chains, rising
    contacts: np.ndarray  # int [N_chain N_chain] pairs of residues; 0 on the diagonal
    pae: np.ndarray | None  # [N_chain N_chain] angstrom, mean over the contacts; NaN without contacts; None: no PAE
    plddt: np.ndarray  # [N_chain N_chain] mean of the interface, 0 to 100; NaN without contacts
    pdockq: np.ndarray  # [N_chain N_chain] 0 to 0.742; 0 without contacts; NaN on the diagonal
    directed: Directed | None = None  # None: one chain, or no PAE


def chains(asym_id: Int[np.ndarray, " N_res"], mask: Bool[np.ndarray, " N_res"]) -> Int[np.ndarray, " N_chain"]:
    """The numbers of the chains that have a residue in `mask`, rising: the order of every table here."""
    return np.unique(np.asarray(asym_id)[mask])


@jax.jit
def expected_tm(
    logits: Float[Array, "N_res N_res 64"], mask: Bool[Array, " N_res"], asym_id: Int[Array, " N_res"]
) -> Float[Array, "N_res N_res"]:
    """Section 1.9.7: what residue j (column) aligned on residue i (row) is expected to add to the TM-score, 0 to 1.

    The TM-score is that of the chain or of the two chains that i and j are of, so d0 follows from how many residues in
    `mask` these have. `chain_tm` needs no more than this of the logits, so a compiled pass may keep it in their place.
    """
    weight = mask.astype(logits.dtype)
    same = asym_id[:, None] == asym_id[None]
    length = jnp.sum(jnp.where(same, weight[None], 0), axis=-1)  # of its chain, for each residue
    length = jnp.where(same, length[:, None], length[:, None] + length[None])
    return closeness(logits, length)


def chain_tm(
    expected: Float[np.ndarray, "N_res N_res"], asym_id: Int[np.ndarray, " N_res"], mask: Bool[np.ndarray, " N_res"]
) -> Float[np.ndarray, "N_chain N_chain"]:
    """The pTM of each chain (diagonal) and the ipTM of each pair of chains, 0 to 1; `expected` is `expected_tm`'s.

    Section 1.9.7 and Evans et al. 2021, for the residues of one chain or of two alone: DeepMind's
    `predicted_tm_score` with a residue weight of 1 there and 0 elsewhere. For two chains the ipTM of the pair is that
    of the complex; of more chains it is not a part of the complex's, because d0 is that of the two.
    """
    expected = np.asarray(expected, np.float64)
    rows = [np.flatnonzero((np.asarray(asym_id) == chain) & mask) for chain in chains(asym_id, mask)]
    best = lambda a, b: np.max(np.sum(expected[np.ix_(a, b)], axis=1) / (len(b) + 1e-8))
    return np.array([[max(best(a, b), best(b, a)) for b in rows] for a in rows]).reshape(len(rows), len(rows))


def chain_scores(
    logits: Float[Array, "N_res N_res 64"], mask: Bool[Array, " N_res"], asym_id: Int[Array, " N_res"]
) -> Float[np.ndarray, "N_chain N_chain"]:
    """`chain_tm` of logits."""
    expected = np.asarray(expected_tm(logits, mask, asym_id))
    return chain_tm(expected, np.asarray(asym_id), np.asarray(mask))


def ranking(ptm: float, iptm: float | None) -> float | None:
    """What complexes are ranked by, 0 to 1: 0.8 ipTM + 0.2 pTM (Evans et al. 2021); None for one chain."""
    return None if iptm is None else 0.8 * iptm + 0.2 * ptm


def touching(
    aatype: Int[np.ndarray, " N_res"],
    positions: Float[np.ndarray, "N_res 37 3"],
    atom_mask: Bool[np.ndarray, "N_res 37"],
    asym_id: Int[np.ndarray, " N_res"],
) -> Bool[np.ndarray, "N_res N_res"]:
    """Which residues of different chains have CB atoms (CA of glycine) within 8 angstrom; without the atom, none."""
    column, every = np.where(np.asarray(aatype) == CODES["G"], CA, CB), np.arange(len(aatype))
    near = _within(np.asarray(positions)[every, column], np.asarray(atom_mask)[every, column])
    return near & (np.asarray(asym_id)[:, None] != np.asarray(asym_id)[None])


def _within(points: np.ndarray, present: np.ndarray) -> np.ndarray:
    """bool [N N]: points within 8 angstrom of each other, of those that are present."""
    present = np.flatnonzero(present)
    points, out = np.asarray(points, np.float64)[present], np.zeros((len(points), len(points)), bool)
    for i, point in zip(present, points, strict=True):
        out[i, present] = np.sum((points - point) ** 2, axis=-1) <= CONTACT**2
    return out


def pdockq(plddt: float, contacts: int) -> float:
    """pDockQ (Bryant et al., Nature Communications 13, 1265, 2022): the DockQ to be expected of two chains, 0 to 0.742.

    0.724 / (1 + exp(-0.052 (x - 152.611))) + 0.018, with x the mean pLDDT of the interface (0 to 100) times the
    logarithm to base 10 of the number of contacts; and 0 without contacts. Fitted to heterodimers.
    """
    if not contacts:
        return 0.0
    return float(LIMIT / (1 + np.exp(-SLOPE * (plddt * np.log10(contacts) - MIDDLE))) + FLOOR)


def interfaces(
    aatype: Int[np.ndarray, " N_res"],
    positions: Float[np.ndarray, "N_res 37 3"],
    atom_mask: Bool[np.ndarray, "N_res 37"],
    plddt: Float[np.ndarray, " N_res"],
    asym_id: Int[np.ndarray, " N_res"],
    pae: Float[np.ndarray, "N_res N_res"] | None = None,
) -> Interfaces:
    """Contacts, mean PAE, mean pLDDT, pDockQ and the directed scores of each pair of chains of a predicted structure.

    The mean PAE is over the contacts, of each both errors: of one residue aligned on the other and the reverse. The
    mean pLDDT is over the residues of the interface, each counting once however many contacts it has. One chain gives
    tables of one cell, in which nothing is known.

    Args:
        plddt: 0 to 100.
        pae: angstrom, row aligned on; None where the network has none.
    """
    near, asym_id = touching(aatype, positions, atom_mask, asym_id), np.asarray(asym_id)
    names = chains(asym_id, np.ones(len(asym_id), bool))
    rows = [np.flatnonzero(asym_id == chain) for chain in names]
    shape = (len(rows), len(rows))
    count, error, sure, score = np.zeros(shape, int), *(np.full(shape, np.nan) for _ in range(3))
    for i, j in zip(*np.triu_indices(len(rows), 1), strict=True):
        a, b = rows[i], rows[j]
        x, y = np.nonzero(near[np.ix_(a, b)])
        pair = ([i, j], [j, i])
        count[pair] = len(x)
        if len(x):
            sure[pair] = np.mean(np.asarray(plddt, np.float64)[np.concatenate([a[np.unique(x)], b[np.unique(y)]])])
            if pae is not None:
                error[pair] = np.mean([np.mean(pae[a[x], b[y]], dtype=float), np.mean(pae[b[y], a[x]], dtype=float)])
        score[pair] = pdockq(sure[i, j], len(x))
    found = Interfaces(names, count, None if pae is None else error, sure, score)
    if pae is None or len(rows) < 2:
        return found
    alphas = _within(np.asarray(positions)[:, CA], np.asarray(atom_mask)[:, CA])
    return found._replace(directed=_directed(rows, near, alphas, np.asarray(plddt), sure, np.asarray(pae)))


def _directed(rows, near, alphas, plddt, sure, pae) -> Directed:
    """The directed scores; `near` and `alphas`: contacts between CB and between CA atoms."""
    tables = {name: np.full((len(rows), len(rows)), np.nan) for name in ("ipsae", "pdockq2", "lis", "clis")}
    for i, j in itertools.permutations(range(len(rows)), 2):
        block = np.ix_(rows[i], rows[j])
        tables["ipsae"][i, j] = directed.ipsae(pae[block])
        tables["pdockq2"][i, j] = directed.pdockq2(pae[block], near[block], sure[i, j])
        tables["lis"][i, j] = directed.lis(pae[block])
        tables["clis"][i, j] = directed.lis(pae[block], near[block])
    every = np.concatenate(rows)
    others = [np.ix_(own, np.setdiff1d(every, own)) for own in rows]
    chain = [directed.chain_pdockq2(pae[x], alphas[x], plddt[own]) for own, x in zip(rows, others, strict=True)]
    return Directed(**tables, chain_pdockq2=np.array(chain))


def contact_tm(
    expected: Float[np.ndarray, "N_res N_res"],
    weights: Float[np.ndarray, "N_res N_res"],
    asym_id: Int[np.ndarray, " N_res"],
) -> tuple[float, Float[np.ndarray, "N_chain N_chain"]]:
    """actifpTM of several chains and of each pair of them (0 on the diagonal), 0 to 1, as ColabFold has them.

    Args:
        expected: `confidence.closeness` with the d0 of the whole complex, for the pairs too.
        weights: `directed.contact_weights`.
    """
    asym_id = np.asarray(asym_id)
    names = chains(asym_id, np.ones(len(asym_id), bool))
    rows = [np.flatnonzero(asym_id == chain) for chain in names]
    table = np.zeros((len(rows), len(rows)))
    for i, j in itertools.permutations(range(len(rows)), 2):
        block = np.ix_(rows[i], rows[j])
        table[i, j] = directed.actifptm(expected[block], weights[block])
    between = np.where(asym_id[:, None] != asym_id[None], weights, 0)
    return directed.actifptm(expected, between), np.maximum(table, table.T)
