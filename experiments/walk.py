"""What the experiments share: trainings over seeds, judged on the same targets and compared, and what is written."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from absl import flags

from af2jax.files import file_name, write
from af2jax.finetune import Training, fit
from af2jax.report import comparison, entries
from af2jax.report import evaluation as evaluating
from af2jax.report.entries import Entry
from af2jax.report.subject import open_subject
from af2jax.report.verdict import Verdict

OUT = flags.DEFINE_string("out", None, "Folder for data, runs and results.", required=True)
PRESET = flags.DEFINE_string("preset", "mini", "Network.")
PARAMS = flags.DEFINE_string("params", "mini", 'Its parameters: a folder of .npz, a run, or "mini" of the package.')
STEPS = flags.DEFINE_integer("steps", 150, "Of each training.", lower_bound=1)
SEEDS = flags.DEFINE_integer("seeds", 2, "Trainings of each kind.", lower_bound=1)
CROP = flags.DEFINE_integer("crop", 64, "Residues that are trained on at a time.", lower_bound=8)
SHUFFLE = flags.DEFINE_bool("shuffle", False, "Permute the labels that are learnt from: no advantage may survive.")


def training(data: Path, **settings) -> Training:
    """A training by the flags; `settings` of its own."""
    common = {"data": str(data), "preset": PRESET.value, "params": PARAMS.value, "steps": STEPS.value}
    common |= {"crop": CROP.value, "dropout": False, "num_recycle": 0, "batch_size": 2, "clip_example": 1.0}
    common |= {"warmup": min(20, STEPS.value // 4), "validate_every": STEPS.value, "save_every": STEPS.value}
    return Training(**common | settings)


def judged(name: str, given: Training, targets: Path | None = None, split: str = "test") -> Entry:
    """Trains with every seed what is not there yet, and judges it; each number of a target is the mean over seeds."""
    out, found = Path(OUT.value), []
    for seed in range(SEEDS.value):
        run = out / "runs" / f"{file_name(name)}_{seed}"
        place = out / "evaluations" / run.name
        if not (place / evaluating.FILE).exists():
            say = lambda line, run=run: print(f"{run.name}: {line}", flush=True)
            fit(dataclasses.replace(given, seed=seed), run, resume=True, say=say)
            evaluating.save(evaluating.evaluate(open_subject(run), targets or given.data, split), place)
        found.append(evaluating.load(place))
    write(out / "evaluations" / f"{file_name(name)}.json", json.dumps([_means(each) for each in found]) + "\n")
    return Entry(name, _mean(found), str(out / "runs" / f"{file_name(name)}_0"))


def _means(found: evaluating.Evaluation) -> dict[str, float]:
    """The mean over targets of every number that verdicts are about."""
    names = ["lddt_ca", *(f"{n}/{'accuracy' if c else 'error'}" for n, c in found.classes.items())]
    return {name: float(np.nanmean(x)) for name in names if np.isfinite(x := found.column(name)).any()}


def _mean(found: Sequence[evaluating.Evaluation]) -> evaluating.Evaluation:
    """One evaluation with the means over several of the same targets."""
    targets = []
    for same in zip(*(each.targets for each in found), strict=True):
        numbers = {name: float(np.mean([t.numbers[name] for t in same])) for name in same[0].numbers}
        targets.append(dataclasses.replace(same[0], numbers=numbers))
    return dataclasses.replace(found[0], targets=targets)


def compare(ways: Mapping[str, Training], activations: bool = True) -> tuple[list[Entry], list[Entry], list[Verdict]]:
    """Trains and compares all `ways`, the first being the baseline; (networks, simple rivals, verdicts).

    The folder `--out` then has the page of `af2jax compare`.
    """
    out = Path(OUT.value)
    found, lost = entries.shared([judged(name, given) for name, given in ways.items()])
    frozen = open_subject(PARAMS.value, PRESET.value, 0) if activations and PARAMS.value else None
    rivals, notes = entries.simple(found, frozen, lambda done, total: None)
    _, verdicts = comparison.write(found, rivals, [], lost, notes, out)
    return found, rivals, verdicts


def summary(
    question: str,
    found: Sequence[Entry],
    verdicts: Sequence[Verdict],
    figures: Mapping[str, str],
    remarks: Sequence[str] = (),
) -> None:
    """Writes README.md: the question, every seed, the verdicts, lines of remarks, {path of a figure: its caption}."""
    out, lines = Path(OUT.value), [f"# {question}", ""]
    if SHUFFLE.value:
        lines += ["**The labels that were learnt from are permuted: whatever is found here is chance.**", ""]
    lines += [f"Preset {PRESET.value}, {STEPS.value} steps, crops of {CROP.value} residues; mean of each seed:", ""]
    for entry in found:
        seeds = json.loads((out / "evaluations" / f"{file_name(entry.name)}.json").read_text())
        shown = [f"{name} {', '.join(f'{each[name]:.3g}' for each in seeds)}" for name in seeds[0]]
        lines.append(f"- {entry.name}: {'; '.join(shown)}")
    lines += [
        "",
        *(f"- {verdict.text}" for verdict in verdicts),
        *remarks,
        "",
        "All plots and tables: [index.html](index.html).",
    ]
    for path, caption in figures.items():
        lines += ["", f"![{path}]({path})", "", caption]
    print("\n".join([*lines, ""]), flush=True)
    write(out / "README.md", "\n".join([*lines, ""]))
