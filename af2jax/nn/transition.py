"""Two linear layers with a ReLU between them, row by row."""

import flax.linen as nn

from af2jax.nn.layers import LayerNorm, Weights, linear
from af2jax.nn.runtime import Runtime
from af2jax.typing import Array, Float


class Transition(nn.Module):
    """Algorithms 9 "MSATransition" and 15 "PairTransition": the update, from a layer `factor` times wider."""

    factor: int
    runtime: Runtime = Runtime()

    @nn.compact
    def __call__(self, x: Float[Array, "rows N_res c"]) -> Float[Array, "rows N_res c"]:
        wide = self.factor * x.shape[-1]
        hidden = Weights((x.shape[-1], wide), "he", name="hidden")()
        out = Weights((wide, x.shape[-1]), name="out")()
        return self.runtime.rows(lambda x: linear(nn.relu(linear(x, hidden)), out), LayerNorm(name="norm_in")(x))
