"""Flags with which XLA compiles quickest for tests: XLA_FLAGS="$(python -m tests.flags)".

Most of what tests cost is compilation of programs that run once. Without optimisations it takes half as long, and on a
CPU without the fusion emitters a third of that; XLA from jax 0.12 on has nothing else and ends at a flag that it does
not know, so each is tried in a process of its own.
"""

import os
import subprocess
import sys

FLAGS = ("--xla_backend_optimization_level=0", "--xla_cpu_use_fusion_emitters=false")


def known(flag: str) -> bool:
    """Whether this version of XLA starts with a flag."""
    environment = os.environ | {"XLA_FLAGS": flag, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", "import jax; jax.devices()"]
    return subprocess.run(command, env=environment, capture_output=True).returncode == 0


if __name__ == "__main__":
    print(" ".join(filter(known, FLAGS)))
