"""What does TM-align say of pairs of chains? The facts that the structure search of af2jax is measured against.

500 chains of 40 to 150 residues are drawn from the corpus, once and for ever, and every pair of them is aligned by the
program TMalign (Zhang and Skolnick 2005; Debian's package tm-align, 20190822), which nothing else here needs. Kept are:

- `data/tm_align_chains.tsv`: the chains, with their class and sequence;
- `data/tm_align_pairs.tsv.xz`: pairs by their places in that table, and both TM-scores, where one is 0.4 or more;
- `data/tm_align_200.tsv`: 200 pairs by their names, half drawn from all, half from those with a TM-score of 0.5 or
  more, with the aligned length, the RMSD and the identity of TM-align's alignment;
- `data/tm_align_held_out.tsv`: the same of 200 pairs of chains that are not among the 500, drawn with another seed:
  the settings of `metrics/structural_alignment.py` were chosen on pairs of the 500.

Both of these tables have `best_first` and `best_second` too: the higher of TM-align's TM-scores and those that it finds
when it starts from the alignment of `af2jax find`, as it often ends in another that it scores lower itself.

    python -m experiments.tm_align --data DATA --work tm_align_work

What was aligned is kept in `--work`, from which the same command resumes. Hardware: one of 2 CPU cores, an hour;
expected result and last good commit: experiments/README.md.
"""

import csv
import gzip
import lzma
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import app, flags

from af2jax.data.traces import read_traces
from af2jax.folds import superposed
from experiments import tm_align_facts
from experiments.tm_align_facts import FACTS

DATA = flags.DEFINE_string("data", None, "Folder of data, as in experiments/corpus.py.", required=True)
WORK = flags.DEFINE_string("work", "tm_align_work", "Folder for the chains and for what was aligned.")
CHAINS, LENGTHS, SEED = 500, (40, 150), 0
KEPT, ALIKE, SAMPLE = 0.4, 0.5, 200  # TM-scores from which a pair is kept, and is of one fold; pairs of the short table
SCORE = re.compile(r"^TM-score= *(\S+) \(if normalized by length of Chain_", re.MULTILINE)
ALIGNED = re.compile(r"Aligned length= *(\d+), RMSD= *(\S+), Seq_ID=n_identical/n_aligned= *(\S+)")


def drawn(data: Path) -> list[dict[str, str]]:
    """The rows of the chains in the corpus that may be compared, in the order of the draw."""
    with open(data / "corpus" / "chains.tsv", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if LENGTHS[0] <= int(row["length"]) <= LENGTHS[1]]
    return [rows[i] for i in np.random.default_rng(SEED).permutation(len(rows))]


def aligned(first: Path, second: Path, *options: str | Path) -> tuple[float, ...]:
    """(TM-score by the length of the first, by that of the second, aligned residues, RMSD, identity of these)."""
    text = subprocess.run(["TMalign", first, second, *options], capture_output=True, text=True, check=True).stdout
    return (*map(float, SCORE.findall(text)), *map(float, ALIGNED.search(text).groups()))


def run(files: list[Path], log: Path) -> Iterator[list[str]]:
    """Every pair (i, j, then as `aligned`), those of earlier chains first; each is in `log` when it is yielded."""
    lines = [line for line in log.read_text().splitlines(True) if line.endswith("\n")] if log.exists() else []
    log.write_text("".join(lines))  # without half a line of a run that was stopped
    done = [line.split("\t") for line in lines]
    yield from ([cell.strip() for cell in row] for row in done)
    pairs = [(i, j) for i in range(len(files)) for j in range(i + 1, len(files))][len(done) :]
    with open(log, "a") as out:
        for i, j in pairs:
            row = [str(i), str(j), *(f"{value:g}" for value in aligned(files[i], files[j]))]
            out.write("\t".join(row) + "\n")
            out.flush()
            yield row


def held_out(files: list[Path], half: int) -> list[list[str]]:
    """Pairs of files (i, j, then as `aligned`): the first ones of a draw, and of the next those of one fold."""
    rng, any_pair, alike = np.random.default_rng(SEED + 1), [], []
    while len(alike) < half:
        i, j = rng.choice(len(files), 2, replace=False).tolist()
        scores = aligned(files[i], files[j])
        row = [str(i), str(j), *(f"{value:g}" for value in scores)]
        if len(any_pair) < half:
            any_pair.append(row)
        elif max(scores[:2]) >= ALIKE:
            alike.append(row)
    return any_pair + alike


def started(first: Path, second: Path, places: np.ndarray, work: Path) -> tuple[float, ...]:
    """Both TM-scores where TM-align starts from an alignment."""
    (one,), (other,) = read_traces(first), read_traces(second)
    rows = superposed.gapped(one.sequence, other.sequence, places)
    file = work / "start.fasta"
    file.write_text("".join(f">{name}\n{row}\n" for name, row in zip((first, second), rows, strict=True)))
    return aligned(first, second, "-i", file)[:2]


def agreement(ours: np.ndarray, theirs: np.ndarray, best: np.ndarray) -> str:
    """How near TM-scores [pairs 2] of ours are to TM-align's, and to the best that it gives to any alignment."""
    off, short = ours - theirs, np.abs(ours - best)
    return (
        f"ours minus TM-align's: median of the absolute value {np.median(abs(off)):.4f}, 95th percentile "
        f"{np.quantile(abs(off), 0.95):.4f}; below -0.03 {np.mean(off < -0.03):.1%}, above {np.mean(off > 0.03):.1%}; "
        f"ours minus the best: {np.median(short):.4f}, {np.quantile(short, 0.95):.4f}"
    )


def table(path: Path, headings: tuple[str, ...], rows) -> None:
    """Writes a table, packed where its name says so."""
    text = "".join("\t".join(row) + "\n" for row in (headings, *rows))
    path.write_bytes(lzma.compress(text.encode()) if path.suffix == ".xz" else text.encode())


def main(_) -> None:
    data, work = Path(DATA.value), Path(WORK.value)
    if not shutil.which("TMalign"):
        raise SystemExit("the program TMalign is not installed (Debian: apt install tm-align)")
    every_chain, files = drawn(data), []
    chains = every_chain[:CHAINS]
    work.mkdir(parents=True, exist_ok=True)
    for i, row in enumerate(every_chain):
        files.append(work / f"{i}.pdb")
        files[-1].write_bytes(gzip.decompress((data / "corpus" / row["file"]).read_bytes()))
    shown = ("id", "class", "length", "sequence")
    table(FACTS / "tm_align_chains.tsv", shown, ([row[name] for name in shown] for row in chains))
    every = list(run(files[:CHAINS], work / "pairs.tsv"))
    kept = [row[:4] for row in every if max(map(float, row[2:4])) >= KEPT]
    table(FACTS / "tm_align_pairs.tsv.xz", ("first", "second", "tm_first", "tm_second"), kept)
    rng = np.random.default_rng(SEED)
    near = [row for row in every if max(map(float, row[2:4])) >= ALIKE]
    half = SAMPLE // 2
    few = [every[i] for i in rng.permutation(len(every))[:half]] + [near[i] for i in rng.permutation(len(near))[:half]]
    headings = ("first", "second", "tm_first", "tm_second", "aligned", "rmsd", "identity", "best_first", "best_second")
    others = [[str(CHAINS + int(i)), str(CHAINS + int(j)), *rest] for i, j, *rest in held_out(files[CHAINS:], half)]
    for name, rows in zip(tm_align_facts.SHORT, (few, others), strict=True):
        chosen = [(files[int(row[0])], files[int(row[1])]) for row in rows]
        ours, places = tm_align_facts.ours([tuple(read_traces(file)[0].points for file in pair) for pair in chosen])
        theirs = np.array([row[2:4] for row in rows], float)
        top = np.array([started(*pair, own, work) for pair, own in zip(chosen, places, strict=True)])
        top = np.maximum(top, theirs)
        named = [[every_chain[int(place)]["id"] for place in row[:2]] for row in rows]
        out = [[*ids, *row[2:], *(f"{x:g}" for x in own)] for ids, row, own in zip(named, rows, top, strict=True)]
        table(FACTS / f"{name}.tsv", headings, out)
        print(f"{name}: {agreement(ours, theirs, top)}", flush=True)
    print(f"{len(every)} pairs of {len(chains)} chains; {len(kept)} of {KEPT} or more, {len(near)} of {ALIKE} or more")


if __name__ == "__main__":
    app.run(main)
