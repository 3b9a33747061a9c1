"""Data sets of our own: unrelated sequences with labels that follow from them, in clean splits."""

import csv
from pathlib import Path

import numpy as np

from af2jax.audit import prepared
from af2jax.audit.explore import explore
from af2jax.audit.reference import COMPOSITION
from af2jax.constants.residues import RESTYPES

NUM, HELD = 48, 10  # items; of them in valid and in test
GREASY = "AVILMFWC"


def clean(seed: int = 0) -> list[dict[str, str]]:
    """Rows with a number, a class and a letter for each residue, all of which the sequence tells."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(NUM):
        sequence = "".join(rng.choice(list(RESTYPES), rng.integers(50, 110), p=COMPOSITION))
        greasy = sum(map(sequence.count, GREASY)) / len(sequence)
        charge = (sum(map(sequence.count, "KR")) - sum(map(sequence.count, "DE"))) / len(sequence)
        rows.append(
            {
                "id": f"p{i:02d}",
                "sequence": sequence,
                "split": "test" if i < HELD else "valid" if i < 2 * HELD else "train",
                "organism": ("yeast", "human", "mouse")[i % 3],
                "deposited": f"20{10 + i % 7}-0{1 + i % 9}-11",
                "tm": f"{60 + 80 * charge + 3 * rng.normal():.2f}",
                "kind": "membrane" if greasy > sum(COMPOSITION[RESTYPES.index(a)] for a in GREASY) else "soluble",
                "buried": "".join("b" if a in GREASY and rng.random() < 0.9 else "e" for a in sequence),
            }
        )
    return rows


def save(folder: Path, rows: list[dict[str, str]], name: str = "table.csv") -> Path:
    """Writes a table of rows."""
    with open(folder / name, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / name


def mutant(sequence: str, share: float, seed: int = 0) -> str:
    """A sequence of which a share of the letters is another."""
    rng = np.random.default_rng(seed)
    letters = list(sequence)
    for i in rng.permutation(len(letters))[: int(share * len(letters))]:
        letters[i] = rng.choice([a for a in RESTYPES if a != letters[i]])
    return "".join(letters)


def propose(table, out, targets=()) -> list:
    """What is found of a table whose proposal is written to the folder `out`."""
    found = explore(table, targets)
    prepared.save(found.proposal, found.seen, found.columns, out)
    return found.findings
