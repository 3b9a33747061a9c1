"""Two or more programs measured in one run: each compiles in a process of its own, then they take turns.

CPU-seconds count all threads of a process; a run is reported as the median of its rounds. Numbers of different runs, or
of a machine under load, do not compare: the report states both.
"""

import argparse
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable

MIB = 2**20


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


def clock() -> tuple[float, float]:
    """Wall and CPU seconds, all threads."""
    return time.perf_counter(), time.process_time()


def child(pipe, build: Callable, arguments: tuple) -> None:
    """Compiles `build(*arguments) -> (function, inputs)` without a cache, then runs it whenever asked."""
    import jax

    jax.config.update("jax_enable_compilation_cache", False)
    jax.config.update("jax_default_matmul_precision", "highest")
    function, inputs = build(*arguments)
    inputs = jax.device_put(inputs)
    start = clock()
    compiled = jax.jit(function).lower(*inputs).compile()
    spent = [b - a for a, b in zip(start, clock(), strict=True)]
    run = lambda: jax.block_until_ready(compiled(*inputs))
    run()
    pipe.send((spent, compiled.memory_analysis().temp_size_in_bytes))
    while pipe.recv() == "run":
        start = clock()
        run()
        pipe.send([b - a for a, b in zip(start, clock(), strict=True)])
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def matmul_rate(size: int = 2048) -> float:
    """FLOP per CPU-second of one float32 matrix product: what this machine can give."""
    import jax
    import jax.numpy as jnp

    x = jnp.ones((size, size))
    product = jax.jit(lambda x: x @ x)
    product(x).block_until_ready()
    start = time.process_time()
    for _ in range(5):
        product(x).block_until_ready()
    return 5 * 2 * size**3 / (time.process_time() - start)


def compare(sides: dict[str, tuple], flops: float, rounds: int) -> None:
    """Prints a table of `{name: (build, *arguments)}`; ratios are to the first. `flops`: of the products in one run."""
    spawn = multiprocessing.get_context("spawn")
    children = {}
    for name, (build, *arguments) in sides.items():
        pipe, theirs = spawn.Pipe()
        process = spawn.Process(target=child, args=(theirs, build, tuple(arguments)), daemon=True)
        process.start()
        children[name] = (pipe, pipe.recv())
    load = os.getloadavg()[0]
    times: dict[str, list] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, (pipe, _) in children.items():
            pipe.send("run")
            times[name].append(pipe.recv())
    print(f"{os.cpu_count()} cores, load {load:.1f} before the rounds; median of {rounds} rounds, taken in turns")
    print("| | CPU-s | ratio | wall s | compile CPU-s | compile wall s | temporary MiB | peak process MiB |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    first = None
    for name, (pipe, ((compile_wall, compile_cpu), temporary)) in children.items():
        pipe.send("peak")
        wall, cpu = (statistics.median(t[i] for t in times[name]) for i in (0, 1))
        first = first or cpu
        figures = [f"{cpu:.3g}", f"{cpu / first:.2g}", f"{wall:.3g}", f"{compile_cpu:.1f}", f"{compile_wall:.1f}"]
        print(f"| {name} | {' | '.join(figures)} | {temporary / MIB:.0f} | {pipe.recv() / MIB:.0f} |")
    limit = flops / matmul_rate()
    print(f"limit: {flops / 1e9:.1f} GFLOP in matrix products, {limit:.2f} CPU-s at the rate of one large product here")
