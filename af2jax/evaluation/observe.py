"""One protein through the network, and everything that a report reads of it, after each pass and each layer."""

from dataclasses import dataclass

import jax
import numpy as np

from af2jax.compilation import Jitted
from af2jax.evaluation.subject import Subject
from af2jax.inference import check_finite, passes
from af2jax.metrics import interface
from af2jax.protein import atoms
from af2jax.schema import Features, StructureOutput


@dataclass(frozen=True)
class Observed:
    """What the network says of a protein, padding included; positions in angstrom.

    Attributes:
        layers: float [N_pass N_layer N_res 37 3], the atoms by each layer of the structure module in each pass.
        atom_mask: bool [N_res 37].
        rot: float [N_res 3 3], of the last layer's backbone frames.
        torsions: float [N_res 7 2], of the last layer.
        plddt: float [N_pass N_res], 0 to 100.
        pae: float [N_res N_res], or None.
        ptm: or None.
        distances, contacts: float [N_res N_res], by the distogram, or None.
        single: float [c_s], the mean of the single representation over the residues.
        residues: float [N_res c_s], the single representation.
        heads: what each new head says: logits or numbers.
        iptm: of several chains, or None.
        chain_tm: float [N_chain N_chain] pTM of each chain and ipTM of each pair (`interface.chain_tm`), or None.
    """

    layers: np.ndarray
    atom_mask: np.ndarray
    rot: np.ndarray
    torsions: np.ndarray
    plddt: np.ndarray
    pae: np.ndarray | None
    ptm: float | None
    distances: np.ndarray | None
    contacts: np.ndarray | None
    single: np.ndarray
    residues: np.ndarray
    heads: dict[str, np.ndarray]
    iptm: float | None = None
    chain_tm: np.ndarray | None = None

    @property
    def positions(self) -> np.ndarray:
        """float [N_res 37 3], the prediction."""
        return self.layers[-1, -1]


@Jitted
def _layers(aatype, structure: StructureOutput):
    """float [N_layer N_res 37 3], the atoms by each layer of the structure module; the last are the prediction's."""
    build = lambda frames, torsions: atoms.atom14(aatype, atoms.groups(aatype, frames, torsions))
    layers = jax.vmap(lambda f, t: atoms.atom14_to_atom37(build(f, t), aatype))(structure.frames, structure.torsions)
    return layers.at[-1].set(structure.atom37)


def observe(subject: Subject, features: Features, name: str) -> Observed:
    """Everything that the network says of `features`, after `subject.recycles` recycles.

    Raises:
        InputError: something is not finite; the message has `name` and what it is.
    """
    mask, layers, plddt = np.asarray(features.seq_mask), [], []
    for found in passes(subject.model, subject.params, features, subject.recycles):
        layers.append(np.asarray(_layers(features.aatype, found.structure)))
        plddt.append(np.asarray(found.scores["plddt"]))
    structure, scores, heads = jax.device_get((found.structure, found.scores, found.heads))
    cut = lambda value: value[mask] if value.ndim == 2 else value[mask][:, mask] if value.ndim > 2 else value
    pairs = {what: scores[what][mask][:, mask] for what in ("pae", "distances") if what in scores}
    looked = {"atoms": np.stack(layers)[:, :, structure.atom37_mask], "plddt": np.stack(plddt)[:, mask]}
    looked |= pairs | {"single": scores["single"][mask]}
    check_finite(name, looked | {f'head "{head}"': cut(value) for head, value in heads.items()})
    expected = scores.get("expected_tm")
    number = lambda what: float(scores[what]) if what in scores else None
    return Observed(
        layers=np.stack(layers),
        atom_mask=structure.atom37_mask,
        rot=structure.frames.rot[-1],
        torsions=structure.torsions[-1],
        plddt=np.stack(plddt),
        pae=scores.get("pae"),
        ptm=number("ptm"),
        distances=scores.get("distances"),
        contacts=scores.get("contacts"),
        single=scores["single"][mask].mean(0),
        residues=scores["single"],
        heads=heads,
        iptm=number("iptm"),
        chain_tm=None if expected is None else interface.chain_tm(expected, np.asarray(features.asym_id), mask),
    )
