"""Experiments as a user runs them, each in a process of its own, and the label sets that they read."""

import contextlib
import importlib
import io
import lzma
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from absl import flags as absl_flags

from tests import flags

ROOT = Path(__file__).resolve().parents[1]
LETTERS = "ACDEFGHIKLMNPQRSTVWY"
TINY = ("--preset=tiny", "--params=")


def run(name: str, *arguments) -> subprocess.CompletedProcess:
    """`python -m experiments.NAME`, compiled quickest; all share what they compile."""
    command = [sys.executable, "-m", f"experiments.{name}", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=os.environ | flags.SETTINGS, capture_output=True, text=True)


def go(name: str, *arguments) -> str:
    """What it prints; it must not fail."""
    found = run(name, *arguments)
    assert not found.returncode, found.stderr[-3000:]
    return found.stdout


def alone(function: Callable, *arguments):
    """What a function returns in a process of its own, since all experiments define the same flags."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def printed(name: str, *arguments: str) -> str:
    """What an experiment prints in this process, so that parts of it can be exchanged before."""
    script = importlib.import_module(f"experiments.{name}")
    absl_flags.FLAGS([name, *arguments])
    with contextlib.redirect_stdout(io.StringIO()) as out:
        script.main(None)
    return out.getvalue()


def label_set(data: Path, name: str, lines: list[str]) -> None:
    """A table of labels, as a folder of data has it."""
    folder = data / "corpus" / "labels"
    folder.mkdir(parents=True, exist_ok=True)
    with lzma.open(folder / f"{name}.tsv.xz", "wt") as file:
        file.write("\n".join(lines) + "\n")


def labels_alone(data: Path, **tables: list[str]) -> Path:
    """A folder of data with label sets by name, and two chains of a corpus that resemble none of them."""
    for name, lines in tables.items():
        label_set(data, name, lines)
    (data / "chains.tsv").write_text(f"id\tsequence\na\t{'MKTAYIAKQR' * 5}\n")
    (data / "corpus" / "chains.tsv").write_text(f"id\tsequence\nb\t{'WGTPYVDKER' * 5}\n")
    (data / "corpus" / "msa.tsv").write_text("case\tquery\n")
    return data
