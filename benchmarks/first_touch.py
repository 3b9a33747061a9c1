"""The first touch: CPU-seconds of `import af2jax` and of every help, as ratios to `import jax`, in one run.

    python -m benchmarks.first_touch [--rounds 7]

Each is a process of its own; they take turns, and the least of each counts, as other work on the machine only adds. A
first round, which writes Python's bytecode, is left out.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence

from af2jax.cli.main import COMMANDS

JAX, OURS, LIST = "import jax", "import af2jax", "af2jax --help"
LIMITS = {OURS: 0.1, LIST: 0.3} | {f"af2jax {name} --help": 0.3 for name in COMMANDS}  # CPU-seconds


def programs() -> dict[str, list[str]]:
    """The arguments of Python for each program by name."""
    helps = {LIST: ["-m", "af2jax", "--help"]}
    helps |= {f"af2jax {name} --help": ["-m", "af2jax", name, "--help"] for name in COMMANDS}
    return {"python, nothing": ["-c", "pass"], JAX: ["-c", JAX], OURS: ["-c", OURS]} | helps


def seconds(arguments: Sequence[str]) -> float:
    """CPU-seconds of one process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def table(found: Mapping[str, float]) -> str:
    """CPU-seconds by program as Markdown, with the ratio to `import jax` and the limit."""
    lines = ["| | CPU-s | of `import jax` | limit |", "|---|---:|---:|---:|"]
    for name, value in found.items():
        lines.append(f"| `{name}` | {value:.3f} | {value / found[JAX]:.2f} | {LIMITS.get(name, '')} |")
    return "\n".join(lines)


def main() -> int:
    """Measures, prints, and fails where a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    asked = programs()
    times = [{name: seconds(arguments) for name, arguments in asked.items()} for _ in range(rounds + 1)][1:]
    found = {name: min(one[name] for one in times) for name in asked}
    where = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"Python {platform.python_version()}, {where}; the least of {rounds} rounds\n{table(found)}")
    slow = [name for name, limit in LIMITS.items() if found[name] > limit]
    print(f"slower than the limit: {', '.join(slow) or 'none'}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
