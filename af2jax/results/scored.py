"""A structure and what the network thinks of it, as numbers."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from af2jax.heads import Answer
from af2jax.metrics import interface
from af2jax.metrics.interface import Interfaces
from af2jax.protein.files import Protein

DIRECTED = {"ipsae": 6, "pdockq2": 4, "lis": 4, "clis": 4}  # scores of ordered pairs: digits in files, their programs'


@dataclass(frozen=True)
class Scored:
    """One structure and what the network thinks of it.

    Attributes:
        plddt: float [N_res], 0 to 100.
        pae: float [N_res N_res], angstrom; None where the preset has no such head.
        ptm: 0 to 1, or None.
        iptm: 0 to 1 for several chains, or None.
        protein: the atoms.
        preset: the network's name; where runs of one preset predict together, with that of the run.
        changes: of the CA-CA distances in each pass, angstrom; its length is the number of passes.
        distances: float [N_res N_res], expected between CB atoms by the distogram, angstrom, or None.
        contacts: float [N_res N_res], probability that CB atoms are nearer than 8 angstrom, or None.
        passes: the atoms after each pass, where `predict` was asked to keep them.
        single: float [N_res c_s], the same.
        pair: float [N_res N_res c_z], the same.
        distogram: float [N_res N_res 64], logits, the same.
        chain_tm: float [N_chain N_chain], the pTM of each chain on the diagonal, of each pair its ipTM, 0 to 1, in the
            order of the chains; None for one chain, or where the preset has no PAE.
        actifptm: 0 to 1, of several chains where the preset has PAE, or None.
        chain_actifptm: float [N_chain N_chain], of each pair of chains, 0 on the diagonal, or None.
        heads: what tuned heads answer, by name; {} without any.
    """

    plddt: np.ndarray
    pae: np.ndarray | None
    ptm: float | None
    iptm: float | None
    protein: Protein
    preset: str
    changes: tuple[float, ...]
    distances: np.ndarray | None = None
    contacts: np.ndarray | None = None
    passes: tuple[Protein, ...] = ()
    single: np.ndarray | None = None
    pair: np.ndarray | None = None
    distogram: np.ndarray | None = None
    chain_tm: np.ndarray | None = None
    actifptm: float | None = None
    chain_actifptm: np.ndarray | None = None
    heads: Mapping[str, Answer] = field(default_factory=dict)

    @property
    def ranking(self) -> float:
        """What predictions are ranked by, to 100: mean pLDDT; for complexes 80 ipTM + 20 pTM."""
        return float(np.mean(self.plddt)) if self.iptm is None else 100 * interface.ranking(self.ptm, self.iptm)

    @cached_property
    def interfaces(self) -> Interfaces:
        """Contacts, PAE (angstrom), pLDDT, pDockQ and the directed scores of each pair of chains."""
        p = self.protein
        return interface.interfaces(p.aatype, p.positions, p.atom_mask, self.plddt, p.chain_index, self.pae)

    @property
    def pairs(self) -> dict[str, tuple[int, int]]:
        """The place of each pair of chains in tables of chains, by its name "A-B"."""
        names = list(self.protein.names.values())
        return {f"{names[i]}-{names[j]}": (i, j) for i, j in itertools.combinations(range(len(names)), 2)}

    def chain_scores(self) -> dict[str, dict]:
        """For several chains, as files have it, by chain "A" or pair "A-B".

        ColabFold's names and digits: per_chain_ptm, pairwise_iptm, pairwise_actifptm; ipsae and pdockq2 of each ordered
        pair ("A-B": A is aligned, B scored); pdockq. So also lis and clis, and of the four the smaller of both orders,
        ipsae_min and so on; per_chain_pdockq2 (`directed.chain_pdockq2`); our interface_pae (angstrom, None without
        contacts) and interface_contacts. Without PAE there are pdockq and interface_contacts alone.
        """
        if not (pairs := self.pairs):
            return {}
        found, out, names = self.interfaces, {}, list(self.protein.names.values())
        each = lambda values, digits: {n: round(float(x), digits) for n, x in zip(names, values, strict=True)}
        of_pairs = lambda table, digits: {pair: round(float(table[at]), digits) for pair, at in pairs.items()}
        if self.chain_tm is not None:
            out["per_chain_ptm"] = each(np.diag(self.chain_tm), 3)
            out["pairwise_iptm"] = of_pairs(self.chain_tm, 3)
        if self.chain_actifptm is not None:
            out["pairwise_actifptm"] = of_pairs(self.chain_actifptm, 3)
        if found.directed is not None:
            known = {pair: float(found.pae[at]) for pair, at in pairs.items()}
            out["interface_pae"] = {pair: round(x, 2) if np.isfinite(x) else None for pair, x in known.items()}
            ordered = {f"{names[i]}-{names[j]}": (i, j) for i, j in itertools.permutations(range(len(names)), 2)}
            for name, digits in DIRECTED.items():
                table = getattr(found.directed, name)
                out[name] = {pair: round(float(table[at]), digits) for pair, at in ordered.items()}
                out[f"{name}_min"] = of_pairs(np.minimum(table, table.T), digits)
            out["per_chain_pdockq2"] = each(found.directed.chain_pdockq2, 4)
        out["pdockq"] = of_pairs(found.pdockq, 4)
        return out | {"interface_contacts": {pair: int(found.contacts[at]) for pair, at in pairs.items()}}

    def scores(self) -> dict:
        """ColabFold's scores: plddt; max_pae, pae, ptm, iptm, actifptm where the preset predicts them; notes.

        Chains and their pairs: `chain_scores`. What tuned heads answer is under "heads" (`Answer.json`).
        """
        out = {"plddt": np.round(self.plddt.astype(float), 2).tolist()}
        if self.pae is not None:
            pae = np.round(self.pae.astype(float), 2)
            out |= {"max_pae": float(pae.max()), "pae": pae.tolist()}
        if self.ptm is not None:
            out["ptm"] = round(self.ptm, 2)
        if self.iptm is not None:
            out["iptm"] = round(self.iptm, 2)
        if self.actifptm is not None:
            out["actifptm"] = round(self.actifptm, 3)
        if self.heads:
            out["heads"] = {name: answer.json() for name, answer in self.heads.items()}
        return out | self.chain_scores() | ({"notes": list(self.protein.notes)} if self.protein.notes else {})

    def arrays(self) -> dict[str, np.ndarray]:
        """Every number of the prediction by name; atoms as [N_res 37 3] with their mask."""
        own = ("plddt", "pae", "ptm", "iptm", "chain_tm", "distances", "contacts", "distogram")
        own += ("actifptm", "chain_actifptm")
        atoms = ("aatype", "residue_index", "chain_index", "positions", "atom_mask")
        found = {n: getattr(self, n) for n in own} | {n: getattr(self.protein, n) for n in atoms}
        return {n: np.asarray(x) for n, x in found.items() if x is not None}
