"""Floating-point operations of the matrix products in a function, counted from its jaxpr.

XLA's own cost analysis counts the body of a loop once; here it counts as often as it runs.
"""

import math

import jax


def count(function, *inputs) -> float:
    """2 FLOP for each multiply-add of every product; loops by their length (while loops of unknown length once)."""
    return _count(jax.make_jaxpr(function)(*inputs).jaxpr)


def _count(jaxpr) -> float:
    total = 0.0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            depth = math.prod(equation.invars[0].aval.shape[i] for i in contracted)
            total += 2 * depth * math.prod(equation.outvars[0].aval.shape)
        times = equation.params.get("length", 1)
        total += times * sum(_count(inner) for value in equation.params.values() for inner in _inner(value))
    return total


def _inner(value) -> list:
    """The jaxprs in a parameter of an equation."""
    if isinstance(value, tuple | list):
        return [jaxpr for item in value for jaxpr in _inner(item)]
    value = getattr(value, "jaxpr", value)
    return [value] if hasattr(value, "eqns") else []
