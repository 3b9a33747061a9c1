"""Structural alignments per CPU-second, by the lengths of both chains, and what their programs take to compile.

    python -m benchmarks.find [--lengths 60,120,240,480] [--alignments 48]

Chains are made up: helices and strands of twelve residues on a random walk. Each pair of lengths is aligned once to
compile, and then timed, in the CPU time of the process (`time.process_time`: other work on the machine changes it
little). Where the program TMalign is installed its CPU time on the same pairs stands beside, its start included.
"""

import argparse
import resource
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from af2jax.folds.compare import aligned

SEGMENT, HELIX, STRAND = 12, (2.3, np.deg2rad(100), 1.5), (0.9, np.pi, 3.3)  # residues; radius, turn, rise of one
LINE = "ATOM  {0:5d}  CA  ALA A{0:4d}    {1:8.3f}{2:8.3f}{3:8.3f}  1.00  0.00           C\n"


def chain(length: int, seed: int) -> np.ndarray:
    """CA atoms [length 3] in angstrom."""
    rng, parts, end = np.random.default_rng(seed), [], np.zeros(3)
    t = np.arange(SEGMENT)
    for _ in range(-(-length // SEGMENT)):
        radius, turn, rise = HELIX if rng.random() < 0.5 else STRAND
        part = np.stack([radius * np.cos(turn * t), radius * np.sin(turn * t), rise * t], axis=-1)
        part = part @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
        step = rng.normal(size=3) - end / max(np.linalg.norm(end), 8)  # back to the middle, so that it is compact
        parts.append(part - part[0] + end + 3.8 * step / np.linalg.norm(step))
        end = parts[-1][-1]
    return np.concatenate(parts)[:length]


def theirs(first: np.ndarray, others: list[np.ndarray]) -> float:
    """CPU-seconds of TMalign; NaN where it is not installed."""
    if not shutil.which("TMalign"):
        return np.nan
    with TemporaryDirectory() as folder:
        files = []
        for i, points in enumerate([first, *others]):
            files.append(Path(folder) / f"{i}.pdb")
            files[-1].write_text("".join(LINE.format(k, *point) for k, point in enumerate(points, 1)) + "TER\n")
        start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        for file in files[1:]:
            subprocess.run(["TMalign", files[0], file], capture_output=True, check=True)
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - start


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", default="60,120,240,480", help="residues of both chains, one row each")
    parser.add_argument("--alignments", type=int, default=48)
    options = parser.parse_args()
    print("| residues | compiling, CPU-s | ms for an alignment | TMalign, ms |\n|---:|---:|---:|---:|")
    for length in map(int, options.lengths.split(",")):
        first, others = chain(length, 0), [chain(length, seed) for seed in range(1, options.alignments + 1)]
        spent = []
        for _ in range(2):
            start = time.process_time()
            aligned(first, others)
            spent.append(time.process_time() - start)
        each, program = 1000 * spent[1] / len(others), 1000 * theirs(first, others) / len(others)
        print(f"| {length} | {spent[0] - spent[1]:.1f} | {each:.1f} | {program:.1f} |", flush=True)


if __name__ == "__main__":
    main()
