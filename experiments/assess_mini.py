"""How much of a fold does af2jax-mini know on proteins that nothing was trained on?

Whole chains of the clusters that `experiments/corpus.py` calls "valid" are folded with the preset's recycles, from the
sequence alone and, where there is one, from the alignment. Measured are lDDT-CA, TM-score, long-range contacts (the L/5
likeliest pairs), the secondary structure of the coordinates (share of residues with the right one of three states), and
what pLDDT knows of lDDT-CA. Beside stand an ideal helix, the nearest chain of the training set by sequence, a chain as
compact as the prediction (its distances shuffled at equal separation), and exchanged truths: the lDDT-CA that the
predictions have on each other's structures of about the same length. Only what lies above that is knowledge of a fold.

    python -m experiments.assess_mini --data DATA --params mini --assessed mini_assessed

The folder then has `chains.csv`, `assessment.json` and `README.md`, the tables of the card. Intervals are 95 % of the
means of clusters drawn again. Hardware: 2 CPU cores, 10 minutes; expected result and last good commit:
experiments/README.md.
"""

import json
from pathlib import Path

import numpy as np
from absl import app, flags, logging
from scipy.stats import spearmanr

import af2jax
from af2jax import compilation
from af2jax.constants.atoms import CA, CB
from af2jax.constants.residues import CODES
from af2jax.data.items import read
from af2jax.data.structure import Chain
from af2jax.data.transforms import padded
from af2jax.files import write
from af2jax.metrics import quality
from af2jax.metrics.contacts import precision
from af2jax.metrics.statistics import Interval, bootstrap, paired
from af2jax.protein.secondary import secondary
from af2jax.report.scores import helix
from experiments import controls, corpus

DATA = flags.DEFINE_string("data", None, "Folder of data, as in experiments/corpus.py.", required=True)
PARAMS = flags.DEFINE_string("params", "mini", 'Run directory, folder of params_mini.npz, or "mini" of the package.')
ASSESSED = flags.DEFINE_string("assessed", "mini_assessed", "Folder for the results.")
CHAINS = flags.DEFINE_integer("chains", 0, "Use only the first so many of each kind; 0: all.", lower_bound=0)

KINDS = ("natural", "designed")
OTHERS = ("exchanged truths", "compact chain", "ideal helix", "nearest chain")
RESAMPLES = 1000
GOALS = (  # what, key, at least, goal
    ("natural, sequence alone: lDDT-CA", "natural: lddt_ca", 35, 42),
    ("natural: lDDT-CA minus exchanged truths", "natural: minus exchanged truths", 5, 10),
    ("designed and model: lDDT-CA", "designed: lddt_ca", 46, 60),
    ("designed and model: lDDT-CA minus exchanged truths", "designed: minus exchanged truths", 8, 18),
    ("three-state accuracy of coordinates, natural", "natural: states", 0.52, 0.65),
    ("with an alignment of 100 rows or more minus without: lDDT-CA", "alignment: difference", "interval above 0", 5),
    ("pLDDT over residues: Spearman with lDDT-CA", "plddt: spearman", 0.35, 0.55),
)


def fold(network, known: Chain, msa: Path | None = None):
    """The prediction for a chain."""
    model, params = network
    features = af2jax.features(known.sequence, model.config, msa=msa and [msa])
    return af2jax.predict(model, params, padded(features, model.config.data))


def classes(known: Chain, positions: np.ndarray, mask: np.ndarray) -> str:
    """The secondary structure, a letter for each residue."""
    return secondary(known.aatype, positions, mask, np.zeros(len(known.aatype), np.int32))


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


def ranks(residues: list[np.ndarray], clusters: list[str]) -> Interval:
    """Spearman's correlation over all residues, and its interval over clusters drawn again."""
    members: dict[str, list[np.ndarray]] = {}
    for one, cluster in zip(residues, clusters, strict=True):
        members.setdefault(cluster, []).append(one)
    groups = [np.concatenate(some) for some in members.values()]
    rng = np.random.default_rng(0)
    drawn = (rng.integers(len(groups), size=len(groups)) for _ in range(RESAMPLES))
    found = [spearmanr(*np.concatenate([groups[g] for g in some]).T).statistic for some in drawn]
    everything = np.concatenate(groups)
    low, high = np.quantile(found, [0.025, 0.975])
    return Interval(float(spearmanr(*everything.T).statistic), float(low), float(high), len(everything))


def numbers(rows: list[dict], residues: list[np.ndarray], aligned: list[dict]) -> dict:
    """Every figure of the assessment, by key; intervals are (value, low, high, count)."""
    found: dict = {}
    for kind in KINDS:
        some = [row for row in rows if row["kind"] == kind]
        column = lambda name, some=some: np.array([row.get(name, np.nan) for row in some], float)
        clusters = [row["cluster"] for row in some]
        for name in ("lddt_ca", "tm", "contacts", "states", "plddt"):
            found[f"{kind}: {name}"] = bootstrap(column(name), clusters)
        for other in OTHERS:
            for name in ("lddt_ca", "tm", "states"):
                found[f"{kind}: {other}: {name}"] = bootstrap(column(f"{other}: {name}"), clusters)
            difference = paired(column("lddt_ca"), column(f"{other}: lddt_ca"), clusters).difference
            found[f"{kind}: minus {other}"] = difference
    clusters = [row["cluster"] for row in aligned]
    column = lambda name: np.array([row[name] for row in aligned])
    found["alignment: with"], found["alignment: without"] = (
        bootstrap(column(name), clusters) for name in ("with", "without")
    )
    found["alignment: difference"] = paired(column("with"), column("without"), clusters).difference
    found["plddt: spearman"] = ranks(residues, [row["cluster"] for row in rows])
    found["plddt: calibration"] = quality.calibration(*(x := np.concatenate(residues)).T, np.ones(len(x), bool))
    return found


def tables(found: dict) -> str:
    """The tables of the card, in Markdown."""
    lines = ["| it must show | found | at least | goal |", "|---|---:|---:|---:|"]
    lines += [f"| {what} | {found[key]} | {least} | {goal} |" for what, key, least, goal in GOALS]
    for kind in KINDS:
        own = [str(found[f"{kind}: {name}"]) for name in ("lddt_ca", "tm", "contacts", "states")]
        lines += [
            "",
            f"| {kind}, {found[f'{kind}: lddt_ca'].count} chains | lDDT-CA | af2jax-mini minus it | TM-score | ",
        ]
        lines[-1] += "L/5 contacts | three states |"
        lines += ["|---|---:|---:|---:|---:|---:|", f"| af2jax-mini | {own[0]} | | {' | '.join(own[1:])} |"]
        for other in OTHERS:
            local, tm, state = (found[f"{kind}: {other}: {name}"] for name in ("lddt_ca", "tm", "states"))
            shown = state if state.count else ""
            lines.append(f"| {other} | {local} | {found[f'{kind}: minus {other}']} | {tm} | | {shown} |")
    known = found["plddt: calibration"]
    lines += [
        "",
        f"pLDDT over residues: Spearman {found['plddt: spearman']}; expected calibration error {known.error:.1f}.",
    ]
    lines += ["", "| pLDDT from | residues | mean pLDDT | mean lDDT-CA |", "|---:|---:|---:|---:|"]
    for low, count, plddt, true in zip(known.edges, known.count, known.predicted, known.found, strict=False):
        lines += [f"| {low:.0f} | {count} | {plddt:.1f} | {true:.1f} |"] if count else []
    return "\n".join(lines) + "\n"


def main(_) -> None:
    """Folds all chains, and compares."""
    logging.set_verbosity(logging.ERROR)
    compilation.persist()
    data, out = Path(DATA.value).resolve(), Path(ASSESSED.value)
    everything = corpus.members(data)
    network = af2jax.load("mini", PARAMS.value)
    training = {m.id: read(m.item) for m in everything if m.side == "train" and m.msa is None}
    states = {name: classes(chain, chain.positions, chain.atom_mask) for name, chain in training.items()}
    valid = [m for m in everything if m.side == "valid"]
    alone = [
        m for kind in KINDS for m in [m for m in valid if m.kind == kind and m.msa is None][: CHAINS.value or None]
    ]

    rows, residues, folded, knowns = [], [], [], [read(member.item) for member in alone]
    for member, known in zip(alone, knowns, strict=True):
        prediction = fold(network, known)
        values, each = measured(prediction, known)
        folded.append(prediction.protein.positions[:, CA])
        residues.append(each)
        rows.append(
            {"id": member.id, "cluster": member.cluster, "kind": member.kind, "length": len(known.aatype)} | values
        )
        for other, worth in beside(folded[-1], known, training, states).items():
            rows[-1] |= {f"{other}: {name}": value for name, value in worth.items()}
        print(f"{member.id} {member.kind} lDDT-CA {values['lddt_ca']:.1f}, pLDDT {values['plddt']:.1f}", flush=True)
    for kind in KINDS:
        here = [i for i, row in enumerate(rows) if row["kind"] == kind]
        mates = controls.partners([rows[i]["length"] for i in here], [rows[i]["cluster"] for i in here])
        for i, j in ((here[a], here[b]) for a, b in enumerate(mates)):
            truth = [(knowns[k].positions[:, CA], knowns[k].atom_mask[:, CA]) for k in (i, j)]
            worth = controls.exchanged([folded[i], folded[j]], *map(list, zip(*truth, strict=True)))
            rows[i] |= {f"exchanged truths: {name}": value for name, value in worth.items()}
    aligned = []
    for member in [m for m in valid if m.msa is not None][: CHAINS.value or None]:
        known = read(member.item)
        one = {"id": member.id, "cluster": member.cluster}
        one |= {
            k: measured(fold(network, known, m), known)[0]["lddt_ca"]
            for k, m in (("with", member.msa), ("without", None))
        }
        aligned.append(one)
    found = numbers(rows, residues, aligned)
    plain = {k: x._asdict() for k, x in found.items()}
    text = json.dumps(
        {"params": PARAMS.value, "figures": plain, "chains": rows, "alignments": aligned},
        default=lambda x: np.asarray(x).tolist(),
        indent=1,
    )
    write(out / "assessment.json", text.replace("NaN", "null") + "\n")
    write(out / "README.md", tables(found))
    print(tables(found))


if __name__ == "__main__":
    app.run(main)
