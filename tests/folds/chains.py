"""Chains of our own to search for: CA atoms of helices and strands laid out at random, as small PDB files."""

from pathlib import Path

import numpy as np

from af2jax.constants.residues import ONE_TO_THREE, RESTYPES

HELIX, STRAND = (2.3, np.deg2rad(100), 1.5), (0.9, np.deg2rad(180), 3.3)  # radius, turn and rise of a residue
LINE = "ATOM  {0:5d}  CA  {1} {2}{3:4d}    {4:8.3f}{5:8.3f}{6:8.3f}  1.00  0.00           C\n"


def turned(points: np.ndarray, angle: float, axis=(1.0, 2.0, -1.0)) -> np.ndarray:
    """`points` [n 3] rotated about an axis (Rodrigues)."""
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return points @ (np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross).T


def fold(seed: int, segments: int = 4, length: int = 12) -> np.ndarray:
    """CA atoms [n 3] of a compact chain: segments of helix or strand that run to and fro, joined by loops."""
    rng, parts = np.random.default_rng(seed), []
    for k in range(segments):
        radius, turn, rise = HELIX if rng.random() < 0.6 else STRAND
        t = np.arange(length)
        along = rise * (t - length / 2) * (1 if k % 2 else -1)
        part = np.stack([radius * np.cos(turn * t), radius * np.sin(turn * t), along], axis=-1)
        part = turned(part, rng.normal() * 0.5, rng.normal(size=3))
        parts.append(part + np.array([9.0 * (k % 2) + rng.normal(), 9.0 * (k // 2) + rng.normal(), rng.normal()]))
        if k:
            steps = np.linspace(0, 1, 6)[1:-1, None]
            bulge = np.array([0, 0, 4.0]) * np.sin(np.pi * steps) * (1 if k % 2 else -1)
            loop = parts[-2][-1] + steps * (parts[-1][0] - parts[-2][-1]) + bulge
            parts.insert(-1, loop)
    whole = np.concatenate(parts)
    return np.round(whole + 0.1 * rng.normal(size=whole.shape), 3)  # no two distances are equal


def letters(number: int, seed: int = 0) -> str:
    """A sequence at random."""
    return "".join(np.random.default_rng(seed).choice(list(RESTYPES), number))


def write(path: Path, *chains: np.ndarray, sequence: str = "", models: int = 1) -> Path:
    """A PDB file of CA atoms; chains are A, B and so on, of random sequences unless one is given."""
    text = []
    for model in range(models):
        text += [f"MODEL     {model + 1:4d}\n"] if models > 1 else []
        for k, points in enumerate(chains):
            own = sequence or letters(len(points), seed=k + len(points))
            text += [
                LINE.format(i, ONE_TO_THREE[letter], "ABCDEF"[k], i, *(point + model))
                for i, (letter, point) in enumerate(zip(own, points, strict=True), 1)
            ]
            text.append("TER\n")
        text += ["ENDMDL\n"] if models > 1 else []
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join([*text, "END\n"]))
    return path
