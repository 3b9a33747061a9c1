"""Frame aligned point error (Algorithm 28), of the backbone and of every atom."""

import jax
import jax.numpy as jnp

from af2jax.geometry.rigid import Rigid
from af2jax.losses.symmetry import known, other_name_is_better, rename
from af2jax.nn.layers import masked_mean
from af2jax.protein.truth import GROUPS
from af2jax.schema import Outputs, Targets
from af2jax.typing import Array, Bool, Float


def fape(
    frames: Rigid,
    points: Float[Array, "N_pt 3"],
    true_frames: Rigid,
    true_points: Float[Array, "N_pt 3"],
    mask: Bool[Array, "N_fr N_pt"],
    clamp: float = 10.0,
    scale: float = 10.0,
) -> Float[Array, ""]:
    """Algorithm 28 "computeFAPE": the mean error of points seen from frames; unitless.

    Errors stop at `clamp` and are divided by `scale`, both in angstrom. `frames` are [N_fr]. A perfect prediction has
    0.001, from the 1e-4 under the root, which keeps its gradient finite.
    """

    def seen(frames, points):  # x, y and z apart, each [N_fr N_pt]: a CPU then computes several pairs at once
        moved = [points[None, :, i] - frames.trans[:, None, i] for i in range(3)]
        return [sum(frames.rot[:, None, i, axis] * moved[i] for i in range(3)) for axis in range(3)]

    error = sum((a - b) ** 2 for a, b in zip(seen(frames, points), seen(true_frames, true_points), strict=True))
    return masked_mean(jnp.minimum(jnp.sqrt(error + 1e-4), clamp), mask, (0, 1), eps=1e-4) / scale


def backbone(outputs: Outputs, targets: Targets) -> Float[Array, ""]:
    """Algorithm 20, line 17: FAPE of the CA atoms seen from the backbone frames, the mean over the layers; unitless.

    One chain: clamped at 10 angstrom in the share `use_clamped_fape`, not clamped in the rest (section 1.11.5); the
    unit is 10 angstrom. A complex: the mean over the pairs within chains, always clamped so, plus that over the pairs
    between chains, clamped at 1000 angstrom in units of 20.

    These are the numbers of AlphaFold-Multimer's code, which clamps one chain always too (for its networks give a
    `use_clamped_fape` of 1), and which has the greater of d and 1e-4 for the root of d^2 + 1e-4: by up to 0.0015 less.
    """
    return jnp.mean(_by_layer(outputs.structure.frames, targets))


def backbone_last(outputs: Outputs, targets: Targets) -> Float[Array, ""]:
    """The FAPE of `backbone` for the last layer alone, which is that of the predicted structure."""
    return _by_layer(outputs.structure.frames[-1:], targets)[0]


def _by_layer(frames: Rigid, targets: Targets) -> Float[Array, "N_layer"]:
    true = known(targets)
    mask = true.backbone_mask[:, None] & true.backbone_mask[None]
    same = targets.asym_id[:, None] == targets.asym_id[None]
    several = jnp.any(targets.seq_mask[:, None] & targets.seq_mask[None] & ~same)
    share = jnp.where(several, 1, targets.use_clamped_fape)

    def layer(frames):
        error = lambda pairs, *limits: fape(frames, frames.trans, true.backbone, true.backbone.trans, pairs, *limits)
        within = error(mask & same, 10.0) * share + error(mask & same, jnp.inf) * (1 - share)
        return within + error(mask & ~same, 1000.0, 20.0)

    return jax.vmap(layer)(frames)


def side_chains(outputs: Outputs, targets: Targets) -> Float[Array, ""]:
    """Algorithm 20, line 28: FAPE of all atoms seen from all rigid groups, of the last layer and the better names."""
    predicted, true = outputs.structure, known(targets)
    true = rename(true, other_name_is_better(predicted.atom14, true))
    flat = lambda x: x.reshape(-1, *x.shape[2:])
    frames = lambda groups: jax.tree.map(flat, groups[:, GROUPS])
    mask = flat(true.group_mask[:, GROUPS])[:, None] & flat(true.atom14_mask)[None]
    return fape(frames(predicted.groups), flat(predicted.atom14), frames(true.groups), flat(true.atom14), mask)
