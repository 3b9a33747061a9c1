"""What each test costs: python -m pytest -p tests.costs, with COSTS naming a folder; then python -m tests.costs FOLDER.

Seconds of CPU (of the process and of those that it waits for), of compiling and of tracing, and programs compiled.
"""

import json
import os
import resource
import sys
from pathlib import Path

import pytest

MOST = 100  # rows of the table
TIERS = ("slow", "medium")
spent = {"compile": 0.0, "trace": 0.0, "programs": 0}


def listen(event: str, seconds: float, **_) -> None:
    """Adds up what JAX says of its compilations."""
    if event.endswith("backend_compile_duration"):
        spent["compile"] += seconds
        spent["programs"] += 1
    elif event.endswith(("jaxpr_trace_duration", "jaxpr_to_mlir_module_duration")):
        spent["trace"] += seconds


def pytest_configure(config) -> None:
    import jax.monitoring

    jax.monitoring.register_event_duration_secs_listener(listen)


def now() -> dict[str, float]:
    """All that was spent since the process began."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return spent | {"cpu": sum(u.ru_utime + u.ru_stime for u in used)}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    before = now()
    out = yield
    line = {name: value - before[name] for name, value in now().items()}
    line |= {"id": item.nodeid, "tier": next((tier for tier in TIERS if item.get_closest_marker(tier)), "")}
    folder = Path(os.environ["COSTS"])
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{os.environ.get('PYTEST_XDIST_WORKER', 'one')}.jsonl", "a") as file:
        file.write(json.dumps(line) + "\n")
    return out


def table(folder: Path) -> str:
    """The costliest tests, and the sums of the tiers, in Markdown."""
    rows = [json.loads(line) for file in sorted(folder.glob("*.jsonl")) for line in file.read_text().splitlines()]
    out = ["| tests | number | CPU, s | compiling, s | programs |", "|---|---|---|---|---|"]
    total = lambda some, name: f"{sum(row[name] for row in some):.0f}"
    for tier in ("", *reversed(TIERS)):
        some = [row for row in rows if row["tier"] == tier]
        sums = " | ".join(total(some, name) for name in ("cpu", "compile", "programs"))
        out.append(f"| {tier or 'not marked'} | {len(some)} | {sums} |")
    out += ["", "| test | tier | CPU, s | compiling, s | tracing, s | programs |", "|---|---|---|---|---|---|"]
    for row in sorted(rows, key=lambda row: -row["cpu"])[:MOST]:
        figures = " | ".join(f"{row[name]:.1f}" for name in ("cpu", "compile", "trace"))
        out.append(f"| `{row['id'].removeprefix('tests/')}` | {row['tier']} | {figures} | {row['programs']} |")
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    print(table(Path(sys.argv[1])), end="")
