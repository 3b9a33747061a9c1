"""Flags with which XLA compiles quickest for tests: XLA_FLAGS="$(python -m tests.flags)".

Most of what tests cost is compilation of programs that run once. Without optimisations it takes half as long, and on a
CPU without the fusion emitters a third of that; XLA from jax 0.11 on has nothing else and ends at a flag that it does
not know.
"""

from importlib.metadata import version

LOOPS = "--xla_cpu_use_fusion_emitters=false" if version("jaxlib").startswith("0.10.") else ""
QUICKEST = f"--xla_backend_optimization_level=0 {LOOPS}"

if __name__ == "__main__":
    print(QUICKEST)
