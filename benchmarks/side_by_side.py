"""Two or more programs measured in one run: each compiles in a process of its own, then they take turns.

CPU-seconds count all threads of a process; a run is reported as the median of its rounds. Numbers of different runs, or
of a machine under load, do not compare: the report states both.
"""

import argparse
import os
import statistics

from af2jax.profile import measure

MIB = 2**20
HEADER = (
    "| | CPU-s | ratio | wall s | compile CPU-s | compile wall s | need MiB | temporary MiB | peak process MiB "
    "| of product | with recomputing | of copy |"
)


def arguments(doc: str, rounds: int) -> tuple[dict[str, int], int]:
    """The sizes of the inputs, and the number of rounds, from the command line."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("res", 64), ("seq", 32), ("extra", 64), ("templ", 4), ("rounds", rounds)):
        parser.add_argument(f"--{name}", type=int, default=default)
    found = vars(parser.parse_args())
    rounds = found.pop("rounds")
    return {f"num_{name}": size for name, size in found.items()}, rounds


def title(what: str, sizes: dict[str, int]) -> str:
    """What is measured, in one line."""
    res, seq, extra, templ = sizes.values()
    return f"{what}, float32: {res} residues, {seq} rows, {extra} extra rows, {templ} templates"


def compare(sides: dict[str, tuple], rounds: int, flops: float | None = None) -> None:
    """Prints a table of `{name: (build, *arguments)}`; ratios are to the first.

    Args:
        flops: of the products that the job takes without recomputation, where that is one job for all sides; None: each
            side's own. "of product" is this by CPU-seconds, "with recomputing" what a side really computes.
    """
    machine = measure.machine()
    children = {name: measure.Child(*side) for name, side in sides.items()}
    load = os.getloadavg()[0]
    times: dict[str, list] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, child in children.items():
            times[name].append(child.run())
    print(f"{os.cpu_count()} cores, load {load:.1f} before the rounds; median of {rounds} rounds, taken in turns")
    print(
        f"one product: {machine.flops_cpu / 1e9:.0f} GFLOP per CPU-s, {machine.flops / 1e9:.0f} GFLOP/s; "
        f"a copy: {machine.copied / 1e9:.1f} GB/s"
    )
    print(HEADER)
    print("|---|" + "---:|" * (HEADER.count("|") - 2))
    first = None
    for name, child in children.items():
        wall, cpu = (statistics.median(t[i] for t in times[name]) for i in (0, 1))
        first, cost = first or cpu, child.cost
        figures = [f"{cpu:.3g}", f"{cpu / first:.2g}", f"{wall:.3g}"]
        figures += [f"{cost.compile_cpu:.1f}", f"{cost.compile_wall:.1f}"]
        figures += [f"{x / MIB:.0f}" for x in (cost.need, cost.temporary, child.close() or 0)]
        shares = [(flops or cost.model) / cpu / machine.flops_cpu, cost.work.flops / cpu / machine.flops_cpu]
        shares.append(cost.work.bytes / wall / machine.copied)
        print(f"| {name} | {' | '.join([*figures, *(f'{100 * x:.0f} %' for x in shares)])} |")
    if flops:
        limit = flops / machine.flops_cpu
        print(f"limit: {flops / 1e9:.1f} GFLOP in products, {limit:.2f} CPU-s at the rate of one large product here")
