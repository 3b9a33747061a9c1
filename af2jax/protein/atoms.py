"""Algorithm 24 "computeAllAtomCoordinates" in two steps, and the two layouts of a residue's atoms.

Positions are in angstrom. Codes are 0 to 20; X (20) has no atoms, and its groups are all zero rotations.
"""

import jax.numpy as jnp
import numpy as np

from af2jax.constants.atoms import (
    ATOM14_GROUP,
    ATOM14_LOCAL,
    ATOM14_MASK,
    ATOM37_MASK,
    ATOM37_TO_ATOM14,
    GROUP_FRAMES,
)
from af2jax.geometry.rigid import Rigid
from af2jax.typing import Array, Bool, Float, Int

_MEMBER = ATOM14_GROUP[..., None] == np.arange(8)  # [21 14 8]


def groups(aatype: Int[Array, " N_res"], backbone: Rigid, torsions: Float[Array, "N_res 7 2"]) -> Rigid:
    """Algorithm 24, lines 1 to 10: the frames [N_res 8] of the rigid groups for unit (sine, cosine) `torsions`.

    `backbone` is [N_res]. Groups that a residue type does not have keep a zero rotation at the place of their parent.
    """
    default = jnp.asarray(GROUP_FRAMES, torsions.dtype)[aatype]
    rot, trans = default[..., :3, :3], default[..., :3, 3]
    sin, cos = torsions[..., 0], torsions[..., 1]
    sin = jnp.concatenate([jnp.zeros_like(sin[:, :1]), sin], axis=-1)[..., None]
    cos = jnp.concatenate([jnp.ones_like(cos[:, :1]), cos], axis=-1)[..., None]
    # Algorithm 25 "makeRotX" on the right: x stays, y and z turn.
    x, y, z = rot[..., 0], rot[..., 1], rot[..., 2]
    local = Rigid(jnp.stack([x, cos * y + sin * z, cos * z - sin * y], axis=-1), trans)

    in_backbone = [local[:, i] for i in range(5)]
    for chi in (5, 6, 7):
        in_backbone.append(in_backbone[-1] @ local[:, chi])
    stacked = Rigid(
        jnp.stack([frame.rot for frame in in_backbone], axis=1),
        jnp.stack([frame.trans for frame in in_backbone], axis=1),
    )
    return backbone[:, None] @ stacked


def atom14(aatype: Int[Array, " N_res"], groups: Rigid) -> Float[Array, "N_res 14 3"]:
    """Algorithm 24, line 11: every atom at its ideal place in its group's frame; absent atoms at 0."""
    member = jnp.asarray(_MEMBER)[aatype]  # [N_res 14 8]

    def pick(x):  # not an indexing: the gradient is then a sum in fixed order on every device
        return jnp.sum(jnp.where(member[..., None], x[:, None], 0), axis=2)

    frames = Rigid(pick(groups.rot.reshape(-1, 8, 9)).reshape(-1, 14, 3, 3), pick(groups.trans))
    positions = frames.apply(jnp.asarray(ATOM14_LOCAL, groups.trans.dtype)[aatype])
    return jnp.where(jnp.asarray(ATOM14_MASK)[aatype][..., None], positions, 0)


def atom14_to_atom37(atom14: Float[Array, "N_res 14 3"], aatype: Int[Array, " N_res"]) -> Float[Array, "N_res 37 3"]:
    """The same atoms, one column for each atom name; atoms that the residue type does not have at 0."""
    slot = jnp.asarray(ATOM37_TO_ATOM14)[aatype]
    positions = jnp.take_along_axis(atom14, slot[..., None], axis=1)
    return jnp.where(jnp.asarray(ATOM37_MASK)[aatype][..., None], positions, 0)


def atom14_mask(aatype: Int[Array, " N_res"], seq_mask: Bool[Array, " N_res"]) -> Bool[Array, "N_res 14"]:
    """Which atoms of the 14 the residue types have, nowhere in padding."""
    return jnp.asarray(ATOM14_MASK)[aatype] & seq_mask[:, None]


def atom37_mask(aatype: Int[Array, " N_res"], seq_mask: Bool[Array, " N_res"]) -> Bool[Array, "N_res 37"]:
    """Which atoms of the 37 the residue types have, nowhere in padding."""
    return jnp.asarray(ATOM37_MASK)[aatype] & seq_mask[:, None]
