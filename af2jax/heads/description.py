"""New heads described in JSON, beside their arrays: a description and arrays that differ are not read."""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import jax
import numpy as np

from af2jax.config import Config
from af2jax.errors import InputError, WeightsError
from af2jax.heads.head import Head, init

FORMAT = 1


class Description(NamedTuple):
    """New heads, and the network that they are on."""

    preset: str  # "": there are none
    heads: dict[str, Head]
    num_recycle: int | None = None  # that they were trained with; None: any, so that of the preset


def describe(heads: Mapping[str, Head], preset: str, num_recycle: int | None = None) -> dict:
    """Everything that heads are but their parameters, as JSON has it."""
    own = {name: dataclasses.asdict(head) for name, head in heads.items()}
    return {"format": FORMAT, "preset": preset, "num_recycle": num_recycle, "heads": own}


def read_description(known, source: str) -> Description:
    """What `describe` made.

    Raises:
        WeightsError: it is damaged, or of another version.
    """
    try:
        if known["format"] != FORMAT:
            raise WeightsError(f"{source} has format {known['format']!r}, not {FORMAT}; export again")
        own = {name: Head(**values) for name, values in known["heads"].items()}
        recycles = known.get("num_recycle")
        return Description(str(known["preset"]), own, None if recycles is None else max(int(recycles), 0))
    except (KeyError, TypeError, ValueError, AttributeError, InputError) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"{source} is damaged ({' '.join(str(error).split())}); export again") from None


def check_heads(heads: Mapping[str, Head], params: Mapping, config: Config, source: str) -> None:
    """Passes if `params`, by name of head, are finite and the arrays of `heads` on the network of `config`.

    Raises:
        WeightsError: they are not; the message names the head and the array.
        InputError: a head reads what the network does not have.
    """
    for name in sorted(heads.keys() ^ params.keys()):
        which = "is described, but has no arrays" if name in heads else "has arrays, but is not described"
        raise WeightsError(f'{source}: head "{name}" {which}; take both from one export or run')
    expected = jax.eval_shape(lambda: init(heads, config))
    for name in heads:
        needed, found = _shapes(expected[name]), _shapes(params[name])
        for path in sorted(needed.keys() | found.keys()):
            if needed.get(path) != found.get(path):
                here, there = (list(shapes[path]) if path in shapes else "absent" for shapes in (needed, found))
                raise WeightsError(
                    f'{source}: head "{name}" as described on {config.name} has {path} {here}, '
                    f"its arrays have {there}; take both from one export or run"
                )
        if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params[name])):
            raise WeightsError(f'{source}: head "{name}" holds numbers that are not finite')


def _shapes(tree) -> dict[str, tuple[int, ...]]:
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="/"): tuple(np.shape(leaf)) for path, leaf in leaves}
