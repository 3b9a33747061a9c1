"""How much of a fold does af2jax-mini know on proteins that nothing was trained on?

Whole chains of the clusters that `experiments/corpus.py` calls "valid" are folded with the preset's recycles, from the
sequence alone and, where there is one, from the alignment. Measured are lDDT-CA, TM-score, long-range contacts (the L/5
likeliest pairs), the secondary structure of the coordinates (share of residues with the right one of three states),
what pLDDT knows of lDDT-CA, and what the masked-MSA head knows of hidden residues. Beside stand an ideal helix, the
nearest chain of the training set by sequence, a chain as compact as the prediction (its distances shuffled at equal
separation), and exchanged truths: the lDDT-CA that predictions have on each other's structures of about the same
length. Only what lies above that is knowledge of a fold.

    python -m experiments.assess_mini --data DATA --params mini --assessed mini_assessed

The folder then has `assessment.json`, every figure and every chain, and `README.md`, the tables of the card. Intervals
are 95 % of the means of clusters drawn again. Hardware: 2 CPU cores, 10 minutes; expected result and last good commit:
experiments/README.md.
"""

import json
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
from absl import app, flags, logging
from jax.nn import log_softmax

import af2jax
from af2jax import compilation
from af2jax.constants.atoms import CA, CB
from af2jax.constants.residues import CODES, UNKNOWN
from af2jax.data.items import load_example, read_item
from af2jax.data.structure import Chain
from af2jax.data.transforms import padded
from af2jax.files import write
from af2jax.metrics import quality
from af2jax.metrics.baselines import helix
from af2jax.metrics.contacts import precision
from af2jax.protein.secondary import secondary
from experiments import card, controls, corpus

DATA = flags.DEFINE_string("data", None, "Folder of data, as in experiments/corpus.py.", required=True)
PARAMS = flags.DEFINE_string("params", "mini", 'Run directory, folder of params_mini.npz, or "mini" of the package.')
ASSESSED = flags.DEFINE_string("assessed", "mini_assessed", "Folder for the results.")
WINDOW = 64  # residues of a chain of which some are hidden
CHAINS = flags.DEFINE_integer("chains", 0, "Use only the first N of each kind; 0: all.", lower_bound=0)
_forward = jax.jit(af2jax.forward, static_argnums=0)


def fold(network, known: Chain, msa: Path | None = None):
    """The prediction for a chain."""
    model, params = network
    features = af2jax.features(known.sequence, model.config, msa=msa and [msa])
    return af2jax.predict(model, params, padded(features, model.config.data))


def classes(known: Chain, positions: np.ndarray, mask: np.ndarray) -> str:
    """The secondary structure, one character for each residue."""
    return secondary(known.aatype, positions, mask)


def share(found: str, true: str) -> float:
    """The share of residues of known state that have it."""
    return float(np.mean([a == b for a, b in zip(found, true, strict=True) if b != "-"]))


def measured(prediction, known: Chain) -> tuple[dict[str, float], np.ndarray]:
    """(the measures of a prediction, pLDDT and lDDT-CA of the observed residues [N 2])."""
    truth, seen = known.positions[:, CA], known.atom_mask[:, CA]
    points, rows = prediction.protein.positions, np.arange(len(seen))
    beta = np.where(known.aatype == CODES["G"], CA, CB)
    local = np.asarray(quality.lddt_ca(points[:, CA], truth, seen).per_residue)
    true = classes(known, known.positions, known.atom_mask)
    values = controls.scores(points[:, CA], truth, seen) | {
        "contacts": precision(prediction.contacts, known.positions[rows, beta], known.atom_mask[rows, beta]),
        "states": share(classes(known, points, prediction.protein.atom_mask), true),
        "plddt": float(np.mean(prediction.plddt[seen])),
    }
    keep = seen & np.isfinite(local)
    return values, np.stack([prediction.plddt, local], axis=1)[keep]


def beside(points: np.ndarray, known: Chain, training: dict[str, Chain], states: dict[str, str]) -> dict[str, dict]:
    """The measures of what knows no fold, but for exchanged truths."""
    truth, seen = known.positions[:, CA], known.atom_mask[:, CA]
    true, num = classes(known, known.positions, known.atom_mask), len(truth)
    near, letters = controls.copied(known, training, states)
    return {
        "compact chain": controls.scores(controls.compact(points, np.random.default_rng(0)), truth, seen),
        "ideal helix": controls.scores(helix(num), truth, seen) | {"states": share("H" * num, true)},
        "nearest chain": controls.scores(near, truth, seen) | {"states": share(letters, true)},
    }


def guessed(network, member: corpus.Member, frequencies: np.ndarray) -> dict[str, float]:
    """What the masked-MSA head knows of residues that are hidden from all inputs, in a window of a chain.

    Natural logarithms: minus that of the true residue's probability, and of its frequency in the training chains.
    """
    model, params = network
    data = replace(model.config.data, mask_target=1.0, clusters=1, extra=1)
    features, targets = load_example(member.item, replace(model.config, data=data), WINDOW, 0, {})
    logits = _forward(model, params, features, model.config.num_recycle).logits["masked_msa"][0]
    where = np.flatnonzero(targets.bert_mask[0] & (targets.true_msa[0] < UNKNOWN))
    logp, true = np.asarray(log_softmax(logits))[where], targets.true_msa[0, where]
    values = (-logp[np.arange(len(where)), true], -np.log(frequencies[true]), logp.argmax(-1) == true)
    mean = lambda x: float(np.mean(x)) if len(x) else np.nan
    return {f"hidden: {name}": mean(x) for name, x in zip(("nats", "frequencies", "right"), values, strict=True)}


def exchange(rows: list[dict], folded: list[np.ndarray], knowns: list[Chain]) -> None:
    """Adds to each row what its prediction and that of its partner have on each other's truth."""
    mates = controls.partners([row["length"] for row in rows], [row["cluster"] for row in rows])
    for i, j in enumerate(mates):
        truths = [(knowns[k].positions[:, CA], knowns[k].atom_mask[:, CA]) for k in (i, j)]
        worth = controls.exchanged([folded[i], folded[j]], truths)
        rows[i] |= {f"exchanged truths: {name}": value for name, value in worth.items()}


def main(_) -> None:
    """Folds all chains, and compares."""
    logging.set_verbosity(logging.ERROR)
    compilation.persist()
    everything, out = corpus.members(Path(DATA.value).resolve()), Path(ASSESSED.value)
    corpus.refuse(PARAMS.value, everything)
    network = af2jax.load("mini", PARAMS.value)
    training = {m.id: read_item(m.item) for m in everything if m.side == "train" and m.msa is None}
    states = {name: classes(chain, chain.positions, chain.atom_mask) for name, chain in training.items()}
    counts = sum(np.bincount(chain.aatype, minlength=UNKNOWN + 1) for chain in training.values())[:UNKNOWN]

    valid, some = [m for m in everything if m.side == "valid"], slice(CHAINS.value or None)
    rows, residues, aligned = [], [], []
    for kind in card.KINDS:
        folded, knowns, first = [], [], len(rows)
        for member in [m for m in valid if m.kind == kind and m.msa is None][some]:
            known = read_item(member.item)
            prediction = fold(network, known)
            values, each = measured(prediction, known)
            row = {"id": member.id, "cluster": member.cluster, "kind": kind, "length": len(known.aatype)} | values
            folded, knowns = [*folded, prediction.protein.positions[:, CA]], [*knowns, known]
            for other, worth in beside(folded[-1], known, training, states).items():
                row |= {f"{other}: {name}": value for name, value in worth.items()}
            rows, residues = [*rows, row | guessed(network, member, counts / counts.sum())], [*residues, each]
            print(f"{member.id} {kind} lDDT-CA {values['lddt_ca']:.1f}, pLDDT {values['plddt']:.1f}", flush=True)
        exchange(rows[first:], folded, knowns)
    for member in [m for m in valid if m.msa is not None][some]:
        known, row = read_item(member.item), {"id": member.id, "cluster": member.cluster}
        for name, msa in (("with", member.msa), ("without", None)):
            row[name] = measured(fold(network, known, msa), known)[0]["lddt_ca"]
        aligned.append(row)
    found = card.numbers(rows, residues, aligned)
    figures = {name: figure._asdict() for name, figure in found.items()}
    text = {"params": PARAMS.value, "figures": figures, "chains": rows, "alignments": aligned}
    text = json.dumps(text, default=lambda x: np.asarray(x).tolist(), indent=1)
    write(out / "assessment.json", text.replace("NaN", "null") + "\n")
    write(out / "README.md", card.tables(found))
    print(card.tables(found))


if __name__ == "__main__":
    app.run(main)
