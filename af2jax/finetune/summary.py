"""Tables of a parameter tree: what trains, how large its gradient is, and what a training changed."""

from collections.abc import Iterable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from af2jax.errors import InputError
from af2jax.finetune.rules import paired
from af2jax.pretrained.tree import flatten
from af2jax.typing import Array, Float

STACKS = ("evoformer", "extra_msa")  # whose leaves have the blocks on axis 0


def module(path: str) -> str:
    """The module that a path is counted under: two scopes of the trunk, one elsewhere."""
    scopes = path.split("/")[:-1]
    deep = ("evoformer", "extra_msa", "heads", "structure", "task_heads")
    return "/".join(scopes[:2] if scopes[0] in deep else scopes[:1])


@dataclass(frozen=True)
class Summary:
    """Numbers of parameters; `rows` are (module, all, trained, of kernels with an adapter, frozen)."""

    rows: tuple[tuple[str, int, int, int, int], ...]

    @property
    def total(self) -> tuple[str, int, int, int, int]:
        """The sums."""
        return ("total", *(sum(row[i] for row in self.rows) for i in range(1, 5)))

    def __str__(self) -> str:
        rows = (*self.rows, self.total)
        cells = [[row[0], *(f"{n:,}" for n in row[1:]), f"{100 * row[2] / row[1]:.1f} %"] for row in rows]
        return table(["module", "parameters", "trained", "lora", "frozen", "trained"], cells)


def summary(params: dict, labels: dict) -> Summary:
    """The table that a training begins with: each module, its parameters, what trains and what is frozen.

    Raises:
        InputError: `labels` belongs to another tree.
    """
    flat, what = paired(params, labels)
    counts: dict[str, dict[str, int]] = {}
    for path, leaf in flat.items():
        row = counts.setdefault(module(path), {"train": 0, "lora": 0, "freeze": 0})
        row[what[path]] += int(np.size(leaf))
    return Summary(tuple((name, sum(row.values()), *row.values()) for name, row in counts.items()))


def gradient_norms(gradient: dict) -> dict[str, Float[Array, ""]]:
    """The norm of each module, and of each block where modules are stacked ("grad_norm/evoformer/blocks/07"): where a
    training is alive, and where it explodes."""
    squares: dict[str, Array] = {}
    for path, leaf in flatten(gradient).items():
        scope = path.removeprefix("lora/")
        name, stacked = module(scope), scope.split("/")[0] in STACKS
        total = jnp.sum(leaf**2, axis=tuple(range(1, leaf.ndim))) if stacked else jnp.sum(leaf**2)
        squares[name] = squares.get(name, 0) + total
    norms: dict[str, Array] = {}
    for name, total in squares.items():
        parts = {name: total} if total.ndim == 0 else {f"{name}/{i:02d}": x for i, x in enumerate(total)}
        norms |= {f"grad_norm/{part}": jnp.sqrt(value) for part, value in parts.items()}
    return norms


@dataclass(frozen=True)
class Changes:
    """What became of a parameter tree.

    `rows` are (module, parameters, parameters in leaves that changed, largest change, norm of the change over the norm
    of what was there: infinite where that was 0).
    """

    rows: tuple[tuple[str, int, int, float, float], ...]

    def __str__(self) -> str:
        cells = [[name, f"{n:,}", f"{k:,}", f"{largest:.2e}", f"{rel:.2e}"] for name, n, k, largest, rel in self.rows]
        return table(["module", "parameters", "in changed leaves", "largest change", "relative change"], cells)


def changes(before: dict, after: dict) -> Changes:
    """The table that a training ends with: which parameters moved, and by how much. "Changed" means not bit-identical.

    New heads that only `after` has count from zero.

    Raises:
        InputError: the trees differ in a path or a shape.
    """
    old, new = ({p: np.asarray(x) for p, x in flatten(tree).items()} for tree in (before, after))
    old |= {p: np.zeros_like(x) for p, x in new.items() if p not in old and p.startswith("task_heads/")}
    wrong = sorted(old.keys() ^ new.keys()) or [p for p in old if old[p].shape != new[p].shape]
    if wrong:
        raise InputError(f"the trees are not of one shape: they differ in {wrong[0]}")
    groups: dict[str, list[str]] = {}
    for path in sorted(old):
        groups.setdefault(module(path), []).append(path)
    return Changes(tuple(_change(name, [(old[p], new[p]) for p in paths]) for name, paths in groups.items()))


def _change(name: str, pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[str, int, int, float, float]:
    moved = sum(a.size for a, b in pairs if a.tobytes() != b.tobytes())
    largest = max(float(np.abs(b - a).max()) for a, b in pairs)
    change, size = _norm(b - a for a, b in pairs), _norm(a for a, _ in pairs)
    relative = change / size if size else float("inf") if change else 0.0
    return name, sum(a.size for a, _ in pairs), moved, largest, relative


def _norm(arrays: Iterable[np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum(np.square(x, dtype=np.float64)) for x in arrays)))


def table(header: list[str], rows: list[list[str]]) -> str:
    """Text in columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    sides = (str.ljust, *[str.rjust] * (len(header) - 1))
    lines = [[side(cell, w) for side, cell, w in zip(sides, row, widths, strict=True)] for row in (header, *rows)]
    lines.insert(1, ["-" * w for w in widths])
    return "\n".join(map("  ".join, lines))
