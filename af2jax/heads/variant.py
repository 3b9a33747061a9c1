"""What a mutation does: the head of variants, from the activations at and around the residues that change.

It has two modes. "full" runs the network for every variant and reads how activations differ from those of the wild
type. "cached" runs it once, on the wild type, and is told which amino acid comes: thousands of variants cost one pass,
and the activations of a variant are never seen.

In full mode y = sum over mutated residues of W (d * gate(e)), where d = variant - wild type and e = variant + wild
type. Negation and addition round symmetrically, so that A to B is minus B to A, and the wild type itself 0, bit for
bit. In cached mode y = wild type's value + sum over mutated residues of one of twenty numbers that the activations
there give, by the new amino acid.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from af2jax.nn.layers import Linear, final
from af2jax.schema import Outputs, Variants
from af2jax.typing import Array, Bool, Float

MODES = ("cached", "full")
HIDDEN = 64  # channels between what is read and the answer
AMINO_ACIDS = 20


def sites(outputs: Outputs, seq_mask: Bool[Array, " N_res"]) -> Float[Array, "N_res c"]:
    """What is read of each residue, c = 2 c_s + 3 c_z: its single representation and the mean of all, its pair with
    itself, and the means of its row and column of pairs. Normalised without parameters, so that it can be kept."""
    single, pair = _normalised(outputs.single), _normalised(outputs.pair)
    there = seq_mask.astype(single.dtype)
    total = jnp.sum(there) + 1e-10
    whole = jnp.einsum("i,ic->c", there, single) / total
    row, column = jnp.einsum("j,ijc->ic", there, pair) / total, jnp.einsum("j,jic->ic", there, pair) / total
    own = jnp.swapaxes(jnp.diagonal(pair), 0, 1)
    return jnp.concatenate([single, jnp.broadcast_to(whole[None], single.shape), own, row, column], axis=-1)


def _normalised(x: Float[Array, "*axes c"]) -> Float[Array, "*axes c"]:
    x = x.astype(jnp.float32)
    x -= jnp.mean(x, axis=-1, keepdims=True)
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-5)


def at(found: Float[Array, "N_res c"], variants: Variants) -> Float[Array, "N_var N_mut c"]:
    """What `sites` found at the residues that each variant changes."""
    return found[variants.position]


class VariantHead(nn.Module):
    """Numbers in the labels' unit, or logits of classes, for each variant: [N_var n]."""

    mode: str  # of `MODES`
    size: int  # numbers or classes
    number: bool  # else classes
    mean: float  # of the wild type, in the labels' unit
    std: float

    @nn.compact
    def __call__(
        self,
        wild: Float[Array, "N_var N_mut c"],
        variant: Float[Array, "N_var N_mut c"] | None,
        variants: Variants,
    ) -> Float[Array, "N_var n"]:
        there = jnp.asarray(variants.mask)[..., None]
        if self.mode == "full":
            change, both = variant - wild, variant + wild
            gates = nn.sigmoid(Linear(HIDDEN, name="gate")(both))
            x = Linear(HIDDEN, bias=False, name="hidden")(change) * gates
            y = Linear(self.size, bias=False, initializer="zeros", name="logits")(
                jnp.sum(jnp.where(there, x, 0), axis=1)
            )
        else:
            x = nn.relu(Linear(HIDDEN, initializer="he", name="hidden")(wild))
            table = final(AMINO_ACIDS * self.size, name="logits")(x).reshape(*x.shape[:-1], AMINO_ACIDS, self.size)
            y = jnp.take_along_axis(table, jnp.asarray(variants.new)[..., None, None], axis=-2)[..., 0, :]
            y = jnp.sum(jnp.where(there, y, 0), axis=1)
        if self.number:
            y = y * jnp.broadcast_to(self.param("scale", nn.initializers.constant(self.std), (self.size,)), y.shape)
            if self.mode != "full":
                offset = self.param("offset", nn.initializers.constant(self.mean), (self.size,))
                y = y + jnp.broadcast_to(offset, y.shape)
        return y


def init(head: VariantHead, found: Float[Array, "N_res c"]) -> dict:
    """The first parameters: the last layer is zero, so that every variant has the wild type's value."""
    nothing = jnp.zeros((1, 1), jnp.int32)
    variants = Variants(nothing, nothing, nothing > 0, jnp.zeros(1), jnp.zeros(1, jnp.int32))
    wild = at(found, variants)
    return head.init(jax.random.key(0), wild, wild, variants)["params"]
