"""From atoms to torsions, backbone frames and the pseudo beta atom; positions are atom37, in angstrom."""

import jax.numpy as jnp
import numpy as np

from af2jax.constants.atoms import CA, CB, CHI_ATOMS, CHI_MASK, CHI_PI_PERIODIC, NUM_TYPES, C, N, O
from af2jax.constants.residues import CODES, UNKNOWN
from af2jax.geometry.angles import dihedral_sin_cos
from af2jax.geometry.rigid import Rigid, orthonormal
from af2jax.typing import Array, Bool, Float, Int

# The four atoms of each of the 7 torsions, as columns of two residues side by side: the one before, then this one.
_BEFORE, _THIS = 0, 37
_BACKBONE_ATOMS = np.array(
    [
        [_BEFORE + CA, _BEFORE + C, _THIS + N, _THIS + CA],  # pre-omega
        [_BEFORE + C, _THIS + N, _THIS + CA, _THIS + C],  # phi
        [_THIS + N, _THIS + CA, _THIS + C, _THIS + O],  # psi, half a turn away from the one at N of the next residue
    ]
)
_ATOMS = np.concatenate([np.broadcast_to(_BACKBONE_ATOMS, [NUM_TYPES, 3, 4]), _THIS + CHI_ATOMS], axis=1)
_EXISTS = np.pad(CHI_MASK, [(0, 0), (3, 0)], constant_values=True)
_SIGN = np.broadcast_to(np.array([1, 1, -1, 1, 1, 1, 1]), _EXISTS.shape)
_SIGN_RENAMED = np.where(np.pad(CHI_PI_PERIODIC, [(0, 0), (3, 0)]), -1, _SIGN)


def torsions(
    aatype: Int[Array, "*batch N_res"],
    positions: Float[Array, "*batch N_res 37 3"],
    atom_mask: Bool[Array, "*batch N_res 37"],
) -> tuple[Float[Array, "*batch N_res 7 2"], Float[Array, "*batch N_res 7 2"], Bool[Array, "*batch N_res 7"]]:
    """(sine, cosine) of pre-omega, phi, psi and chi 1 to 4; the same under the other naming; which of them exist.

    The row before is taken for the residue before, whatever its number or chain. The other naming turns pi-periodic chi
    angles by half a turn. A torsion of which an atom is absent is (1, 0), as in DeepMind's model. Codes above 20 count
    as X, which has no chi.
    """
    aatype = jnp.minimum(aatype, UNKNOWN)
    index = jnp.asarray(_ATOMS, np.int32)[aatype]  # [*batch N_res 7 4]
    atoms = _gather(positions, index)
    mask = jnp.asarray(_EXISTS)[aatype] & jnp.all(_gather(atom_mask[..., None], index)[..., 0], axis=-1)
    sin_cos = dihedral_sin_cos(*(atoms[..., i, :] for i in range(4)))
    undefined = jnp.broadcast_to(jnp.array([1, 0], sin_cos.dtype), sin_cos.shape)

    def signed(table):
        sign = jnp.asarray(table, sin_cos.dtype)[aatype][..., None]
        return jnp.where(mask[..., None], sin_cos * sign, undefined)

    return signed(_SIGN), signed(_SIGN_RENAMED), mask


def _gather(x, index):
    """Columns `index` [*batch N_res 7 4] of two residues' 74 atoms: the one before (zeros if none), this one."""
    before = jnp.concatenate([jnp.zeros_like(x[..., :1, :, :]), x[..., :-1, :, :]], axis=-3)
    pairs = jnp.concatenate([before, x], axis=-2)
    flat = index.reshape(*index.shape[:-2], 28, 1)
    return jnp.take_along_axis(pairs, flat, axis=-2).reshape(*index.shape, x.shape[-1])


def backbone_frames(
    positions: Float[Array, "*batch N_res 37 3"], atom_mask: Bool[Array, "*batch N_res 37"]
) -> tuple[Rigid, Bool[Array, "*batch N_res"]]:
    """Algorithm 21 "rigidFrom3Points" of N, CA, C: the frame of every residue, and where all three atoms are present.

    CA is the origin, C on the positive x axis, N in the xy plane with y > 0. Elsewhere the frame is finite, but
    need not be a rotation.
    """
    n, ca, c = (positions[..., atom, :] for atom in (N, CA, C))
    mask = atom_mask[..., N] & atom_mask[..., CA] & atom_mask[..., C]
    return Rigid(orthonormal(c - ca, n - ca), ca), mask


def pseudo_beta(aatype: Int[Array, "*batch"], positions: Float[Array, "*batch 37 3"]) -> Float[Array, "*batch 3"]:
    """The position of CB, for glycine of CA."""
    return jnp.where((aatype == CODES["G"])[..., None], positions[..., CA, :], positions[..., CB, :])


def pseudo_beta_mask(aatype: Int[Array, "*batch"], atom_mask: Bool[Array, "*batch 37"]) -> Bool[Array, "*batch"]:
    """Whether the atom of `pseudo_beta` is present."""
    return jnp.where(aatype == CODES["G"], atom_mask[..., CA], atom_mask[..., CB])
