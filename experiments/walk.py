"""What the experiments share: trainings over seeds, judged on the same targets and compared, and what is written."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from absl import flags

from af2jax.data.dataset import Item
from af2jax.data.items import read_item
from af2jax.files import file_name, write
from af2jax.finetune import Training, fit
from af2jax.pretrained.load import located
from af2jax.report import comparison, entries
from af2jax.report import evaluation as evaluating
from af2jax.report.differences import study
from af2jax.report.entries import Entry
from af2jax.report.subject import Subject, open_subject
from af2jax.report.verdict import Verdict

OUT = flags.DEFINE_string("out", None, "Folder for data, runs and results.", required=True)
PRESET = flags.DEFINE_string("preset", "mini", "Network.")
PARAMS = flags.DEFINE_string("params", "mini", 'Its parameters: a folder of .npz, a run, or "mini" of the package.')
STEPS = flags.DEFINE_integer("steps", 150, "Of each training.", lower_bound=1)
SEEDS = flags.DEFINE_integer("seeds", 2, "Trainings of each kind.", lower_bound=1)
CROP = flags.DEFINE_integer("crop", 64, "Residues that are trained on at a time.", lower_bound=8)
SHUFFLE = flags.DEFINE_bool("shuffle", False, "Permute the labels that are learnt from: no advantage may survive.")

STRUCTURE = {"fape": 0.5, "sidechain_fape": 0.5, "chi": 0.25, "distogram": 0.3}  # losses


def training(data: Path, **settings) -> Training:
    """A training by the flags; `settings` of its own."""
    common = {"data": str(data), "preset": PRESET.value, "params": PARAMS.value, "steps": STEPS.value}
    common |= {"crop": CROP.value, "dropout": False, "num_recycle": 0, "batch_size": 2, "clip_example": 1.0}
    common |= {"warmup": min(20, STEPS.value // 4), "validate_every": STEPS.value, "save_every": STEPS.value}
    return Training(**common | settings)


def judged(name: str, given: Training | None, targets: Path, split: str, folder: str = "evaluations") -> Entry:
    """Trains with every seed what is not there yet, and judges it; each number of a target is the mean over seeds.

    Args:
        given: None: the parameters as they are.
        folder: for what is found.
    """
    out, found = Path(OUT.value), []
    runs = [out / "runs" / f"{file_name(name)}_{seed}" for seed in range(SEEDS.value if given else 1)]
    for seed, run in enumerate(runs):
        place = out / folder / run.name
        if not (place / evaluating.FILE).exists():
            say = lambda line, run=run: print(f"{run.name}: {line}", flush=True)
            if given:
                fit(dataclasses.replace(given, seed=seed), run, resume=True, say=say)
            subject = open_subject(run) if given else untuned()
            evaluating.save(evaluating.evaluate(subject, targets, split), place)
        found.append(evaluating.load(place))
    write(out / folder / f"{file_name(name)}.json", json.dumps([_means(each) for each in found]) + "\n")
    return Entry(name, _mean(found), str(runs[0]) if given else found[0].subject["path"])


def untuned() -> Subject:
    """The network before any training here."""
    return open_subject(located(Path(PARAMS.value)), PRESET.value, 0)


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


def compare(
    ways: Mapping[str, Training | None], data: Path, general: Path | None = None, activations: bool = True
) -> tuple[list[Entry], list[Entry], list[Verdict]]:
    """Trains and compares all `ways`, the first being the baseline; (networks, simple baselines, verdicts).

    The folder `--out` then has the page of `af2jax compare`.

    Args:
        ways: trainings by name; None: the parameters as they are.
        data: the table that was learnt from; its test set counts.
        general: a table or folder that no way was tuned for, to see what is forgotten.
        activations: another baseline reads the activations of the untuned network.
    """
    out = Path(OUT.value)
    found, lost = entries.shared([judged(name, given, data, "test") for name, given in ways.items()])
    baselines, notes = entries.simple(
        found, untuned() if activations and PARAMS.value else None, lambda done, total: None
    )
    kept = []
    if general:
        kept, _ = entries.shared([judged(name, given, general, "all", "general") for name, given in ways.items()])
    compared = study(found, baselines, kept, lost, notes)
    comparison.render(compared).save(out)
    return found, baselines, compared.verdicts


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


def shuffled(item: Item, rng: np.random.Generator) -> tuple[str, str]:
    """(sequence, pairs "position:residue" that give each position the atoms of another) of an item with a structure."""
    if item.placed:
        pairs = [pair.split(":") for pair in item.placed.split(";")]
        places, residues = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    else:
        places = np.flatnonzero(read_item(item).observed).tolist()
        residues = list(range(len(places)))
    placed = ";".join(f"{i}:{j}" for i, j in zip(places, rng.permutation(residues), strict=True))
    return evaluating.sequence_of(item), placed
