"""Can a head tell which residues a crystal does not show, better than pLDDT, composition and the distance to an end?

Each residue of the chains of NetSurfP-2 (FLIP's secondary structure set) is resolved or not; what is not resolved is
taken for disordered, as in CASP. A head of residues is trained on the frozen trunk of the network, trained and random,
and its probabilities are calibrated on other chains. Test chains are one of a cluster, share no cluster with those that
were learnt from, and resemble no chain that the network may have been trained on (phmmer, 30 % identity over half of
the shorter one). Beside the heads stand what needs no training: pLDDT of the untuned network alone, the TOP-IDP scale
of amino acids over a window (Campen et al., Protein Pept. Lett. 15, 956, 2008), and the distance to the nearer
end of the chain, where most unresolved residues are; and what learns without a trunk: logistic regression on windows.

    python -m experiments.disorder --data DATA --train 60 --test 50 --steps 200 --seeds 3 --crop 128 --out disorder_out

DATA as in `experiments/corpus.py`. Hardware: 2 CPU cores; expected result and last good commit: experiments/README.md.
With --shuffle the labels learnt from are permuted within each chain: what is above chance then comes of their shares.
A stopped run resumes.
"""

import csv
import json
import lzma
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import numpy as np
from absl import app, flags, logging

import af2jax
from af2jax import compilation
from af2jax.constants.residues import RESTYPES
from af2jax.data.transforms import padded
from af2jax.files import write
from af2jax.finetune import Training
from af2jax.heads import Head
from af2jax.metrics.classification import reliability, roc
from af2jax.metrics.statistics import Interval, bootstrap, paired
from af2jax.plots import figure
from experiments import corpus, walk

DATA = flags.DEFINE_string("data", None, "Folder of data, as in experiments/corpus.py.", required=True)
TRAIN = flags.DEFINE_integer("train", 200, "Chains to learn from.", lower_bound=2)
TEST = flags.DEFINE_integer("test", 80, "Chains to judge by.", lower_bound=2)

TASK, CLASSES = "disorder", ("N", "Y")
LENGTHS, VALID = (40, 128), 40  # residues; chains that probabilities are calibrated on
HEAD, RANDOM = "head on the trained trunk", "head on a random trunk"
PLDDT, COMPOSITION, END = "pLDDT alone", "TOP-IDP in windows", "distance to the nearer end"
WINDOW = 21  # residues
TOP_IDP = {  # Campen et al. 2008, Table 2
    **{"W": -0.884, "F": -0.697, "Y": -0.510, "I": -0.486, "M": -0.397, "L": -0.326, "V": -0.121},
    **{"N": 0.007, "C": 0.02, "T": 0.059, "A": 0.06, "G": 0.166, "R": 0.180, "D": 0.192},
    **{"H": 0.303, "Q": 0.318, "S": 0.341, "K": 0.586, "E": 0.736, "P": 0.987},
}


def labelled(data: Path) -> list[dict[str, str]]:
    """Chains with both kinds of residues, one of a cluster, each with `labels`, Y where it is not resolved."""
    found = {}
    with lzma.open(data / "corpus" / "labels" / "flip_secondary_structure.tsv.xz", "rt", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            sequence, mask = row["sequence"], row["resolved_mask"]
            usual = not set(sequence) - set(RESTYPES) and LENGTHS[0] <= len(sequence) <= LENGTHS[1]
            if usual and set(mask) == {"0", "1"} and len(mask) == len(sequence):
                labels = "".join("NY"[seen == "0"] for seen in mask)
                found.setdefault(row["label_cluster30"], row | {"labels": labels})
    return list(found.values())


def table(data: Path, out: Path) -> Path:
    """Chains to judge by, to calibrate on and to learn from, where the table is not there yet."""
    path = out / ("shuffled.csv" if walk.SHUFFLE.value else "data.csv")
    if path.exists():
        return path
    every = labelled(data)
    mixed = [every[i] for i in np.random.default_rng(0).permutation(len(every))]
    held = (row for row in mixed if row["split"] != "train")
    learnt = {row["sequence"] for folder in (data, data / "corpus") for row in corpus.read(folder, "chains.tsv")}
    learnt |= {row["query"] for row in corpus.read(data / "corpus", "msa.tsv")}
    test = list(islice((row for row in held if not corpus.alike([row["sequence"]], sorted(learnt))), TEST.value))
    own = [row for row in mixed if row["split"] == "train" and not row["chain_id"]][: VALID + TRAIN.value]
    near = corpus.alike([row["sequence"] for row in test], [row["sequence"] for row in own])
    own = [row for index, row in enumerate(own) if index not in near]
    rng, lines = np.random.default_rng(0), [f"id,sequence,split,cluster,{TASK}"]
    for split, rows in {"test": test, "valid": own[:VALID], "train": own[VALID:]}.items():
        for row in rows:
            labels = row["labels"]
            if walk.SHUFFLE.value and split != "test":
                labels = "".join(rng.permutation(list(labels)))
            lines.append(f"{row['id']},{row['sequence']},{split},{row['label_cluster30']},{labels}")
    return write(path, "\n".join(lines) + "\n")


def ways(data: Path) -> dict[str, Training]:
    """What is trained, the control first."""
    head = {"heads": {TASK: Head("residue", classes=CLASSES)}, "losses": {TASK: 1.0}, "monitor": TASK}
    head |= {"recipe": "heads", "cache": True, "examples_per_item": 1, "learning_rate": 3e-3, "batch_size": 8}
    return {RANDOM: walk.training(data, **head | {"params": ""}), HEAD: walk.training(data, **head)}


def composition(sequence: str) -> np.ndarray:
    """TOP-IDP, the mean over a window around each residue."""
    values = np.array([TOP_IDP[letter] for letter in sequence])
    ones = np.ones(WINDOW)
    near = lambda x: np.convolve(x, ones)[WINDOW // 2 :][: len(x)]
    return near(values) / near(np.ones(len(values)))


def simple(sequences: Mapping[str, str], out: Path) -> dict[str, list[np.ndarray]]:
    """How disordered each residue is by what needs no training; pLDDT is kept, as it takes a fold of each chain."""
    kept = out / "plddt.json"
    if not kept.exists():
        model, params = af2jax.load(walk.PRESET.value, walk.PARAMS.value or None)
        fold = lambda sequence: af2jax.predict(
            model, params, padded(af2jax.features(sequence, model.config), model.config.data)
        )
        write(kept, json.dumps({name: fold(sequence).plddt.tolist() for name, sequence in sequences.items()}))
    plddt = json.loads(kept.read_text())
    places = [np.arange(len(sequence)) for sequence in sequences.values()]
    return {
        PLDDT: [-np.array(plddt[name]) for name in sequences],
        COMPOSITION: [composition(sequence) for sequence in sequences.values()],
        END: [-np.minimum(place, place[::-1]) for place in places],
    }


def plot(areas: dict[str, Interval], curves: dict, caption: str, out: Path) -> None:
    """Area under ROC of each method, and how often residues are unresolved that a head calls so."""
    drawn, (left, right) = figure.new(9.5, 3.4, caption, panels=2)
    for place, area in enumerate(areas.values()):
        left.barh(place, area.value, xerr=[[area.value - area.low], [area.high - area.value]], color=figure.COLOURS[0])
        left.annotate(f"{area.value:.2f}", (0.02, place), va="center", color="white", fontsize=8)
    left.axvline(0.5, color="black", linewidth=0.8)
    left.set(xlabel="area under ROC within a chain", xlim=(0, 1), yticks=range(len(areas)), yticklabels=list(areas))
    left.invert_yaxis()
    right.plot([0, 1], [0, 1], color="black", linewidth=0.8)
    for i, (name, curve) in enumerate(curves.items()):
        right.plot(
            curve.confidence, curve.right, marker="o", color=figure.COLOURS[i], label=f"{name}: {curve.error:.3f}"
        )
    right.set(xlabel="probability of being unresolved", ylabel="share that is unresolved", xlim=(0, 1), ylim=(0, 1))
    right.legend(fontsize=7, title="calibration error", title_fontsize=7)
    figure.save(drawn, out / "disorder.png")


def main(_) -> None:
    """Makes the table, trains, compares."""
    logging.set_verbosity(logging.WARNING)
    compilation.persist()
    out = Path(walk.OUT.value).resolve()
    data = table(Path(DATA.value).resolve(), out)
    found = walk.compare(ways(data), data)
    first = found.entries[0].evaluation
    true = [target.answers[TASK].label == 1 for target in first.targets]
    told = {
        entry.name: [target.answers[TASK].predicted[:, 1] for target in entry.evaluation.targets]
        for entry in (*found.entries, *found.baselines)
    }
    told |= simple({target.id: target.sequence for target in first.targets}, out)
    each = {n: np.array([roc(s, y).area for s, y in zip(some, true, strict=True)]) for n, some in told.items()}
    pooled = {name: roc(np.concatenate(some), np.concatenate(true)).area for name, some in told.items()}
    areas = {name: bootstrap(values, first.families) for name, values in each.items()}
    areas = dict(sorted(areas.items(), key=lambda item: -item[1].value))
    over = {n: paired(each[HEAD], x, first.families).difference for n, x in each.items() if n != HEAD}
    curves = {
        name: reliability(np.concatenate(told[name]), np.concatenate(true)) for name in (HEAD, RANDOM) if name in told
    }
    above = [name for name, one in over.items() if one.low > 0]
    below = [name for name, one in over.items() if one.high < 0]
    share = np.concatenate(true).mean()
    caption = (
        f"Residues that the crystal does not show ({share:.0%} of those of {len(true)} unseen chains), by area under "
        f"ROC within a chain (bars: 95 % of means of clusters drawn again; {walk.SEEDS.value} seeds). The {HEAD} is "
        f"above {', '.join(above) or 'none'}; below {', '.join(below) or 'none'}; the others cannot be told from it."
    )
    plot(areas, curves, caption, out)
    lines = ["# Can a head tell which residues a crystal does not show?", ""]
    if walk.SHUFFLE.value:
        lines += ["**The labels that were learnt from are permuted: whatever is found here is chance.**", ""]
    lines += [f"| method | area under ROC within a chain | over all residues | {HEAD} minus it |", "|---|---|---|---|"]
    shown = lambda x: f"{x.value:.3f} ({x.low:.3f} to {x.high:.3f})"
    for name, area in areas.items():
        lines.append(f"| {name} | {shown(area)} | {pooled[name]:.3f} | {shown(over[name]) if name in over else ''} |")
    errors = "; ".join(f"{name} {curve.error:.3f}" for name, curve in curves.items())
    lines += ["", f"Calibration error on unseen chains: {errors}.", "", "![disorder](disorder.png)", "", caption, ""]
    print("\n".join(lines))
    write(out / "README.md", "\n".join(lines))


if __name__ == "__main__":
    app.run(main)
