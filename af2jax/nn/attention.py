"""Multi-head attention with its projections, as the MSA, the triangles and the templates use it."""

import flax.linen as nn

from af2jax.nn.layers import Linear, final, gate
from af2jax.nn.runtime import Runtime
from af2jax.typing import Array, Bool, Float


class Attention(nn.Module):
    """Algorithms 7, 8, 13, 14 and 17 after their LayerNorms: every row of `x` attends to its row of `y`."""

    heads: int
    head_dim: int
    gated: bool = True
    runtime: Runtime = Runtime()

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "rows N_q c_x"],
        y: Float[Array, "rows N_k c_y"],
        mask: Bool[Array, "rows N_k"],
        bias: Float[Array, "heads N_q N_k"] | None = None,
    ) -> Float[Array, "rows N_q c_x"]:
        width = self.heads * self.head_dim
        split = lambda t: t.reshape(*t.shape[:-1], self.heads, self.head_dim)
        q, k, v = (
            split(Linear(width, bias=False, initializer="glorot", name=n)(t)) for n, t in (("q", x), ("k", y), ("v", y))
        )
        o = self.runtime.attend(q, k, v, bias, mask)
        o = o.reshape(*x.shape[:-1], width)
        if self.gated:
            o *= nn.sigmoid(gate(width, name="gate")(x))
        return final(x.shape[-1], name="out")(o)
