"""The whole of fine-tuning on a small scale: does a network that has learnt structure learn a new task better?

The network is af2jax-mini, which was trained on a few hundred real chains. First it folds ubiquitin from its sequence.
Then it learns a new task, which residue is helix, strand or loop, in three ways: a new head on the frozen trunk (from
the cache), LoRA, and everything. The data of this task are synthetic: proteins that do not exist, made from ideal
geometry (af2jax/data/synthetic.py), whose sequences tell of their helices, strands and loops. Each way is compared on
test proteins that share no homologue with the others: with the most frequent class, with what the type of a residue
alone predicts, and with the same network from random weights.

    python -m experiments.demo --out demo_out

Offline, on two CPU cores; a stopped run resumes when it is started again. The table of what to expect is in
experiments/README.md. The folder then has `README.md` with the table found, `comparison.png`, the structure of
ubiquitin, the data, and the directory of each training with its `curves.png`.
"""

import csv
import time
from collections import Counter, defaultdict
from pathlib import Path

import jax
import numpy as np
from absl import app, flags, logging

import af2jax
from af2jax import compilation
from af2jax.config import preset
from af2jax.data import synthetic
from af2jax.data.batch import stack
from af2jax.data.dataset import Item, read_dataset
from af2jax.data.labels import Label
from af2jax.data.loading import Loader
from af2jax.files import write
from af2jax.finetune import Training, fit
from af2jax.finetune.record import TRAIN, lines
from af2jax.finetune.summary import table
from af2jax.finetune.watch import validate
from af2jax.heads import Head
from af2jax.plots.bars import bars
from af2jax.protein.secondary import secondary

OUT = flags.DEFINE_string("out", "demo_out", "Folder for everything.")
NUM = flags.DEFINE_integer("num", 96, "Synthetic proteins.", lower_bound=8)
STEPS = flags.DEFINE_integer("steps", 200, "Of each training on the new task.", lower_bound=4)
SEED = flags.DEFINE_integer("seed", 0, "Of the data, the weights and all that is drawn.", lower_bound=0)

TASK, CLASSES = "ss", ("H", "E", "C")
CROP = synthetic.LENGTHS[1]  # every protein fits, whole
UBIQUITIN = Path(__file__).parent / "data" / "ubiquitin.fasta"
TASK_OF_ALL = {
    "preset": "mini",
    "crop": CROP,
    "dropout": False,
    "num_recycle": 0,
    "clip_example": 1.0,
    "heads": {TASK: Head("residue", classes=CLASSES)},
    "losses": {TASK: 1.0},
    "monitor": f"{TASK}/accuracy",
}
COMPARED = (
    ("head, trained trunk", "head, random trunk"),
    ("full, trained", "full, from random weights"),
    ("LoRA", "head, trained trunk"),
    ("full, trained", "LoRA"),
    ("full, trained", "amino acid alone"),
)
RESAMPLES = 2000

Scores = dict[str, np.ndarray]  # by metric, one number for each test protein


def folded() -> str:
    """Folds ubiquitin, and says how."""
    model, params = af2jax.load("mini")
    prediction = af2jax.predict(model, params, af2jax.features(UBIQUITIN, model.config), name="ubiquitin")
    prediction.save(Path(OUT.value) / "ubiquitin")
    protein = prediction.protein
    letters = secondary(protein.aatype, protein.positions, protein.atom_mask, protein.chain_index)
    return (
        f"ubiquitin ({len(letters)} residues, from its sequence): mean pLDDT {prediction.plddt.mean():.0f}; {letters} "
        f"({', '.join(protein.notes)})"
    )


def trained(name: str, manifest: Path, test: list[Item], **settings) -> tuple[Scores, list[str]]:
    """Trains in a folder of its own; (what it reaches on the test proteins, what trained: numbers for the table)."""
    steps = STEPS.value
    settings = TASK_OF_ALL | {"seed": SEED.value, "warmup": min(20, steps // 4), "validate_every": steps} | settings
    training, folder = Training(str(manifest), steps=steps, save_every=steps, **settings), Path(OUT.value) / name
    state = fit(training, folder, resume=True, say=lambda line: print(f"{name}: {line}", flush=True))
    labels = {TASK: Label(True, len(CLASSES), CLASSES)}
    loader = Loader(preset(training.preset), CROP, labels, SEED.value, 1, False, False)
    scores = defaultdict(list)
    for item in test:
        for metric, value in validate(state, [stack([loader.example(item, 0)])], training.num_recycle).scores.items():
            scores[metric].append(value)
    num = sum(leaf.size for leaf in jax.tree.leaves(state.trained))
    seconds = np.median([line["seconds"] for line in lines(folder / TRAIN)])
    scores = {metric: np.array(values) for metric, values in scores.items()}
    return scores, [f"{num:,}", f"{steps}", f"{seconds:.2g}"]


def without_network(manifest: Path) -> dict[str, np.ndarray]:
    """The accuracy on each test protein of the most frequent class, and of each amino acid's most frequent class."""
    with open(manifest, newline="") as file:
        rows = list(csv.DictReader(file))
    seen = [pair for row in rows if row["split"] == "train" for pair in zip(row["sequence"], row["ss"], strict=True)]
    overall, by_type = Counter(kind for _, kind in seen), defaultdict(Counter)
    for letter, kind in seen:
        by_type[letter][kind] += 1
    most = lambda counts: (counts or overall).most_common(1)[0][0]
    guess = {
        "most frequent class": lambda letter: most(overall),
        "amino acid alone": lambda letter: most(by_type[letter]),
    }
    right = lambda say, row: np.mean([say(a) == kind for a, kind in zip(row["sequence"], row["ss"], strict=True)])
    return {name: np.array([right(say, row) for row in rows if row["split"] == "test"]) for name, say in guess.items()}


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """The mean, and 95 % of the means of proteins drawn again."""
    means = np.random.default_rng(0).choice(values, (RESAMPLES, len(values))).mean(1)
    return float(values.mean()), *map(float, np.quantile(means, [0.025, 0.975]))


def verdict(accuracy: Scores, better: str, worse: str) -> str:
    """What follows from two methods on the same proteins."""
    mean, lower, upper = interval(accuracy[better] - accuracy[worse])
    shown = f"{better} minus {worse}: {mean:+.3f} ({lower:+.3f} to {upper:+.3f})"
    return shown + (", no difference that these proteins can show" if lower <= 0 <= upper else "")


def main(_) -> None:
    """Folds, makes the data, trains five times, and compares."""
    began, out = time.perf_counter(), Path(OUT.value)
    logging.set_verbosity(logging.WARNING)
    compilation.persist()
    first = folded()
    print(first, flush=True)
    manifest = synthetic.make(out / "data", NUM.value, SEED.value)
    test = [item for item in read_dataset(manifest) if item.split == "test"]
    print(f"{NUM.value} synthetic proteins, {len(test)} of them to test on: {manifest}", flush=True)

    accuracy = without_network(manifest)
    rows = [[name, "0", "", "", f"{values.mean():.3f}"] for name, values in accuracy.items()]
    frozen = {"recipe": "heads", "cache": True, "examples_per_item": 1, "learning_rate": 1e-2}
    start, full = {"params": "mini"}, {"recipe": "full", "learning_rate": 1e-3}
    ways = {
        "head, random trunk": frozen,
        "head, trained trunk": frozen | start,
        "LoRA": {"recipe": "lora", "rank": 4, "learning_rate": 5e-3} | start,
        "full, from random weights": full,
        "full, trained": full | start,
    }
    for name, settings in ways.items():
        folder = name.lower().replace(", ", "_").replace(" ", "_")
        scores, numbers = trained(folder, manifest, test, **settings)
        accuracy[name] = scores[f"{TASK}/accuracy"]
        rows.append([name, *numbers, f"{accuracy[name].mean():.3f}"])
    found = {name: interval(values) for name, values in accuracy.items()}

    lines = "; ".join(verdict(accuracy, *pair) for pair in COMPARED)
    minutes = (time.perf_counter() - began) / 60
    caption = (
        f"Synthetic proteins: nothing here was measured. Accuracy of helix, strand or loop on {len(test)} test "
        f"proteins without a homologue among the {NUM.value}; lines: 95 % of the means of proteins drawn again. Preset "
        f"mini, {STEPS.value} steps, seed {SEED.value}. "
        f"Differences over the same proteins: {lines}."
    )
    plot = bars(out / "comparison.png", "accuracy on synthetic test proteins", found, caption)
    text = table(["training", "trains", "steps", "s/step", "accuracy"], rows)
    print(f"\n{text}\n\n{caption}\n{minutes:.1f} minutes; {plot}")
    summary = (
        f"# Demo of af2jax on synthetic proteins\n\n{first}.\n\nNothing below was measured: proteins and labels are "
        f"made from ideal geometry.\n\n```\n{text}\n```\n\n![comparison](comparison.png)\n\n{caption}\n\n{minutes:.1f} "
        "minutes. Each training has a folder here: `config.json`, `metrics.jsonl`, `validation.jsonl`, `curves.png`.\n"
    )
    write(out / "README.md", summary)


if __name__ == "__main__":
    app.run(main)
