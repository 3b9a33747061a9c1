"""Which labels of residues does a trunk that has learnt to fold tell better than the sequence around them?

How the label of `demo.py` was chosen, on the chains that the demo learns from and validates on: none of its test chains
is read here. Each label is a number of CA atoms within a distance and some residues away along the chain. Ridge
regression tells it, cross-validated over chains, from the sequence around a residue (one-hot, 7 residues on either
side), and from the activations of the structure module of a random trunk and of the trained one.

    python -m experiments.demo_label --data DATA

DATA as in `experiments/corpus.py`. Hardware: 2 CPU cores; expected result and last good commit: experiments/README.md.
"""

from pathlib import Path

import jax
import numpy as np
from absl import app, flags, logging

import af2jax
from af2jax import compilation
from af2jax.constants.residues import RESTYPES, encode
from af2jax.data.structure import read_chain
from af2jax.data.transforms import pad
from af2jax.metrics.statistics import paired
from experiments import demo_table

PARAMS = flags.DEFINE_string("params", "mini", 'Weights of preset mini: a folder of .npz, or "mini" of the package.')
MOST = flags.DEFINE_integer("most", 62, "Chains, at most.", lower_bound=8)

LABELS = {  # angstrom, residues apart, CA atoms at least
    "7 A, 12 apart": (7.0, 12, 1),
    "6 A, 12 apart": (6.0, 12, 1),
    "8 A, 12 apart": (8.0, 12, 1),
    "8 A, 24 apart": (8.0, 24, 1),
    "8 A, 12 apart, three": (8.0, 12, 3),
    "10 A, sixteen (burial)": (10.0, 1, 16),
}
SIZE, FOLDS, WINDOW = 160, 4, 7
PENALTIES = (1e-2, 1e-1, 1.0, 10.0)


def network(place: str) -> tuple:
    """(model, parameters) of preset mini; place "": random ones."""
    return af2jax.load("mini", place) if place else af2jax.load("mini", key=jax.random.key(0))


def activations(place: str, sequences: list[str]) -> list[np.ndarray]:
    """What the structure module ends with of each residue, [N_res c] of each sequence."""
    model, params = network(place)
    ask = jax.jit(lambda own, features: af2jax.forward(model, own, features, num_recycle=0).structure.single)
    one = lambda sequence: pad(af2jax.features(sequence, model.config), n_res=SIZE, n_seq=1, n_extra=1)
    return [np.asarray(ask(params, one(sequence)))[: len(sequence)] for sequence in sequences]


def windows(sequence: str) -> np.ndarray:
    """[N_res window * 21]: the residues around each one, one-hot."""
    codes = np.pad(encode(sequence), WINDOW, constant_values=len(RESTYPES))
    seen = np.lib.stride_tricks.sliding_window_view(codes, 2 * WINDOW + 1)
    return np.eye(len(RESTYPES) + 1)[seen].reshape(len(sequence), -1)


def ridge(x: np.ndarray, y: np.ndarray, penalties: tuple[float, ...]) -> list[np.ndarray]:
    """The weights of ridge regression with each penalty."""
    squares, products = x.T @ x, x.T @ y
    return [np.linalg.solve(squares + penalty * np.eye(len(squares)), products) for penalty in penalties]


def right(features: list[np.ndarray], labels: list[np.ndarray]) -> np.ndarray:
    """[chains]: the share of residues that a regression on the other folds, its penalty chosen there, tells right."""
    folds, found = np.random.default_rng(0).permutation(len(labels)) % FOLDS, np.zeros(len(labels))
    for fold in range(FOLDS):
        learn = np.flatnonzero(folds != fold)
        x, y = (np.concatenate([values[i] for i in learn]).astype(float) for values in (features, labels))
        mean, spread = x.mean(0), np.sqrt(x.var(0).sum())
        unit = lambda z, m=mean, s=spread: np.append((z - m) / s, np.ones((len(z), 1)), 1)
        x, held = unit(x), np.repeat(np.arange(len(learn)) % FOLDS == 0, [len(labels[i]) for i in learn])
        errors = [((x[held] @ weights - y[held]) ** 2).mean() for weights in ridge(x[~held], y[~held], PENALTIES)]
        (weights,) = ridge(x, y, (PENALTIES[int(np.argmin(errors))],))
        for i in np.flatnonzero(folds == fold):
            found[i] = np.mean((unit(features[i]) @ weights > 0.5) == labels[i])
    return found


def main(_) -> None:
    """Prints a line for each label."""
    logging.set_verbosity(logging.ERROR)
    compilation.persist()
    own = [member for _, member in demo_table.chosen(Path(demo_table.DATA.value)) if member.side != "valid"]
    chains = [read_chain(member.file) for member in own[: MOST.value]]
    sequences = [chain.sequence for chain in chains]
    told = {"one-hot": [windows(sequence) for sequence in sequences]}
    told |= {"random": activations("", sequences), "trained": activations(PARAMS.value, sequences)}
    print("| label | share | one-hot | random | trained | trained minus one-hot | trained minus random |")
    for name, rule in LABELS.items():
        labels = [np.array(list(demo_table.contact(chain, *rule))) == "F" for chain in chains]
        each = {what: right(features, labels) for what, features in told.items()}
        over = [paired(each["trained"], each[of], np.arange(len(chains))).difference for of in ("one-hot", "random")]
        shown = [f"{one.value:+.3f} ({one.low:+.3f} to {one.high:+.3f})" for one in over]
        means = [f"{values.mean():.3f}" for values in each.values()]
        print(f"| {' | '.join([name, f'{np.concatenate(labels).mean():.2f}', *means, *shown])} |", flush=True)


if __name__ == "__main__":
    app.run(main)
