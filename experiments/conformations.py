"""Can several conformations of one sequence be sampled by what the network is shown, beyond what chance does?

For proteins with two known structures of one sequence, the network folds the sequence again and again: as it is, with
dropout, with much of the alignment hidden, and, where there is an alignment, from few of its rows drawn uniformly, and
from clusters of alike rows, as is done to find the other state (Wayment-Steele et al., Nature 625, 832, 2024). A claim
that clusters carry the other state needs the uniform control: as many subsets of the same sizes, drawn at random. Each
sample is superposed on both states (TM-score), and counts for a state where it is above 0.5 and at least 0.05 nearer.

    python -m experiments.conformations --data DATA --out conformations_out

DATA has pairs.tsv (pair, type, file_a, file_b) with structures, and folders msa/CASE with native.pdb, native_state2.pdb
and an alignment (.a3m). Pairs are folded from their sequence alone, and so without the last two ways. Hardware: 2 CPU
cores, 10 minutes; expected result and last good commit: experiments/README.md. With --shuffle the columns of
alignments are shuffled.
"""

import dataclasses
import json
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from absl import app, flags, logging

import af2jax
from af2jax import compilation
from af2jax.constants.atoms import CA
from af2jax.constants.residues import GAP, LETTERS
from af2jax.data.nearest import nearest, transfer
from af2jax.data.pipeline import read_alignment
from af2jax.data.structure import read_chain
from af2jax.data.transforms import padded
from af2jax.files import write
from af2jax.metrics.superposition import tm_score
from af2jax.plots import figure
from experiments import sides

DATA = flags.DEFINE_string("data", None, "Folder with pairs.tsv and structures.", required=True)
OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)
PRESET = flags.DEFINE_string("preset", "mini", "Network.")
PARAMS = flags.DEFINE_string("params", "mini", 'Its parameters: a folder of .npz, a run, or "mini" of the package.')
KIND = flags.DEFINE_string("kind", "fold_switch", "Type of the pairs.")
PAIRS = flags.DEFINE_integer("pairs", 12, "At most.", lower_bound=1)
LONGEST = flags.DEFINE_integer("longest", 160, "Residues, at most.", lower_bound=16)
SAMPLES = flags.DEFINE_integer("samples", 8, "Of each way.", lower_bound=1)
ROWS = flags.DEFINE_integer("rows", 12, "Of an alignment that is made shallow.", lower_bound=1)
SHUFFLE = flags.DEFINE_bool("shuffle", False, "Shuffle the columns of alignments.")

HIDDEN = 0.5  # of the alignment
ALIKE = 0.6  # identity to the first row of a cluster
FOUND, NEARER = 0.5, 0.05  # TM-score of a state that is found, and its lead
WAYS = ("as it is", "dropout", "half hidden", "few rows", "clusters")


def subsets(codes: np.ndarray, rng: np.random.Generator) -> dict[str, list[np.ndarray]]:
    """Rows of the uniform control and of clusters, of the same sizes; the query is left out."""
    left, clusters = list(range(1, len(codes))), []
    while left and len(clusters) < SAMPLES.value:
        first = codes[left[0]]
        near = [i for i in left if (codes[i] == first)[first < GAP].mean() >= ALIKE]
        near = near or left[:1]
        clusters.append(np.array(near[: ROWS.value]))
        left = sorted(set(left) - set(near))
    uniform = [rng.choice(np.arange(1, len(codes)), len(rows), replace=False) for rows in clusters]
    return {"few rows": uniform, "clusters": clusters}


def samples(model, params, sequence: str, alignment: Path | None, folder: Path) -> dict[str, list[np.ndarray]]:
    """CA atoms of every sample of every way."""
    rng, config = np.random.default_rng(0), model.config
    cycles = config.num_recycle + 1

    def fold(query, seed: int, key=None, hidden: float | None = None):
        data = config.data if hidden is None else dataclasses.replace(config.data, mask_fraction=hidden)
        features = af2jax.features(query, dataclasses.replace(config, data=data), seed, cycles)
        return af2jax.predict(model, params, padded(features, data), key=key).protein.positions[:, CA]

    query, found = alignment or sequence, {}
    found["as it is"] = [fold(query, seed) for seed in range(SAMPLES.value)]
    found["dropout"] = [fold(query, 0, jax.random.key(seed)) for seed in range(SAMPLES.value)]
    found["half hidden"] = [fold(query, seed, hidden=HIDDEN) for seed in range(SAMPLES.value)]
    if alignment:
        codes = np.array(read_alignment(alignment).codes)
        if SHUFFLE.value:
            codes[1:] = codes[1:, rng.permutation(codes.shape[1])]
        for way, chosen in subsets(codes, rng).items():
            found[way] = []
            for number, rows in enumerate(chosen):
                lines = [f">{i}\n{''.join(LETTERS[c] for c in codes[i])}" for i in (0, *rows)]
                path = write(folder / f"{way.replace(' ', '_')}_{number}.a3m", "\n".join(lines) + "\n")
                found[way].append(fold(path, 0))
    return found


class Pair(NamedTuple):
    """A protein with two known structures."""

    name: str
    first: Path
    second: Path
    alignment: Path | None  # its first row is what is folded; None: the sequence of the first structure


def pairs(data: Path) -> list[Pair]:
    """Those with an alignment, and the shortest of the others."""
    found = []
    for second in sorted(data.glob("msa/*/native_state2.pdb*")):
        first, rows = next(second.parent.glob("native.pdb*")), sorted(second.parent.glob("*.a3m*"))
        if rows and len(read_alignment(rows[0]).query) <= LONGEST.value:
            found.append(Pair(second.parent.name, first, second, rows[0]))
    rows = [row for row in sides.read(data, "pairs.tsv") if row["type"] == KIND.value]
    rows = sorted((row for row in rows if int(row["len_a"]) <= LONGEST.value), key=lambda row: int(row["len_a"]))
    alone = [Pair(row["pair"], data / row["file_a"], data / row["file_b"], None) for row in rows]
    return [*found, *alone][: PAIRS.value]


def judged(pair: Pair, model, params, out: Path) -> dict[str, list[tuple[float, float]]]:
    """{way: (TM-score to the first state, to the second) of each sample} of a pair."""
    known = [read_chain(file) for file in (pair.first, pair.second)]
    sequence = read_alignment(pair.alignment).query if pair.alignment else known[0].sequence
    laid = [nearest(sequence, {"known": chain.sequence}).pairs for chain in known]
    states = [
        transfer(place, len(sequence), chain.positions[:, CA], chain.atom_mask[:, CA])
        for place, chain in zip(laid, known, strict=True)
    ]
    found = samples(model, params, sequence, pair.alignment, out / "alignments" / pair.name)
    return {way: [tuple(tm_score(ca, *state) for state in states) for ca in each] for way, each in found.items()}


def counts(scores: np.ndarray) -> tuple[int, int]:
    """How many samples [N 2] are of the first state, and of the second."""
    ahead = scores[:, 0] - scores[:, 1]
    return int(((scores[:, 0] > FOUND) & (ahead > NEARER)).sum()), int(
        ((scores[:, 1] > FOUND) & (-ahead > NEARER)).sum()
    )


def report(found: dict[str, dict], out: Path) -> None:
    """Writes the plot and what follows from it."""
    by_way = {way: [np.array(each[way]) for each in found.values() if way in each] for way in WAYS}
    by_way = {way: each for way, each in by_way.items() if each}
    both = {way: sum(min(counts(scores)) > 0 for scores in each) for way, each in by_way.items()}
    best = max(float(np.max(scores)) for each in by_way.values() for scores in each)
    counted = "; ".join(f"{way}: {both[way]} of {len(each)}" for way, each in by_way.items())
    rows = [float(np.max(scores)) for way in ("clusters", "few rows") for scores in by_way.get(way, ())]
    if best <= FOUND:
        verdict = f"No sample finds any state (best TM-score {best:.2f}): nothing can be concluded about conformations."
    elif rows and max(rows) <= FOUND:
        verdict = f"Neither clusters nor random rows find any state (best TM-score {max(rows):.2f}): they tell nothing."
    elif "clusters" in both and both["clusters"] > both["few rows"]:
        verdict = "Clusters find both states of more proteins than random rows do."
    elif "clusters" in both:
        verdict = "Clusters find no more than random rows do: what they find is due to depth, not to the clusters."
    else:
        verdict = "Without alignments the claim about clusters cannot be put to the test."
    caption = (
        f"TM-score to either known state, of every sample of {len(found)} proteins ({KIND.value}); on the line both "
        f"are as near. Proteins of which both states are found: {counted}. {verdict}"
    )
    drawn, axes = figure.new(2.6 * len(by_way), 2.8, caption, panels=len(by_way))
    for axis, (way, each) in zip(axes, by_way.items(), strict=True):
        points = np.concatenate(each)
        axis.scatter(*points.T, s=8, alpha=0.5, color=figure.COLOURS[0], linewidths=0)
        axis.plot([0, 1], [0, 1], color="black", linewidth=0.8)
        axis.set(title=way, xlabel="TM-score, first state", ylabel="TM-score, second state", xlim=(0, 1), ylim=(0, 1))
    figure.save(drawn, out / "conformations.png")
    text = f"# Can several conformations be sampled?\n\n![conformations](conformations.png)\n\n{caption}\n"
    print(text)
    write(out / "README.md", text)


def main(_) -> None:
    """Samples every pair, and compares."""
    logging.set_verbosity(logging.ERROR)
    compilation.persist()
    out = Path(OUT.value)
    model, params = af2jax.load(PRESET.value, PARAMS.value or None)
    found = {}
    for pair in pairs(Path(DATA.value).resolve()):
        place = out / "pairs" / f"{pair.name}.json"
        if not place.exists():
            write(place, json.dumps(judged(pair, model, params, out)) + "\n")
        found[pair.name] = json.loads(place.read_text())
        print(f"{pair.name}: done", flush=True)
    report(found, out)


if __name__ == "__main__":
    app.run(main)
