"""What can a network of AlphaFold's architecture with half a million parameters learn from 3,000 chains?

The network is the preset "mini". `experiments/corpus.py` says what is learnt from and what is never seen. Each stage is
a run directory and begins where the one before ended; the same command resumes what was stopped. All are differences
from one training, and one number, the steps of the first, scales them:

    short       crops of 64 from single sequences, structures and sequences with known secondary structure
    long        crops of 128, half of them with an alignment, with the loss of violations: a network that saw 64
                residues at a time alone lets longer chains collapse
    whole       the same chains, up to 208 residues of them
    confidence  pLDDT, PAE and resolved atoms alone, on the frozen network, from chains that no stage was trained on

The trunk learns with 0 or 1 recycles, drawn for each step. In a quarter of the examples the masked residues of the
query are hidden from all inputs (`Training.mask_target`), which makes the masked-MSA loss a task. A head of secondary
structure learns beside and is thrown away.

    python -m experiments.train_mini --data DATA --out mini_out

`--from` begins with given weights, which must not have seen a validation chain. `--stages` names what to train. The
weights are written as `params_mini.npz` in float16; `experiments/assess_mini.py` measures them. `--check` trains the
first hundred steps alone and compares their losses with `mini/first_hundred.csv`. Hardware: 2 CPU cores, two days;
expected result and last good commit: experiments/README.md.
"""

import contextlib
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags, logging

from af2jax import compilation
from af2jax.data.items import read_item
from af2jax.files import whole, write
from af2jax.finetune import Training, fit
from af2jax.finetune.rules import ALONE
from af2jax.finetune.run import latest, load
from af2jax.heads import SCOPE, Head
from af2jax.losses import LOSSES, confidence
from af2jax.pretrained.checkpoint import place
from af2jax.pretrained.deepmind import to_deepmind
from experiments import corpus

DATA = flags.DEFINE_string("data", None, "Folder of data, as in experiments/corpus.py.", required=True)
OUT = flags.DEFINE_string("out", "mini_out", "Folder for the tables and the run directories.")
STEPS = flags.DEFINE_integer("steps", 40000, "Of the stage short; the others have fixed parts of it.", lower_bound=4)
FROM = flags.DEFINE_string("from", "", 'Weights to begin with: a run, a folder, or "mini"; "": random weights.')
STAGES = ("short", "long", "whole", "confidence")
CHOSEN = flags.DEFINE_list("stages", list(STAGES), "Stages to train, in their order.")
SEED = flags.DEFINE_integer("seed", 0, "Of weights, order, crops, alignments and recycles.", lower_bound=0)
CHECK = flags.DEFINE_bool("check", False, "Train the first hundred steps and compare their losses.")

# against the published weights the distogram counts for more: the trunk must know where atoms are before FAPE falls
WEIGHTS = {"fape": 0.5, "sidechain_fape": 0.25, "chi": 0.25, "angle_norm": 0.01, "distogram": 1.0}
WEIGHTS |= {"masked_msa": 0.5, "ss": 1.0}
PHYSICS = WEIGHTS | {"violation": 0.1}
# a bias is frozen: it begins as 0, and would move every pair by 1 in a step of 1e-3, so that nothing else is learnt
RULES = ((ALONE, "freeze"), (".*", "train"))
BASE = {"preset": "mini", "rules": RULES, "losses": WEIGHTS, "crop": 64, "batch_size": 4}
BASE |= {
    "learning_rate": 2e-3,
    "clip": 1.0,
    "clip_example": None,
    "dropout": False,
    "clamp_fraction": 0.5,
    "mask_target": 0.25,
}
BASE |= {"heads": {"ss": Head("residue", classes=("H", "E", "C"))}}
JUDGED = {"rules": (("heads/(plddt|pae|resolved)/.*", "train"), (".*", "freeze")), "heads": {}}
JUDGED |= {
    "losses": {"plddt": 1.0, "pae": 0.3, "resolved": 0.1},
    "mask_target": 0.0,
    "cache": True,
    "examples_per_item": 1,
}
HUNDRED = Path(__file__).parent / "mini" / "first_hundred.csv"


def trainings(
    data: dict[str, str], out: Path, steps: int, seed: int, params: str, chosen=STAGES
) -> dict[str, Training]:
    """The chosen stages by name, each beginning with the last checkpoint of the one before; the first with `params`."""
    changes = {
        "short": {"data": data["sequences"], "steps": steps, "remat": False},  # what is stored is small at 64 residues
        "long": {
            "data": data["alignments"],
            "steps": steps // 2,
            "crop": 128,
            "learning_rate": 1e-3,
            "losses": PHYSICS,
        },
        "whole": {"data": data["alignments"], "steps": max(steps // 30, 1), "crop": 208, "learning_rate": 5e-4},
        "confidence": {"data": data["confidence"], "steps": steps // 4, "crop": 128, "learning_rate": 1e-3} | JUDGED,
    }
    changes["whole"] |= {"losses": PHYSICS}
    changes["confidence"] |= {"num_recycle": 1}
    found = {}
    for name in (name for name in STAGES if name in chosen):
        num = changes[name]["steps"]
        times = {"warmup": num // 50, "validate_every": max(num // 5, 1), "save_every": max(num // 100, 1)}
        average = {"ema": 1 - max(0.002, 10 / (num + 10))}
        found[name] = Training(**BASE | times | average | {"seed": seed, "params": params} | changes[name])
        params = str(place(out / name / "checkpoints", num))
    return found


def tables(data: Path, out: Path) -> dict[str, str]:
    """The data sets by name, written to `out` where they are not there yet."""
    paths = {name: out / f"{name}.csv" for name in ("sequences", "alignments", "confidence")}
    if not all(path.exists() for path in paths.values()):
        known = corpus.members(data)
        alone, aligned = ([m for m in known if (m.msa is None) == single] for single in (True, False))
        side = lambda some, name: [m for m in some if m.side == name]
        train, valid = side(alone, "train"), [(m, 1.0, "valid") for m in side(alone, "valid")]
        few = valid[::6]  # whole, all would take longer than they tell
        labelled = corpus.labelled(data, [read_item(m.item).sequence for m in side(known, "valid")])
        learn = lambda some, weight: [(m, weight, "train") for m in some]
        write(paths["sequences"], corpus.table([*learn(train, 1.0), *learn(labelled, 0.1), *valid]))
        write(paths["alignments"], corpus.table([*learn(train, 0.04), *learn(side(aligned, "train"), 1.0), *few]))
        write(paths["confidence"], corpus.table([*learn(side(alone, "confidence"), 1.0), *few]))
    return {name: str(path) for name, path in paths.items()}


def anyway(loss):
    """A loss of confidence for structures without a resolution too: most chains of the corpus state none."""
    return lambda outputs, targets: loss(outputs, targets.replace(resolution=jnp.float32(1.0)))


def weights(run: Path, out: Path) -> Path:
    """Writes the parameters of a checkpoint as params_mini.npz, in float16, without the head of secondary structure."""
    _, params = load("mini", run)
    params = {name: tree for name, tree in params.items() if name != SCOPE}
    flat = {name: np.asarray(array, np.float16) for name, array in to_deepmind(params, "mini").items()}
    path = out / "params_mini.npz"
    with whole(path) as partial, open(partial, "wb") as file:
        np.savez_compressed(file, **flat)
    return path


class Enough(Exception):
    """The first hundred steps are done."""


def first_hundred(training: Training, out: Path) -> str:
    """Trains them, and says whether their losses are those of the record."""

    def stop(step: int, steps: int, values: dict) -> None:
        if step == 100:
            raise Enough

    with contextlib.suppress(Enough):
        fit(training, out, progress=stop)
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    text = "step,loss\n" + "".join(f"{line['step']},{line['loss']}\n" for line in lines)
    write(out / HUNDRED.name, text)
    same = HUNDRED.exists() and HUNDRED.read_text() == text
    return f"{out / HUNDRED.name}: the losses are {'' if same else 'not '}those of {HUNDRED.name}"


def main(_) -> None:
    """Makes the tables, and trains what has not been trained."""
    logging.set_verbosity(logging.WARNING)
    if unknown := set(CHOSEN.value) - set(STAGES):
        raise app.UsageError(f"no stage is called {', '.join(unknown)}; the stages are {', '.join(STAGES)}")
    LOSSES.update({name: anyway(getattr(confidence, name)) for name in ("plddt", "pae")})
    jax.config.update("jax_num_cpu_devices", 2)  # the examples of a step side by side
    compilation.keep_memory()
    compilation.persist()
    data, out = Path(DATA.value).resolve(), Path(OUT.value).resolve()
    corpus.refuse(FROM.value, corpus.members(data))
    stages = trainings(tables(data, out), out, STEPS.value, SEED.value, FROM.value, CHOSEN.value)
    if CHECK.value:
        print(first_hundred(next(iter(stages.values())), out / "check"))
        return
    for name, training in stages.items():
        fit(training, out / name, resume=True, say=lambda line, name=name: print(f"{name}: {line}", flush=True))
        print(f"{name}: ends in {latest(out / name)}", flush=True)
        print(f"weights: {weights(latest(out / name), out)}", flush=True)


if __name__ == "__main__":
    app.run(main)
