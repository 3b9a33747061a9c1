"""The passes of a network of which heads alone are read: what no head reads is not computed.

The program returns what heads say and nothing else, so that the compiler drops the output heads, and, in the last
pass, the structure module where no head reads it; the answers are those of `inference.predict`.
"""

import functools
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from af2jax import heads as task_heads
from af2jax.compilation import Jitted, make_room
from af2jax.data.transforms import fitted
from af2jax.errors import InputError
from af2jax.heads import SCOPE, Answer
from af2jax.inference import at_once, network
from af2jax.model.alphafold import AlphaFold, initial
from af2jax.model.recycle import change, cycle, forward
from af2jax.schema import Features, Outputs

Name = TypeVar("Name")


def ask(
    model: AlphaFold,
    params: dict,
    queries: Iterable[tuple[Name, Features]],
    num_recycle: int | None = None,
    side_by_side: int | None = None,
) -> Iterator[tuple[Name, dict[str, Answer] | InputError]]:
    """(name, what each head answers) of each query; an InputError where an answer is not finite.

    Queries that follow each other and are padded to one shape share a program; have those of one length together.

    Args:
        queries: names, and features of one shape or of any; not padded.
        num_recycle: None: as the network says. It stops early where the preset does.
        side_by_side: queries in one call of the program; None: one on a CPU, elsewhere up to 2,048 residues.

    Raises:
        InputError: the network has no heads.
    """
    if not model.heads:
        raise InputError("the network has no tuned heads to ask; load a run that trained some, or its exported folder")
    num_recycle = model.config.num_recycle if num_recycle is None else num_recycle
    params = jax.device_put(params)
    padded = ((name, fitted(features, model.config.data)) for name, features in queries)
    for shapes, group in groupby(padded, key=lambda query: jax.tree.map(np.shape, query[1])):
        n_res = shapes.aatype[0]
        compiled = network(model, n_res)
        size = side_by_side or at_once(n_res)
        while batch := list(islice(group, size)):
            make_room()
            inputs = [features for _, features in batch]
            inputs += inputs[-1:] * (size - len(batch))  # one shape, so one program
            stacked = jax.tree.map(lambda *x: np.stack(x), *inputs)
            raw = jax.device_get(_answers(compiled, num_recycle, model.config.recycle_tolerance, params, stacked))
            for i, (name, features) in enumerate(batch):
                yield name, _read(model, {head: values[i] for head, values in raw.items()}, features)


@functools.partial(Jitted, static_argnums=(0, 1, 2))
def _answers(model: AlphaFold, num_recycle: int, tolerance: float, params: dict, batch: Features) -> dict:
    """What each head says of each query of a batch, by name; compiled once for each shape."""
    trunk = {name: tree for name, tree in params.items() if name != SCOPE}

    def one(features: Features) -> dict:
        def read(outputs: Outputs) -> dict:
            return task_heads.apply(dict(model.heads), params[SCOPE], outputs, features)

        if not num_recycle or not tolerance:
            return read(forward(model, trunk, features, num_recycle))
        return _settled(model, trunk, features, num_recycle, tolerance, read)

    if len(batch.aatype) > 1:
        return jax.vmap(one)(batch)
    return jax.tree.map(lambda x: x[None], one(jax.tree.map(lambda x: x[0], batch)))


def _settled(model: AlphaFold, params: dict, features: Features, num_recycle: int, tolerance: float, read) -> dict:
    """What `read` takes from the first pass that moves less than `tolerance` (angstrom), or from the last."""

    def step(state):
        remaining, _, prev, _ = state
        out = cycle(model, params, features, remaining - 1, prev)
        return remaining - 1, change(prev, out.prev, features.seq_mask), out.prev, read(out)

    start = jnp.int32(num_recycle + 1), jnp.float32(jnp.inf), initial(features, model.config)
    nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(step, (*start, None))[3])

    def goes_on(state):
        return (state[0] > 0) & (state[1] >= tolerance)

    return jax.lax.while_loop(goes_on, step, (*start, nothing))[3]


def _read(model: AlphaFold, raw: dict, features: Features) -> dict[str, Answer] | InputError:
    found = task_heads.read_answers(dict(model.heads), raw, features)
    if wrong := [name for name, answer in found.items() if not np.isfinite(answer.values).all()]:
        return InputError(f'head "{wrong[0]}" answers what is not finite; check the parameters and the precision')
    return found
