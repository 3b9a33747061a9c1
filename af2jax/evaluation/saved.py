"""The files of an evaluation: `scores.json`, which `compare` reads, `residues.csv`, answers where nothing is known."""

import csv
import io
import json
from pathlib import Path

import numpy as np

from af2jax.data.parse import read_text
from af2jax.errors import InputError
from af2jax.evaluation.record import FORMAT, Answers, Evaluation, ScoredTarget
from af2jax.files import write
from af2jax.heads import summary

FILE = "scores.json"


def files(evaluation: Evaluation) -> dict[str, str]:
    """`scores.json`, from which `load` makes the same, and `residues.csv`, by name."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("id", "residue", "letter", "lddt_ca", "lddt", "plddt", "error", "clashes"))
    show = lambda value: ("" if value != value else f"{value:.2f}") if isinstance(value, float) else value
    table.writerows([show(value) for value in row] for row in evaluation.residues)
    return {FILE: evaluation.json() + "\n", "residues.csv": text.getvalue()}


def save(evaluation: Evaluation, out: Path) -> None:
    """Writes its files into the folder `out`."""
    for name, text in files(evaluation).items():
        write(out / name, text)


def save_answers(evaluation: Evaluation, out: Path) -> list[Path]:
    """Writes what the heads answer of targets of which nothing is known, as `af2jax predict --answers-only` does."""
    sequences = {target.id: target.sequence.replace("/", "") for target in evaluation.targets}
    rows, residues = [], []
    for name, answers in evaluation.unjudged.items():
        rows += summary.rows(name, answers, summary.in_one_table(answers))
        residues += summary.residues(name, sequences[name], answers)
    return summary.save(out, rows, residues)


def load(out: Path) -> Evaluation:
    """What `save` wrote, without structures.

    Raises:
        InputError: the file is missing, damaged, or of another version.
    """
    file = out / FILE
    try:
        known = json.loads(read_text(file))
        if known["format"] != FORMAT:
            raise InputError(f"{file} is of another version of af2jax; run af2jax evaluate again")
        targets = [_target(entry) for entry in known["targets"]]
        problems = [(name, reason) for name, reason in known["problems"]]
        return Evaluation(known["subject"], known["data"], known["classes"], targets, problems)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file} is damaged; run af2jax evaluate again") from None


def _target(entry: dict) -> ScoredTarget:
    of = {"predicted": float, "label": None, "place": int}
    answers = {
        name: Answers(*(np.array(a[key], kind) for key, kind in of.items()), a.get("within", ""))
        for name, a in entry.pop("answers").items()
    }
    numbers = {name: np.nan if value is None else value for name, value in entry.pop("numbers").items()}
    return ScoredTarget(answers=answers, numbers=numbers, **entry)
