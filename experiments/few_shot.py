"""A class for each residue from few labelled proteins: heads on a frozen trunk, LoRA, and all parameters."""

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

import af2jax
from af2jax import finetune
from af2jax.data import variants
from af2jax.data.items import Item, load_example
from af2jax.data.pipeline import read
from af2jax.data.transforms import pad
from af2jax.files import whole
from af2jax.heads import SCOPE, Head
from af2jax.pretrained.tree import digest, flatten
from af2jax.schema import Features, Outputs, StructureOutput
from experiments.labelled import Protein
from experiments.tuned_heads import RULES

NAME = "label"
HEAD = Head("residue", classes=2, reads="structure")
HELD = 5  # one of so many labelled proteins says when to stop
PADDING = 32  # residues: the lengths of chains are padded to a multiple of it
CROP = 64  # residues of a protein that a step reads where the trunk trains


@dataclass(frozen=True)
class Way:
    """What trains, and how."""

    recipe: str = "heads"  # beside the heads: "heads", "lora" or "full"
    rate: float = 1e-2
    steps: int = 150
    checks: int = 15  # by the proteins held out
    batch: int = 8


WAYS = {"heads": Way(), "lora": Way("lora", 5e-3, 60, 3, 4), "full": Way("full", 1e-3, 60, 3, 4)}


@functools.cache
def optimizer(way: Way):
    """One for all seeds, which so share a compiled step."""
    return finetune.adamw(way.rate, steps=way.steps, warmup=way.steps // 10)


@functools.cache
def inputs(sequence: str, config, size: int):
    """(features, targets) of a sequence alone, padded; nothing of it is masked."""
    _, targets = load_example(Item(sequence, sequence, sequence=sequence), config, size, 0, {})
    return pad(variants.features(read(sequence, alone=True), (), 0, config, 1), n_res=size), targets


@functools.partial(jax.jit, static_argnums=0)
def say(model, params: dict, features: Features) -> jax.Array:
    """What the head reads: the activations of the structure module; one program for all networks of a preset."""
    return af2jax.forward(model, params, features, 0).structure.single


class Network:
    """A network without recycles, and what its frozen trunk says of each chain, kept in a file."""

    def __init__(self, model, params: dict, folder: Path):
        data = dataclasses.replace(model.config.data, clusters=1, extra=1)
        self.model, self.config = model.clone(heads=()), dataclasses.replace(model.config, data=data)
        self.params = {name: tree for name, tree in params.items() if name != SCOPE}
        self.key = digest(flatten({name: tree for name, tree in self.params.items() if name != "heads"})).hex()[:8]
        self.file = folder / f"trunk_{self.key}.npz"
        self.said = dict(np.load(self.file)) if self.file.exists() else {}

    def save(self) -> None:
        """Keeps what the trunk said."""
        with whole(self.file) as partial, open(partial, "wb") as out:
            np.savez(out, **self.said)

    def known(self, sequence: str, size: int) -> Outputs:
        """What the head reads of a chain, padded; the trunk is asked once, with little padding."""
        if sequence not in self.said:
            features, _ = inputs(sequence, self.config, padded(len(sequence)))
            self.said[sequence] = np.asarray(say(self.model, self.params, features))[: len(sequence)]
        own = self.said[sequence]
        single, nowhere = np.pad(own, ((0, size - len(own)), (0, 0))), np.zeros((size, 37, 3), np.float32)
        return Outputs(*[None] * 4, StructureOutput(*[None] * 6, nowhere, None, single), {})

    def begun(self, way: Way, seed: int) -> finetune.TrainState:
        """The state before the first step."""
        labels, adapters = af2jax.label(self.params, RULES[way.recipe]), None
        if way.recipe == "lora":
            adapters = af2jax.lora.init(self.params, labels, rank=4, key=jax.random.key(seed))
        common = {"heads": {NAME: HEAD}, "losses": {NAME: 1.0}, "dropout": False, "clip_example": 1.0}
        return finetune.init(self.model, self.params, labels, optimizer(way), adapters=adapters, **common)

    def batch(self, proteins: Sequence[Protein], size: int, frozen: bool) -> tuple:
        """What a step or an evaluation reads; of a frozen trunk with what it says."""
        examples = []
        for one in proteins:
            features, targets = inputs(one.sequence, self.config, size)
            label = np.pad(one.label, (0, size - len(one.label)), constant_values=-1)
            known = (self.known(one.sequence, size),) if frozen else ()
            examples.append((features, targets.replace(labels={NAME: label}), *known))
        return jax.tree.map(lambda *x: np.stack(x), *examples)


def padded(length: int) -> int:
    """The length with its padding."""
    return PADDING * -(-length // PADDING)


def window(protein: Protein, rng: np.random.Generator) -> Protein:
    """So many residues of it."""
    start = rng.integers(max(len(protein.label) - CROP, 0) + 1)
    seen = slice(start, start + CROP)
    return dataclasses.replace(protein, sequence=protein.sequence[seen], label=protein.label[seen])


def tuned(
    network: Network, learnt: Sequence[Protein], asked: Sequence[Protein], way: Way, seed: int
) -> list[np.ndarray]:
    """Log-odds of the label at the labelled residues of each asked chain, by what was best on the proteins held out."""
    frozen, rng = way.recipe == "heads", np.random.default_rng([seed, 1])
    size = padded(max(len(one.label) for one in (*learnt, *asked)))
    number = max(len(learnt) // HELD, 1)
    taught, held = learnt[number:], network.batch(learnt[:number], size, frozen)
    state, least = network.begun(way, seed), np.inf
    for step in range(way.steps):
        chosen = [taught[i] for i in rng.choice(len(taught), way.batch, replace=len(taught) < way.batch)]
        if not frozen:
            chosen = [window(one, rng) for one in chosen]
        batch = network.batch(chosen, size if frozen else CROP, frozen)
        state, _ = finetune.train_step(state, batch, jax.random.key(step), 0)
        if (step + 1) % (way.steps // way.checks) == 0:
            loss = float(finetune.eval_step(state, held, 0)[0][NAME])
            if loss < least:
                least, best = loss, jax.tree.map(np.array, state.trained)
    said = finetune.eval_step(state.replace(trained=best), network.batch(asked, size, frozen), 0)[1][NAME]
    odds = np.asarray(said[..., 1] - said[..., 0], np.float64)
    return [own[one.places] for own, one in zip(odds, asked, strict=True)]
