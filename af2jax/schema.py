"""What flows between the rooms: inputs, recycled state and outputs of the network, as pytrees without a batch axis.

`jax.vmap` adds a batch axis. Masks are boolean, True where something is present.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from af2jax.config import Config
from af2jax.errors import InputError
from af2jax.geometry.rigid import Rigid


@struct.dataclass
class Msa:
    """The alignment, one draw per recycling pass: axis 0 of every field is N_cycle (1: the same draw in each pass)."""

    feat: Any  # float [N_cycle N_seq N_res 49] clustered rows (supplement, Table 1)
    mask: Any  # bool [N_cycle N_seq N_res]
    extra: Any  # int [N_cycle N_extra N_res] residue codes 0 to 22 of the rows that are not cluster centres
    extra_mask: Any  # bool [N_cycle N_extra N_res]
    extra_has_deletion: Any  # float [N_cycle N_extra N_res]
    extra_deletion_value: Any  # float [N_cycle N_extra N_res]


@struct.dataclass
class Templates:
    """Known structures aligned to the query; one empty template stands for none."""

    aatype: Any  # int [N_templ N_res] codes 0 to 21
    positions: Any  # float [N_templ N_res 37 3] angstrom
    atom_mask: Any  # bool [N_templ N_res 37]
    mask: Any  # bool [N_templ] True: a template is there


@struct.dataclass
class Features:
    """Everything that the network reads."""

    aatype: Any  # int [N_res] codes 0 to 20
    residue_index: Any  # int [N_res]
    seq_mask: Any  # bool [N_res] False: padding
    asym_id: Any  # int [N_res] one number per chain
    entity_id: Any  # int [N_res] one number per distinct sequence
    sym_id: Any  # int [N_res] the copy of its entity
    target_feat: Any  # float [N_res 22] (AlphaFold-Multimer: 21)
    msa: Any  # Msa, before `cycle` with its leading axis
    templates: Any  # Templates
    ring: Any = None  # int [N_res] residues of the ring that a cyclic chain is, 0 in others; None: no chain is cyclic

    def cycle(self, remaining) -> "Features":
        """The features of the pass that `remaining` more follow (may be traced): the MSA loses its N_cycle axis.

        The last pass reads the last draw; where there are more passes than draws, the first ones share draw 0.
        """
        features = jax.tree.map(jnp.asarray, self)
        draw = jax.tree.map(lambda x: x[jnp.maximum(len(x) - 1 - remaining, 0)], features.msa)
        return features.replace(msa=draw)


@struct.dataclass
class FullComplex:
    """The uncropped ground-truth complex, of which the targets may be a crop."""

    positions: Any  # float [N_all 37 3] angstrom
    atom_mask: Any  # bool [N_all 37]
    seq_mask: Any  # bool [N_all] False: padding
    residue_index: Any  # int [N_all]
    asym_id: Any  # int [N_all]
    entity_id: Any  # int [N_all] as in the features


@struct.dataclass
class Targets:
    """What the losses compare outputs with: a known structure, and the MSA of the last draw before it was masked."""

    aatype: Any  # int [N_res] codes 0 to 20
    residue_index: Any  # int [N_res]
    seq_mask: Any  # bool [N_res] False: padding
    asym_id: Any  # int [N_res] one number per chain
    positions: Any  # float [N_res 37 3] angstrom, 0 where absent
    atom_mask: Any  # bool [N_res 37] the atom was observed
    resolution: Any  # float [] angstrom; 0: none (NMR, a model, unknown)
    true_msa: Any  # int [N_seq N_res] codes 0 to 21
    bert_mask: Any  # bool [N_seq N_res] True: replaced in the features, to be predicted
    use_clamped_fape: Any  # float [] 1: backbone FAPE is clamped, 0: it is not
    labels: Any  # dict of what heads of the user's own predict
    full_complex: Any = None  # FullComplex, where identical chains may be permuted; None: their order is right
    ring: Any = None  # int [N_res] as in the features; None: no chain is cyclic


@struct.dataclass
class Variants:
    """Variants of one wild type with what was measured of each: what `targets.labels` has of a "variant" head.

    N_mut is the largest number of mutations of one; a variant without any is the wild type.
    """

    position: Any  # int [N_var N_mut] from 0; 0 where there is none
    new: Any  # int [N_var N_mut] codes 0 to 19
    mask: Any  # bool [N_var N_mut] False: padding
    value: Any  # float [N_var] NaN where unknown; of classes int, -1 where unknown
    bound: Any  # int [N_var] 0: measured; 1: the value or more; -1: the value or less (censored)
    features: Any = None  # Features of each variant, [N_var ...]; "full" heads read them
    sites: Any = None  # float [N_var N_mut c] in their place, what a frozen trunk says there (`heads.sites`)


@struct.dataclass
class Prev:
    """What one pass hands to the next (Algorithms 30 to 32)."""

    msa_first_row: Any  # float [N_res c_m]
    pair: Any  # float [N_res N_res c_z]
    positions: Any  # float [N_res 37 3] angstrom


@struct.dataclass
class StructureOutput:
    """What the structure module says, in angstrom (Algorithm 20)."""

    frames: Rigid  # [N_layer N_res] backbone frames after each layer
    torsions: Any  # float [N_layer N_res 7 2] sine, cosine; unit length
    torsions_raw: Any  # float [N_layer N_res 7 2] before normalisation
    groups: Rigid  # [N_res 8] rigid groups of the last layer
    atom14: Any  # float [N_res 14 3]
    atom14_mask: Any  # bool [N_res 14]
    atom37: Any  # float [N_res 37 3]
    atom37_mask: Any  # bool [N_res 37]
    single: Any  # float [N_res c] activations of the last layer


@struct.dataclass
class Outputs:
    """What one forward pass returns."""

    msa: Any  # float [N_seq N_res c_m]
    msa_first_row: Any  # float [N_res c_m] row 0 of the MSA representation
    pair: Any  # float [N_res N_res c_z]
    single: Any  # float [N_res c_s]
    structure: StructureOutput
    logits: Any  # dict by head: distogram, masked_msa, resolved, plddt, pae

    @property
    def prev(self) -> Prev:
        """The state that the next pass starts from."""
        return Prev(self.msa_first_row, self.pair, self.structure.atom37)


def blank(config: Config) -> Features:
    """The smallest features that the network accepts: one residue of nothing."""
    ids, one, rows = np.zeros(1, np.int32), np.ones(1, bool), np.zeros((1, 1, 1), np.float32)
    msa = Msa(np.zeros((1, 1, 1, 49), np.float32), rows > 0, rows.astype(np.int32), rows > 0, rows, rows)
    templates = Templates(ids[None], np.zeros((1, 1, 37, 3), np.float32), np.zeros((1, 1, 37), bool), ~one)
    target = np.zeros((1, config.target_features), np.float32)
    return Features(ids, ids, one, ids, ids, ids, target, msa, templates)


def num_chains(features: Features) -> int:
    """The number of chains, padding aside."""
    return len(np.unique(np.asarray(features.asym_id)[np.asarray(features.seq_mask)]))


_AXES = {
    "aatype": "N_res",
    "residue_index": "N_res",
    "seq_mask": "N_res",
    "asym_id": "N_res",
    "entity_id": "N_res",
    "sym_id": "N_res",
    "target_feat": "N_res F",
    "msa.feat": "N_cycle N_seq N_res 49",
    "msa.mask": "N_cycle N_seq N_res",
    "msa.extra": "N_cycle N_extra N_res",
    "msa.extra_mask": "N_cycle N_extra N_res",
    "msa.extra_has_deletion": "N_cycle N_extra N_res",
    "msa.extra_deletion_value": "N_cycle N_extra N_res",
    "templates.aatype": "N_templ N_res",
    "templates.positions": "N_templ N_res 37 3",
    "templates.atom_mask": "N_templ N_res 37",
    "templates.mask": "N_templ",
}


def check_features(features: Features) -> Features:
    """`features`, if every field has the shape that its neighbours imply.

    Raises:
        InputError: a field is misshapen; the message names it, its shape and the shape it needs.
    """
    sizes: dict[str, int] = {}
    for name, axes in _AXES.items():
        value = features
        for part in name.split("."):
            value = getattr(value, part)
        shape = np.shape(value)
        names = axes.split()
        expected = tuple(int(a) if a.isdigit() else sizes.get(a) for a in names)
        if len(shape) != len(names) or any(e is not None and e != s for e, s in zip(expected, shape, strict=True)):
            wanted = ", ".join(f"{a}={e}" if e and not a.isdigit() else a for a, e in zip(names, expected, strict=True))
            raise InputError(f"features.{name} has shape {list(shape)}, expected [{wanted}]")
        sizes |= {a: s for a, s in zip(names, shape, strict=True) if not a.isdigit()}
    if features.ring is not None and np.shape(features.ring) != (sizes["N_res"],):
        raise InputError(f"features.ring has shape {list(np.shape(features.ring))}, expected [N_res={sizes['N_res']}]")
    return features
