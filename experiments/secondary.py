"""Does a trunk that has learnt to fold know helix, strand and loop, and is a network needed to say it?

Three-class secondary structure of each residue, by the hydrogen bonds of the known structure. DeepMind's heads are left
where they are, and a new one reads the single representation: of a random trunk, of the trained trunk, frozen; beside
LoRA and the whole network. Baselines: the majority class, the nearest residue by its window, logistic
regression on that window, and on the activations of the frozen trunk. No test chain has a homologue (30 % identity)
among those that network or head was trained on.

    python -m experiments.secondary --data DATA --out secondary_out

DATA as in `experiments/corpus.py`; the head learns from 200 of the natural chains that the trunk was trained on.
Hardware: 2 CPU cores, 20 minutes; expected result and last good commit: experiments/README.md. The labels learnt from
are permuted with --shuffle. A stopped run resumes when the command is given again.
"""

from pathlib import Path

import numpy as np
from absl import app, flags, logging

from af2jax import compilation
from af2jax.data.structure import read_chain
from af2jax.files import write
from af2jax.finetune import Training
from af2jax.heads import Head
from af2jax.protein.secondary import secondary
from experiments import corpus, walk

DATA = flags.DEFINE_string("data", None, "Folder of data, as in experiments/corpus.py.", required=True)
LONGEST = flags.DEFINE_integer("longest", 128, "Residues of a chain, at most.", lower_bound=16)

TASK, CLASSES = "ss", ("H", "E", "C")
TASK_SETTINGS = {
    "heads": {TASK: Head("residue", classes=CLASSES)},
    "losses": {TASK: 1.0},
    "monitor": f"{TASK}/accuracy",
}
PART = {"train": ("train", 200), "confidence": ("valid", 60), "valid": ("test", None)}  # how many; None: all


def table(data: Path, out: Path) -> Path:
    """The chains with a class for each residue."""
    rng, lines = np.random.default_rng(0), ["id,file,split,ss"]
    natural = [chain for chain in corpus.chains(data, LONGEST.value) if chain.kind == "natural"]
    for side, (part, most) in PART.items():
        for chain in [chain for chain in natural if chain.side == side][:most]:
            known = read_chain(chain.file)
            letters = secondary(known.aatype, known.positions, known.atom_mask, np.zeros(len(known.aatype), np.int32))
            if walk.SHUFFLE.value and part != "test":
                letters = "".join(rng.permutation(list(letters)))
            lines.append(f"{chain.id},{chain.file},{part},{letters}")
    return write(out / "data.csv", "\n".join(lines) + "\n")


def ways(data: Path) -> dict[str, Training]:
    """What is compared, the baseline first."""
    task = TASK_SETTINGS
    head = task | {"recipe": "heads", "cache": True, "examples_per_item": 4, "learning_rate": 1e-2}
    full = task | {"recipe": "full", "learning_rate": 1e-3}
    return {
        "head on a random trunk": walk.training(data, **head | {"params": ""}),
        "head on the trained trunk": walk.training(data, **head),
        "LoRA": walk.training(data, **task | {"recipe": "lora", "rank": 4, "learning_rate": 5e-3}),
        "full, from random weights": walk.training(data, **full | {"params": ""}),
        "full": walk.training(data, **full),
    }


def main(_) -> None:
    """Makes the table, trains, compares."""
    logging.set_verbosity(logging.WARNING)
    compilation.persist()
    data = table(Path(DATA.value).resolve(), Path(walk.OUT.value).resolve())
    found = walk.compare(ways(data), data)
    num = len(found.entries[0].evaluation.targets)
    caption = (
        f"Accuracy of helix, strand or loop on {num} chains without a homologue among "
        f"those that were learnt from. {found.verdicts[0].text}"
    )
    walk.summary("Does the trunk know secondary structure?", found, {"plots/means_ss_accuracy.png": caption})


if __name__ == "__main__":
    app.run(main)
