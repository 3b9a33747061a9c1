"""Damaged files, as transfers, editors and programs make them: the same ones each time for one seed."""

from collections.abc import Iterator

import numpy as np


def mutations(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """`count` versions of `data`, each with one to three faults."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        out = data
        for _ in range(rng.integers(1, 4)):
            out = FAULTS[rng.integers(len(FAULTS))](out, rng)
        yield out


def _span(data: bytes, rng: np.random.Generator) -> tuple[int, int]:
    """The ends of a random piece, short as a rule."""
    start = int(rng.integers(len(data) + 1))
    return start, start + int(rng.integers(1, 2 ** rng.integers(1, 8)))


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    """One byte becomes any other."""
    at = int(rng.integers(len(data) + 1))
    return data[:at] + bytes([rng.integers(256)]) + data[at + 1 :]


def _insert(data: bytes, rng: np.random.Generator) -> bytes:
    """One character that files are made of is put in."""
    at = int(rng.integers(len(data) + 1))
    return data[:at] + rng.choice(list(b"\n \t0-1.>#/_;'\"*AXa\r\0")).astype(np.uint8).tobytes() + data[at:]


def _delete(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + data[end:]


def _repeat(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = _span(data, rng)
    return data[:end] + data[start:]


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    """The end is missing."""
    return data[: int(rng.integers(len(data) + 1))]


def _lines(data: bytes, rng: np.random.Generator) -> bytes:
    """A line is moved, doubled or left out."""
    lines = data.split(b"\n")
    i, j = (int(k) for k in rng.integers(len(lines), size=2))
    kind = rng.integers(3)
    if kind == 0:
        lines[i], lines[j] = lines[j], lines[i]
    elif kind == 1:
        lines.insert(j, lines[i])
    else:
        del lines[i]
    return b"\n".join(lines)


FAULTS = (_flip, _insert, _delete, _repeat, _cut, _lines)
