"""Can a network that folds be tuned to say which peptides bind to an MHC molecule?

The published fine-tuning of AlphaFold (Motmaen et al., PNAS 120, e2216697120, 2023), in small: peptide and MHC are
folded as one chain with a gap, and a head with two numbers reads how sure the network is of how they lie to each other.
Beside it a free head on the single representation. Trained are the heads alone on the frozen trunk, on a random trunk,
and everything with LoRA. Baselines: the majority class, the nearest sequence, logistic regression on sequence and on
activations of the frozen trunk: with few measurements these are hard to beat. LoRA takes a fifth of the steps.

    python -m experiments.binding --train tiny_example_train.tsv.gz --test tiny_example_valid.shared.tsv \
        --crop 192 --seeds 1 --out binding_out

The tables are those of alphafold_finetune, with templates and structures beside them; a preset without templates, such
as mini, does not read these. Hardware: 2 CPU cores, 20 minutes; expected result and last good commit:
experiments/README.md. Labels are permuted with --shuffle; a stopped run resumes when the command is given again.
"""

import csv
import io
from pathlib import Path

import numpy as np
from absl import app, flags, logging

from af2jax import compilation
from af2jax.data.dataset import read_dataset
from af2jax.files import write
from af2jax.finetune import Training
from af2jax.heads import Head
from experiments import walk

TRAIN = flags.DEFINE_string("train", None, "Table to learn from.", required=True)
TEST = flags.DEFINE_string("test", None, "Table to judge by.", required=True)

COLUMNS = ("id", "sequence", "file", "placed", "aligned_templates", "split", "binder", "free")


def table(out: Path) -> Path:
    """Both tables as one; the label stands in a column for each head."""
    text, rng = io.StringIO(), np.random.default_rng(0)
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for part, path in (("train", TRAIN.value), ("test", TEST.value)):
        items = read_dataset(path)
        labels = [item.values["binder"] for item in items]
        if walk.SHUFFLE.value and part == "train":
            labels = rng.permutation(labels)
        for item, label in zip(items, labels, strict=True):
            files = [file.resolve() if file else "" for file in (item.file, item.aligned_templates)]
            rows.writerow((item.id, item.sequence, files[0], item.placed, files[1], part, label, label))
    return write(out / "data.csv", text.getvalue())


def ways(data: Path) -> dict[str, Training]:
    """What is compared, the baseline first."""
    task = {"heads": {"binder": Head("binding", classes=2), "free": Head("chain", classes=2)}}
    task |= {"losses": {"binder": 1.0, "free": 1.0}}
    head = task | {"recipe": "heads", "cache": True, "examples_per_item": 1, "learning_rate": 1e-2}
    few = max(walk.STEPS.value // 5, 1)  # a step through 185 residues takes seconds
    adapters = {"recipe": "lora", "rank": 4, "learning_rate": 3e-3, "batch_size": 1, "steps": few, "warmup": few // 4}
    adapters |= {"validate_every": few, "save_every": few}
    return {
        "heads on a random trunk": walk.training(data, **head | {"params": ""}),
        "heads on the trained trunk": walk.training(data, **head),
        "LoRA": walk.training(data, **task | adapters),
    }


def main(_) -> None:
    """Makes the table, trains, compares."""
    logging.set_verbosity(logging.ERROR)
    compilation.persist()
    data = table(Path(walk.OUT.value).resolve())
    found = walk.compare(ways(data), data)
    num = len(found.entries[0].evaluation.targets)
    figures = {
        f"plots/means_{name}_accuracy.png": f"Accuracy of {what} on {num} peptides."
        for name, what in (("binder", "the head of two numbers"), ("free", "the free head"))
    }
    walk.summary("Can the network be tuned to say what binds?", found, figures)


if __name__ == "__main__":
    app.run(main)
