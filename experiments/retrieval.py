"""Does a search by structure find what TM-align finds, how much of it without aligning every chain, and at what cost?

Truth are the pairs of 500 chains whose TM-score by TM-align (`experiments/tm_align.py`), by the length of the query, is
0.5 or more. Recall at k counts the true ones among the first k, of as many as there can be, as the mean over queries
that have any, with its bootstrap interval over these. Two tables:

- What is lost by aligning few chains: each of the 500 is a query. Ranked are the chains of the 200, 100, 50 and 20 most
  similar fingerprints by TM-align's own scores, so that all chains would give 1; the fingerprints alone; sequences, by
  phmmer; and as a control chains of the most similar length.
- What `af2jax find` does: some of the chains, of 65 to 128 residues, are queries, aligned to all.

    python -m experiments.retrieval --data DATA --out retrieval_out

Then the cost, in CPU-seconds of the process: of an index, and of the same queries with 200 candidates, among 250 chains
of the corpus, 1,000 and all. A search for which a program was compiled does not count. What was measured is kept in
`--out`, from which the same command resumes. The settings of the alignment were chosen on pairs of these 500. Hardware:
2 CPU cores, 30 CPU-minutes; expected result and last good commit: experiments/README.md.
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
from af2jax.folds.prints import similarity
from af2jax.metrics.statistics import Interval, bootstrap
from experiments import tm_align_facts

DATA = flags.DEFINE_string("data", None, "Folder of data, as in experiments/corpus.py.", required=True)
OUT = flags.DEFINE_string("out", "retrieval_out", "Folder for the results.")
QUERIES = flags.DEFINE_integer("queries", 20, "Chains that are aligned to all.", lower_bound=1)
FEWER = (200, 100, 50, 20)  # candidates, beside all
SHOWN = (1, 10)  # hits of a query
LENGTHS = range(65, 129)  # residues of those queries, which are padded to 128
SIZES, TIMED = (250, 1000, 3000), 2  # chains of a folder; queries that are timed


def folder(corpus: Path, ids: list[str], out: Path) -> Path:
    """A folder of the structures of these chains."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ids:
        shutil.copy2(corpus / "chains" / f"{name}.pdb.gz", out)
    return out


def by_sequence(sequences: list[str]) -> np.ndarray:
    """[chains, chains] how sure phmmer is that they are homologues: minus the logarithm of the E-value."""
    import pyhmmer

    alphabet = pyhmmer.easel.Alphabet.amino()
    texts = [pyhmmer.easel.TextSequence(name=str(i).encode(), sequence=one) for i, one in enumerate(sequences)]
    block = pyhmmer.easel.DigitalSequenceBlock(alphabet, [text.digitize(alphabet) for text in texts])
    found = np.full((len(sequences), len(sequences)), -np.inf)
    for i, hits in enumerate(pyhmmer.hmmer.phmmer(block, block, E=1e4)):
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


def scored(query: str, known: Index, ids: list[str], kept: Path) -> tuple[np.ndarray, float]:
    """The TM-scores [2 chains] of a query with all, by its length and by the other's; -inf with itself. And the
    CPU-seconds. They are kept in a folder."""
    file = kept / f"{query}.npz"
    if not file.exists():
        place = {name: i for i, name in enumerate(ids)}
        found, seconds = timed(next(entry for entry in known.entries if entry.name == query), known, len(ids))
        scores = np.full((2, len(ids)), -np.inf)
        for hit in found.hits:  # the query itself is none
            scores[:, place[hit.entry.name]] = hit.alignment.tm_first, hit.alignment.tm_second
        with whole(file) as part, open(part, "wb") as out:
            np.savez(out, scores=scores, seconds=seconds)
        print(f"{query}: {seconds:.1f} CPU-s", flush=True)
    with np.load(file) as found:
        return found["scores"], float(found["seconds"])


def table(ways: dict[str, np.ndarray], true: np.ndarray) -> list[str]:
    """Recall of each way."""
    lines = [f"| ranked | {' | '.join(f'recall at {k}' for k in SHOWN)} |", "|---|---:|---:|"]
    return lines + [f"| {n} | {' | '.join(str(recall(s, true, k)) for k in SHOWN)} |" for n, s in ways.items()]


def ranked(chains: list[dict[str, str]], pairs: dict, known: Index, queries: int, kept: Path) -> list[str]:
    """The tables of recall, and how near the scores are to TM-align's."""
    ids, lengths = [row["id"] for row in chains], np.array([int(row["length"]) for row in chains])
    truth = np.zeros((2, len(ids), len(ids)))  # by the query's length, and by the other's; 0: below 0.4
    for (i, j), scores in pairs.items():
        truth[:, i, j], truth[:, j, i] = scores, scores[::-1]
    true, prints = truth[0] >= SAME_FOLD, {e.name: p for e, p in zip(known.entries, known.prints, strict=True)}
    prints = np.stack([prints[name] for name in ids])
    alike = np.stack([similarity(one, prints) for one in prints])
    ways = {"fingerprints alone": alike, "sequences, by phmmer": by_sequence([row["sequence"] for row in chains])}
    ways["similar length"] = -np.abs(lengths[:, None] - lengths[None]).astype(float)
    for scores in ways.values():
        np.fill_diagonal(scores, -np.inf)
    first = lambda scores, rows, most: np.where(
        alike[rows] >= -np.sort(-alike[rows], axis=1)[:, most - 1 : most], scores, -np.inf
    )
    few = {f"{most} fingerprints, then TM-align": first(truth[0], slice(None), most) for most in FEWER}
    lines = [f"{true.any(1).sum()} of {len(ids)} chains have a true one, {true.sum()} in all.", ""]
    lines += table(few | ways, true)
    print("\n".join(lines), flush=True)

    rows = [i for i, length in enumerate(lengths) if length in LENGTHS][:queries]
    found = [scored(ids[i], known, ids, kept) for i in rows]
    tm, theirs = np.stack([scores for scores, _ in found], axis=1), truth[:, rows]
    own = {f"all {len(ids)} aligned": tm[0]}
    own |= {f"{most} fingerprints, then aligned": first(tm[0], rows, most) for most in FEWER}
    lines += [
        "",
        f"{true[rows].any(1).sum()} of {len(rows)} queries have a true one, {true[rows].sum()} in all. To align all to "
        f"a query takes {np.nanmean([seconds for _, seconds in found]):.1f} CPU-s.",
        "",
        *table(own | {name: scores[rows] for name, scores in ways.items()}, true[rows]),
    ]
    off = (tm - theirs)[:, theirs[0] > 0]
    lines += [
        "",
        f"TM-scores of {off.shape[1]} pairs with 0.4 or more, minus TM-align's: median of the absolute value "
        f"{np.median(abs(off)):.4f}, 95th percentile {np.quantile(abs(off), 0.95):.4f}, mean {off.mean():+.4f}.",
    ]
    return lines


def cost(corpus: Path, every: list[str], size: int, out: Path) -> str:
    """The row of the table of costs for the first `size` of the chains."""
    place = folder(corpus, every[:size], out / f"folder_{size}")
    (place / FILE).unlink(missing_ok=True)
    spent = [time.process_time()]
    index(place)
    spent.append(time.process_time())
    known = index(place)
    spent.append(time.process_time())
    entries = {entry.name: entry for entry in known.entries}
    queries = [name for name in every[: SIZES[0]] if len(entries.get(name, "")) in LENGTHS][: TIMED + 1]
    seconds = [timed(entries[name], known, CANDIDATES)[1] for name in queries]  # the first may compile a program
    made, again = np.diff(spent)
    megabytes = (place / FILE).stat().st_size / 1e6
    shutil.rmtree(place)
    return f"| {len(entries):,} | {made:.1f} | {megabytes:.1f} | {again:.2f} | {np.nanmean(seconds[1:]):.2f} |"


def costs(corpus: Path, out: Path) -> list[str]:
    """The table of costs, whose rows are kept."""
    with open(corpus / "chains.tsv", newline="") as file:
        every = [row["id"] for row in csv.DictReader(file, delimiter="\t")]
    every = [every[i] for i in np.random.default_rng(0).permutation(len(every))]
    lines = ["| chains | index, CPU-s | index, MB | read again, CPU-s | a query, CPU-s |", "|---:|---:|---:|---:|---:|"]
    for size in SIZES:
        row = out / f"cost_{size}.md"
        if not row.exists():
            write(row, cost(corpus, every, size, out))
        lines.append(row.read_text())
        print(lines[-1], flush=True)
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
