"""Does the loss of violations help a small network, and what does it cost?

The published recipe adds the loss of violations (bonds, angles, clashes; supplement, section 1.9.11) when it
fine-tunes, and not before. Here af2jax-mini is trained further on the chains that it knows, in crops of 128, with that
loss and without it, the same steps in the same order. Judged are the chains that it folds best and chains that it
never saw: lDDT-CA, clashes and breaks of the chain. The cost is the median time of a step. Baselines: the network as
it is, one ideal helix.

    python -m experiments.physics --data DATA --crop 128 --steps 40 --out physics_out

DATA as in `experiments/corpus.py`. Hardware: 2 CPU cores, 15 minutes; expected result and
last good commit: experiments/README.md. With --shuffle the residues of every structure that is learnt from are
shuffled: nothing may be gained. A stopped run resumes when the command is given again.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from absl import app, flags, logging

from af2jax import compilation
from af2jax.files import write
from af2jax.finetune import Training
from af2jax.metrics.statistics import paired
from experiments import corpus, walk

DATA = flags.DEFINE_string("data", None, "Folder of data, as in experiments/corpus.py.", required=True)
LONGEST = flags.DEFINE_integer("longest", 128, "Residues of a chain, at most.", lower_bound=16)

PLAIN, PHYSICS = "without violations", "with violations"
LOSSES = walk.STRUCTURE | {"angle_norm": 0.01}
JUDGED = {"lddt_ca": "lDDT-CA", "clashes": "clashes per 1000 atoms", "breaks": "chain breaks"}


def tables(data: Path, out: Path) -> tuple[Path, Path]:
    """(what is learnt from, and unseen chains to judge by; the chains that the network folds best)."""
    rng, chains, lines = np.random.default_rng(0), corpus.chains(data, LONGEST.value), [corpus.HEAD]
    for chain in chains:
        sequence = placed = ""
        if walk.SHUFFLE.value and chain.side == "train":
            sequence, placed = walk.shuffled(chain.file, rng)
        if part := {"train": "train", "valid": "test"}.get(chain.side):
            lines.append(f"{chain.id},{chain.file},{sequence},{placed},{part}")
    return write(out / "data.csv", "\n".join(lines) + "\n"), corpus.general(chains, out)


def ways(data: Path) -> dict[str, Training | None]:
    """The network as it is, and the two trainings."""
    tuned = lambda **more: walk.training(
        data, recipe="full", learning_rate=5e-4, clamp_fraction=0.5, losses=LOSSES | more
    )
    return {"as it is": None, PLAIN: tuned(), PHYSICS: tuned(violation=0.1)}


def differences(found: Sequence) -> list[str]:
    """What the loss changes of each number that is judged; of three entries the last two are without and with it."""
    lines, families = [], found[0].evaluation.families
    for name, label in JUDGED.items():
        plain, physics = (entry.evaluation.column(name) for entry in found[1:])
        change = paired(physics, plain, families)
        sign = "" if change.difference.clear else "; the data cannot tell"
        means = f"{np.nanmean(plain):.3g} without, {np.nanmean(physics):.3g} with"
        lines.append(f"{label}: {means}, difference {change.difference}{sign}")
    return lines


def seconds(run: Path) -> float:
    """The median time of a step."""
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return float(np.median([json.loads(line)["seconds"] for line in lines]))


def main(_) -> None:
    """Makes the tables, trains, compares."""
    logging.set_verbosity(logging.ERROR)
    compilation.persist()
    out = Path(walk.OUT.value).resolve()
    data, known = tables(Path(DATA.value).resolve(), out)
    found = walk.compare(ways(data), data, known, activations=False)
    remarks = []
    for what, entries in (("chains never seen", found.entries), ("chains that it folds best", found.general)):
        remarks += [f"- {what}: {line}" for line in differences(entries)]
    plain, physics = (seconds(Path(entry.path)) for entry in found.entries[1:])
    remarks.append(f"- a step takes {plain:.2f} s without and {physics:.2f} s with that loss")
    num = len(found.entries[0].evaluation.targets)
    caption = (
        f"lDDT-CA of {num} chains never seen, after the same steps with and without the "
        f"loss of violations. {remarks[0][2:]}."
    )
    figures = {"plots/means_lddt_ca.png": caption}
    walk.summary("Does the loss of violations help, and what does it cost?", found, figures, remarks)


if __name__ == "__main__":
    app.run(main)
