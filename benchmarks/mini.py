"""Training steps of the small network (mini): blocks recomputed or stored, memory given back or kept, in one run.

    python -m benchmarks.mini [--res 64 --rounds 3 --steps 12]

Four examples a step on two simulated devices, with the losses of af2jax-mini's training, AdamW and a moving average.
Each side has a process of its own, and they take turns; the first steps of a turn do not count. The sides differ in
`Runtime.remat`, and in whether the process keeps the memory that it frees (`af2jax.compilation.keep_memory`).
"""

import argparse
import multiprocessing
import os
import statistics
import time

NAME, BATCH, DEVICES, FIRST = "mini", 4, 2, 2
LOSSES = {"fape": 0.5, "sidechain_fape": 0.25, "chi": 0.25, "angle_norm": 0.01, "distogram": 1.0, "masked_msa": 0.5}
SIDES = {  # remat, memory kept
    "recomputed": (True, False),
    "recomputed, memory kept": (True, True),
    "stored": (False, False),
    "stored, memory kept": (False, True),
}
_here: dict = {}  # in a side's process: its step and its state


def prepare(res: int, remat: bool, kept: bool) -> None:
    """Compiles the step, in the process of a side."""
    import jax

    from af2jax import compilation

    if kept:
        compilation.keep_memory()
    jax.config.update("jax_num_cpu_devices", DEVICES)
    compilation.persist()  # two sides have one program
    import af2jax
    from af2jax.finetune import sharding
    from af2jax.finetune.rules import ALONE
    from tests.losses import examples

    d = examples.whole(res, num_seq=1, num_extra=1, num_templ=1)
    batch = af2jax.stack([(af2jax.interop.features(d), af2jax.interop.targets(d))] * BATCH)
    model, params = af2jax.load(NAME, "mini", runtime=af2jax.Runtime(remat=remat))
    labels, optimizer = af2jax.label(params, [(ALONE, "freeze"), (".*", "train")]), af2jax.finetune.adamw(1e-3, 10**6)
    state = af2jax.finetune.init(model, params, labels, optimizer, losses=LOSSES, ema=0.998, dropout=False, norms=True)
    _here.update(state=sharding.replicate(state, sharding.mesh()), batch=batch, key=jax.random.key(0))
    steps(1)


def steps(num: int) -> list[float]:
    """CPU-seconds an example of `num` steps, in the process of a side."""
    import jax

    import af2jax

    spent = []
    for _ in range(num):
        start = time.process_time()
        _here["state"], metrics = af2jax.finetune.train_step(_here["state"], _here["batch"], _here["key"], 0)
        jax.block_until_ready(metrics)
        spent.append((time.process_time() - start) / BATCH)
    return spent


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("res", 64), ("rounds", 3), ("steps", 12)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given, spawn, processes = parser.parse_args(), multiprocessing.get_context("spawn"), {}
    for name, side in SIDES.items():
        processes[name] = spawn.Pool(1)
        processes[name].apply(prepare, (given.res, *side))
    rounds: dict[str, list[float]] = {name: [] for name in SIDES}
    for _ in range(given.rounds):
        for name, process in processes.items():
            rounds[name].append(statistics.median(process.apply(steps, (FIRST + given.steps,))[FIRST:]))
    print(f"training step of {NAME}, float32: {given.res} residues, {BATCH} examples on {DEVICES} devices; ", end="")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; median of {given.rounds} rounds (least to most)")
    print("| | CPU-s an example | times as many examples |\n|---|---:|---:|")
    first = statistics.median(rounds["recomputed"])
    for name, times in rounds.items():
        middle = statistics.median(times)
        print(f"| {name} | {middle:.3f} ({min(times):.3f} to {max(times):.3f}) | {first / middle:.2f} |")


if __name__ == "__main__":
    main()
