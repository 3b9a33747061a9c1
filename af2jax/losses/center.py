"""How far apart the chains of a complex are (Evans et al. 2021)."""

import jax.numpy as jnp

from af2jax.constants.atoms import CA
from af2jax.geometry.lddt import distances
from af2jax.schema import Outputs, Targets
from af2jax.typing import Array, Bool, Float, Int


def center_of_mass(outputs: Outputs, targets: Targets) -> Float[Array, ""]:
    """Evans et al. 2021: by how much chains are nearer to each other than they should be; unitless.

    The distance of the centres of two chains may fall short of the true one by 4 angstrom; what is beyond that counts
    squared, in units of 20 angstrom, the mean over all pairs of chains. Centres are those of the CA atoms that were
    observed. One chain has 0, and so has every chain that is too far away. The paper's text was not at hand: the form
    is as others describe it. Not in DeepMind's code, and so not in the default weights: with 1 it counts as written
    here, `default_weights(outputs) | {"center_of_mass": 1.0}`.
    """
    seen = targets.atom_mask[:, CA] & targets.seq_mask
    predicted, true = (centers(x[:, CA], targets.asym_id, seen) for x in (outputs.structure.atom37, targets.positions))
    earlier = jnp.tril(targets.asym_id[:, None] == targets.asym_id[None], -1) & seen[None]
    first = seen & ~jnp.any(earlier, axis=-1)  # one residue stands for each chain
    pairs = first[:, None] & first[None] & ~jnp.eye(len(first), dtype=bool)
    short = jnp.minimum(distances(predicted) - distances(true) + 4.0, 0) / 20.0
    return jnp.sum(jnp.where(pairs, short**2, 0)) / jnp.maximum(jnp.sum(pairs.astype(short.dtype)), 1)


def centers(
    x: Float[Array, "N_res 3"], asym_id: Int[Array, " N_res"], mask: Bool[Array, " N_res"]
) -> Float[Array, "N_res 3"]:
    """For each residue, the mean position of those of its chain that are in `mask`, in angstrom; else 0."""
    mates = ((asym_id[:, None] == asym_id[None]) & mask[None]).astype(x.dtype)
    total = jnp.sum(mates[..., None] * jnp.where(mask[:, None], x, 0)[None], axis=1)
    return total / jnp.maximum(jnp.sum(mates, axis=-1, keepdims=True), 1)
