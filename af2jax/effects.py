"""What heads of variants, and masked marginals, say of variants of one query: the passes of `scan` and `evaluate`."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from af2jax import heads as task_heads
from af2jax.compilation import Jitted, make_room
from af2jax.data import variants as tables
from af2jax.data.pipeline import Read, draw
from af2jax.data.transforms import bucket, fitted
from af2jax.data.variants import Mutations
from af2jax.heads import SCOPE, Head
from af2jax.inference import at_once, network
from af2jax.model.alphafold import AlphaFold
from af2jax.model.recycle import forward
from af2jax.schema import Features, Variants
from af2jax.words import SLOW, duration

SITES, MASKED = "sites", "masked_msa"  # what a pass is asked for
MANY = 1000  # passes that are worth a word before they begin
FIRST = 30  # seconds of passes that the rest is judged by


def number(heads: Mapping[str, Head], every: Sequence[Mutations], places: Sequence[int] = ()) -> int:
    """The passes of `marginals` and `answers`: one for each of `places`; of heads one of the wild type and, where any
    is in full mode, one of each variant."""
    return len(places) + bool(heads) + len(every) * any(head.mode == "full" for head in heads.values())


class Count:
    """Counts passes for `progress`, called with (done, all); warns of many before they begin, and once of long ones.

    There is no limit of variants: what is scored is what was asked for, and who asked knows early what it takes.
    """

    def __init__(self, total: int, progress: Callable[[int, int], object]):
        self.done, self.total, self.progress = 0, total, progress
        self.first: float | None = None  # when the first pass ended, which compiled
        self.told = False
        progress(0, total)
        if total >= MANY:
            logging.warning("%s passes: one for each variant in full mode, for each residue zero-shot", f"{total:,}")

    def __call__(self) -> None:
        """One more pass is done."""
        self.done += 1
        self.progress(self.done, self.total)
        now = time.monotonic()
        if self.first is None:
            self.first = now
        elif not self.told and now - self.first >= FIRST:
            self.told = True
            left = self.total - self.done
            seconds = (now - self.first) / (self.done - 1) * left
            if seconds >= SLOW:
                rest = f"{left:,} of {self.total:,} passes are left, about {duration(seconds)}"
                logging.warning("%s; give fewer variants, or train a head in cached mode, which needs one", rest)


@partial(Jitted, static_argnums=(0, 1, 2))
def _look(model: AlphaFold, num_recycle: int, what: str, params: dict, batch: Features) -> jax.Array:
    """Of each of a batch, what heads of variants read, or the logits of the query's row; compiled once for a shape."""

    def one(features: Features):
        outputs = forward(model, params, features, num_recycle)
        return outputs.logits[MASKED][0] if what == MASKED else task_heads.sites(outputs, features.seq_mask)

    if len(batch.aatype) > 1:
        return jax.vmap(one)(batch)
    return one(jax.tree.map(lambda x: x[0], batch))[None]


class Passes:
    """Passes of one network over changed forms of one query, all by the same compiled programs."""

    def __init__(self, model: AlphaFold, params: dict, known: Read, num_recycle: int, seed: int):
        self.model, self.known, self.num_recycle, self.seed = model, known, num_recycle, seed
        self.trunk = jax.device_put({name: tree for name, tree in params.items() if name != SCOPE})
        self.params = params
        length = bucket(len(known.query.chains[0]))
        self.compiled, self.size = network(model.clone(heads=()), length), at_once(length)

    def __call__(self, what: str, inputs: Iterable[Features], told: Callable) -> Iterator[np.ndarray]:
        """[N_res c] of each input, padding included."""
        inputs = (fitted(features, self.model.config.data) for features in inputs)
        while batch := list(islice(inputs, self.size)):
            make_room()
            count = len(batch)
            batch += batch[-1:] * (self.size - count)  # one shape, so one program
            found = jax.device_get(_look(self.compiled, self.num_recycle, what, self.trunk, tables.stacked(batch)))
            for one in found[:count]:
                told()
                yield one

    def variants(self, every: Sequence[Mutations]) -> Iterator[Features]:
        """The features of each variant."""
        draw_one = partial(tables.features, self.known, seed=self.seed, config=self.model.config)
        return (draw_one(one, cycles=self.num_recycle + 1) for one in every)

    def hidden(self, places: Sequence[int]) -> Iterator[Features]:
        """The features of the wild type with one residue hidden, for each of `places` from 1."""
        numbers = np.arange(1, len(self.known.query.chains[0]) + 1)
        for place in places:
            yield draw(self.known, self.seed, self.model.config, self.num_recycle + 1, numbers == place)


def marginals(ask: Passes, every: Sequence[Mutations], places: Sequence[int], told: Callable) -> np.ndarray:
    """log p(new) - log p(old) of each variant, [N_var]; each mutated residue is hidden by itself."""
    tell = {}
    for place, logits in zip(places, ask(MASKED, ask.hidden(places), told), strict=True):
        tell[place] = dict(zip(tables.RESTYPES, logits[place - 1].astype(np.float64).tolist(), strict=False))
    gain = lambda m: tell[m.position][m.new] - tell[m.position][m.wild]
    return np.array([sum(map(gain, one)) for one in every], np.float64)


def answers(ask: Passes, heads: Mapping[str, Head], every: Sequence[Mutations], told: Callable) -> dict:
    """What each head says of each variant: float64 [N_var n]."""
    if not heads:
        return {}
    numbered = tables.numbered(every)
    (wild,) = ask(SITES, ask.variants([()]), told)
    changed = None
    if any(head.mode == "full" for head in heads.values()):
        passes = ask(SITES, ask.variants(every), told)
        changed = np.stack([one[place] for one, place in zip(passes, numbered.position, strict=True)])
    return {
        name: np.asarray(_predicted(head, ask.params[SCOPE][name], wild, changed, numbered), np.float64)
        for name, head in heads.items()
    }


@partial(Jitted, static_argnums=0)
def _predicted(head: Head, params: dict, wild, changed, numbered) -> jax.Array:
    """[N_var n]. In full mode, where mutations add up, one residue after the other, so that no bit of an answer depends
    on how many are asked."""
    ask = partial(task_heads.apply_variants, head, params, wild)
    if head.mode != "full":
        return ask(None, numbered)
    count, most = numbered.mask.shape
    alone = jax.tree.map(lambda x: x.reshape(-1, 1, 1), (numbered.position, numbered.new, numbered.mask))
    nothing = jnp.zeros((count * most, 1))
    sites = Variants(*alone, nothing, nothing), changed.reshape(-1, 1, 1, changed.shape[-1])
    return jax.lax.map(lambda one: ask(one[1], one[0])[0], sites).reshape(count, most, head.size).sum(1)
