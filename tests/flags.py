"""Flags with which XLA compiles quickest for tests: XLA_FLAGS="$(python -m tests.flags)".

Most of what tests cost is compilation of programs that run once. Without optimisations it takes half as long, and on a
CPU without the fusion emitters a third of that; XLA from jax 0.11 on has nothing else and ends at a flag that it does
not know.
"""

import os
from importlib.metadata import version
from pathlib import Path

LOOPS = "--xla_cpu_use_fusion_emitters=false" if version("jaxlib").startswith("0.10.") else ""
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "af2jax" / "tests"  # of compiled programs
QUICKEST = f"--xla_backend_optimization_level=0 {LOOPS}"
SETTINGS = {  # of processes that tests start; all share what they compile
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": QUICKEST,
    "JAX_COMPILATION_CACHE_DIR": str(CACHE),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
}

if __name__ == "__main__":
    print(QUICKEST)
