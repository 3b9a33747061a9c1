"""Does a trunk that has learnt to fold help where few proteins have labels?

A class for each residue is learnt from 20, 50 or 200 labelled proteins, as users have them, and judged on clusters
that no training of mini saw and that have no homologue among the labelled ones: long-range contacts and burial (of
known structures), residues that a crystal does not show (disorder), interfaces with other proteins, and strands, which
are shown and not counted, because mini learns them. A new head reads "structure" of the frozen trunk, which is
asked once for each chain, or of the same network with random weights; a fifth of the labelled proteins is held out to
say when to stop. Where "and windows" stands, its log-odds are averaged with those of the regression on windows: what
does the trunk know that a window does not? Baselines learn from the same proteins.

    python -m experiments.transfer --data DATA --out transfer_out

DATA as in `experiments/corpus.py`. Hardware: 2 CPU cores; expected result and last good commit: experiments/README.md.
With --shuffle the labels learnt from are permuted over all residues: no advantage may survive. With --deep LoRA and
all parameters are trained as well, from the given and from random weights. A stopped run resumes. Of stability
`experiments/ddg.py` asks the same.
"""

import itertools
import json
import time
from pathlib import Path

import jax
import numpy as np
from absl import app, flags, logging

import af2jax
from af2jax import compilation
from af2jax.files import file_name, write
from experiments import labelled
from experiments.few_shot import WAYS, Network, tuned
from experiments.transferred import AREA, BESIDE, METRICS, RANDOM, TRAINED, Found, answer, differences, means, plot

DATA = flags.DEFINE_string("data", None, "Folder of data, as in experiments/corpus.py.", required=True)
OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)
PRESET = flags.DEFINE_string("preset", "mini", "Network.")
PARAMS = flags.DEFINE_string(
    "params", "mini", 'Its parameters: a folder of .npz, a run, or "mini" of the package; "": random.'
)
TASKS = flags.DEFINE_list("tasks", list(labelled.TASKS), "What is learnt.")
SIZES = flags.DEFINE_list("sizes", ["20", "50", "200"], "Labelled proteins, 5 to 200.")
SEEDS = flags.DEFINE_integer("seeds", 3, "Draws of the labelled proteins, each with random weights of its own.")
TEST = flags.DEFINE_integer("test", 70, "Clusters to judge by, at most.", lower_bound=2)
SHUFFLE = flags.DEFINE_bool("shuffle", False, "Permute the labels that are learnt from: no advantage may survive.")
DEEP = flags.DEFINE_bool("deep", False, "Train LoRA and all parameters too.")

FEW = 50  # labelled proteins that the first line is about, where they were asked for


def judged(task: labelled.Task, networks: dict[str, Network], size: int, seed: int) -> dict[str, list]:
    """By method, the probability of the label at the labelled residues of each chain that is judged."""
    order = np.random.default_rng([seed, 0]).permutation(len(task.pool))
    learnt = [task.pool[i] for i in order[:size]]
    if SHUFFLE.value:
        rng = np.random.default_rng([seed, 2])
        learnt = labelled.shuffled(learnt, rng)
    told = labelled.simple(learnt, task.test)
    window = [np.log(p) - np.log1p(-p) for p in (np.clip(x, 1e-6, 1 - 1e-6) for x in told[labelled.WINDOWS])]
    odds = {name: tuned(network, learnt, task.test, WAYS["heads"], seed) for name, network in networks.items()}
    odds |= {f"{name}{BESIDE}": [(a + b) / 2 for a, b in zip(odds[name], window, strict=True)] for name in networks}
    if DEEP.value:
        for way, (name, network) in itertools.product(("lora", "full"), networks.items()):
            odds[f"{way}, {name.split()[-2]}"] = tuned(network, learnt, task.test, WAYS[way], seed)
    told |= {name: [1 / (1 + np.exp(-x)) for x in some] for name, some in odds.items()}
    return {name: [np.round(x, 5).tolist() for x in some] for name, some in told.items()}


def kept(file: Path, make) -> dict:
    """What `make` gives, from the file of an earlier run where there is one."""
    if not file.exists():
        start = time.process_time()
        write(file, json.dumps(make()))
        print(f"{file.stem}: {time.process_time() - start:.0f} CPU-s", flush=True)
    return json.loads(file.read_text())


def main(_) -> None:
    """Makes the tasks, trains, compares."""
    logging.set_verbosity(logging.ERROR)
    compilation.persist()
    out, sizes = Path(OUT.value).resolve(), sorted(map(int, SIZES.value))
    tasks = labelled.tasks(Path(DATA.value).resolve(), TASKS.value, TEST.value)
    model, params = af2jax.load(PRESET.value, PARAMS.value or None, key=jax.random.key(0))
    trained = Network(model, params, out)
    randoms = [
        Network(model, af2jax.load(PRESET.value, key=jax.random.key(seed))[1], out) for seed in range(SEEDS.value)
    ]
    found = {}
    for name, task in tasks.items():
        for size in sizes:
            runs = []
            for seed, random in enumerate(randoms):
                file = out / "told" / f"{file_name(name)}_{size}_{seed}_{trained.key}{'_shuffled' * SHUFFLE.value}.json"
                ask = lambda task=task, size=size, seed=seed, random=random: judged(
                    task, {TRAINED: trained, RANDOM: random}, size, seed
                )
                runs.append(kept(file, ask))
                for network in (trained, random):
                    network.save()
            found |= {(name, size, metric): Found(task, runs, metric) for metric in METRICS}
    size = FEW if FEW in sizes else sizes[0]
    first = answer(found, tasks, size)
    lines = [f"# {first}", ""]
    if SHUFFLE.value:
        lines += ["**The labels that were learnt from are permuted: whatever is found here is chance.**", ""]
    caption = (
        "Accuracy on clusters that mini never saw, by the number of labelled proteins (bars: 95 % of means of clusters "
        f"drawn again; mean of {SEEDS.value} draws of labelled proteins, each with random weights of its own). {first}."
    )
    plot(found, tasks, sizes, caption, out)
    lines += [
        "Does a trunk that has learnt to fold help where few proteins have labels? Control: the same head on the same "
        "network with random weights; baselines learn from the same proteins, and the best of them counts. "
        f"{answer(found, tasks, size, AREA)}.",
        *("", "![transfer](transfer.png)", "", caption),
        *(line for metric in METRICS for line in differences(found, tasks, metric)),
        *(line for name, task in tasks.items() for line in means(found, name, task, sizes)),
        "",
    ]
    print("\n".join(lines))
    write(out / "README.md", "\n".join(lines))


if __name__ == "__main__":
    app.run(main)
