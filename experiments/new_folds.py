"""How many of mini's validation chains have a fold that is in its training, and how much better does mini do on them?

No chain of `mini/unseen.tsv` has a homologue in training: 30 % identity is where sequences stop telling. Each is
aligned by structure to the 50 training chains whose fingerprints are most like its own (`af2jax find`'s way), and
folded by mini from the sequence alone. The TM-score with the nearest, by the length of the chain that is held out,
parts known folds (0.5 or more) from new ones. Controls: an ideal helix, which knows no fold and tells whether chains of
one group are easier; and the rank correlation within chains without an easy answer, where the helix has less than 50.

    python -m experiments.new_folds --data DATA --out new_folds_out

DATA is that of `experiments/corpus.py`; training chains are all of it that are not held out. The nearest of each is
kept in `mini/nearest_folds.tsv`, so that new weights are only folded with: chains that are not there are searched for
and added. The folder then has a page, its plot with a caption, and every chain. Hardware: 2 CPU cores, 30 minutes, of
which the search takes 25; expected result and last good commit: experiments/README.md.
"""

import csv
from pathlib import Path

import numpy as np
from absl import app, flags, logging

import af2jax
from af2jax import compilation
from af2jax.constants.atoms import CA
from af2jax.data.dataset import Item
from af2jax.data.items import read_item
from af2jax.data.transforms import padded
from af2jax.errors import InputError
from af2jax.files import write
from af2jax.folds.find import SAME_FOLD, search
from af2jax.folds.index import Entry, Index
from af2jax.folds.neighbours import entry_of
from af2jax.folds.prints import fingerprint
from af2jax.html.page import Caption, Page
from af2jax.metrics.baselines import helix
from af2jax.metrics.statistics import bootstrap, rank_correlation
from af2jax.plots.panels import scatter
from experiments import controls, corpus

DATA = flags.DEFINE_string("data", None, "Folder of data, as in experiments/corpus.py.", required=True)
OUT = flags.DEFINE_string("out", "new_folds_out", "Folder for the results.")
PARAMS = flags.DEFINE_string("params", "mini", 'Run directory, folder of params_mini.npz, or "mini" of the package.')
NEAREST = flags.DEFINE_string("nearest", str(corpus.UNSEEN.with_name("nearest_folds.tsv")), "Nearest training chains.")
CHAINS = flags.DEFINE_integer("chains", 0, "Use only the first N; 0: all.", lower_bound=0)
EACH, EASY = 50, 50.0  # training chains that are aligned to each; lDDT-CA of a helix that makes a chain easy
COLUMNS = ("id", "nearest", "tm", "identity", "searched")


def entries(items: list[Item]) -> list[Entry]:
    """Those of one chain whose structure can be read."""
    found = []
    for item in items:
        try:
            found.append(entry_of(item.id, read_item(item)))
        except InputError as error:
            logging.warning("%s", error)
    return [entry for entry in found if entry is not None]


def nearest_folds(asked: list[Item], learnt: list[Item], table: Path) -> dict[str, dict[str, str]]:
    """The rows of `table` by chain: the nearest of `learnt`. Those that are missing are searched for and added."""
    if not table.exists():
        write(table, "\t".join(COLUMNS) + "\n")
    with open(table, newline="") as file:
        kept = {row["id"]: row for row in csv.DictReader(file, delimiter="\t")}
    missing = entries([item for item in asked if item.id not in kept])
    known = entries(learnt) if missing else []
    prints = np.stack([fingerprint(entry.points) for entry in known]) if missing else np.zeros((0, 1))
    every = Index(Path(), tuple(known), prints, (), (), {})
    for entry in missing:
        best = search(entry, every, EACH).hits[0]
        cells = (entry.name, best.entry.name, f"{best.alignment.tm_first:.4f}", f"{best.identity:.3f}", len(known))
        row = dict(zip(COLUMNS, map(str, cells), strict=True))
        with open(table, "a") as file:
            file.write("\t".join(row.values()) + "\n")
        kept[entry.name] = row
        print(*row.values(), flush=True)
    return kept


def measured(network, items: list[Item], near: dict[str, dict[str, str]]) -> list[dict]:
    """Each chain with its nearest training chain, and what mini and a helix score on it."""
    model, params = network
    rows = []
    for item in items:
        chain, nearest = read_item(item), near[item.id]
        truth, seen = chain.positions[:, CA], chain.atom_mask[:, CA]
        features = padded(af2jax.features(chain.sequence, model.config), model.config.data)
        points = af2jax.predict(model, params, features).protein.positions[:, CA]
        own, easy = controls.scores(points, truth, seen), controls.scores(helix(len(truth)), truth, seen)
        row = {"id": item.id, "length": len(truth), "nearest": nearest["nearest"], "near": float(nearest["tm"])}
        rows.append(row | {"identity": float(nearest["identity"]), **own, "helix": easy["lddt_ca"]})
        print(f"{item.id} nearest {row['nearest']} {row['near']:.2f}, lDDT-CA {own['lddt_ca']:.1f}", flush=True)
    return rows


def page(rows: list[dict], clusters: dict[str, str], trained: int) -> Page:
    """The result with its plot."""
    column = lambda name: np.array([row[name] for row in rows], float)
    near, families = column("near"), np.array([clusters[row["id"]] for row in rows])
    groups = {"known fold": near >= SAME_FOLD, "new fold": near < SAME_FOLD}
    made = Page(
        "Known folds and new ones", [f"{len(rows)} chains without a homologue among {trained} that mini knows."]
    )
    table = []
    for name, mask in groups.items():
        mini, easy = column("lddt_ca"), column("helix")
        for label, values in (("mini", mini), ("ideal helix", easy), ("mini, minus the helix", mini - easy)):
            found = bootstrap(values[mask], families[mask])
            table.append([name, label, *found.cells, found.count, found.families])
    heads = ["group", "lDDT-CA of", "mean", "95 % from", "to", "chains", "families"]
    hard = column("helix") < EASY
    ranks = [rank_correlation(near[m], column("lddt_ca")[m], families[m]) for m in (np.ones(len(rows), bool), hard)]
    share = groups["known fold"].mean()
    made.figure(
        "new_folds",
        scatter(
            {"mini": (near, column("lddt_ca")), "ideal helix": (near, column("helix"))},
            ("TM-score with the nearest training chain", "lDDT-CA"),
        ),
        Caption(
            "lDDT-CA of mini on chains without a homologue in training, against how near the nearest training chain "
            "is by structure.",
            f"{len(rows)} chains, each aligned to the {EACH} of {trained} training chains of the most similar "
            "fingerprints; TM-score by the length of the held-out chain. An ideal helix is the control.",
            f"{share:.0%} have a fold that is in training: {table[0][2]:.1f} by mini and {table[1][2]:.1f} by the "
            f"helix, against {table[3][2]:.1f} and {table[4][2]:.1f} of new ones. Spearman's correlation {ranks[0]}, "
            f"of chains that a helix scores below {EASY:.0f} on {ranks[1]}.",
        ),
    )
    made.table("groups", heads, table, "Known folds and new ones")
    made.table("chains", list(rows[0]), [list(row.values()) for row in rows], "Each chain")
    return made


def main(_) -> None:
    """Aligns, folds and compares."""
    logging.set_verbosity(logging.ERROR)
    compilation.persist()
    data, out = Path(DATA.value).resolve(), Path(OUT.value)
    members = corpus.members(data)
    with open(corpus.UNSEEN, newline="") as file:
        unseen = {row["id"] for row in csv.DictReader(file, delimiter="\t")}
    held_out = [m for m in members if m.id in unseen and m.msa is None][: CHAINS.value or None]
    items, learnt = [m.item for m in held_out], [m.item for m in members if m.side != "valid"]
    near = nearest_folds(items, learnt, Path(NEAREST.value))
    items = [item for item in items if item.id in near]
    rows = measured(af2jax.load("mini", PARAMS.value), items, near)
    made = page(rows, {m.id: m.cluster for m in held_out}, int(near[items[0].id]["searched"]))
    print(made.save(out))


if __name__ == "__main__":
    app.run(main)
