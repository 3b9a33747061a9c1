"""How good is the small network on proteins that it has never seen, and on those that it was trained on?

Each chain is folded from its sequence alone. Measured are the lDDT-CA, the precision of long-range contacts (the L/5
likeliest pairs), the secondary structure (share of residues whose class is right), and what pLDDT knows of the lDDT.
Rivals on the chains of validation: the same network with random weights; one ideal helix, everywhere; and the chain of
the training set whose sequence is nearest, laid over by alignment (what it does not cover is wrong).

    python -m experiments.assess_mini --data DATA --params mini --assessed mini_assessed

The folder then has `chains.csv`, `README.md` and `valid.png`. Intervals are 95 % of the means of clusters of relatives
drawn again. Hardware: 2 CPU cores, 8 minutes; expected result and last good commit: experiments/README.md.
"""

import csv
import io
from pathlib import Path

import jax
import numpy as np
from absl import app, flags
from scipy.stats import spearmanr

import af2jax
from af2jax import compilation
from af2jax.constants.atoms import CA, CB
from af2jax.constants.residues import CODES
from af2jax.data.nearest import nearest, transfer
from af2jax.data.structure import Chain, read_chain
from af2jax.data.transforms import padded
from af2jax.files import write
from af2jax.metrics import quality
from af2jax.metrics.contacts import precision
from af2jax.metrics.statistics import bootstrap, paired
from af2jax.plots.bars import bars
from af2jax.protein.secondary import secondary
from af2jax.report import folds
from af2jax.report.scores import helix
from experiments import sides

DATA = flags.DEFINE_string("data", None, "Folder with chains.tsv and structures.", required=True)
PARAMS = flags.DEFINE_string("params", None, "Run directory, or folder of params_mini.npz.", required=True)
ASSESSED = flags.DEFINE_string("assessed", "mini_assessed", "Folder for the results.")
RECYCLE = flags.DEFINE_integer("num_recycle", 1, "Recycles.", lower_bound=0)

RIVALS = ("random network", "helix", "nearest chain")


def fold(model, params, known: Chain):
    """The prediction for the whole sequence of a chain."""
    features = af2jax.features(known.sequence, model.config, cycles=RECYCLE.value + 1)
    return af2jax.predict(model, params, padded(features, model.config.data), RECYCLE.value)


def classes(known: Chain, positions: np.ndarray, mask: np.ndarray) -> str:
    """The secondary structure, a letter for each residue."""
    return secondary(known.aatype, positions, mask, np.zeros(len(known.aatype), np.int32))


def share(said: str, true: str) -> float:
    """The share of residues of known class whose class is said."""
    return float(np.mean([a == b for a, b in zip(said, true, strict=True) if b != "-"]))


def lddt_ca(points: np.ndarray, known: Chain) -> quality.Lddt:
    """Of CA atoms, against the observed ones."""
    return quality.lddt_ca(points, known.positions[:, CA], known.atom_mask[:, CA])


def of_network(known: Chain, true: str, prediction) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
    """What a prediction is worth; and its pLDDT and the lDDT of the observed residues."""
    found, observed = lddt_ca(prediction.protein.positions[:, CA], known), known.atom_mask[:, CA]
    beta = np.where(known.aatype == CODES["G"], CA, CB)
    rows = np.arange(len(beta))
    points, present = known.positions[rows, beta], known.atom_mask[rows, beta]
    values = {
        "lddt_ca": float(found.overall),
        "contacts": precision(prediction.contacts, points, present),
        "classes": share(classes(known, prediction.protein.positions, prediction.protein.atom_mask), true),
        "plddt": float(np.mean(prediction.plddt[observed])),
    }
    keep = observed & np.isfinite(found.per_residue)
    return values, prediction.plddt[keep], np.asarray(found.per_residue)[keep]


def of_nearest(known: Chain, true: str, training: dict[str, Chain], letters: dict[str, str]) -> dict[str, float]:
    """What the nearest training chain is worth as a prediction."""
    best = nearest(known.sequence, {name: chain.sequence for name, chain in training.items()})
    other, num = training[best.id], len(known.aatype)
    points, mask = transfer(best.pairs, num, other.positions[:, CA], other.atom_mask[:, CA])
    worth = folds.scores(points, mask, known.positions[:, CA], known.atom_mask[:, CA])
    said = np.full(num, "C")
    said[best.pairs[:, 0]] = np.array(list(letters[best.id]))[best.pairs[:, 1]]
    return {"lddt_ca": worth["lddt_ca"], "classes": share("".join(said), true)}


def report(rows: list[dict], plddt: np.ndarray, lddt: np.ndarray, out: Path) -> None:
    """Writes the table of chains, and what follows from it."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = csv.DictWriter(text, names, lineterminator="\n")
    table.writeheader()
    table.writerows({name: f"{x:.4g}" if isinstance(x, float) else x for name, x in row.items()} for row in rows)
    write(out / "chains.csv", text.getvalue())
    sides = {side: [row for row in rows if row["side"] == side] for side in ("named", "train", "valid")}
    valid, column = sides["valid"], lambda some, name: np.array([row.get(name, np.nan) for row in some])
    clusters = column(valid, "cluster")
    mean = lambda some, name: bootstrap(column(some, name), column(some, "cluster"))
    entries = {"mini": "lddt_ca"} | {rival: f"{rival}: lddt_ca" for rival in RIVALS}
    found = {name: tuple(mean(valid, key))[:3] for name, key in entries.items()}
    differences = {r: paired(column(valid, "lddt_ca"), column(valid, f"{r}: lddt_ca"), clusters) for r in RIVALS}
    of_chains, of_residues = (
        spearmanr(*x).statistic for x in ((column(valid, "plddt"), column(valid, "lddt_ca")), (plddt, lddt))
    )
    lines = [
        "# What af2jax-mini can do",
        "",
        "| chains | number | lDDT-CA | at least 80 | L/5 contacts | classes | pLDDT |",
    ]
    lines += ["|---|---:|---|---:|---|---|---|"]
    for side, some in sides.items():
        high = int((column(some, "lddt_ca") >= 80).sum())
        values = [mean(some, name) for name in ("lddt_ca", "contacts", "classes", "plddt")]
        lines.append(f"| {side} | {len(some)} | {values[0]} | {high} | " + " | ".join(map(str, values[1:])) + " |")
    lines += ["", "| on the chains of validation | lDDT-CA | mini minus it | wins | p | L/5 contacts | classes |"]
    lines += ["|---|---|---|---:|---:|---|---|"]
    for rival, each in differences.items():
        scores = [str(mean(valid, f"{rival}: {name}")) for name in ("lddt_ca", "contacts", "classes")]
        versus = f"{each.difference} | {each.wins} of {len(valid)} | {each.p:.2g}"
        lines.append(f"| {rival} | {scores[0]} | {versus} | {scores[1]} | {scores[2]} |")
    known = quality.calibration(plddt, lddt, np.ones(len(plddt), bool))
    ranks = f"Spearman with lDDT-CA {of_chains:.2f} over chains, {of_residues:.2f} over {len(plddt):,} residues"
    lines += ["", f"pLDDT of the chains of validation: {ranks}; expected calibration error {known.error:.1f}."]
    lines += ["", "| pLDDT from | residues | mean pLDDT | mean lDDT-CA |", "|---:|---:|---:|---:|"]
    for low, count, said, true in zip(known.edges, known.count, known.predicted, known.found, strict=False):
        lines += [f"| {low:.0f} | {count} | {said:.1f} | {true:.1f} |"] if count else []
    caption = (
        f"lDDT-CA on {len(valid)} chains of {len(set(clusters))} clusters that were never trained on, from their "
        "sequences alone, and 95 % of the means of clusters drawn again. "
        + "; ".join(f"mini minus {rival}: {each.difference}" for rival, each in differences.items())
        + ". "
        + (
            "It beats all three."
            if all(x.difference.low > 0 for x in differences.values())
            else "It does not beat all three."
        )
    )
    bars(out / "valid.png", "lDDT-CA of chains never trained on", found, caption)
    write(out / "README.md", "\n".join([*lines, "", "![valid](valid.png)", "", caption, ""]))
    print("\n".join(lines))


def main(_) -> None:
    """Folds all chains, and compares."""
    compilation.persist()
    data, out = Path(DATA.value).resolve(), Path(ASSESSED.value)
    found = [chain for chain in sides.chains(data) if chain["side"] != "confidence"]
    by_heart = set(sides.named(found))
    model, params = af2jax.load("mini", PARAMS.value)
    _, random = af2jax.load("mini", key=jax.random.key(0))
    known = {chain["id"]: read_chain(chain["file"]) for chain in found}
    true = {name: classes(chain, chain.positions, chain.atom_mask) for name, chain in known.items()}
    training = {chain["id"]: known[chain["id"]] for chain in found if chain["side"] == "train"}

    rows, plddts, lddts = [], [], []
    for chain in sorted(found, key=lambda chain: len(known[chain["id"]].aatype)):
        name, side = chain["id"], chain["side"]
        values, plddt, lddt = of_network(known[name], true[name], fold(model, params, known[name]))
        rows.append({"id": name, "cluster": chain["cluster"], "side": "named" if name in by_heart else side} | values)
        if side == "valid":
            plddts, lddts = [*plddts, plddt], [*lddts, lddt]
            num = len(known[name].aatype)
            rivals = (
                of_network(known[name], true[name], fold(model, random, known[name]))[0],
                {"lddt_ca": float(lddt_ca(helix(num), known[name]).overall), "classes": share("H" * num, true[name])},
                of_nearest(known[name], true[name], training, true),
            )
            for rival, scores in zip(RIVALS, rivals, strict=True):
                rows[-1] |= {f"{rival}: {metric}": value for metric, value in scores.items()}
        print(f"{name} {rows[-1]['side']} lDDT-CA {values['lddt_ca']:.1f}, pLDDT {values['plddt']:.1f}", flush=True)
    report(rows, np.concatenate(plddts), np.concatenate(lddts), out)


if __name__ == "__main__":
    app.run(main)
