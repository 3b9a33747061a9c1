"""Does a search by structure find what TM-align finds, how much of it without aligning every chain, and at what cost?

Truth are the pairs of 500 chains whose TM-score by TM-align (`experiments/tm_align.py`), by the length of the query, is
0.5 or more. The first of the chains, drawn at random, are queries among the others. Ranked are: all chains, aligned;
the 200, 100, 50 and 20 of the most similar fingerprints, aligned; the fingerprints alone; sequences, by phmmer; and as
a control chains of the most similar length. Recall at k counts the true ones among the first k, of as many as there can
be, as the mean over queries that have any, with its bootstrap interval over these.

    python -m experiments.retrieval --data DATA --out retrieval_out

Then the cost, in CPU-seconds of the process: of an index, and of the same five queries of 100 to 128 residues with 200
candidates, among 250 chains of the corpus, 500, and so on to all. A search for which a program was compiled does not
count. What was searched for among the 500 is kept in `--out`, from which the same command resumes. The settings of the
alignment were chosen on pairs of these 500. Hardware: 2 CPU cores, an hour; expected result and last good commit:
experiments/README.md.
"""

import csv
import shutil
import time
from pathlib import Path

import numpy as np
from absl import app, flags, logging

from af2jax import compilation
from af2jax.files import whole, write
from af2jax.folds.compare import COMPILING
from af2jax.folds.find import CANDIDATES, SAME_FOLD, Found, search
from af2jax.folds.index import FILE, Entry, Index, index
from af2jax.metrics.statistics import Interval, bootstrap
from experiments import tm_align_facts

DATA = flags.DEFINE_string("data", None, "Folder of data, as in experiments/corpus.py.", required=True)
OUT = flags.DEFINE_string("out", "retrieval_out", "Folder for the results.")
QUERIES = flags.DEFINE_integer("queries", 40, "Chains that are searched for.", lower_bound=1)
FEWER = (200, 100, 50, 20)  # candidates, beside all
SHOWN = (1, 10)  # hits of a query
SIZES = (250, 500, 1000, 2000, 3000)  # chains of a folder
TIMED, LENGTHS = 5, range(100, 129)  # queries, and their residues


def folder(corpus: Path, ids: list[str], out: Path) -> Path:
    """A folder of the structures of these chains."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ids:
        shutil.copy2(corpus / "chains" / f"{name}.pdb.gz", out)
    return out


def by_sequence(sequences: list[str], queries: int) -> np.ndarray:
    """[queries, chains] how sure phmmer is that each chain is a homologue: minus the logarithm of the E-value."""
    import pyhmmer

    alphabet = pyhmmer.easel.Alphabet.amino()
    texts = [pyhmmer.easel.TextSequence(name=str(i).encode(), sequence=one) for i, one in enumerate(sequences)]
    block = pyhmmer.easel.DigitalSequenceBlock(alphabet, [text.digitize(alphabet) for text in texts])
    found = np.full((queries, len(sequences)), -np.inf)
    for i, hits in enumerate(pyhmmer.hmmer.phmmer(block[:queries], block, E=1e4)):
        for hit in hits:
            found[i, int(hit.name)] = -np.log(max(hit.evalue, 1e-300))
    return found


def recall(scores: np.ndarray, true: np.ndarray, most: int) -> Interval:
    """Of [queries, chains]: the true ones among the first `most` by score, of as many as there can be."""
    shares = []
    for own, right in zip(scores, true, strict=True):
        if right.any():
            first = np.argsort(-own, kind="stable")[:most]
            first = first[np.isfinite(own[first])]
            shares.append(right[first].sum() / min(most, right.sum()))
    return bootstrap(shares)


def timed(query: Entry, known: Index, candidates: int) -> tuple[Found, float]:
    """What a query finds, and the CPU-seconds of it; NaN where a program was compiled, or read back."""
    told, start = [], time.process_time()
    found = search(query, known, candidates, lambda what, done: told.append(what))
    return found, np.nan if COMPILING in told else time.process_time() - start


def every_pair(known: Index, ids: list[str], queries: int, kept: Path) -> tuple[np.ndarray, float]:
    """Float [3 queries chains]: the TM-scores by the query's length and by the other's, and the fingerprints'
    similarity; and the CPU-seconds of a query. Each query is kept in a folder, and not searched for again."""
    place = {name: i for i, name in enumerate(ids)}
    entries = {entry.name: entry for entry in known.entries}
    every, spent = [], []
    for name in ids[:queries]:
        file = kept / f"{name}.npz"
        if not file.exists():
            found, seconds = timed(entries[name], known, len(ids))
            own = np.full((3, len(ids)), -np.inf)
            for hit in found.hits:  # the query itself is none
                own[:, place[hit.entry.name]] = hit.alignment.tm_first, hit.alignment.tm_second, hit.similarity
            with whole(file) as part, open(part, "wb") as out:
                np.savez(out, own=own, seconds=seconds)
            print(f"{name}: {seconds:.1f} CPU-s", flush=True)
        with np.load(file) as found:
            every.append(found["own"])
            spent.append(found["seconds"])
    return np.stack(every, axis=1), float(np.nanmean(spent))


def ranked(chains: list[dict[str, str]], pairs: dict, known: Index, queries: int, kept: Path) -> list[str]:
    """The table of recall, and how near the scores are to TM-align's."""
    ids, length = [row["id"] for row in chains], np.array([int(row["length"]) for row in chains])
    truth = np.zeros((len(ids), len(ids), 2))
    for (i, j), (one, other) in pairs.items():
        truth[i, j], truth[j, i] = (one, other), (other, one)
    truth, own = truth[:queries], np.arange(queries)
    (tm, tm_other, alike), seconds = every_pair(known, ids, queries, kept)
    true = truth[..., 0] >= SAME_FOLD
    ways = {f"all {len(ids)} aligned": tm}
    for most in FEWER:
        limit = -np.sort(-alike, axis=1)[:, most - 1 : most]
        ways[f"{most} of the most similar fingerprints aligned"] = np.where(alike >= limit, tm, -np.inf)
    sequence = by_sequence([row["sequence"] for row in chains], queries)
    sequence[own, own] = -np.inf
    lengths = -np.abs(length[:queries, None] - length[None]).astype(float)
    lengths[own, own] = -np.inf
    ways |= {"fingerprints alone": alike, "sequences, by phmmer": sequence, "similar length": lengths}
    lines = [
        f"{true.any(1).sum()} of {queries} queries have a true one among {len(ids)} chains, {true.sum()} in all. "
        f"To align all of them to a query takes {seconds:.1f} CPU-s.",
        "",
        f"| ranked | {' | '.join(f'recall at {k}' for k in SHOWN)} |",
        "|---|---:|---:|",
    ]
    lines += [f"| {n} | {' | '.join(str(recall(s, true, k)) for k in SHOWN)} |" for n, s in ways.items()]
    seen = truth[..., 0] > 0  # 0.4 or more by either length
    off = np.stack([tm - truth[..., 0], tm_other - truth[..., 1]])[:, seen]
    lines += ["", f"TM-scores of {seen.sum()} pairs with 0.4 or more, minus TM-align's: median of the absolute value "]
    lines[-1] += (
        f"{np.median(abs(off)):.4f}, 95th percentile {np.quantile(abs(off), 0.95):.4f}, mean {off.mean():+.4f}."
    )
    return lines


def costs(corpus: Path, out: Path) -> list[str]:
    """The table of costs."""
    with open(corpus / "chains.tsv", newline="") as file:
        every = [row["id"] for row in csv.DictReader(file, delimiter="\t")]
    every = [every[i] for i in np.random.default_rng(0).permutation(len(every))]
    queries: list[str] = []
    lines = ["| chains | index, CPU-s | index, MB | read again, CPU-s | a query, CPU-s |", "|---:|---:|---:|---:|---:|"]
    for size in SIZES:
        place = folder(corpus, every[:size], out / f"folder_{size}")
        (place / FILE).unlink(missing_ok=True)
        spent = [time.process_time()]
        index(place)
        spent.append(time.process_time())
        known = index(place)
        spent.append(time.process_time())
        entries = {entry.name: entry for entry in known.entries}
        queries = queries or [name for name in every[:size] if len(entries.get(name, "")) in LENGTHS][:TIMED]
        seconds = [timed(entries[name], known, CANDIDATES)[1] for name in queries]
        made, again = np.diff(spent)
        megabytes = (place / FILE).stat().st_size / 1e6
        number = len(known.entries)
        lines.append(f"| {number:,} | {made:.1f} | {megabytes:.1f} | {again:.2f} | {np.nanmean(seconds):.2f} |")
        print(lines[-1], flush=True)
        shutil.rmtree(place)
    return lines


def main(_) -> None:
    """Searches, counts and measures."""
    logging.set_verbosity(logging.ERROR)
    compilation.persist()
    data, out = Path(DATA.value).resolve(), Path(OUT.value)
    chains, pairs = tm_align_facts.facts()
    known = index(folder(data / "corpus", [row["id"] for row in chains], out / "truth"))
    lines = ranked(chains, pairs, known, min(QUERIES.value, len(chains)), out / "queries")
    print("\n".join(lines), flush=True)
    text = ["# Search by structure", "", *lines, "", *costs(data / "corpus", out)]
    print(write(out / "README.md", "\n".join(text) + "\n"))


if __name__ == "__main__":
    app.run(main)
