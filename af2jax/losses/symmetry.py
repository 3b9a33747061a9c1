"""Two names for one molecule: the truth under the names that suit the prediction.

Of atoms, Algorithm 26; of chains, Evans et al. 2021, section 7.3.
"""

import jax
import jax.numpy as jnp

from af2jax.constants.atoms import CA
from af2jax.geometry.lddt import distances
from af2jax.geometry.rigid import Rigid
from af2jax.losses.assignment import Chains, assign
from af2jax.protein.truth import Truth, truth
from af2jax.schema import FullComplex, Outputs, Targets
from af2jax.typing import Array, Bool, Float, Int


def known(targets: Targets) -> Truth:
    """What follows from the known structure, nothing of it in padding."""
    return truth(targets.aatype, targets.positions, targets.atom_mask & targets.seq_mask[:, None])


def other_name_is_better(atom14: Float[Array, "N_res 14 3"], truth: Truth) -> Bool[Array, " N_res"]:
    """Algorithm 26 "renameSymmetricGroundTruthAtoms", lines 1 to 5: for each residue, whether to rename its atoms.

    Under the better names the distances from the ambiguous atoms to all others of one name come closer to the truth's.
    Nothing is differentiated. Of two atoms that may exchange names only one may have been observed: as in DeepMind's
    code the other is then taken to be at the origin, which as a rule leaves the names as they are.
    """
    flat = lambda x: x.reshape(-1, *x.shape[2:])
    predicted = distances(flat(jax.lax.stop_gradient(atom14)))
    pairs = flat(truth.atom14_mask & truth.ambiguous)[:, None] & flat(truth.atom14_mask & ~truth.ambiguous)[None]

    def misfit(true):  # [N_res] angstrom
        error = jnp.sqrt(1e-10 + (predicted - distances(flat(true))) ** 2)
        return jnp.sum(jnp.where(pairs, error, 0).reshape(len(atom14), -1), axis=-1)

    return misfit(truth.atom14_renamed) < misfit(truth.atom14)


def rename(truth: Truth, better: Bool[Array, " N_res"]) -> Truth:
    """Algorithm 26, lines 6 to 8: `truth` with the other names in the residues of `better`."""

    def either(other, one):
        return jnp.where(better.reshape(-1, *[1] * (one.ndim - 1)), other, one)

    return truth.replace(
        atom14=either(truth.atom14_renamed, truth.atom14),
        atom14_mask=either(truth.atom14_renamed_mask, truth.atom14_mask),
        groups=Rigid(either(truth.groups_renamed.rot, truth.groups.rot), truth.groups.trans),
    )


def matching(
    outputs: Outputs,
    targets: Targets,
    entity_id: Int[Array, " N_res"],
    full: Targets | FullComplex,
    full_entity_id: Int[Array, " N_all"],
) -> Int[Array, " N_res"]:
    """Evans et al. 2021, section 7.3: for each residue its row in `full`, -1 where it has none; see `permute`."""
    ca = jax.lax.stop_gradient(outputs.structure.atom37[:, CA])
    predicted = Chains(ca, targets.seq_mask, targets.residue_index, targets.asym_id, entity_id, targets.seq_mask)
    seen = full.atom_mask[:, CA] & full.seq_mask
    known = Chains(full.positions[:, CA], seen, full.residue_index, full.asym_id, full_entity_id, full.seq_mask)
    shape = jax.ShapeDtypeStruct(targets.aatype.shape, jnp.int32)
    return jax.pure_callback(assign, shape, predicted, known, vmap_method="sequential")


def permute(
    outputs: Outputs,
    targets: Targets,
    entity_id: Int[Array, " N_res"],
    full: Targets | FullComplex,
    full_entity_id: Int[Array, " N_all"],
) -> Targets:
    """Evans et al. 2021, section 7.3: `targets` with the known chains in the order that suits the prediction.

    Every chain of `targets` gets the atoms of the chain of `full` that `assignment.assign` gives to it, residue by
    residue_index; residues that this chain does not have count as not observed. Only `positions` and `atom_mask`
    change. `labels` stay: those that differ between copies follow with `matching`. A complex whose chains all differ,
    or one chain, keeps its atoms.

    `full` is the known complex that `targets` are a crop of, or `targets` again where nothing was cropped; of it only
    `residue_index`, `asym_id`, `seq_mask`, `positions` and `atom_mask` are read, and it may be padded. `entity_id` is
    that of the features, in one numbering for both.

    Pure, and works under jit, vmap (one after the other), scan and grad, which does not see it: the choice is made by
    NumPy on the host, as the number of chains and of assignments follows from the data. A program that calls the host
    is not kept in JAX's cache on disk.
    """
    row = matching(outputs, targets, entity_id, full, full_entity_id)
    has = row >= 0
    mask = has[:, None] & full.atom_mask[row] & full.seq_mask[row][:, None]
    return targets.replace(positions=jnp.where(mask[..., None], full.positions[row], 0), atom_mask=mask)
