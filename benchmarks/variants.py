"""Variants per CPU-second of `af2jax scan` in each way, by the network in the package, on a protein of 64 residues.

    python -m benchmarks.variants [--variants 60]

Heads are random; each way runs once to compile and is then timed once, in the CPU time of the process
(`time.process_time`: other work on the machine changes it little). "cached" scores every single variant, 19 times 64,
by one pass; "full" makes a pass for each variant; "zero-shot" a pass for each position.
"""

import argparse
import time

from absl import logging

import af2jax
from af2jax import heads
from af2jax.constants.residues import RESTYPES
from af2jax.data import variants as tables
from af2jax.heads import SCOPE, Head

WILD = (RESTYPES * 4)[:64]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", type=int, default=60, help="that full mode is timed with")
    few = [tables.name(one) for one in tables.singles(WILD, range(1, 65))][: parser.parse_args().variants]
    logging.set_verbosity(logging.ERROR)
    model, params = af2jax.load("mini")
    print("| way | variants | passes | CPU-s | variants per CPU-s |\n|---|---:|---:|---:|---:|")
    for way, asked, passes in (("cached", None, 1), ("full", few, len(few) + 1), ("zero-shot", None, 64)):
        own = {} if way == "zero-shot" else {"score": Head("variant", outputs=1, mode=way)}
        network = model.clone(heads=tuple(own.items())), params | {SCOPE: heads.init(own, model.config)}
        for timed in (False, True):
            start = time.process_time()
            found = af2jax.scan(WILD, network, variants=asked, zero_shot=not own, num_recycle=0)
            spent, count = time.process_time() - start, len(found.variants)
            if timed:
                print(f"| {way} | {count} | {passes} | {spent:.2f} | {count / spent:.1f} |", flush=True)


if __name__ == "__main__":
    main()
