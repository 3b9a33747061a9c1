"""Heads of variants, tuned on some domains and asked of others; what masked marginals say of them."""

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

import af2jax
from af2jax import finetune
from af2jax.data import variants as tables
from af2jax.data.items import Item, load_example
from af2jax.data.pipeline import read
from af2jax.data.transforms import pad
from af2jax.finetune.cache import Cache
from af2jax.finetune.rules import ALONE
from af2jax.heads import Head, sites
from experiments.domains import SIZE, Domain

BATCH, DRAWN = 4, 32  # domains of a step, and variants of each
NAME = "ddg"

# What trains beside the head. Without alignments the gradient of the last bias is a thousandfold (Algorithm 10).
RULES = {
    "heads": af2jax.recipe("new_heads"),
    "lora": af2jax.recipe("lora"),
    "full": [(ALONE, "freeze"), (".*", "train")],
}


@dataclass(frozen=True)
class Way:
    """How a head is trained."""

    network: str  # "trained" or "random"
    head: Head
    recipe: str = "heads"


@functools.cache
def _optimizer(steps: int):
    """One for all seeds, which so share a compiled step."""
    return finetune.adamw(1e-3, steps=steps, warmup=max(steps // 10, 1))


class Network:
    """One network without recycles, of which domains are asked and on which they are tuned."""

    def __init__(self, model, params):
        data = dataclasses.replace(model.config.data, clusters=1, extra=1)
        self.model, self.params = model, params
        self.config = dataclasses.replace(model.config, data=data)
        self.wild, self.changed = {}, {}
        self._sites = jax.jit(lambda p, f: sites(af2jax.forward(model, p, f, 0), f.seq_mask))

    def features(self, domain: Domain, variant: tuple):
        """What it reads of a variant; () is the wild type."""
        return pad(tables.features(read(domain.sequence), variant, 0, self.config, 1), n_res=SIZE)

    def example(self, domain: Domain, picks: np.ndarray, room: int, head: Head):
        """(features, targets) of a domain with room for `room` variants, those of `picks` with their ddG."""
        if domain.id not in self.wild:
            _, targets = load_example(Item(domain.id, domain.id, sequence=domain.sequence), self.config, SIZE, 0, {})
            self.wild[domain.id] = self.features(domain, ()), targets
        features, targets = self.wild[domain.id]
        rest, chosen = room - len(picks), [domain.variants[i] for i in picks]
        value = np.pad(domain.ddg[picks], (0, rest), constant_values=np.nan)
        labels = tables.labelled([*chosen, *[()] * rest], value, most=1, assay=domain.id)
        if head.mode == "full":
            passes = np.stack([self.passed(domain, variant) for variant in chosen])
            labels = labels.replace(sites=np.pad(passes[:, None], ((0, rest), (0, 0), (0, 0))))
        return features, targets.replace(labels={NAME: labels})

    def passed(self, domain: Domain, variant: tuple) -> np.ndarray:
        """What a pass of the frozen trunk says where a variant differs, [c]; made once for each variant."""
        key = domain.id, tables.name(variant)
        if key not in self.changed:
            found = self._sites(self.params, self.features(domain, variant))
            self.changed[key] = np.asarray(found)[variant[0].position - 1]
        return self.changed[key]


def batches(learnt: list[Domain], seed: int, steps: int):
    """(domain, which of its variants) for each of the examples of a step."""
    rng = np.random.default_rng([seed, 1])
    for _ in range(steps):
        chosen = rng.choice(len(learnt), size=min(BATCH, len(learnt)), replace=False)
        yield [(learnt[i], rng.permutation(len(learnt[i].ddg))[:DRAWN]) for i in chosen]


def tuned(way: Way, network: Network, learnt: list[Domain], asked: dict, seed: int, steps: int, room: int, cache: Path):
    """What a head says of the asked domains after a training, by part: a list of arrays."""
    labels = af2jax.label(network.params, RULES[way.recipe])
    adapters = None
    if way.recipe == "lora":
        adapters = af2jax.lora.init(network.params, labels, rank=4, key=jax.random.key(seed))
    optimizer = _optimizer(steps)
    common = {"heads": {NAME: way.head}, "losses": {NAME: 1.0}, "dropout": False, "clip_example": 1.0}
    state = finetune.init(network.model, network.params, labels, optimizer, adapters=adapters, **common)
    kept = Cache(state, cache / way.network, 0) if way.recipe == "heads" else None

    def batch(examples: list):
        made = af2jax.stack(examples)
        if kept is None:
            return made
        known = [kept(features) for features, _ in examples]
        return (*made, jax.tree.map(lambda *x: np.stack(x), *known))

    for step, chosen in enumerate(batches(learnt, seed, steps)):
        examples = [network.example(domain, picks, DRAWN, way.head) for domain, picks in chosen]
        state, metrics = finetune.train_step(state, batch(examples), jax.random.key(step), 0)
        if (step + 1) % max(steps // 3, 1) == 0:
            print(f"  step {step + 1} of {steps}: loss {float(metrics['loss']):.3f}", flush=True)

    def say(domain: Domain) -> np.ndarray:
        example = network.example(domain, np.arange(len(domain.ddg)), room, way.head)
        return np.asarray(finetune.eval_step(state, batch([example]), 0)[1][NAME])[0, : len(domain.ddg), 0]

    return {part: [say(domain) for domain in some] for part, some in asked.items()}


def marginals(network: Network, asked: dict[str, list[Domain]]) -> dict[str, list[np.ndarray]]:
    """Minus the masked marginals of every variant."""

    def say(domain: Domain) -> np.ndarray:
        names = [tables.name(variant) for variant in domain.variants]
        source = network.model, network.params
        found = af2jax.scan(domain.sequence, source, variants=names, zero_shot=True, num_recycle=0)
        return -found.scores["zero_shot"]

    return {part: [say(domain) for domain in some] for part, some in asked.items()}
