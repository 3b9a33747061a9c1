"""One protein through the network, and everything that a report reads of it, after each pass and each layer."""

import functools
from dataclasses import dataclass

import jax
import numpy as np

from af2jax import heads as task_heads
from af2jax.compilation import Jitted
from af2jax.errors import InputError
from af2jax.heads import SCOPE
from af2jax.inference import network
from af2jax.metrics import confidence, distogram, interface
from af2jax.model.alphafold import initial
from af2jax.model.recycle import cycle
from af2jax.protein import atoms
from af2jax.report.subject import Subject, network_of
from af2jax.schema import Features, num_chains


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


@functools.partial(Jitted, static_argnums=(0, 1, 6))
def _pass(model, heads, params: dict, features: Features, left, prev, several):
    """One pass and what is read of it; compiled once for each shape. `heads`: pairs (name, Head); `several`: chains."""
    out = cycle(model, network_of(params), features, left, prev)
    aatype, structure = features.aatype, out.structure
    build = lambda frames, torsions: atoms.atom14(aatype, atoms.groups(aatype, frames, torsions))
    layers = jax.vmap(lambda f, t: atoms.atom14_to_atom37(build(f, t), aatype))(structure.frames, structure.torsions)
    said = {
        "layers": layers.at[-1].set(structure.atom37),
        "atom_mask": structure.atom37_mask,
        "rot": structure.frames.rot[-1],
        "torsions": structure.torsions[-1],
        "plddt": confidence.plddt(out.logits["plddt"]),
        "residues": out.single,
        "heads": task_heads.apply(dict(heads), params.get(SCOPE, {}), out, features),
    }
    if "pae" in out.logits:
        said["pae"] = confidence.pae(out.logits["pae"])
        said["ptm"] = confidence.ptm(out.logits["pae"], features.seq_mask)
    if "pae" in out.logits and several:
        said["iptm"] = confidence.ptm(out.logits["pae"], features.seq_mask, features.asym_id)
        said["expected_tm"] = interface.expected_tm(out.logits["pae"], features.seq_mask, features.asym_id)
    if "distogram" in out.logits:
        said["distances"] = distogram.distances(out.logits["distogram"])
        said["contacts"] = distogram.contacts(out.logits["distogram"])
    return out.prev, said


def observe(subject: Subject, features: Features, name: str) -> Observed:
    """Everything that the network says of `features`, after `subject.recycles` recycles.

    Raises:
        InputError: something is not finite; the message has `name` and what it is.
    """
    prev, layers, plddt, said = initial(features, subject.model.config), [], [], {}
    heads, mask = tuple(subject.heads.items()), np.asarray(features.seq_mask)
    asym_id = np.asarray(features.asym_id)
    several, model = num_chains(features) > 1, network(subject.model, len(features.aatype))
    for left in range(subject.recycles, -1, -1):
        prev, said = _pass(model, heads, subject.params, features, np.int32(left), prev, several)
        layers.append(np.asarray(said.pop("layers")))
        plddt.append(np.asarray(said.pop("plddt")))
    atom_mask = np.asarray(said["atom_mask"])
    heads = {head: np.asarray(value) for head, value in said.pop("heads").items()}
    residues = np.asarray(said["residues"])
    said = {key: np.asarray(value) for key, value in said.items()}
    looked = {
        "atoms": np.stack(layers)[:, :, atom_mask],
        "pLDDT": np.stack(plddt)[:, mask],
        "PAE": said.get("pae", np.zeros((len(mask),) * 2))[mask][:, mask],
        "distogram": said.get("distances", np.zeros((len(mask),) * 2))[mask][:, mask],
        "activations": residues[mask],
    } | {
        f'head "{head}"': value[mask] if value.ndim == 2 else value[mask][:, mask] if value.ndim > 2 else value
        for head, value in heads.items()
    }
    for what, values in looked.items():
        if not np.isfinite(values).all():
            raise InputError(f"{name}: the network's {what} are not finite; check the parameters and the precision")
    optional = {key: said.get(key) for key in ("pae", "distances", "contacts")}
    expected = said.get("expected_tm")
    return Observed(
        layers=np.stack(layers),
        plddt=np.stack(plddt),
        heads=heads,
        single=residues[mask].mean(0),
        ptm=float(said["ptm"]) if "ptm" in said else None,
        iptm=float(said["iptm"]) if "iptm" in said else None,
        chain_tm=None if expected is None else interface.chain_tm(expected, asym_id, mask),
        **{key: said[key] for key in ("atom_mask", "rot", "torsions", "residues")},
        **optional,
    )
