"""Answers of tuned heads by themselves, and with structures: queries per CPU-second, by the command as users run it.

    python -m benchmarks.answers [--answers 1000 --predictions 100 --res 60]

Random sequences of one length on mini, with a head for residues and one for the whole whose training set has 500
sequences. Each side is `af2jax predict` in a process of its own: `--answers-only`, all but plots, and everything.
CPU-seconds count all threads; the start of the process and reading compiled programs back are included, compiling is
not: one query before fills the cache on disk.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import af2jax
from af2jax import heads as task_heads
from af2jax.constants.residues import RESTYPES
from af2jax.heads import TrainedOn

HEADS = {"ss": af2jax.Head("residue", classes=("H", "E", "C")), "tm": af2jax.Head("chain", outputs=1, unit="K")}
TAUGHT = 500
SIDES = {"answers only": ["--answers-only"], "predict, no plots": ["--no-plots"], "predict": []}


def sequences(num: int, res: int, seed: int) -> dict[str, str]:
    """Random sequences by name."""
    rng = np.random.default_rng(seed)
    return {f"random_{i:04d}": "".join(rng.choice(list(RESTYPES), res)) for i in range(num)}


def folder(place: Path, res: int) -> Path:
    """Parameters of mini with heads that were never trained, which costs as much to ask."""
    model, params = af2jax.load("mini")
    params = params | {"task_heads": task_heads.init(HEADS, model.config)}
    af2jax.export(params, "mini", place, heads=HEADS, taught=TrainedOn(sequences(TAUGHT, res, 1)))
    return place


def run(place: Path, params: Path, queries: dict[str, str], flags: list[str]) -> float:
    """CPU-seconds of one command."""
    place.mkdir()
    (place / "q.fasta").write_text("".join(f">{name}\n{sequence}\n" for name, sequence in queries.items()))
    command = [sys.executable, "-m", "af2jax", "predict", place / "q.fasta", "--params", params, "--out", place / "out"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*map(str, command), "--quiet", *flags], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stderr)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("answers", 1000), ("predictions", 100), ("res", 60)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    print(f"mini, {asked.res} residues, {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("| | queries | CPU-s | queries per CPU-s | of predict |\n|---|---:|---:|---:|---:|", flush=True)
    with tempfile.TemporaryDirectory() as place:
        params, rates = folder(Path(place) / "params", asked.res), {}
        for name, flags in reversed(SIDES.items()):
            count = asked.answers if name == "answers only" else asked.predictions
            one, many = (sequences(n, asked.res, 0) for n in (1, count))
            run(Path(place) / f"{name} first", params, one, flags)
            seconds = run(Path(place) / name, params, many, flags)
            rates[name] = count / seconds
            ratio = rates[name] / rates["predict"]
            print(f"| {name} | {count} | {seconds:.1f} | {rates[name]:.2f} | {ratio:.1f} |", flush=True)


if __name__ == "__main__":
    main()
