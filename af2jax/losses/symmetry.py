"""Two names for one molecule: the truth under the names that suit the prediction (Algorithm 26)."""

import jax
import jax.numpy as jnp

from af2jax.geometry.lddt import distances
from af2jax.geometry.rigid import Rigid
from af2jax.protein.truth import Truth, truth
from af2jax.schema import Targets
from af2jax.typing import Array, Bool, Float


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
