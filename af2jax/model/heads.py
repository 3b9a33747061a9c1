"""Output heads (Algorithm 29 and supplement, section 1.9); the structure module has a file of its own."""

from collections.abc import Callable, Iterable

import flax.linen as nn
import jax.numpy as jnp

from af2jax.config import Heads
from af2jax.nn.layers import LayerNorm, Linear, final
from af2jax.schema import Outputs
from af2jax.typing import Array, Float


class LinearHead(nn.Module):
    """One linear layer, to logits."""

    classes: int

    @nn.compact
    def __call__(self, x: Float[Array, "*axes c"]) -> Float[Array, "*axes classes"]:
        return final(self.classes, name="logits")(x)


class DistogramHead(nn.Module):
    """Section 1.9.8: symmetric logits of the distances between pseudo-beta atoms."""

    classes: int

    @nn.compact
    def __call__(self, z: Float[Array, "N_res N_res c_z"]) -> Float[Array, "N_res N_res classes"]:
        half = final(self.classes, name="logits")(z)
        return half + jnp.swapaxes(half, 0, 1)


class PlddtHead(nn.Module):
    """Algorithm 29 "predictPerResidueLDDT_Ca": logits of the predicted lDDT-CA."""

    classes: int
    channels: int

    @nn.compact
    def __call__(self, s: Float[Array, "N_res c"]) -> Float[Array, "N_res classes"]:
        s = LayerNorm(name="norm_in")(s)
        for i in range(2):
            s = nn.relu(Linear(self.channels, initializer="he", name=f"hidden_{i}")(s))
        return final(self.classes, name="logits")(s)


def linear(name: str, classes: int, _: Heads) -> nn.Module:
    return LinearHead(classes, name=name)


# By name: how to build the head from its number of classes, and what it reads.
HEADS: dict[str, tuple[Callable[[str, int, Heads], nn.Module], Callable[[Outputs], Array]]] = {
    "distogram": (lambda name, classes, _: DistogramHead(classes, name=name), lambda o: o.pair),
    "masked_msa": (linear, lambda o: o.msa),
    "resolved": (linear, lambda o: o.single),
    "plddt": (lambda name, classes, c: PlddtHead(classes, c.plddt_channels, name=name), lambda o: o.structure.single),
    "pae": (linear, lambda o: o.pair),
}


class AllHeads(nn.Module):
    """The logits of every head that the configuration has, by name."""

    config: Heads

    @nn.compact
    def __call__(self, outputs: Outputs) -> dict[str, Array]:
        present = {name: classes for name in HEADS if (classes := getattr(self.config, name))}
        return {n: HEADS[n][0](n, classes, self.config)(HEADS[n][1](outputs)) for n, classes in present.items()}


def logits(config: Heads, params: dict, outputs: Outputs, names: Iterable[str]) -> dict[str, Array]:
    """The logits of the heads `names` on what a trunk has said before; `params` are those of all heads."""
    return {
        name: HEADS[name][0](name, getattr(config, name), config).apply(
            {"params": params[name]}, HEADS[name][1](outputs)
        )
        for name in names
    }
