"""Several examples as one, with a leading batch axis."""

from collections.abc import Sequence

import jax
import numpy as np

from af2jax import schema
from af2jax.errors import InputError


def stack(examples: Sequence[tuple[schema.Features, schema.Targets]]) -> tuple[schema.Features, schema.Targets]:
    """The same pair with a leading batch axis on every array; where any has cyclic chains all get `ring`.

    Raises:
        InputError: there is no example, or the examples differ in shape or in the names of their labels; the message
            names the field and both shapes.
    """
    if not examples:
        raise InputError("stack: there is no example; give at least one")
    if any(features.ring is not None for features, _ in examples):
        examples = [_ringed(*example) for example in examples]
    fields = [_fields(example) for example in examples]
    for index, other in enumerate(fields):
        for name in sorted(fields[0].keys() ^ other.keys()):
            raise InputError(f"stack: examples 0 and {index}: only one has {name}; give every example the same labels")
        for name, value in fields[0].items():
            if np.shape(value) != np.shape(other[name]):
                raise InputError(
                    f"stack: {name} has shape {list(np.shape(value))} in example 0 and {list(np.shape(other[name]))} "
                    f"in example {index}; give `example` the same crop= for all, and alignments of similar depth"
                )
    return jax.tree.map(lambda *values: np.stack(values), *examples)


def _ringed(features: schema.Features, targets: schema.Targets) -> tuple[schema.Features, schema.Targets]:
    """The example with the field `ring`, which it may lack as no chain of it is cyclic."""
    ring = np.zeros(len(features.aatype), np.int32) if features.ring is None else features.ring
    return features.replace(ring=ring), targets.replace(ring=ring)


def _fields(example: tuple[schema.Features, schema.Targets]) -> dict[str, np.ndarray]:
    """Every array by its path, such as features.msa.feat."""
    features, targets = example
    leaves, _ = jax.tree_util.tree_flatten_with_path({"features": features, "targets": targets})
    return {jax.tree_util.keystr(path, simple=True, separator="."): value for path, value in leaves}
