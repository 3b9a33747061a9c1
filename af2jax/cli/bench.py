"""`af2jax bench`: memory before anything runs, then time, for lengths of the user's own, beside DeepMind's code."""

import csv
import json
import os
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from af2jax.errors import InputError
from af2jax.profile import measure, memory
from af2jax.profile.measure import GIB, Child, Cost, Machine

if TYPE_CHECKING:
    from af2jax.profile.programs import How, Sizes

ROUNDS = 3  # runs that are timed, after one that is not
SHARE = 0.4  # of the rate of a product that a network is guessed to reach
FROZEN = ("heads", "structure_and_heads")  # recipes whose step saves no activations of the trunk
THEIRS = "one pass, DeepMind's code"
WIDENED = "bfloat16: XLA widens it on CPUs, so that these numbers say nothing of other devices"


@dataclass
class Row:
    """One program at one length; None: not measured."""

    program: str
    residues: int
    rows: int
    extra: int
    templates: int
    need: int  # bytes
    room: int  # bytes
    verdict: str
    flops: float  # of products, without what the backward pass computes again
    compile_wall: float
    compile_cpu: float
    wall: float | None = None
    cpu: float | None = None
    rate_share: float | None = None  # `flops` a second against one large product
    computed_share: float | None = None  # the same with what is computed again
    copy_share: float | None = None  # bytes of products a second against a copy
    peak: int | None = None  # bytes of the process, compiler included
    ratio: float | None = None  # of the time to that of DeepMind's code
    cost: Cost | None = field(default=None, repr=False)


@dataclass
class Bench:
    """Say what one pass, and one training step, needs in memory at each length; then time what fits the device.

    Weights and inputs are made up. Memory is what the compiler plans, known before anything runs. A share is of what
    the same machine gives to one large product, or to a copy, measured first.
    """

    model: str = "model_1_ptm"
    """Preset."""
    lengths: str = "64,128,256"
    """Residues, joined by commas."""
    rows: int | None = None
    """Rows of the MSA, without those of templates; default the preset's."""
    extra: int | None = None
    """Rows of the extra MSA; default the preset's."""
    train: str = ""
    """Also one training step by this recipe, such as full, heads, last_blocks or lora."""
    bfloat16: bool = False
    """Compute the trunk in bfloat16."""
    chunk: int = 0
    """Rows of attention that are computed at a time; 0: all, of a pass on a CPU what is quickest."""
    seconds: float = 120.0
    """Time no program that would take longer than this, four runs together; 0: memory alone."""
    compare: bool = False
    """Also DeepMind's own code (float32, as shipped), where it is installed; the ratio is of CPU-seconds on a CPU."""
    out: Path | None = None
    """Folder for bench.json, bench.csv and bench.png."""
    debug: bool = False
    """Show a traceback for every error."""

    def run(self) -> int:
        from af2jax.profile import programs

        how, lengths = self._checked()
        device = measure.machine()
        print(
            f"device: {device.device} ({device.platform}), {device.room / GIB:.1f} GiB; one product "
            f"{device.flops / 1e9:.0f} GFLOP/s, a copy {device.copied / 1e9:.1f} GB/s; load {os.getloadavg()[0]:.1f}"
        )
        if self.bfloat16 and device.platform == "cpu":
            print(WIDENED)
        rows, failed = [], 0
        for sizes in lengths:
            jobs = [("one pass", programs.one_pass, (how, sizes))]
            if self.compare:
                from af2jax.profile import deepmind

                jobs.append((THEIRS, deepmind.one_pass, (how, sizes)))
            try:
                rows += self._measured(jobs, how, sizes, device)
                if self.train:
                    step = programs.training_step, (how, sizes, self.train)
                    rows += self._measured([(f"training step, {self.train}", *step)], how, sizes, device)
            except InputError as error:
                failed += 1
                print(f"failed: {sizes.residues} residues: {error}")
        if rows:
            print(table(rows))
            if self.out:
                write(rows, device, how, self.out)
        return 0 if not failed else 3 if rows else 4

    def _checked(self) -> tuple["How", list["Sizes"]]:
        """How the preset is run, and on which sizes.

        Raises:
            InputError: a flag is out of range, or DeepMind's code is not installed.
        """
        from af2jax.config import canonical, preset
        from af2jax.finetune.rules import recipe
        from af2jax.profile.programs import How, Sizes

        name = canonical(self.model)
        config = preset(name)
        if not all(n.strip().isdigit() and int(n) > 0 for n in self.lengths.split(",")):
            raise InputError(f"--lengths {self.lengths}: write residues, such as 64,128,256")
        rows = config.data.clusters if self.rows is None else self.rows
        extra = config.data.extra if self.extra is None else self.extra
        if min(rows, extra) < 1 or self.chunk < 0 or not self.seconds >= 0:
            raise InputError("--rows and --extra must be at least 1, --chunk and --seconds at least 0")
        if self.train:
            recipe(self.train)
        if self.compare:
            from af2jax.profile import deepmind

            deepmind.check(name)
        templates = config.data.max_templates if config.template else 1
        lengths = sorted({int(n) for n in self.lengths.split(",")})
        how = How(name, "bfloat16" if self.bfloat16 else "float32", self.chunk)
        return how, [Sizes(n, rows, extra, templates) for n in lengths]

    def _measured(self, jobs: list, how: "How", sizes: "Sizes", device: Machine) -> list[Row]:
        """Programs for one job, compiled and then run in turns; ratios are to the last."""
        children, rows = [], []
        try:
            for name, build, arguments in jobs:
                children.append(Child(build, *arguments))
                rows.append(self._planned(name, how, sizes, children[-1].cost, device))
                print(f"{name}, {sizes.residues} residues: {rows[-1].verdict}", flush=True)
            ready = [i for i, row in enumerate(rows) if row.verdict.startswith("fits") and self._soon(row, device)]
            times = [{i: children[i].run() for i in ready} for _ in range(ROUNDS)]
            for i in ready:
                _timed(rows[i], [one[i] for one in times], device)
        finally:
            for child, row in zip(children, rows, strict=False):
                row.peak = child.close()
        if len(rows) > 1 and all(row.cpu for row in rows):
            rows[0].ratio = _time(rows[0], device) / _time(rows[1], device)
        return rows

    def _planned(self, name: str, how: "How", sizes: "Sizes", cost: Cost, device: Machine) -> Row:
        """What is known before anything runs."""
        need, room = cost.need / GIB, device.room / GIB
        verdict = f"fits: {need:.2f} of {room:.1f} GiB"
        if need > room:
            fits = int(sizes.residues * (room / need) ** 0.5)
            verdict = f"does not fit: {need:.1f} of {room:.1f} GiB; about {fits} residues would fit"
            if name != THEIRS:
                training, chunk = name.startswith("training"), how.chunk
                if not training and device.platform == "cpu":
                    from af2jax.nn.runtime import Runtime

                    chunk = Runtime(chunk=chunk).forward_only(sizes.residues).chunk
                tries = memory.remedies(how.dtype, chunk, "--rows {} --extra {}", sizes.rows, sizes.extra)
                frozen = training and self.train not in FROZEN
                tries += ["a recipe that freezes the trunk, --train heads"] if frozen else []
                verdict += f"; try {' or '.join(tries)}"
        return Row(
            name, *sizes, cost.need, device.room, verdict, cost.model, cost.compile_wall, cost.compile_cpu, cost=cost
        )

    def _soon(self, row: Row, device: Machine) -> bool:
        """Whether it is not too slow to be run; says so."""
        one = max(row.cost.work.flops / (SHARE * device.flops), row.cost.work.bytes / device.copied)
        if one * (ROUNDS + 1) <= self.seconds:
            return True
        row.verdict += f"; not run: about {one:.3g} s for each run, --seconds {one * (ROUNDS + 1):.3g} allows it"
        print(f"{row.program}, {row.residues} residues: {row.verdict}", flush=True)
        return False


def _timed(row: Row, times: list[tuple[float, float]], device: Machine) -> None:
    """Adds medians, and shares of what the machine gives: of CPU-seconds where a CPU computes, else of wall time."""
    row.wall, row.cpu = (statistics.median(one[i] for one in times) for i in (0, 1))
    rate = device.flops_cpu if device.platform == "cpu" else device.flops
    row.rate_share = row.flops / _time(row, device) / rate
    row.computed_share = row.cost.work.flops / _time(row, device) / rate
    row.copy_share = row.cost.work.bytes / row.wall / device.copied


def _time(row: Row, device: Machine) -> float:
    return row.cpu if device.platform == "cpu" else row.wall


HEADER = (
    "program | residues | GiB | GFLOP | compile s | wall s | CPU-s | of product | with recomputing | of copy | "
    "process GiB | ratio"
)


def table(rows: list[Row]) -> str:
    """All rows as Markdown; a share is of the machine's own rate in this run."""
    share = lambda x: f"{100 * x:.0f} %"
    shown = lambda x, form=lambda x: f"{x:.3g}": "" if x is None else form(x)
    lines = [f"| {HEADER} |", "|---|" + "---:|" * HEADER.count("|")]
    for row in rows:
        shares = [shown(x, share) for x in (row.rate_share, row.computed_share, row.copy_share)]
        first = [row.program, str(row.residues), f"{row.need / GIB:.2f}", f"{row.flops / 1e9:.1f}"]
        times = [f"{row.compile_wall:.1f}", shown(row.wall), shown(row.cpu)]
        last = [shown(row.peak, lambda x: f"{x / GIB:.2f}"), shown(row.ratio, lambda x: f"{x:.2f}")]
        lines.append(f"| {' | '.join([*first, *times, *shares, *last])} |")
    return "\n".join(lines)


def write(rows: list[Row], device: Machine, how: "How", out: Path) -> None:
    """bench.json, bench.csv and bench.png in a folder."""
    from af2jax.cli.evaluate import check_out
    from af2jax.files import whole, write
    from af2jax.plots.cost import cost

    check_out(out)
    records = [{name: value for name, value in asdict(row).items() if name != "cost"} for row in rows]
    run = {"device": device._asdict(), "how": how._asdict(), "load": os.getloadavg()[0], "rows": records}
    write(out / "bench.json", json.dumps(run, indent=1) + "\n")
    with whole(out / "bench.csv") as partial, open(partial, "w", newline="") as file:
        writer = csv.DictWriter(file, records[0])
        writer.writeheader()
        writer.writerows(records)
    need: dict = {}
    seconds: dict = {}
    for row in rows:
        need.setdefault(row.program, {})[row.residues] = row.need / GIB
        if row.wall is not None:
            seconds.setdefault(row.program, {})[row.residues] = row.wall
    first = rows[0]
    chunks = f"chunks of {how.chunk}" if how.chunk else "chunks by default"
    made = (
        f"{how.preset} in {how.dtype}, {chunks}, {first.rows} rows, "
        f"{first.extra} extra rows and {first.templates} templates, made-up inputs, on {device.device}; times are "
        f"medians of {ROUNDS}."
    )
    print(cost(out / "bench.png", need, seconds, device.room / GIB, made))
