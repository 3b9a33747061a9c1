"""The protein chains of a structure file as traces of CA atoms, for what compares shapes alone."""

import os
from dataclasses import dataclass

import numpy as np
from absl import logging

from af2jax.constants.atoms import CA
from af2jax.constants.residues import LETTERS
from af2jax.data.coordinates import fault, read_structure
from af2jax.data.monomer import atoms, code
from af2jax.data.parse import printable
from af2jax.data.placement import sites
from af2jax.data.structure import polymers
from af2jax.errors import InputError
from af2jax.typing import Float


@dataclass(frozen=True)
class Trace:
    """The residues of one chain whose CA atom was observed.

    Attributes:
        source: the file, for messages.
        chain: the author's identifier.
        sequence: one letter for each residue.
        points: float32 [N_res 3], angstrom.
        models: in the file, of which this is the first.
    """

    source: str
    chain: str
    sequence: str
    points: Float[np.ndarray, "N_res 3"]
    models: int = 1

    def __len__(self) -> int:
        return len(self.sequence)


def read_traces(path: str | os.PathLike) -> list[Trace]:
    """Every protein chain of an mmCIF or PDB file (.gz too) that has a CA atom; those of CA atoms alone too.

    It is the first model; alternate locations and modified residues are as of `read_chain`. A chain whose residues
    cannot be told apart is left out, with a warning, where others are whole.

    Raises:
        InputError: the file is missing or damaged, or has no such chain.
    """
    source, structure = printable(str(path)), read_structure(path)
    found, faults = [], []
    for polymer in polymers(structure):
        if not polymer.protein:
            continue
        try:
            if reason := fault(structure, polymer.author):
                raise InputError(reason)
            found.append(_trace(polymer, source, len(structure)))
        except InputError as error:
            faults.append(str(error))
    found = [trace for trace in found if len(trace)]
    if not found:
        raise InputError(faults[0] if faults else f"{source} has no protein chain with CA atoms; give a structure")
    for reason in faults:
        logging.warning("a chain is left out: %s", reason)
    return found


def _trace(polymer, source: str, models: int) -> Trace:
    letters, points = [], []
    where = f"{source}, chain {polymer.name}"
    for site in sites(polymer.residues, where):
        kind = code(site.residue.name)
        positions, mask = atoms(site.residue, kind, where)
        if mask[CA]:
            letters.append(LETTERS[kind])
            points.append(positions[CA])
    return Trace(source, polymer.name, "".join(letters), np.reshape(np.array(points, np.float32), (-1, 3)), models)
