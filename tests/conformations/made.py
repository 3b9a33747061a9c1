"""Models of our own for tests of states: traces of CA atoms in a few folds, each made by some way."""

import numpy as np

from af2jax.conformations.sampling import Model
from af2jax.conformations.study import grouped
from af2jax.conformations.ways import CLUSTERS, SEEDS, UNIFORM
from af2jax.constants.atoms import CA
from af2jax.constants.residues import encode
from af2jax.data.parse import parse_a3m
from af2jax.protein.files import Protein
from tests.metrics.test_superposition import turned, walk

LENGTH = 60
SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQ"[:20] * 3
ALIGNMENT = parse_a3m(f">query\n{SEQUENCE}\n>other\n{SEQUENCE[:-5]}AAAAA\n", "made")


def model(way: str, number: int, fold: int, plddt: float = 80.0, seconds: float = 1.0, first: bool = False) -> Model:
    """A model whose CA atoms are those of a fold, turned and with some noise."""
    rng = np.random.default_rng([fold, number, len(way)])
    points = turned(walk(LENGTH, 20 + fold) + rng.normal(size=(LENGTH, 3)) * 0.4, float(number)) + rng.normal(size=3)
    positions, mask = np.zeros((LENGTH, 37, 3), np.float32), np.zeros((LENGTH, 37), bool)
    positions[:, CA], mask[:, CA] = points, True
    numbers = np.arange(LENGTH)
    values = np.full(LENGTH, plddt, np.float32)
    protein = Protein(encode(SEQUENCE), positions, mask, numbers, np.zeros(LENGTH, int), values, "made")
    return Model(f"mini_{way}_{number:03d}", way, "mini", number, ALIGNMENT, protein, None, seconds, first)


def models(clusters=(0, 1, 1, 1, 1, 1, 1, 1), uniform=(0,) * 8, plddt: float = 80.0) -> list[Model]:
    """One model of the whole alignment, of fold 0, then those of both ways, by their folds."""
    out = [model(SEEDS, 1, 0, 85.0)]
    out += [model(CLUSTERS, i, fold, plddt, 2.0) for i, fold in enumerate(clusters, 1)]
    return out + [model(UNIFORM, i, fold, 75.0) for i, fold in enumerate(uniform, 1)]


def states(some=None, references=(), calibrated: bool = True, asked=(CLUSTERS,), notes=()):
    """What these models are."""
    some = models() if some is None else some
    networks = {one.network: calibrated for one in some}
    return grouped("made", SEQUENCE, asked, some, list(references), 0.8, networks, notes)
