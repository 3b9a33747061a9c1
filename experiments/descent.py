"""Is a structure module needed, or does gradient descent on the predicted distances fold a chain as well?

AlphaFold of 2018 had no structure module: it descended a potential made of predicted distances and torsions (Senior et
al., Nature 577, 706, 2020). The same is done here with the trunk of one network: minus the log probability of
every CB-CB distance by the distogram, smoothed, and a harmonic pull to the network's phi and psi, over the torsions of
a backbone of ideal bonds and angles. Several descents begin near the predicted torsions; the lowest potential counts.
Baselines: the structure module on the same trunk, the predicted torsions alone, and one ideal helix. The control is a
descent that gives every pair the distances of another pair as far apart in the sequence: as compact, without a fold;
what it reaches too, no knowledge of the fold has won. A descent on the true distances shows what is possible at best.

    python -m experiments.descent --data DATA --out descent_out

DATA as in `experiments/corpus.py`; chains of the network's own training and those that it
never saw are told apart. Hardware: 2 CPU cores, 7 minutes; expected result and last good commit:
experiments/README.md.
"""

import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import app, flags, logging

import af2jax
from af2jax import compilation
from af2jax.config import Config
from af2jax.constants.atoms import CA, CB
from af2jax.constants.residues import CODES
from af2jax.data.structure import Chain, read_chain
from af2jax.data.transforms import padded
from af2jax.files import write
from af2jax.geometry.lddt import lddt
from af2jax.metrics.baselines import helix
from af2jax.metrics.statistics import bootstrap, paired
from af2jax.metrics.superposition import tm_score
from af2jax.plots.bars import bars
from experiments import corpus

DATA = flags.DEFINE_string("data", None, "Folder with chains.tsv and structures.", required=True)
OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)
PRESET = flags.DEFINE_string("preset", "mini", "Network.")
PARAMS = flags.DEFINE_string("params", "mini", 'Its parameters: a folder of .npz, a run, or "mini" of the package.')
CHAINS = flags.DEFINE_integer("chains", 15, "Of each kind.", lower_bound=1)
LONGEST = flags.DEFINE_integer("longest", 96, "Residues of a chain, at most.", lower_bound=16)
STEPS = flags.DEFINE_integer("steps", 600, "Of each descent.", lower_bound=1)
STARTS = flags.DEFINE_integer("starts", 4, "Descents of each chain.", lower_bound=1)

# Engh and Huber, Acta Crystallographica A47, 392-400, 1991: bonds N-CA, CA-C, C-N and the angles behind them
BONDS = (1.458, 1.525, 1.329)
ANGLES = np.radians((121.7, 111.2, 116.2))  # C-N-CA, N-CA-C, CA-C-N
EDGES = np.linspace(2.3125, 21.6875, 63)  # of the distogram's bins
CENTRES = np.concatenate([EDGES[:1] - 0.16, (EDGES[1:] + EDGES[:-1]) / 2])  # the last bin has no end, and no pull
WIDTH, PULL = 0.6, 5.0  # angstrom of the smoothing; weight of the torsions
CONTROL = "descent, distances shuffled"
NOISE, RATE = 0.3, 0.05  # radians of the starts, and of a step at most


def backbone(torsions: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(CA, CB) float [N_res 3] of phi and psi in radians, [N_res 2]; omega is 180 degrees."""
    phi, psi = torsions.T
    turn = jnp.stack([phi, psi, jnp.full_like(phi, jnp.pi)], -1)  # about N-CA, CA-C, C-N: each turns what follows
    length = jnp.broadcast_to(jnp.array(BONDS), turn.shape)
    # in the frame of an atom x points along its bond: turn about it, bend by the next angle, go along
    bend = jnp.pi - jnp.roll(jnp.array(ANGLES), -1)
    ct, st, cb, sb = jnp.cos(turn), jnp.sin(turn), jnp.cos(bend), jnp.sin(bend)
    zero = jnp.zeros_like(turn)
    rows = ((cb + zero, -sb + zero, zero), (ct * sb, ct * cb, -st), (st * sb, st * cb, ct))
    rot = jnp.stack([jnp.stack(row, -1) for row in rows], -2)
    go = jnp.stack([length, zero, zero], -1)
    move = lambda a, b: (a[0] @ b[0], jnp.einsum("...ij,...j->...i", a[0], b[1]) + a[1])
    _, place = jax.lax.associative_scan(move, (rot.reshape(-1, 3, 3), go.reshape(-1, 3)))
    atoms = jnp.concatenate([jnp.zeros((1, 3)), place])[:-1].reshape(-1, 3, 3)  # N, CA, C of every residue
    n, ca, c = atoms[:, 0], atoms[:, 1], atoms[:, 2]
    b, d = ca - n, c - ca
    return ca, ca - 0.58273431 * jnp.cross(b, d) + 0.56802827 * b - 0.54067466 * d


def potential(torsions, logp, predicted):
    """What is descended: distances, and torsions; logp float [N_res N_res 63], predicted float [N_res 2]."""
    _, beta = backbone(torsions)
    apart = jnp.sqrt(jnp.sum((beta[:, None] - beta[None]) ** 2, -1) + 1e-6)
    pull = -((apart[..., None] - CENTRES) ** 2) / (2 * WIDTH**2)
    energy = -jax.nn.logsumexp(logp + jnp.maximum(pull, -30.0), -1)  # beyond 30 a pair is not pulled
    return jnp.sum(jnp.triu(energy, 2)) / len(predicted) + PULL * jnp.mean(1 - jnp.cos(torsions - predicted))


@jax.jit
def descend(start, logp, predicted):
    """(potential, torsions) after Adam with a rate that falls to 0."""
    optimizer = optax.adam(optax.cosine_decay_schedule(RATE, STEPS.value))

    def step(carry, _):
        torsions, state = carry
        gradient = jax.grad(potential)(torsions, logp, predicted)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(torsions, updates), state), None

    (torsions, _), _ = jax.lax.scan(step, (start, optimizer.init(start)), None, STEPS.value)
    return potential(torsions, logp, predicted), torsions


def best(logp: np.ndarray, predicted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The CA atoms of the descent that ends lowest."""
    starts = predicted + NOISE * rng.normal(size=(STARTS.value, *predicted.shape))
    ends = [descend(jnp.asarray(start), jnp.asarray(logp), jnp.asarray(predicted)) for start in starts]
    return np.asarray(backbone(min(ends, key=lambda end: float(end[0]))[1])[0])


def shuffled(logp: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every pair with the distances of another pair as far apart in the sequence."""
    found = logp.copy()
    for apart in range(2, len(logp)):
        i = np.arange(len(logp) - apart)
        j = rng.permutation(i)
        found[i, i + apart] = logp[j, j + apart]
    return found


def folded(network, config: Config, known: Chain, rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """{measure: {way: its score}} of a chain."""
    features = padded(af2jax.features(known.sequence, config, cycles=config.num_recycle + 1), config.data)
    outputs = network(features)
    num = len(known.aatype)
    logp = np.asarray(jax.nn.log_softmax(outputs.logits["distogram"]))[:num, :num, :63]
    angles = np.asarray(outputs.structure.torsions[-1])[:num, 1:3]  # phi, psi as sine and cosine
    predicted = np.arctan2(angles[..., 0], angles[..., 1])
    atoms = np.where((known.aatype == CODES["G"])[:, None], known.positions[:, CA], known.positions[:, CB])
    true = np.linalg.norm(atoms[:, None] - atoms[None], axis=-1)
    seen = np.where(known.aatype == CODES["G"], known.atom_mask[:, CA], known.atom_mask[:, CB])
    sharp = np.where((seen[:, None] & seen)[..., None], -((true[..., None] - CENTRES) ** 2) / (2 * WIDTH**2), 0.0)
    ways = {
        "structure module": np.asarray(outputs.structure.atom37)[:num, CA],
        "descent": best(logp, predicted, rng),
        CONTROL: best(shuffled(logp, rng), predicted, rng),
        "torsions alone": np.asarray(backbone(jnp.asarray(predicted))[0]),
        "one helix": helix(num),
        "descent on true distances": best(sharp, predicted, rng),
    }
    points, mask = known.positions[:, CA], known.atom_mask[:, CA]
    local = lambda ca: 100 * float(jnp.mean(lddt(ca, points, mask), where=mask))
    measures = {"lDDT-CA": local, "TM-score": lambda ca: tm_score(ca, points, mask)}
    return {name: {way: score(ca) for way, ca in ways.items()} for name, score in measures.items()}


def verdict(scores: dict[str, np.ndarray]) -> str:
    """What follows from the scores of every way."""
    baselines = ("structure module", CONTROL)
    over = {name: paired(scores["descent"], scores[name]) for name in baselines}
    gain, fold = (each.difference for each in over.values())
    if not (fold.clear and fold.value > 0):
        text = "descent wins nothing by knowing the fold."
    elif not gain.clear:
        text = "descent knows some of the fold; the data cannot tell it from the structure module."
    elif gain.value < 0:
        text = "descent knows some of the fold; the structure module is worth having."
    else:
        text = "the trunk knows more of the fold than the structure module makes of it."
    shown = "; ".join(f"minus {name}: {each.difference} (p = {each.p:.2g})" for name, each in over.items())
    return f"Descent {shown}: {text}"


def main(_) -> None:
    """Folds chains that the network learnt, and others; compares."""
    logging.set_verbosity(logging.ERROR)
    compilation.persist()
    out = Path(OUT.value)
    model, params = af2jax.load(PRESET.value, PARAMS.value or None)
    network = jax.jit(partial(af2jax.forward, model, params))
    chains = corpus.chains(Path(DATA.value).resolve(), LONGEST.value)
    kinds = {"trained on": "train", "never seen": "valid"}
    lines = ["# Is a structure module needed?", ""]
    for kind, side in kinds.items():
        found = []
        for chain in [c for c in chains if c.side == side][: CHAINS.value]:
            place = out / "chains" / f"{chain.id}.json"
            if not place.exists():
                rng = np.random.default_rng(0)
                write(place, json.dumps(folded(network, model.config, read_chain(chain.file), rng)) + "\n")
            found.append(json.loads(place.read_text()))
        for measure in found[0]:
            scores = {way: np.array([each[measure][way] for each in found]) for way in found[0][measure]}
            caption = (
                f"{measure} of {len(found)} chains that the network {'never saw' if side == 'valid' else 'learnt'}, up "
                f"to {LONGEST.value} residues, from sequence alone; shuffled: a pair has the distances of another as "
                f"far apart in the sequence; lines: 95 % of the means of chains drawn again. {verdict(scores)}"
            )
            name = f"{kind} {measure}".replace(" ", "_").replace("-", "_").lower()
            bars(out / f"{name}.png", measure, {way: tuple(bootstrap(x))[:3] for way, x in scores.items()}, caption)
            lines += [f"![{kind}, {measure}]({name}.png)", "", caption, ""]
    print("\n".join(lines))
    write(out / "README.md", "\n".join(lines))


if __name__ == "__main__":
    app.run(main)
