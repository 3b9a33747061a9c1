"""A stranger's path, timed: from a clone to the first structure, the first tuned answer, the first comparison page.

    python -m benchmarks.stranger [--installed]

What is run is what the README shows, in a new folder, with no compiled programs kept from before: the clone and the
install (left out with --installed, which takes the packages of this Python), each block of Python in a process of its
own, and `af2jax compare` on the data and the run that they leave. CPU-seconds are of all threads and children; wall
clock depends on what else runs.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests import snippets

ROOT = Path(__file__).resolve().parents[1]
COMPARE = ["compare", "mini", "runs/a", "--data", "data/synthetic.csv", "--out", "compared", "--quiet"]
HEADER = "| step | CPU-s | CPU-s until then | wall s until then |\n|---|---:|---:|---:|"


def blocks() -> dict[str, str]:
    """The README's blocks of Python by what a reader has after each."""
    found = [block.text for block in snippets.blocks(ROOT / "README.md") if block.language == "python"]
    return dict(zip(("first structure", "first tuned answer"), found, strict=True))


def steps(place: Path, installed: bool) -> Iterator[tuple[str, Callable[[], object]]]:
    """Each step by name, in order; `place`: an empty folder."""
    python, source = Path(sys.executable), ROOT
    env = os.environ | {"AF2JAX_CACHE": str(place / "compiled")}
    how = {"check": True, "cwd": place, "stdout": subprocess.DEVNULL}
    run = lambda *command, **more: subprocess.run([str(part) for part in command], **how, **more)
    if not installed:
        python, source = place / ".venv" / "bin" / "python", place / "af2jax"
        yield "clone", lambda: run("git", "clone", "--quiet", ROOT, source)
        yield "virtual environment", lambda: run(sys.executable, "-m", "venv", place / ".venv")
        yield "install", lambda: run(python, "-m", "pip", "install", "--quiet", "-e", source)
    env["PYTHONPATH"] = str(source)
    for name, text in blocks().items():
        yield name, lambda text=text: run(python, "-c", text, env=env)
    yield "first comparison page", lambda: run(python, "-m", "af2jax", *COMPARE, env=env)


def used() -> float:
    """CPU-seconds of all children so far."""
    found = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found.ru_utime + found.ru_stime


def walk(place: Path, installed: bool) -> None:
    """Takes all steps in an empty folder, and prints a row for each."""
    first, begin = used(), time.monotonic()
    for name, step in steps(place, installed):
        before = used()
        step()
        print(f"| {name} | {used() - before:.1f} | {used() - first:.1f} | {time.monotonic() - begin:.0f} |", flush=True)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--installed", action="store_true", help="do not clone and install")
    installed = parser.parse_args().installed
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n\n{HEADER}", flush=True)
    with tempfile.TemporaryDirectory() as place:
        walk(Path(place), installed)


if __name__ == "__main__":
    main()
