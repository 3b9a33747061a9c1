"""What does TM-align say of pairs of chains? The facts that the structure search of af2jax is measured against.

500 chains of 40 to 150 residues are drawn from the corpus, once and for ever, and every pair of them is aligned by the
program TMalign (Zhang and Skolnick 2005; Debian's package tm-align, 20190822), which nothing else here needs. Kept are:

- `data/tm_align_chains.tsv`: the chains, with their class and sequence;
- `data/tm_align_pairs.tsv.xz`: pairs by their places in that table, and both TM-scores, where one is 0.4 or more;
- `data/tm_align_200.tsv`: 200 pairs, half drawn from all, half from those with a TM-score of 0.5 or more, with the
  aligned length, the RMSD and the identity of TM-align's alignment.

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

DATA = flags.DEFINE_string("data", None, "Folder of data, as in experiments/corpus.py.", required=True)
WORK = flags.DEFINE_string("work", "tm_align_work", "Folder for the chains and for what was aligned.")
FACTS = Path(__file__).parent / "data"
CHAINS, LENGTHS, SEED = 500, (40, 150), 0
KEPT, ALIKE, SAMPLE = 0.4, 0.5, 200  # TM-scores from which a pair is kept, and is of one fold; pairs of the short table
SCORE = re.compile(r"^TM-score= *(\S+) \(if normalized by length of Chain_", re.MULTILINE)
ALIGNED = re.compile(r"Aligned length= *(\d+), RMSD= *(\S+), Seq_ID=n_identical/n_aligned= *(\S+)")


def drawn(data: Path) -> list[dict[str, str]]:
    """The rows of the chains in the corpus that are compared, in the order of the draw."""
    with open(data / "corpus" / "chains.tsv", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if LENGTHS[0] <= int(row["length"]) <= LENGTHS[1]]
    return [rows[i] for i in np.random.default_rng(SEED).permutation(len(rows))[:CHAINS]]


def aligned(first: Path, second: Path) -> tuple[float, ...]:
    """(TM-score by the length of the first, by that of the second, aligned residues, RMSD, identity of these)."""
    text = subprocess.run(["TMalign", first, second], capture_output=True, text=True, check=True).stdout
    return (*map(float, SCORE.findall(text)), *map(float, ALIGNED.search(text).groups()))


def facts() -> tuple[list[dict[str, str]], dict[tuple[int, int], tuple[float, float]]]:
    """(the chains, both TM-scores of each kept pair by the places of its chains, the first being the lower)."""
    with open(FACTS / "tm_align_chains.tsv", newline="") as file:
        chains = list(csv.DictReader(file, delimiter="\t"))
    with lzma.open(FACTS / "tm_align_pairs.tsv.xz", "rt") as file:
        rows = [line.split("\t") for line in file.read().splitlines()[1:]]
    return chains, {(int(i), int(j)): (float(one), float(other)) for i, j, one, other in rows}


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


def table(path: Path, headings: tuple[str, ...], rows) -> None:
    """Writes a table, packed where its name says so."""
    text = "".join("\t".join(row) + "\n" for row in (headings, *rows))
    path.write_bytes(lzma.compress(text.encode()) if path.suffix == ".xz" else text.encode())


def main(_) -> None:
    data, work = Path(DATA.value), Path(WORK.value)
    if not shutil.which("TMalign"):
        raise SystemExit("the program TMalign is not installed (Debian: apt install tm-align)")
    chains, files = drawn(data), []
    work.mkdir(parents=True, exist_ok=True)
    for i, row in enumerate(chains):
        files.append(work / f"{i}.pdb")
        files[-1].write_bytes(gzip.decompress((data / "corpus" / row["file"]).read_bytes()))
    shown = ("id", "class", "length", "sequence")
    table(FACTS / "tm_align_chains.tsv", shown, ([row[name] for name in shown] for row in chains))
    every = list(run(files, work / "pairs.tsv"))
    kept = [row[:4] for row in every if max(map(float, row[2:4])) >= KEPT]
    table(FACTS / "tm_align_pairs.tsv.xz", ("first", "second", "tm_first", "tm_second"), kept)
    rng = np.random.default_rng(SEED)
    near = [row for row in every if max(map(float, row[2:4])) >= ALIKE]
    half = SAMPLE // 2
    few = [every[i] for i in rng.permutation(len(every))[:half]] + [near[i] for i in rng.permutation(len(near))[:half]]
    headings = ("first", "second", "tm_first", "tm_second", "aligned", "rmsd", "identity")
    table(FACTS / "tm_align_200.tsv", headings, few)
    print(f"{len(every)} pairs of {len(chains)} chains; {len(kept)} of {KEPT} or more, {len(near)} of {ALIKE} or more")


if __name__ == "__main__":
    app.run(main)
