"""Multi-head attention with its projections, as the MSA, the triangles and the templates use it."""

import flax.linen as nn

from af2jax.nn.layers import Weights, linear
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
        x: Float[Array, "rows *more N_q c_x"],
        y: Float[Array, "rows *more N_k c_y"],
        mask: Bool[Array, "rows *more N_k"],
        bias: Float[Array, "heads N_q N_k"] | None = None,
    ) -> Float[Array, "rows *more N_q c_x"]:
        width = self.heads * self.head_dim
        split = lambda t: t.reshape(-1, t.shape[-2], self.heads, self.head_dim)
        project = lambda t, name: Weights((t.shape[-1], width), "glorot", bias=False, name=name)()
        q, k, v = project(x, "q"), project(y, "k"), project(y, "v")
        gate = Weights((x.shape[-1], width), bias_init=1.0, name="gate")() if self.gated else None
        out = Weights((width, x.shape[-1]), name="out")()

        def rows(x, y, mask):
            qkv = (split(linear(t, w)) for t, w in ((x, q), (y, k), (y, v)))
            o = self.runtime.attend(*qkv, bias, mask.reshape(-1, mask.shape[-1]))
            o = o.reshape(*x.shape[:-1], width)
            return linear(o * nn.sigmoid(linear(x, gate)) if self.gated else o, out)

        return self.runtime.rows(rows, x, y, mask)  # projections too, so that a chunk is all that is held of them
