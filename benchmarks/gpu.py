"""What must be seen on a GPU before anyone believes it: its numbers beside the CPU's, its memory and its speed.

    make gpu                                  # every part that this code has not done yet on this GPU
    python -m benchmarks.gpu --only memory    # the parts whose names begin so
    python -m benchmarks.gpu --again          # also those that are done

Each part runs in a process of its own, of nine minutes at most, and is kept in gpu.json with a digest of the code that
it measured; GPU.md is made of it after each. A part that ends early is begun again by the next call; compiled programs
are kept on disk. Nothing is downloaded. A machine without a GPU says so and measures nothing.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

from af2jax.files import write
from af2jax.profile import measure
from af2jax.profile.programs import How, Sizes

HERE = Path(__file__).parent
STORE, PAGE = "gpu.json", "GPU.md"
LIMIT = 9 * 60  # seconds of a part
LENGTHS = (256, 384, 512)
ROWS, EXTRA, TEMPLATES = 128, 1024, 4
NAME = "model_1_ptm"
STEP = How(NAME, "bfloat16", chunk=4)
PARTS: dict[str, tuple] = {  # by name: a function of `on_gpu`, and its arguments
    "attention": ("attention",),
    "goldens": ("goldens",),
    "parity": ("parity", NAME, Sizes(48, 16, 32, 2)),
    "training step": ("gradient", NAME, Sizes(32, 8, 16, 1)),
    **{f"memory, pass, {n}": ("memory", "pass", How(NAME), Sizes(n, ROWS, EXTRA, TEMPLATES)) for n in LENGTHS},
    **{f"memory, step, {n}": ("memory", "step", STEP, Sizes(n, ROWS, EXTRA, TEMPLATES)) for n in LENGTHS},
    "training of mini": ("training",),
}
NONE = 'no GPU: JAX sees {} alone, nothing was measured; where there is one, pip install -U "jax[cuda12]"'


def code() -> str:
    """A digest of everything that a figure depends on: the package and what measures it."""
    root = HERE.parent
    files = sorted([*(root / "af2jax").rglob("*.py"), HERE / "on_gpu.py"])
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def measured(folder: Path) -> dict[str, dict]:
    """What is kept: by part, the figures with the device, the code, the version of JAX and the day."""
    store = folder / STORE
    return json.loads(store.read_text()) if store.exists() else {}


def part(name: str, folder: Path) -> None:
    """Measures one part in this process, and writes both files."""
    import jax

    from benchmarks import on_gpu

    start, (function, *arguments) = time.perf_counter(), PARTS[name]
    figures = getattr(on_gpu, function)(*arguments)
    entry = {"device": jax.devices()[0].device_kind, "code": code(), "jax": jax.__version__}
    entry |= {"day": time.strftime("%Y-%m-%d"), "seconds": time.perf_counter() - start, "figures": figures}
    found = measured(folder) | {name: entry}
    write(folder / STORE, json.dumps(found, indent=1) + "\n")
    write(folder / PAGE, report(found))


def report(found: dict[str, dict]) -> str:
    """The page, as Markdown: a table for each part."""
    lines = [
        "# On a GPU",
        "",
        "Made by `make gpu`. Errors are against float32 on this machine's CPU; those of goldens, DeepMind's code.",
    ]
    for name, entry in found.items():
        how = f"{entry['device']}, jax {entry['jax']}, {entry['day']}, code {entry['code']}, {entry['seconds']:.0f} s"
        lines += ["", f"## {name[:1].upper()}{name[1:]}", "", how, "", "| | |", "|---|---:|"]
        for what, value in entry["figures"].items():
            words = "not known" if value is None else value if isinstance(value, str) else f"{value:.3g}"
            lines.append(f"| {what} | {words} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measures what is not done, each part in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="the parts whose names begin so")
    parser.add_argument("--again", action="store_true", help="also what is done")
    parser.add_argument("--part", help="this part alone, in this process")
    given = parser.parse_args()
    if given.part:
        from af2jax import compilation

        compilation.persist()
        part(given.part, HERE)
        return
    machine = measure.machine()
    if machine.platform != "gpu":
        print(NONE.format(machine.device))
        return
    now, failed = code(), []
    for name in (name for name in PARTS if name.startswith(given.only)):
        done = measured(HERE).get(name, {})
        if not given.again and (done.get("code"), done.get("device")) == (now, machine.device):
            print(f"{name}: done", flush=True)
            continue
        print(f"{name} ...", flush=True)
        try:
            subprocess.run([sys.executable, "-m", "benchmarks.gpu", "--part", name], timeout=LIMIT, check=True)
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
            failed.append(name)
            print(f"{name}: {error}", flush=True)
    print(f"{HERE / PAGE}" + (f"; not measured: {'; '.join(failed)}" if failed else ""))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
