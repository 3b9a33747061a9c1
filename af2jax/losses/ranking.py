"""Losses of numbers that are known in part: their order within one assay, and values beyond what could be measured."""

import jax
import jax.numpy as jnp

from af2jax.nn.layers import masked_mean
from af2jax.typing import Array, Bool, Float, Int


def limits(value: Float[Array, "*n"], bound: Int[Array, "*n"]) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
    """The least and the largest that each true value can be.

    `bound`: 0 where `value` was measured, 1 where the truth is that or more, -1 where it is that or less; NaN is
    unknown, and can be anything.
    """
    unknown = jnp.isnan(value)
    low = jnp.where(unknown | (bound < 0), -jnp.inf, value)
    return low, jnp.where(unknown | (bound > 0), jnp.inf, value)


def ordered(low: Float[Array, " n"], high: Float[Array, " n"]) -> Bool[Array, "n n"]:
    """Whether i certainly lies above j: not where both are equal, nor where limits leave it open."""
    return low[:, None] > high[None]


def ranking(score: Float[Array, " n"], low: Float[Array, " n"], high: Float[Array, " n"]) -> Float[Array, ""]:
    """The pairwise logistic loss of RankNet (Burges et al., ICML 2005), the mean over the pairs whose order is known;
    0 where there is none.

    A change of unit that keeps the order of the labels, such as another assay's, changes nothing.
    """
    ahead = score[:, None] - score[None]
    return masked_mean(jax.nn.softplus(-ahead), ordered(low, high), (0, 1), eps=1e-8)


def beyond(predicted: Float[Array, "*n"], value: Float[Array, "*n"], bound: Int[Array, "*n"]) -> Float[Array, "*n"]:
    """`predicted` - `value`; 0 where the truth is unknown, or known to be beyond `value` and `predicted` lies there."""
    error = jnp.where(jnp.isnan(value), 0.0, predicted - jnp.where(jnp.isnan(value), 0.0, value))
    fine = ((bound > 0) & (error > 0)) | ((bound < 0) & (error < 0))
    return jnp.where(fine, 0.0, error)
