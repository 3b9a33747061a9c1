"""Do clusters of an alignment's rows find a second conformation more often than random rows do, and does any other way?

For proteins with two known structures, `af2jax.states` makes models in every way that it has, beside the control of
each: clusters of rows (Wayment-Steele et al., Nature 625, 832, 2024) beside uniform rows of the same sizes, and masked
columns, a grid of depths and dropout beside other seeds. What counts is how many states the models are, and how many of
the two known ones are among them (TM-score above 0.5, and 0.05 above that to the other). A way beats its control where
the interval of the difference over proteins lies above 0.

    python -m experiments.conformations --data DATA --out conformations_out

DATA has pairs.tsv (pair, cluster30, file_a, file_b, len_a, seq_a, n_aligned, identity, tm_ab_approx) with structures,
alignments (`msa/*/*.a3m*`, `corpus/msa/*.a3m.gz`) and `corpus/chains.tsv`. Of each cluster it is the pair whose states
differ most. Alignments of the pairs are found by the built-in search among all of these sequences, and so are
shallower than those of a search in UniRef; where there are too few rows for clusters, the ways that need fewer are run.
Hardware: 2 CPU cores; expected result and last good commit: experiments/README.md. What was stopped resumes.
"""

import csv
import json
from pathlib import Path

import jax
import numpy as np
from absl import app, flags, logging

import af2jax
from af2jax import compilation
from af2jax.conformations import WAYS
from af2jax.data.parse import a3m_rows, read_text
from af2jax.data.search.hmmer import jackhmmer
from af2jax.errors import InputError
from af2jax.files import file_name, write
from af2jax.metrics.statistics import Interval, bootstrap, paired
from af2jax.plots import figure
from experiments import corpus

DATA = flags.DEFINE_string("data", None, "Folder with pairs.tsv, structures and alignments.", required=True)
OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)
PRESET = flags.DEFINE_string("preset", "mini", "Network.")
PARAMS = flags.DEFINE_string(
    "params", "mini", 'Its parameters: a folder of .npz, a run, or "mini" of the package; "": random.'
)
PAIRS = flags.DEFINE_integer("pairs", 25, "At most.", lower_bound=1)
LONGEST = flags.DEFINE_integer("longest", 200, "Residues, at most.", lower_bound=16)
MODELS = flags.DEFINE_integer("models", 6, "Of each way.", lower_bound=2)
ROWS = flags.DEFINE_integer("rows", 300, "Of an alignment, at most.", lower_bound=8)

ALIKE, ALIGNED, SAME = 0.8, 40, 0.9  # TM-score of two states that differ; residues that both have; identity
FALLBACKS = ("all", "columns,depths,dropout", "dropout")  # ways, for fewer and fewer rows


def pairs(data: Path) -> list[dict[str, str]]:
    """The pair of each cluster whose states differ most, such first."""
    rows = sorted(corpus.read(data, "pairs.tsv"), key=lambda row: float(row["tm_ab_approx"]))
    found: dict[str, dict] = {}
    for row in rows:
        apart = float(row["tm_ab_approx"]) < ALIKE and float(row["identity"]) >= SAME
        if apart and int(row["n_aligned"]) >= ALIGNED and int(row["len_a"]) <= LONGEST.value:
            found.setdefault(row["cluster30"], row)
    return list(found.values())[: PAIRS.value]


def database(data: Path, out: Path) -> Path:
    """Every sequence of the folder, once, as FASTA."""
    path = out / "sequences.fasta"
    if not path.exists():
        found = {row["sequence"] for row in corpus.read(data / "corpus", "chains.tsv")}
        for file in (*data.glob("msa/*/*.a3m*"), *data.glob("corpus/msa/*.a3m.gz")):
            try:
                rows = a3m_rows(read_text(file), file.name)
            except InputError:  # some are there to test that damage is told
                continue
            found |= {row.sequence.replace("-", "").replace(".", "").upper() for row in rows}
        usual = sorted(sequence for sequence in found if sequence.isalpha() and len(sequence) > 20)
        write(path, "".join(f">s{number}\n{sequence}\n" for number, sequence in enumerate(usual)))
    return path


def alignment(row: dict[str, str], sequences: Path, out: Path) -> Path:
    """What the built-in search finds of the first structure's sequence."""
    path = out / "alignments" / f"{file_name(row['pair'])}.a3m"
    if not path.exists():
        text = jackhmmer(row["pair"], row["seq_a"], [sequences])
        write(path, "".join(f">{part}" for part in text.split(">")[1 : ROWS.value + 1]))
    return path


def looked(row: dict[str, str], data: Path, out: Path, model, params) -> dict:
    """The states of a pair, as JSON has them; its page is kept."""
    query = alignment(row, database(data, out), out)
    options = {"references": [data / row["file_a"], data / row["file_b"]], "models": MODELS.value}
    folder = out / "pairs" / file_name(row["pair"])
    look = lambda ways: af2jax.states(query, model, params, ways, keep=folder / "models", **options)
    *first, last = FALLBACKS
    for ways in first:
        try:
            found = look(ways)
            break
        except InputError:  # too few rows
            continue
    else:
        found = look(last)
    af2jax.page(found).save(folder)
    return found.json()


def column(found: list[dict], way: str, number) -> np.ndarray:
    """A number of what a way found in each protein, NaN where it was not run."""
    own = [next((one for one in each["by_way"] if one["way"] == way), None) for each in found]
    asked = [way in each["asked"] or way in {WAYS[one].control for one in each["asked"]} for each in found]
    return np.array([number(one) if one and there else np.nan for one, there in zip(own, asked, strict=True)], float)


NUMBERS = {
    "states": lambda one: one["states"],
    "known states": lambda one: sum(count > 0 for count in one["near"]),
    "best TM-score to either": lambda one: max(one["best"]),
    "mean pLDDT": lambda one: one["plddt"],
    "seconds for a model, after the first of a shape": lambda one: one["seconds"],
}


def report(found: list[dict], out: Path) -> None:
    """README.md with a table of all ways, a figure, and what follows."""
    shown = lambda x: f"{x.value:.2f} ({x.ends('.2f')})" if x.count else ""
    means: dict[str, dict[str, Interval]] = {
        way: {name: bootstrap(column(found, way, number)) for name, number in NUMBERS.items()} for way in WAYS
    }
    over = {}
    for way in (way for way in WAYS if WAYS[way].control):
        for name in ("states", "known states"):
            beside = (column(found, one, NUMBERS[name]) for one in (way, WAYS[way].control))
            over[way, name] = paired(*beside).difference
    won = [f"{way} in {name}" for (way, name), one in over.items() if one.low > 0]
    both = {way: int((column(found, way, NUMBERS["known states"]) == 2).sum()) for way in WAYS}
    answers = [claim["answer"] for each in found for claim in each["claims"][:1]]
    best = max(float(np.nanmax(column(found, way, NUMBERS["best TM-score to either"]))) for way in WAYS)
    caption = (
        f"States of {MODELS.value} models of each way, and how many of the two known states are among them: means of "
        f"{len(found)} proteins, 95 % of means of proteins drawn again; clusters and uniform of the "
        f"{means['clusters']['states'].count} with rows enough. Above their control: {', '.join(won) or 'none'}. The "
        f"best TM-score of any model to any known state is {best:.2f}."
    )
    drawn, panels = figure.new(9.0, 3.2, caption, panels=2)
    for axis, name in zip(panels, ("states", "known states"), strict=True):
        for place, way in enumerate(WAYS):
            one = means[way][name]
            error = [[one.value - one.low], [one.high - one.value]]
            axis.barh(
                place, one.value, xerr=error, color=figure.COLOURS[bool(WAYS[way].control)], error_kw={"capsize": 3}
            )
        axis.set(xlabel=f"{name} of a protein", yticks=range(len(WAYS)), yticklabels=list(WAYS))
        axis.invert_yaxis()
    figure.save(drawn, out / "conformations.png")
    lines = ["# Do clusters of rows find a second conformation more often than random rows do?", ""]
    lines += [
        f"| way | proteins | {' | '.join(NUMBERS)} | both known states | minus its control: states | known states |"
    ]
    lines += ["|---" * (len(NUMBERS) + 5) + "|"]
    for way, numbers in means.items():
        more = [shown(over[way, name]) if (way, name) in over else "" for name in ("states", "known states")]
        cells = [way, numbers["states"].count, *map(shown, numbers.values()), both[way], *more]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    told = "; ".join(f"{answer}: {answers.count(answer)}" for answer in ("yes", "open", "no"))
    lines += ["", f"A second state may be claimed, of {len(found)} proteins: {told}.", ""]
    lines += ["![conformations](conformations.png)", "", caption, ""]
    print("\n".join(lines))
    write(out / "README.md", "\n".join(lines))
    with open(out / "proteins.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["protein", "way", "models", *NUMBERS, "answer"])
        for each in found:
            for one in each["by_way"]:
                numbers = [number(one) for number in NUMBERS.values()]
                table.writerow([each["name"], one["way"], one["models"], *numbers, each["claims"][0]["answer"]])


def main(_) -> None:
    """Looks for the states of every pair, and compares the ways."""
    logging.set_verbosity(logging.ERROR)
    compilation.persist()
    data, out = Path(DATA.value).resolve(), Path(OUT.value).resolve()
    model, params = af2jax.load(PRESET.value, PARAMS.value or None, key=jax.random.key(0))
    found = []
    for row in pairs(data):
        place = out / "pairs" / f"{file_name(row['pair'])}.json"
        if not place.exists():
            write(place, json.dumps(looked(row, data, out, model, params)) + "\n")
        found.append(json.loads(place.read_text()))
        print(f"{row['pair']}: done", flush=True)
    report(found, out)


if __name__ == "__main__":
    app.run(main)
