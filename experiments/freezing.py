"""What should be frozen: how much of the network must train, what does it cost, and what is forgotten?

Three-class secondary structure of each residue, by the hydrogen bonds of the known structure, learnt in seven ways from
200 natural chains: from a new head alone on the frozen trunk to all arrays, with biases alone, LoRA of two ranks, the
last block, and a learning rate that falls with depth between them. Each is judged by its accuracy on chains without a
homologue (30 % identity) among those that network or head was trained on, by the parameters that train and the time of
a step, and by what it forgot: the lDDT-CA of the structures that it still folds, against that of the network before
(the new head alone leaves it as it was). Only the loss of the new task is trained on, so that nothing holds the
structure. The trunk has learnt this task before: whether a trunk helps is what `experiments/transfer.py` asks.

    python -m experiments.freezing --data DATA --out freezing_out

DATA as in `experiments/corpus.py`. Hardware: 2 CPU cores, 30 minutes; expected result and last good commit:
experiments/README.md. The labels learnt from are permuted with --shuffle; a stopped run resumes.
"""

from pathlib import Path

import numpy as np
from absl import app, flags, logging

from af2jax import compilation
from af2jax.files import write
from af2jax.finetune import Training
from af2jax.heads import Head
from af2jax.metrics.statistics import bootstrap
from af2jax.plots import figure
from experiments import corpus, walk

DATA = flags.DEFINE_string("data", None, "Folder of data, as in experiments/corpus.py.", required=True)
LONGEST = flags.DEFINE_integer("longest", 128, "Residues of a chain, at most.", lower_bound=16)

TASK = "ss"
METRIC = f"{TASK}/accuracy"
SETTINGS = {"heads": {TASK: Head("residue", classes=("H", "E", "C"))}, "losses": {TASK: 1.0}, "monitor": METRIC}
PART = {"train": ("train", 200), "confidence": ("valid", 60), "valid": ("test", None)}  # how many; None: all


def table(data: Path, out: Path) -> Path:
    """The chains with a class for each residue."""
    rng, lines = np.random.default_rng(0), ["id,file,split,ss"]
    natural = [chain for chain in corpus.chains(data, LONGEST.value) if chain.kind == "natural"]
    for side, (part, most) in PART.items():
        for chain in [chain for chain in natural if chain.side == side][:most]:
            letters = corpus.states(chain)
            if walk.SHUFFLE.value and part != "test":
                letters = "".join(rng.permutation(list(letters)))
            lines.append(f"{chain.id},{chain.file},{part},{letters}")
    return write(out / "data.csv", "\n".join(lines) + "\n")


def ways(data: Path) -> dict[str, Training]:
    """From the head alone to everything; the first is the baseline."""
    given = walk.training(data, **SETTINGS)
    rates = {"heads": 1e-2, "bias_only": 5e-3, "lora": 5e-3}
    kinds = {
        "head alone": {"recipe": "heads", "cache": True, "examples_per_item": 4},
        "biases": {"recipe": "bias_only"},
        "LoRA, rank 2": {"recipe": "lora", "rank": 2},
        "LoRA, rank 8": {"recipe": "lora", "rank": 8},
        "last block": {"recipe": "last_blocks", "blocks": 1},
        "all, slower with depth": {"recipe": "full", "layer_decay": 0.5},
        "all": {"recipe": "full"},
    }
    return {
        name: Training(
            **given.to_dict() | {"heads": given.heads, "learning_rate": rates.get(kind.get("recipe"), 1e-3)} | kind
        )
        for name, kind in kinds.items()
    }


def plot(compared, out: Path) -> str:
    """Accuracy and lDDT-CA against what trains, as freezing.png; the caption."""
    found, runs = compared.entries, compared.course.runs
    families, first = found[0].evaluation.families, found[0].evaluation
    trained = [runs[entry.name].trained for entry in found]
    accuracy = [bootstrap(entry.evaluation.column(METRIC), families) for entry in found]
    kept = [bootstrap(entry.evaluation.column("lddt_ca"), families) for entry in found]
    best = int(np.argmax([a.value for a in accuracy]))
    caption = (
        f"Accuracy of the new task and lDDT-CA of the structures on {len(first.targets)} chains without a homologue, "
        f"against the parameters that trained ({walk.STEPS.value} steps, mean of {walk.SEEDS.value} seeds; bars: 95 % "
        f"of the means of families drawn again). {found[best].name} is best with {accuracy[best].value:.3f}, "
        f"{accuracy[best].value - accuracy[0].value:+.3f} against the head alone, and folds with lDDT-CA "
        f"{kept[best].value:.1f} where {kept[0].value:.1f} was known before: "
        + (
            "what it gains is paid with what it knew."
            if kept[best].value < 0.9 * kept[0].value
            else "little was forgotten for it."
        )
    )
    drawn, axes = figure.new(9.0, 3.4, caption, panels=2)
    for axis, values, label in zip(axes, (accuracy, kept), ("accuracy of the new task", "lDDT-CA"), strict=True):
        for i, (entry, number, x) in enumerate(zip(found, values, trained, strict=True)):
            error = [[x.value - x.low] for x in (number,)], [[x.high - x.value] for x in (number,)]
            axis.errorbar(
                x, number.value, np.concatenate(error), fmt="osD^v<>"[i], color=figure.COLOURS[i % 6], label=entry.name
            )
        axis.set(xscale="log", xlabel="parameters that train", ylabel=label)
        axis.grid(alpha=0.3)
    axes[1].legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.02, 1.0))
    figure.save(drawn, out / "freezing.png")
    return caption


def main(_) -> None:
    """Makes the table, trains in every way, compares."""
    logging.set_verbosity(logging.WARNING)
    compilation.persist()
    out = Path(walk.OUT.value).resolve()
    data = table(Path(DATA.value).resolve(), out)
    found = walk.compare(ways(data), data)
    caption = plot(found, out)
    cost = [
        f"- {name}: {run.trained:,} parameters train, {run.seconds / max(run.steps, 1):.2f} s a step"
        for name, run in found.course.runs.items()
    ]
    print("\n".join(cost))
    walk.summary("What should be frozen?", found, {"freezing.png": caption}, cost)


if __name__ == "__main__":
    app.run(main)
