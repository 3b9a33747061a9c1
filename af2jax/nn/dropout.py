"""Dropout. There is no training flag: a "dropout" rng is passed to `apply`, or nothing is dropped."""

import flax.linen as nn

from af2jax.typing import Array, Float


class Dropout(nn.Module):
    """Supplement, section 1.11.6: one draw is shared along `axis` (0: by rows, 1: by columns, None: not shared)."""

    rate: float
    axis: int | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "*axes"]) -> Float[Array, "*axes"]:
        shared = () if self.axis is None else (self.axis,)
        return nn.Dropout(self.rate, broadcast_dims=shared, deterministic=not self.has_rng("dropout"))(x)
