"""What a known structure says of itself: everything that the losses compare a prediction with, derived from its atoms.

Some atoms have two names for one molecule (supplement, Table 3): half a turn of the last chi of ASP, GLU, PHE or TYR
changes the names and nothing else. Fields called `renamed` hold the structure under the other names.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import struct

from af2jax.constants.atoms import (
    ATOM14_MASK,
    ATOM14_SWAP,
    ATOM14_TO_ATOM37,
    CA,
    CHI_ATOMS,
    CHI_MASK,
    CHI_PI_PERIODIC,
    NUM_TYPES,
    C,
    N,
    O,
)
from af2jax.constants.residues import UNKNOWN
from af2jax.geometry.rigid import Rigid
from af2jax.protein import frames
from af2jax.typing import Array, Bool, Float, Int

# Of each rigid group, the atoms on the negative x axis, at the origin and in the xy plane (columns of atom37).
_BASE = np.zeros([NUM_TYPES, 8, 3], np.int32)
_BASE[:, 3] = [CA, C, O]
_BASE[:, 4:] = CHI_ATOMS[:, :, 1:]
_HAS_GROUP = np.pad(CHI_MASK, [(0, 0), (4, 0)])  # groups 1 and 2 hold no heavy atom, so that nothing is known of them
_HAS_GROUP[:, [0, 3]] = True
GROUPS = np.flatnonzero(_HAS_GROUP.any(axis=0)).astype(np.int32)  # those of which a structure can tell
_BASE[:, 0] = [C, CA, N]
_TURNS = np.pad(CHI_PI_PERIODIC, [(0, 0), (4, 0)])  # the group that the other naming turns by half a turn
_AMBIGUOUS = np.arange(14) != ATOM14_SWAP  # [21 14]


@struct.dataclass
class Truth:
    """A known structure as the losses need it; positions in angstrom, 0 where absent."""

    atom14: Any  # float [N_res 14 3]
    atom14_mask: Any  # bool [N_res 14] observed
    atom14_renamed: Any  # float [N_res 14 3]
    atom14_renamed_mask: Any  # bool [N_res 14]
    ambiguous: Any  # bool [N_res 14] the atom has two names
    groups: Rigid  # [N_res 8] rigid groups
    groups_renamed: Rigid  # [N_res 8]
    group_mask: Any  # bool [N_res 8] the group exists and its three atoms were observed
    backbone: Rigid  # [N_res]
    backbone_mask: Any  # bool [N_res] N, CA and C were observed
    chi: Any  # float [N_res 4 2] sine, cosine; (1, 0) where undefined
    chi_mask: Any  # bool [N_res 4]
    chi_pi_periodic: Any  # bool [N_res 4] half a turn gives the same molecule
    beta: Any  # float [N_res 3] CB, for glycine CA
    beta_mask: Any  # bool [N_res]


def truth(
    aatype: Int[Array, " N_res"], positions: Float[Array, "N_res 37 3"], atom_mask: Bool[Array, "N_res 37"]
) -> Truth:
    """Everything that follows from the observed atoms, each residue by itself; codes above 20 count as X.

    Nothing depends on a position that `atom_mask` excludes, unless a mask of the result excludes it too.
    """
    aatype = jnp.minimum(aatype, UNKNOWN)

    def table(x):
        return jnp.asarray(x)[aatype]

    atoms, mask = atom14(aatype, positions, atom_mask)
    swap = table(ATOM14_SWAP)
    groups, group_mask = group_frames(aatype, positions, atom_mask)
    turned = jnp.asarray([1, -1, -1], positions.dtype)  # half a turn about x, on the right
    turn = jnp.where(table(_TURNS)[..., None], turned[None, None], jnp.ones_like(turned)[None, None])
    backbone, backbone_mask = frames.backbone_frames(positions, atom_mask)
    torsions, _, torsion_mask = frames.torsions(aatype, positions, atom_mask)
    return Truth(
        atom14=atoms,
        atom14_mask=mask,
        atom14_renamed=jnp.take_along_axis(atoms, swap[..., None], axis=1),
        atom14_renamed_mask=jnp.take_along_axis(mask, swap, axis=1),
        ambiguous=table(_AMBIGUOUS),
        groups=groups,
        groups_renamed=groups.replace(rot=groups.rot * turn[..., None, :]),
        group_mask=group_mask,
        backbone=backbone,
        backbone_mask=backbone_mask,
        chi=torsions[:, 3:],
        chi_mask=torsion_mask[:, 3:],
        chi_pi_periodic=table(CHI_PI_PERIODIC),
        beta=frames.pseudo_beta(aatype, positions),
        beta_mask=frames.pseudo_beta_mask(aatype, atom_mask),
    )


def atom14(
    aatype: Int[Array, " N_res"], positions: Float[Array, "N_res 37 3"], atom_mask: Bool[Array, "N_res 37"]
) -> tuple[Float[Array, "N_res 14 3"], Bool[Array, "N_res 14"]]:
    """The atoms that the residue types have, packed, and which of them were observed; absent ones are at 0."""
    column = jnp.asarray(ATOM14_TO_ATOM37)[aatype]
    mask = jnp.take_along_axis(atom_mask, column, axis=1) & jnp.asarray(ATOM14_MASK)[aatype]
    return jnp.where(mask[..., None], jnp.take_along_axis(positions, column[..., None], axis=1), 0), mask


def group_frames(
    aatype: Int[Array, " N_res"], positions: Float[Array, "N_res 37 3"], atom_mask: Bool[Array, "N_res 37"]
) -> tuple[Rigid, Bool[Array, "N_res 8"]]:
    """Algorithm 21 "rigidFrom3Points" of the frames [N_res 8] of the rigid groups (Table 2), and which are known.

    Frames that are not known are finite, but need not be rotations.
    """
    base = jnp.asarray(_BASE)[aatype]  # [N_res 8 3]
    flat = base.reshape(-1, 24)
    atoms = jnp.take_along_axis(positions, flat[..., None], axis=1).reshape(-1, 8, 3, 3)
    seen = jnp.all(jnp.take_along_axis(atom_mask, flat, axis=1).reshape(-1, 8, 3), axis=-1)
    groups = Rigid.from_three_points(atoms[:, :, 0], atoms[:, :, 1], atoms[:, :, 2])
    # The backbone's x axis points to its C, the others' away from the first atom: half a turn about y.
    turn = np.ones([1, 8, 1, 3])
    turn[:, 0, :, [0, 2]] = -1
    return groups.replace(rot=groups.rot * jnp.asarray(turn, positions.dtype)), seen & jnp.asarray(_HAS_GROUP)[aatype]
