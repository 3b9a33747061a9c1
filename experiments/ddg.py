"""Can a network be tuned to say how much a mutation destabilises a domain that nothing was learnt from?

Measured ddG (kcal/mol, more is worse) of single mutations in small domains (EvoStability: the mega-scale set of
Tsuboyama et al., Nature 620, 2023, and S4038). Whole clusters of homologues are kept for testing, one domain of each;
in the other domains three positions in ten are kept too, so that one training answers two questions: unseen domains,
and unseen positions of domains that were learnt from. What is judged is Spearman's correlation within a domain.

Baselines first: BLOSUM62, loss of hydrophobicity, change of volume, burial in the known structure (which no network
here is given), the mean ddG of the substitution among the training domains, and ridge regression on all of them, with
and without burial. Then masked marginals, without labels, and heads of variants: cached (one pass for a domain) on a
random and on the trained trunk, by value and by rank; full (a pass for each variant); cached with LoRA; and everything
trained from random weights.

    python -m experiments.ddg --data DATA --out ddg_out

DATA has `corpus/labels/evostability_ddg.tsv.xz` (protein_id, mutation_fasta, DDG, RSA) and `evostability_sequences.tsv`
(dataset, sequence, label_cluster30). The folder then has `found.json` and `README.md`; trainings that are there are not
made again, and `--skip "cached, all from random weights"` leaves out the costliest. Hardware: 2 CPU cores, 35 minutes
of one; expected result and last good commit: experiments/README.md.
"""

import json
import time
from pathlib import Path

import jax
import numpy as np
from absl import app, flags, logging

import af2jax
from af2jax import compilation
from af2jax.evaluation.comparison import Comparison, study
from af2jax.evaluation.entries import Entry
from af2jax.evaluation.record import Evaluation, ScoredTarget
from af2jax.files import file_name, write
from af2jax.heads import Head
from af2jax.metrics.statistics import bootstrap, spearman
from experiments.domains import Domain, baselines, domains, few, order, parts
from experiments.tuned_heads import NAME, Network, Way, marginals, tuned

DATA = flags.DEFINE_string("data", None, "Folder with corpus/labels.", required=True)
OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)
PARAMS = flags.DEFINE_string("params", "mini", 'Of the preset mini: a run, a folder, or "mini" of the package.')
SEEDS = flags.DEFINE_integer("seeds", 3, "Trainings of each kind.", lower_bound=1)
STEPS = flags.DEFINE_integer("steps", 900, "Of each training of heads; of others a sixth.", lower_bound=12)
TEST = flags.DEFINE_integer("test", 30, "Clusters to test on.", lower_bound=2)
TRAIN = flags.DEFINE_integer("train", 30, "Domains to learn from, at most.", lower_bound=2)
VARIANTS = flags.DEFINE_integer(
    "variants", 50, "Of each domain that are judged, at most 100.", lower_bound=2, upper_bound=100
)
SKIP = flags.DEFINE_multi_string("skip", [], "Leave out this way of training; may be given again.")

UNSEEN, PLACES = "unseen domains", "unseen positions"
CONTROL = "cached, random trunk"


def ways(std: float) -> dict[str, Way]:
    """What is compared."""
    head = lambda mode, **more: Head("variant", outputs=1, std=std, mode=mode, unit="" if more else "kcal/mol", **more)
    return {
        CONTROL: Way("random", head("cached")),
        "cached, trained trunk": Way("trained", head("cached")),
        "cached by rank, trained trunk": Way("trained", head("cached", ranks=True)),
        "full, trained trunk": Way("trained", head("full")),
        "cached, LoRA": Way("trained", head("cached"), "lora"),
        "cached, all from random weights": Way("random", head("cached"), "full"),
    }


def kept(path: Path, make) -> dict[str, list[np.ndarray]]:
    """What `make` gives, from the file of an earlier run where there is one."""
    if not path.exists():
        start = time.process_time()
        found = {part: [np.asarray(one).tolist() for one in some] for part, some in make().items()}
        found["cpu_seconds"] = time.process_time() - start
        write(path, json.dumps(found))
    found = json.loads(path.read_text())
    print(f"{path.stem}: {found.pop('cpu_seconds'):.0f} CPU-s", flush=True)
    return {part: [np.array(one) for one in some] for part, some in found.items()}


def entry(name: str, told: list[list[np.ndarray]], asked: list[Domain], path: str) -> Entry:
    """A row of the comparison: Spearman within each domain, the mean over seeds."""

    def target(place: int, domain: Domain) -> ScoredTarget:
        values = [spearman(one[place], domain.ddg) for one in told]
        numbers = {f"{NAME}/spearman": float(np.mean(np.nan_to_num(values)))}  # a constant answer ranks nothing
        return ScoredTarget(
            domain.id, domain.sequence, order(domain.cluster) % 2**31, False, numbers, [], {}, {}, "test"
        )

    facts = {"run": False, "parameters": 0, "recycles": 0, "seed": 0, "path": path}
    targets = [target(place, domain) for place, domain in enumerate(asked)]
    return Entry(name, Evaluation(facts, {"path": "", "split": "test"}, {NAME: []}, targets, []), path)


def judged(part: str, told: dict, simple_ones: dict, asked: list[Domain]) -> Comparison:
    """The comparison on one part."""
    runs = {name: told[name] for name in [CONTROL, *told]}  # the control first, with which the others are compared
    entries = [entry(name, [one[part] for one in some], asked, PARAMS.value) for name, some in runs.items()]
    return study(entries, [entry(name, [found[part]], asked, "") for name, found in simple_ones.items()])


def main(_) -> None:
    """Baselines, marginals, trainings, comparison."""
    logging.set_verbosity(logging.ERROR)
    compilation.persist()
    out = Path(OUT.value).resolve()
    learnt, places, unseen = parts(domains(Path(DATA.value)), TEST.value, TRAIN.value, VARIANTS.value)
    asked = {UNSEEN: unseen, PLACES: places}
    ddg = np.concatenate([one.ddg for one in learnt])
    fewer = [few(one, VARIANTS.value) for one in learnt]
    size = lambda some: f"{sum(len(one.ddg) for one in some)} variants of {len(some)} domains"
    counts = f"Learnt from {size(learnt)} (full mode: {size(fewer)}); judged on {size(unseen)} unseen, and on "
    counts += f"{size(places)} at unseen positions"
    print(counts, flush=True)
    beside = baselines(learnt, asked)
    _, begun = af2jax.load("mini", key=jax.random.key(0))
    networks = {
        "trained": Network(*af2jax.load("mini", PARAMS.value)),
        "random": Network(af2jax.load("mini")[0], begun),
    }
    told = {"masked marginals": [kept(out / "told" / "marginals.json", lambda: marginals(networks["trained"], asked))]}
    for name, way in ways(float(ddg.std())).items():
        if name in SKIP.value:
            continue
        steps = STEPS.value if way.recipe == "heads" else max(STEPS.value // 6, 1)
        taught = fewer if way.head.mode == "full" else learnt
        of = way, networks[way.network], taught, asked
        ask = lambda seed, of=of, steps=steps: tuned(*of, seed, steps, VARIANTS.value, out / "cache")
        files = [out / "told" / f"{file_name(name)}_{seed}.json" for seed in range(SEEDS.value)]
        told[name] = [kept(file, lambda seed=seed, ask=ask: ask(seed)) for seed, file in enumerate(files)]

    lines, found = (
        ["# Can a network be tuned to say how much a mutation destabilises an unseen domain?", "", counts, ""],
        {},
    )
    for part, some in asked.items():
        compared = judged(part, told, beside, some)
        found[part] = json.loads(compared.json())
        lines += [
            f"## {part}",
            "",
            "| | Spearman within a domain, mean of domains (95 %) | each seed |",
            "|---|---|---|",
        ]
        for name, runs in (beside | told).items():
            runs = [runs] if name in beside else runs
            each = [[spearman(one, d.ddg) for one, d in zip(run[part], some, strict=True)] for run in runs]
            interval = bootstrap(np.nan_to_num(each).mean(0), [d.cluster for d in some])
            seeds = ", ".join(f"{np.nan_to_num(one).mean():.3f}" for one in each)
            lines.append(f"| {name} | {interval} | {seeds} |")
        lines += ["", *(f"- {verdict.text}" for verdict in compared.verdicts), ""]
    write(out / "found.json", json.dumps(found, indent=1) + "\n")
    write(out / "README.md", "\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    app.run(main)
