"""Complexes against their known structures: which copy is which, and DockQ of each interface."""

from collections.abc import Sequence

import numpy as np

from af2jax.constants.atoms import CA
from af2jax.data import items as reading
from af2jax.data.dataset import Item
from af2jax.evaluation.observe import Observed
from af2jax.losses.assignment import Chains, assign
from af2jax.metrics.dockq import DockQ, dockq, same_residues
from af2jax.protein.record import chain_name
from af2jax.schema import Features, Targets, num_chains


def names(item: Item, features: Features) -> list[str]:
    """What the chains of a complex are called: as its table or file has it ("H,L"), or A, B; [] for one chain."""
    count = num_chains(features)
    if count == 1:
        return []
    given = reading.read_item(item).name.split(",")
    fits = len({*given}) == len(given) == count and all(name.isprintable() and name.split() for name in given)
    return given if fits else [chain_name(i) for i in range(count)]


def matched(seen: Observed, features: Features, targets: Targets) -> Targets:
    """`targets` with copies of one sequence in the order that suits the prediction (Evans et al. 2021, section 7.3).

    Chains whose sequences all differ keep their places; labels stay.
    """
    rows, atoms = np.asarray(features.seq_mask), np.asarray(targets.atom_mask)
    asym_id, entity_id, index = (np.asarray(x) for x in (features.asym_id, features.entity_id, features.residue_index))
    if len(np.unique(asym_id[rows])) == len(np.unique(entity_id[rows])):
        return targets
    known = np.asarray(targets.positions)
    same = (index, asym_id, entity_id, rows)
    found = assign(
        Chains(seen.positions[:, CA], seen.atom_mask[:, CA] & rows, *same),
        Chains(known[:, CA], atoms[:, CA] & rows, *same),
    )
    mask = (found >= 0)[:, None] & atoms[found]
    return targets.replace(positions=np.where(mask[..., None], known[found], 0), atom_mask=mask)


def docked(seen: Observed, features: Features, targets: Targets) -> DockQ | None:
    """DockQ of every native interface, the assignment of copies being the best; None for one chain.

    Chains are numbered from 0 in the order of `asym_id`.
    """
    rows = np.asarray(features.seq_mask)
    chain = np.unique(np.asarray(features.asym_id)[rows], return_inverse=True)[1]
    if not chain.any():
        return None
    aatype, index = np.asarray(features.aatype)[rows], np.asarray(features.residue_index)[rows]
    model = seen.positions[rows], seen.atom_mask[rows], chain
    true = np.asarray(targets.positions)[rows], np.asarray(targets.atom_mask)[rows], chain
    present = [atoms.any(1) for _, atoms, _ in (model, true)]
    pairing = same_residues(aatype, chain, present[0], aatype, chain, present[1], (index, index))
    return dockq(*model, *true, pairing)


def interfaces(found: DockQ | None, chains: Sequence[str], tm: np.ndarray | None) -> list[dict]:
    """Each native interface as files have it: "chains" of the prediction as "A-B", its scores, "iptm" or None."""
    out = []
    for one in found.interfaces if found else ():
        numbers = {name: float(getattr(one, name)) for name in ("dockq", "fnat", "irms", "lrms")}
        known = {name: x if np.isfinite(x) else None for name, x in numbers.items()}
        pair = "-".join(chains[i] for i in one.model_chains)
        iptm = None if tm is None else float(tm[one.model_chains])
        out.append({"chains": pair, **known, "quality": one.quality, "contacts": one.contacts, "iptm": iptm})
    return out
