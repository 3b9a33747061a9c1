"""The best hits of a search as files: structures moved onto the query, and alignments of the sequences."""

import dataclasses
from pathlib import Path

import numpy as np
from absl import logging

from af2jax.data.protein import read_protein
from af2jax.errors import InputError
from af2jax.files import file_name
from af2jax.folds.find import Found, Hit


def structures(found: Found, folder: Path, best: int) -> dict[str, str]:
    """mmCIF of the first `best` hits by file name: every atom of the chain, moved onto the query.

    A file that has changed since, or that has no such chain, is left out with a warning.
    """
    made = {}
    for rank, hit in enumerate(found.hits[:best], 1):
        name = f"{file_name(found.query.name)}_{rank:02d}_{file_name(hit.entry.name)}.cif"
        try:
            made[name] = _moved(hit, folder)
        except InputError as error:
            logging.warning("%s is not written: %s", name, error)
    return made


def _moved(hit: Hit, folder: Path) -> str:
    whole = read_protein(folder / hit.entry.file)
    names = whole.names
    own = [index for index, name in names.items() if name == hit.entry.chain] or list(names)[:1]
    rows, motion = whole.chain_index == own[0], hit.alignment.motion
    positions = whole.positions[rows] @ motion.rot.T + motion.trans
    note = f"superposed by af2jax find, TM-score {hit.alignment.tm_first:.3f} by the query's length"
    part = dataclasses.replace(
        whole,
        **{
            name: getattr(whole, name)[rows]
            for name in ("aatype", "atom_mask", "residue_index", "chain_index", "plddt")
        },
        positions=positions.astype(np.float32),
        chain_names=(names[own[0]],),
        notes=(*whole.notes, note),
    )
    return part.to_mmcif()


def sequences(found: Found) -> str:
    """FASTA of pairs, the query first, for each hit: aligned residues stand one below the other."""
    lines = []
    for hit in found.hits:
        tm, name = hit.alignment.tm_first, found.query.name
        first, second = gapped(found.query.sequence, hit.entry.sequence, hit.alignment.pairs)
        lines += [f">{name} TM-score {tm:.4f} with {hit.entry.name}", first, f">{hit.entry.name}", second]
    return "".join(f"{line}\n" for line in lines)


def gapped(first: str, second: str, pairs: np.ndarray) -> tuple[str, str]:
    """Two sequences with gaps, so that the residues of each of `pairs` [N 2] stand at one place."""
    rows, i, j = ["", ""], 0, 0
    for a, b in [*pairs.tolist(), (len(first), len(second))]:
        rows[0] += first[i:a] + "-" * (b - j) + first[a : a + 1]
        rows[1] += "-" * (a - i) + second[j:b] + second[b : b + 1]
        i, j = a + 1, b + 1
    return rows[0], rows[1]
