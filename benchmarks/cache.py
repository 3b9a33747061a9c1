"""One training step of heads on a frozen trunk, with the trunk computed and with it read from the cache.

    python -m benchmarks.cache [--res 64 --seq 32 --extra 64 --templ 4]

The full network (model_1_ptm, float32, synthetic weights), as in `benchmarks.finetune`: DeepMind's output heads with
all their losses, and one new head for residues with its own loss alone. The entry of the cache is in memory.
"""

from benchmarks import side_by_side
from benchmarks.finetune import NAME, build

SIDES = {
    "heads": ("heads", {}),
    "heads, cached trunk": ("heads", {}, "cached"),
    "one new head": ("heads", {}, "new head"),
    "one new head, cached trunk": ("heads", {}, "new head", "cached"),
}


def main() -> None:
    """Measures and prints."""
    sizes, rounds = side_by_side.arguments(__doc__, rounds=5)
    print(side_by_side.title(f"training step of heads on {NAME}", sizes))
    sides = {name: (build, sizes, *arguments) for name, arguments in SIDES.items()}
    side_by_side.compare(sides, rounds)


if __name__ == "__main__":
    main()
