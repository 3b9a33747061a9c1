"""What the experiments share: trainings over seeds, judged on the same targets and compared, and what is written."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from absl import flags

import af2jax
from af2jax.data.dataset import Item
from af2jax.data.items import read_item
from af2jax.files import file_name, write
from af2jax.finetune import Training, fit

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


def trained(name: str, given: Training | None) -> list[Path | str]:
    """The runs of a training with every seed, trained where they are not yet; None: the parameters as they are."""
    if given is None:
        return [PARAMS.value]
    runs = [Path(OUT.value) / "runs" / f"{file_name(name)}_{seed}" for seed in range(SEEDS.value)]
    for seed, run in enumerate(runs):
        say = lambda line, run=run: print(f"{run.name}: {line}", flush=True)
        fit(dataclasses.replace(given, seed=seed), run, resume=True, say=say)
    return runs


def compare(ways: Mapping[str, Training | None], data: Path, general: Path | None = None, activations: bool = True):
    """Trains all `ways` with every seed and compares them on the test set of `data`, the first being the baseline.

    The folder `--out` then has the page of `af2jax compare`.

    Args:
        ways: trainings by name; None: the parameters as they are.
        data: the table that was learned from.
        general: a table or folder that no way was tuned for, to see what is forgotten.
        activations: another baseline reads the activations of the untuned network.
    """
    found = af2jax.compare(
        {name: trained(name, given) for name, given in ways.items()},
        data,
        "test",
        general,
        0,
        activations=(PARAMS.value or False) if activations else False,
        preset=PRESET.value,
        keep=Path(OUT.value),
    )
    af2jax.page(found).save(OUT.value)
    return found


def summary(
    question: str,
    found,
    figures: Mapping[str, str],
    remarks: Sequence[str] = (),
) -> None:
    """Writes README.md of what `compare` found: every seed, the verdicts, remarks, {path of a figure: its caption}."""
    out, lines = Path(OUT.value), [f"# {question}", ""]
    if SHUFFLE.value:
        lines += ["**The labels that were learnt from are permuted: whatever is found here is chance.**", ""]
    lines += [f"Preset {PRESET.value}, {STEPS.value} steps, crops of {CROP.value} residues; mean of each seed:", ""]
    for entry in found.entries:
        shown = [
            f"{name} {', '.join(f'{np.nanmean(run.column(name)):.3g}' for run in entry.runs)}"
            for name in entry.evaluation.primary
        ]
        lines.append(f"- {entry.name}: {'; '.join(shown)}")
    lines += [
        "",
        *(f"- {verdict.text}" for verdict in found.verdicts),
        *remarks,
        "",
        "All plots and tables: [index.html](index.html).",
    ]
    for path, caption in figures.items():
        lines += ["", f"![{path}]({path})", "", caption]
    print("\n".join([*lines, ""]), flush=True)
    write(out / "README.md", "\n".join([*lines, ""]))


def shuffled(file: Path, rng: np.random.Generator) -> tuple[str, str]:
    """(sequence, pairs "position:residue" that give each position the atoms of another) of a structure."""
    item = read_item(Item("", "", file=file))
    places = np.flatnonzero(item.observed)
    placed = ";".join(f"{i}:{j}" for i, j in zip(places, rng.permutation(len(places)), strict=True))
    return "/".join(item.chains), placed
