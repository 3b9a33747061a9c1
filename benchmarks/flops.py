"""Floating-point operations of the matrix products in a function, counted from its jaxpr."""

from af2jax.cli import measure


def count(function, *inputs) -> float:
    """2 FLOP for each multiply-add of every product; loops by their length, those of unknown length not at all."""
    return measure.count(function, *inputs).flops
