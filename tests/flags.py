"""Flags with which XLA compiles quickest for tests: XLA_FLAGS="$(python -m tests.flags)".

Most of what tests cost is compilation of programs that run once. Without optimisations it takes half as long, and on a
CPU without the fusion emitters, where they can be left out, a third of that.
"""

from af2jax.compilation import LOOPS

if __name__ == "__main__":
    print("--xla_backend_optimization_level=0", LOOPS)
