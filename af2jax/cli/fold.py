"""One query by every network and seed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from af2jax.cli.networks import Member, Networks
from af2jax.cli.options import Sampling
from af2jax.cli.warnings import warn
from af2jax.errors import InputError
from af2jax.profile.memory import explain, is_out_of_memory


def fold(
    name: str,
    sequence: str,
    known: Any,
    members: Sequence[Member],
    networks: Networks,
    sampling: Sampling,
    keep: tuple[str, ...],
    progress: Callable[[float, str], object],
    notes: tuple[str, ...],
    guess: Any = None,
) -> list[tuple[Any, int]]:
    """The predictions of a query with their seeds, until one is good enough.

    Args:
        name: of the query.
        known: the query as `data.pipeline.read` has read it.
        sequence: of the query, of which answers of tuned heads say how near it is to what taught these.
        keep: see `inference.predict`.
        progress: called with the part that is done and what is done now.
        notes: what every file states about the query, beside the notes on the weights.
        guess: float [N_res 37 3], positions in angstrom that the first pass starts from; None: from nothing.

    Raises:
        InputError: the query cannot be read, memory ended, or an answer is not finite.
    """
    import jax

    found: list[tuple[Any, int]] = []
    seeds = range(sampling.random_seed, sampling.random_seed + sampling.num_seeds)
    for member in members:
        model, params = networks.load(member)
        params = jax.device_put(params)  # once, and not for each pass
        for seed in seeds:
            text = f"{member.name} seed {seed}"
            told = lambda done, most, text=text: progress(
                (len(found) + done / most) / (len(members) * len(seeds)), text
            )
            told(0, 1)
            one = _one(name, known, model, params, seed, sampling, keep, (*networks.notes(member), *notes), told, guess)
            near = taught.nearest(sequence) if one.heads and (taught := networks.taught(member)) else None
            heads = {head: replace(answer, near=near) for head, answer in one.heads.items()}
            found.append((replace(one, preset=member.name, heads=heads), seed))
            if found[-1][0].ranking > sampling.stop_at_score:
                return found
    return found


def _one(name: str, known, model, params, seed: int, sampling: Sampling, keep, notes, progress, guess):
    """One prediction, padded to the length and rows that queries of about this size share."""
    import jax

    from af2jax.data.pipeline import draw
    from af2jax.data.transforms import padded
    from af2jax.inference import predict

    cycles = None if sampling.num_recycle is None else sampling.num_recycle + 1
    inputs = padded(draw(known, seed, model.config, cycles), model.config.data)
    recycling = sampling.num_recycle, sampling.recycle_early_stop_tolerance
    key = jax.random.key(seed) if sampling.use_dropout else None
    try:
        return predict(model, params, inputs, *recycling, name, notes, progress, key=key, keep=keep, guess=guess)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    raise InputError(explain(model, params, inputs))  # here nothing holds what was computed so far


def relax(predictions: Sequence[tuple[Any, int]], count: int, gpu: bool, cyclic: Sequence[str] = ()) -> dict[int, Any]:
    """The best `count` structures relaxed, by rank; predictions are in the order of their ranks. One that cannot be
    relaxed stays as it is, and a warning says so. `cyclic`: chains by their order, "A", "B" and so on."""
    from af2jax.protein.record import chain_name
    from af2jax.relax import relax as minimised

    found = {}
    for rank, (prediction, _) in enumerate(predictions[:count], 1):
        try:
            names = prediction.protein.names.values()
            rings = [name for i, name in enumerate(names) if chain_name(i) in cyclic]
            found[rank] = minimised(prediction.protein, cyclic=rings, gpu=gpu).protein
        except InputError as error:
            warn("rank %d stays unrelaxed: %s", rank, error)
    return found
