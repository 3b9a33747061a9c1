"""The structure module (Algorithms 20 and 23)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from af2jax.config import Structure
from af2jax.geometry import quaternion
from af2jax.geometry.angles import normalise
from af2jax.geometry.rigid import Rigid
from af2jax.model.ipa import InvariantPointAttention
from af2jax.nn.dropout import Dropout
from af2jax.nn.layers import LayerNorm, Linear, final
from af2jax.nn.stack import repeat
from af2jax.protein import atoms
from af2jax.schema import StructureOutput
from af2jax.typing import Array, Bool, Float, Int


class Torsions(nn.Module):
    """Algorithm 20, lines 11 to 14: seven torsion angles from s and its initial value, (sine, cosine) of any length."""

    channels: int

    @nn.compact
    def __call__(self, s: Float[Array, "N_res c_s"], s_initial: Float[Array, "N_res c_s"]) -> Float[Array, "N_res 7 2"]:
        a = Linear(self.channels, name="s")(nn.relu(s)) + Linear(self.channels, name="s_initial")(nn.relu(s_initial))
        for i in range(2):
            hidden = Linear(self.channels, initializer="he", name=f"hidden_{i}")(nn.relu(a))
            a += final(self.channels, name=f"out_{i}")(nn.relu(hidden))
        return Linear(14, name="angles")(nn.relu(a)).reshape(-1, 7, 2)


def layer(
    module: "StructureModule", carry: tuple[Array, Rigid], s_initial: Array, z: Array, mask: Array
) -> tuple[tuple[Array, Rigid], tuple[Rigid, Array]]:
    """Algorithm 20 "StructureModule", lines 6 to 14: one layer. Carries (s, frames), gives (frames, torsions)."""
    c, (s, frames) = module.config, carry
    ipa = InvariantPointAttention(c.heads, c.scalar_qk, c.scalar_v, c.point_qk, c.point_v, c.qkv_bias, name="ipa")
    s = LayerNorm(name="norm_ipa")(Dropout(c.dropout)(s + ipa(s, z, frames, mask)))
    hidden = s
    for i in range(2):
        hidden = nn.relu(Linear(c.channels, initializer="he", name=f"transition_{i}")(hidden))
    s = LayerNorm(name="norm_transition")(Dropout(c.dropout)(s + final(c.channels, name="transition_2")(hidden)))

    update = final(6, name="backbone")(s)  # Algorithm 23 "BackboneUpdate"
    frames = frames @ Rigid(quaternion.update(update[:, :3]), update[:, 3:])
    torsions = Torsions(c.torsion_channels, name="torsions")(s, s_initial)
    stopped = frames.replace(rot=jax.lax.stop_gradient(frames.rot))  # line 20: no gradient from layer to layer
    return (s, stopped), (frames, torsions)


class StructureModule(nn.Module):
    """Algorithm 20 "StructureModule": backbone frames, torsions and atoms from the single and pair representation.

    `frames` are the starting frames in angstrom; None: all at the origin ("black hole").
    """

    config: Structure

    @nn.compact
    def __call__(
        self,
        s: Float[Array, "N_res c_s"],
        z: Float[Array, "N_res N_res c_z"],
        aatype: Int[Array, "N_res"],
        mask: Bool[Array, "N_res"],
        frames: Rigid | None = None,
    ) -> StructureOutput:
        c = self.config
        s = s_initial = LayerNorm(name="norm_s")(s)
        z = LayerNorm(name="norm_z")(z)
        s = Linear(c.channels, name="initial")(s)
        start = Rigid.identity(aatype.shape, s.dtype) if frames is None else frames.scale(1 / c.position_scale)
        (s, _), (frames, raw) = repeat(layer, self, c.layers)((s, start), s_initial, z, mask)

        frames = frames.scale(c.position_scale)
        torsions = normalise(raw)
        groups = atoms.groups(aatype, frames[-1], torsions[-1])
        atom14 = atoms.atom14(aatype, groups)
        atom37_mask = atoms.atom37_mask(aatype, mask)
        atom37 = jnp.where(atom37_mask[..., None], atoms.atom14_to_atom37(atom14, aatype), 0)
        return StructureOutput(
            frames, torsions, raw, groups, atom14, atoms.atom14_mask(aatype, mask), atom37, atom37_mask, s
        )
