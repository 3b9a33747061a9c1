"""Does a network that has learnt to fold help with a new task, and is a network needed for it at all?

On real proteins, offline, with af2jax-mini, the small network of the package. `data/demo_proteins.csv` has facts of 107
chains of the PDB, from clusters that mini's trunk never saw (`demo_table.py` made it). The new task is to tell from the
sequence which residues touch one that is far away along the chain. The steps are those of work with data of your own:

1. fold three of the proteins, and compare their secondary structure with the known one;
2. `af2jax.explore` the table of labels;
3. tune a new head on 50 of the proteins, on the frozen trunk of mini and, as a control, on one of random weights;
4. `af2jax.compare` both on the test proteins with simple baselines: majority class, nearest window, regression;
5. ask the tuned head of the three proteins.

    python -m experiments.demo --out demo_out

`demo_out/index.html` opens with the answer and links to all other pages. With --shuffle the labels that are learnt from
are permuted over all of their residues, and no advantage may survive. --seeds 3 trains three times on each trunk, each
random one another. Hardware: 2 CPU cores, 5 minutes with nothing compiled before; expected result and last good commit:
experiments/README.md. A stopped run resumes when the command is given again.
"""

import csv
import time
from itertools import islice
from pathlib import Path

import numpy as np
from absl import app, flags, logging

import af2jax
from af2jax import compilation
from af2jax.cli.main import main as command
from af2jax.data.structure import read_chain
from af2jax.files import write
from af2jax.protein.secondary import secondary
from af2jax.words import counted

OUT = flags.DEFINE_string("out", "demo_out", "Folder for everything.")
PARAMS = flags.DEFINE_string("params", "mini", 'Weights of preset mini: a folder of .npz, or "mini" of the package.')
STEPS = flags.DEFINE_integer("steps", 300, "Of each training.", lower_bound=4)
SEEDS = flags.DEFINE_integer("seeds", 1, "Trainings on each trunk.", lower_bound=1)
MOST = flags.DEFINE_integer("most", 0, "Proteins of each split, at most; 0: all.", lower_bound=0)
SHUFFLE = flags.DEFINE_bool("shuffle", False, "Permute the labels that are learnt from: no advantage may survive.")

FACTS = Path(__file__).parent / "data" / "demo_proteins.csv"
TASK, CLASSES = "contact", ("N", "F")
RANDOM, TRAINED = "head on a random trunk", "head on the trained trunk"
SHOWN, SHORT = 3, 100  # proteins that are folded: the first ones to test on of at most so many residues
CROP = 160  # residues: every protein fits, whole


def labelled(facts: list[dict[str, str]], out: Path, shuffle: bool) -> Path:
    """The table of labels, what a user would bring; `shuffle` permutes those that are learnt from."""
    lines = [f"id,sequence,split,cluster,{TASK}"]
    learnt = "".join(row[TASK] for row in facts if row["split"] != "test")
    mixed = iter(np.random.default_rng(0).permutation(list(learnt)))
    for row in facts:
        permuted = shuffle and row["split"] != "test"
        labels = "".join(islice(mixed, len(row["sequence"]))) if permuted else row[TASK]
        lines.append(f"{row['id']},{row['sequence']},{row['split']},{row['cluster']},{labels}")
    return write(out / "labels.csv", "\n".join(lines) + "\n")


def predicted(queries: Path, params: list[str], out: Path) -> None:
    """`af2jax predict`: structures, what heads answer, and a page of each query.

    Raises:
        RuntimeError: it failed.
    """
    given = [word for one in params for word in ("--params", one)]
    if code := command(["predict", str(queries), *given, "--out", str(out), "--quiet"]):
        raise RuntimeError(f"af2jax predict ended with exit code {code}")


def tuned(name: str, params: str, data: Path, out: Path) -> list[Path]:
    """The runs of a new head on a frozen trunk, one for each seed, with their pages."""
    runs = [out / "runs" / f"{name}_{seed}" for seed in range(SEEDS.value)]
    for seed, run in enumerate(runs):
        training = af2jax.finetune.Training(
            data=str(data),
            params=params,
            preset="mini",
            recipe="new_heads",
            heads={TASK: af2jax.Head("residue", classes=CLASSES, reads="structure")},
            losses={TASK: 1.0},
            monitor=f"{TASK}/accuracy",
            crop=CROP,
            dropout=False,
            num_recycle=0,
            examples_per_item=1,
            cache=True,
            cache_dir=str(out / "cache" / name) if params else "",  # each random trunk is another one
            steps=STEPS.value,
            warmup=STEPS.value // 10,
            batch_size=8,
            learning_rate=3e-3,
            validate_every=max(STEPS.value // 6, 1),
            save_every=STEPS.value,
            seed=seed,
        )
        af2jax.finetune.fit(
            training, run, resume=True, say=lambda line, run=run: print(f"{run.name}: {line}", flush=True)
        )
        af2jax.page(run).save(run)
    return runs


def of_structure(path: Path) -> str:
    """The secondary structure of a prediction."""
    chain = read_chain(path)
    return secondary(chain.aatype, chain.positions, chain.atom_mask)


def same(one: str, other: str) -> float:
    """The share of residues that two strings have the same of."""
    return float(np.mean([a == b for a, b in zip(one, other, strict=True)]))


def shown(page, facts: list[dict[str, str]], out: Path) -> None:
    """Adds the proteins that were folded and asked of to a page, beside what is known of them."""
    headings = ("protein", "what", "known", "predicted", "residues", "predicted as known", "one class throughout")
    rows = []
    for row in facts:
        (path,) = (out / "folded").glob(f"{row['id']}_unrelaxed_rank_001_*.pdb")
        with open(out / "answers" / f"{row['id']}_{TASK}.csv", newline="") as file:
            told = "".join(residue["class"] for residue in csv.DictReader(file))
        pairs = ("secondary structure", row["ss"], of_structure(path)), ("far contact", row[TASK], told)
        for what, known, found in pairs:
            constant = max(set(known), key=known.count) * len(known)
            rows.append((row["pdb"], what, known, found, len(known), same(known, found), same(known, constant)))
    page.section("Three proteins that the network never saw")
    page.text(
        "Folded from their sequences, and the tuned head asked of them. The secondary structure (H helix, E strand, "
        "C all else) is that of the predicted structure; F is a residue that touches one far away along the chain, "
        "N one that does not. Three proteins are examples and prove nothing: the comparison above is of all test "
        "proteins. One class throughout: the one that is most frequent in this protein."
    )
    page.table("shown", headings, rows)


def main(_) -> None:
    """All five steps, and the page that opens with the answer."""
    began, out = time.perf_counter(), Path(OUT.value).resolve()
    logging.set_verbosity(logging.ERROR)
    compilation.persist()
    every = list(csv.DictReader(FACTS.open(newline="")))
    some = lambda part: [row for row in every if row["split"] == part][: MOST.value or None]
    facts = [*some("train"), *some("valid"), *some("test")]
    new = [row for row in facts if row["split"] == "test" and len(row["sequence"]) <= SHORT][:SHOWN]
    queries = write(out / "new.fasta", "".join(f">{row['id']}\n{row['sequence']}\n" for row in new))
    print(f"1. fold {', '.join(row['pdb'] for row in new)}", flush=True)
    predicted(queries, [PARAMS.value], out / "folded")
    data = labelled(facts, out, SHUFFLE.value)
    print(f"2. explore {data}", flush=True)
    af2jax.page(af2jax.explore(data, target=TASK)).save(out / "look")
    print("3. tune a head on a random trunk and on the trained one", flush=True)
    ways = {RANDOM: tuned("random", "", data, out), TRAINED: tuned("trained", PARAMS.value, data, out)}
    print("4. compare", flush=True)
    found = af2jax.compare(ways, data, "test", num_recycle=0, keep=out)
    print("5. ask the tuned head", flush=True)
    predicted(queries, [str(run) for run in ways[TRAINED]], out / "answers")
    page = af2jax.page(found)
    page.title = "Does a trunk that has learnt to fold help with a new task?"
    if SHUFFLE.value:
        page.warning("serious", "The labels are permuted", "Whatever is found here is chance.")
    shown(page, new, out)
    page.section("All pages")
    page.text(
        f"Made in {(time.perf_counter() - began) / 60:.1f} minutes by experiments/demo.py, "
        f"{counted(SEEDS.value, 'seed')}."
    )
    page.links([path for path in sorted(out.rglob("index.html")) if path.parent != out], out)
    page.links([data, queries], out)
    index = page.save(out)
    for mean in found.means:
        print(f"{mean.entry}: {mean.interval.value:.3f} ({mean.interval.low:.3f} to {mean.interval.high:.3f})")
    print("\n".join(verdict.text for verdict in (*found.beats_baseline, *found.tuned)))
    print(f"{(time.perf_counter() - began) / 60:.1f} minutes; open {index}")


if __name__ == "__main__":
    app.run(main)
