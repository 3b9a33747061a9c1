"""Can a small AlphaFold be trained from random weights on a few hundred chains, on two CPU cores?

The network is the preset "mini". The data are a folder as in `experiments/sides.py`, which says what is trained on:
"valid" is not, "confidence" teaches the heads that judge a structure alone. Twenty short chains are drawn more often
than the others, to be learnt by heart.

    python -m experiments.train_mini --data DATA --out mini_out

Five trainings, each a run directory, and each begins where another ends; what was stopped goes on when the command is
given again:

    initial     crops of 48 from single sequences, the losses without violations, no recycles
    tuned       crops of 128, a lower rate, alignments where there are any, recycles, with the loss of violations: a
                network that saw 48 residues at a time alone lets longer chains collapse
    polished    crops of 64 again, single sequences: what was known by heart, and lost, comes back
    known       as `polished`, the named chains drawn more often still
    confidence  pLDDT, PAE and resolved atoms alone, on the network of `known`, frozen, from the cache

What the loss of violations helps and costs is measured by `experiments/physics.py`. The weights are written as
`params_mini.npz` in float16; `experiments/assess_mini.py` measures them. Hardware: 2 CPU cores, 90 minutes; expected
result and last good commit: experiments/README.md.
"""

from pathlib import Path

import jax
import numpy as np
from absl import app, flags, logging

from af2jax import compilation
from af2jax.files import whole, write
from af2jax.finetune import Training, fit
from af2jax.finetune.run import latest, load
from af2jax.pretrained.checkpoint import place
from af2jax.pretrained.deepmind import to_deepmind
from experiments import sides

DATA = flags.DEFINE_string("data", None, "Folder with chains.tsv, msa_cases.tsv and MANIFEST.tsv.", required=True)
OUT = flags.DEFINE_string("out", "mini_out", "Folder for the tables and the run directories.")
STEPS = flags.DEFINE_integer(
    "steps", 16000, "Of the initial training; the others have a thirty-second part.", lower_bound=160
)
SEED = flags.DEFINE_integer("seed", 0, "Of weights, order, crops, alignments and recycles.", lower_bound=0)

OFTEN = {"train": 8, "alignments": 4, "known": 64, "confidence": 1}  # how much more often the named chains are drawn
# against the published weights the distogram counts for more: the trunk must know where atoms are before FAPE falls
LOSSES = {"fape": 0.5, "sidechain_fape": 0.25, "chi": 0.25, "angle_norm": 0.01, "distogram": 1.0, "masked_msa": 0.1}
# a bias is frozen: it begins as 0, and would move every pair by 1 in a step of 1e-3, so that nothing else is learnt
COMMON = {"preset": "mini", "recipe": "full", "batch_size": 2, "dropout": False}
COMMON |= {"clip": 1.0, "clip_example": None}


def tables(data: Path, out: Path) -> dict[str, str]:
    """The data sets by name, written to `out`; "alignments" and "known" are "train" with other weights."""
    found = [*sides.chains(data), *sides.cases(data, out)]
    often = set(sides.named(found))
    paths = {}
    for name in OFTEN:
        learn = "confidence" if name == "confidence" else "train"
        lines = ["id,file,msa,weight,split,cluster"]
        for chain in found:
            if chain["side"] not in (learn, "valid") or (chain["msa"] and chain["side"] == "valid"):
                continue
            weight = 1.0 if chain["id"] in often else 1 / OFTEN[name]
            split = "valid" if chain["side"] == "valid" else "train"
            msa = chain["msa"] if name == "alignments" else ""
            lines.append(f"{chain['id']},{chain['file']},{msa},{weight},{split},{chain['cluster']}")
        path = out / f"{name}.csv"
        write(path, "\n".join(lines) + "\n")
        paths[name] = str(path)
    return paths


def trainings(data: dict[str, str], out: Path, steps: int, seed: int) -> dict[str, Training]:
    """The five, by the names of their folders."""
    end = lambda name, steps: str(place(out / name / "checkpoints", steps))
    common = COMMON | {"seed": seed, "validate_every": steps // 16, "save_every": steps // 160}
    first = common | {"data": data["train"], "losses": LOSSES, "crop": 48, "num_recycle": 0, "clamped": 0.5}
    initial = Training(**first | {"steps": steps, "learning_rate": 2e-3, "warmup": steps // 160, "ema": 0.998})
    few = steps // 32
    later = common | {"data": data["alignments"], "losses": LOSSES, "crop": 128, "params": end("initial", steps)}
    later |= {"steps": few, "learning_rate": 1e-3, "warmup": few // 20, "ema": 0.98, "validate_every": few // 2}
    last = later | {"data": data["train"], "crop": 64, "params": end("tuned", few), "learning_rate": 5e-4}
    physics = {"losses": LOSSES | {"violation": 0.1}}
    judged = {"rules": (("heads/(plddt|pae|resolved)/.*", "train"), (".*", "freeze"))}
    judged |= {"losses": {"plddt": 1.0, "pae": 0.3, "resolved": 0.1}, "cache": True, "draws": 4, "num_recycle": 1}
    judged |= {"data": data["confidence"], "params": end("known", few), "crop": 128, "learning_rate": 1e-3}
    return {
        "initial": initial,
        "tuned": Training(**later | physics),
        "polished": Training(**last | physics | {"steps": 2 * few}),
        "known": Training(**last | physics | {"data": data["known"], "params": end("polished", 2 * few)}),
        "confidence": Training(**common | judged | {"steps": few}),
    }


def weights(run: Path, out: Path) -> Path:
    """Writes the parameters of a checkpoint as params_mini.npz, in float16."""
    _, params = load("mini", run)
    flat = {name: np.asarray(array, np.float16) for name, array in to_deepmind(params, "mini").items()}
    path = out / "params_mini.npz"
    with whole(path) as partial, open(partial, "wb") as file:
        np.savez_compressed(file, **flat)
    return path


def main(_) -> None:
    """Makes the tables, and trains what has not been trained."""
    logging.set_verbosity(logging.WARNING)
    jax.config.update("jax_num_cpu_devices", COMMON["batch_size"])  # the examples of a step side by side
    compilation.persist()
    data, out = Path(DATA.value).resolve(), Path(OUT.value).resolve()
    for name, training in trainings(tables(data, out), out, STEPS.value, SEED.value).items():
        fit(training, out / name, resume=True, say=lambda line, name=name: print(f"{name}: {line}", flush=True))
        print(f"{name}: ends in {latest(out / name)}", flush=True)
    print(f"weights: {weights(latest(out / 'confidence'), out)}")


if __name__ == "__main__":
    app.run(main)
