"""Templates: into the pair representation (Algorithms 16, 17) and as rows of the MSA (Algorithm 2, lines 7, 8)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from af2jax.config import Template
from af2jax.constants.atoms import CA, C, N
from af2jax.model.embed import distogram
from af2jax.model.triangle import pair_updates
from af2jax.nn.attention import Attention
from af2jax.nn.layers import LayerNorm, Linear
from af2jax.nn.runtime import Runtime
from af2jax.nn.stack import each, stack
from af2jax.protein.frames import backbone_frames, pseudo_beta, pseudo_beta_mask, torsions
from af2jax.schema import Templates
from af2jax.typing import Array, Bool, Float

AATYPES = 22  # with X and gap


def pair(mask: Bool[Array, "N_res"]) -> Bool[Array, "N_res N_res"]:
    """Where both residues are present."""
    return mask[:, None] & mask[None]


class TemplateBlock(nn.Module):
    """Algorithm 16 "TemplatePairStack", lines 2 to 6. Attention comes first where templates are fused by attention."""

    config: Template
    runtime: Runtime

    @nn.compact
    def __call__(self, t: Array, pair_mask: Array) -> Array:
        return pair_updates(t, pair_mask, self.config.pair, self.runtime, self.config.fusion == "attention")


def geometry(template: Templates) -> dict[str, Array]:
    """What both embeddings read of one template, [N_res N_res ...]: distances, directions, residue types, masks."""
    aatype, x = template.aatype, template.positions
    _, frame_mask = backbone_frames(x, template.atom_mask)
    num = len(aatype)
    types = jax.nn.one_hot(aatype, AATYPES)
    return {
        "distogram": distogram(pseudo_beta(aatype, x), 3.25, 50.75, 39),
        "beta_mask": pair(pseudo_beta_mask(aatype, template.atom_mask))[..., None],
        "aatype_j": jnp.broadcast_to(types[None], (num, num, AATYPES)),
        "aatype_i": jnp.broadcast_to(types[:, None], (num, num, AATYPES)),
        "direction": directions(x),
        "frame_mask": pair(frame_mask)[..., None],
    }


def directions(positions: Float[Array, "N_res 37 3"]) -> Float[Array, "N_res N_res 3"]:
    """In the backbone frame of residue i the direction towards the CA atom of residue j, of unit length.

    Of a residue towards itself this is a unit vector made of rounding errors, on which AlphaFold-Multimer was trained.
    So that the same errors come out, every product and sum stands here in the order of DeepMind's code, by coordinate.
    """
    n, ca, c = ([positions[:, atom, axis] for axis in range(3)] for atom in (N, CA, C))
    dot = lambda a, b: a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    less = lambda a, b: [x - y for x, y in zip(a, b, strict=True)]

    def unit(a):
        length = jnp.sqrt(jnp.maximum(dot(a, a), 1e-12))
        return [x / length for x in a]

    first, other = unit(less(c, ca)), less(n, ca)
    along = dot(other, first)
    second = unit(less(other, [along * x for x in first]))
    (a, b, c), (d, e, f) = first, second
    axes = (first, second, (b * f - c * e, c * d - a * f, a * e - b * d))
    rows = [[x[:, None] for x in axis] for axis in axes]
    points, origins = [x[None] for x in ca], [-x[:, None] for x in ca]
    return jnp.stack(unit([dot(row, points) + dot(row, origins) for row in rows]), axis=-1)


def embed_jointly(template: Templates, z: Array, channels: int) -> Array:
    """One linear layer of all features. DeepMind's presets feed zeros for the directions."""
    g = geometry(template)
    g["direction"] = jnp.zeros_like(g["direction"])
    t = jnp.concatenate([x.astype(z.dtype) for x in g.values()], axis=-1)
    return Linear(channels, initializer="he", name="embed")(jnp.where(g["frame_mask"], t, 0))


def embed_severally(template: Templates, z: Array, same_chain: Array, channels: int) -> Array:
    """One linear layer for each feature, and one for z; nothing is seen between chains."""
    g = geometry(template)
    for mask, features in (("beta_mask", ("distogram",)), ("frame_mask", ("direction",))):
        g[mask] &= same_chain[..., None]
        g |= {name: jnp.where(g[mask], g[name], 0) for name in features}
    x, y, w = jnp.split(g.pop("direction"), 3, axis=-1)
    g |= {"direction_x": x, "direction_y": y, "direction_z": w, "query": LayerNorm(name="norm_query")(z)}
    layers = (Linear(channels, initializer="he", name=f"embed_{n}")(x.astype(z.dtype)) for n, x in g.items())
    return sum(layers, start=jnp.zeros((), z.dtype))


def one_template(
    module: "TemplateEmbedder", template: Templates, z: Array, pair_mask: Array, same_chain: Array
) -> Float[Array, "N_res N_res c_t"]:
    """Algorithm 2, lines 9 and 11: t of one template, before fusion."""
    c, runtime = module.config, module.runtime
    if c.fusion == "attention":
        t = embed_jointly(template, z, c.channels)
    else:
        t = embed_severally(template, z, same_chain, c.channels)
    blocks = stack(TemplateBlock, c.blocks, remat=runtime.remat, config=c, runtime=runtime)
    return LayerNorm(name="norm_out")(blocks(t, pair_mask))


class TemplateEmbedder(nn.Module):
    """Algorithm 2, lines 9 to 13: the update to z from all templates.

    Fusion is Algorithm 17 "TemplatePointwiseAttention" (no update where there is no template), or the mean over all
    templates, empty ones included.
    """

    config: Template
    runtime: Runtime

    @nn.compact
    def __call__(
        self,
        templates: Templates,
        z: Float[Array, "N_res N_res c_z"],
        pair_mask: Bool[Array, "N_res N_res"],
        same_chain: Bool[Array, "N_res N_res"],
    ) -> Float[Array, "N_res N_res c_z"]:
        c = self.config
        t = each(one_template, self)(templates, z, pair_mask, same_chain)
        if c.fusion == "mean":
            return Linear(z.shape[-1], initializer="he", name="out")(nn.relu(jnp.mean(t, axis=0)))
        t = jnp.moveaxis(t, 0, 2)
        mask = jnp.broadcast_to(templates.mask, t.shape[:3])
        attention = Attention(c.heads, c.head_dim, gated=False, runtime=self.runtime, name="attention")
        update = attention(z[:, :, None], t, mask)[:, :, 0]
        return jnp.where(jnp.any(templates.mask), update, 0)


class TemplateRows(nn.Module):
    """Algorithm 2, lines 7 and 8: templates as MSA rows made of their torsions, and where those rows are present."""

    config: Template
    channels: int

    @nn.compact
    def __call__(
        self, templates: Templates, dtype
    ) -> tuple[Float[Array, "N_templ N_res c_m"], Bool[Array, "N_templ N_res"]]:
        angles, alternative, mask = torsions(templates.aatype, templates.positions, templates.atom_mask)
        flat = lambda x: x.reshape(*mask.shape[:2], -1)
        weight = mask.astype(angles.dtype)
        types = jax.nn.one_hot(templates.aatype, AATYPES)
        if self.config.fusion == "attention":
            parts, present = [types, flat(angles), flat(alternative), weight], mask[..., 2]
        else:
            chi, weight = angles[..., 3:, :], weight[..., 3:]
            parts, present = [types, chi[..., 0] * weight, chi[..., 1] * weight, weight], mask[..., 3]
        rows = jnp.concatenate(parts, axis=-1).astype(dtype)
        rows = nn.relu(Linear(self.channels, initializer="he", name="hidden")(rows))
        return Linear(self.channels, initializer="he", name="out")(rows), present
