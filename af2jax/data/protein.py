"""All protein chains of a structure file as one `Protein`: to relax it, to compare it, to write it again."""

import os
import re
from itertools import pairwise
from pathlib import Path

import gemmi
import numpy as np
from absl import logging

from af2jax.constants.atoms import ATOM37
from af2jax.data import formats
from af2jax.data.coordinates import fault, read_structure
from af2jax.data.monomer import atoms, code
from af2jax.data.parse import printable
from af2jax.data.placement import Site, sites
from af2jax.data.structure import polymers
from af2jax.errors import InputError, few
from af2jax.protein.files import Protein
from af2jax.protein.record import chain_name

TITLE, KEYWORDS = "af2jax prediction of ", "PREDICTED STRUCTURE"  # what files of our own predictions say
REMARK = "REMARK   1 "  # begins a line of their notes
LISTED = 5  # names in a note
NAME = r"(?![.?]$)[!-~]+"  # what may be an identifier in a file


def read_protein(path: str | os.PathLike) -> Protein:
    """The residues of every protein chain in an mmCIF or PDB file (.gz too), as they stand there; its first model.

    Chains keep the author's identifiers (`chain_names`) and residues their numbers, less one. `plddt` is the mean B
    factor of each residue's atoms, whatever the file means by it. Hydrogens, water and all but proteins are left
    out; what becomes of alternate locations and modified residues is in `af2jax.data.monomer`. Where numbers do not
    rise (insertion codes) residues are numbered on, and where an identifier is taken or none that a file can hold the
    chain gets the next free one. Notes say so, and name what was left out; those of a prediction of our own are kept. A
    chain with a `coordinates.fault` is left out, with a warning, where others are whole.

    Raises:
        InputError: the file is missing, damaged or contradicts itself, has no protein chain, or no atom of one.
    """
    source, structure = printable(str(path)), read_structure(path)
    found = [polymer for polymer in polymers(structure) if polymer.protein]
    if not found:
        raise InputError(f"{source} has no protein chain; give a structure of a protein")
    predicted, notes = _own(structure)
    faults = {polymer.author: reason for polymer in found if (reason := fault(structure, polymer.author))}
    found = [polymer for polymer in found if polymer.author not in faults]
    if not found:
        raise InputError(next(iter(faults.values())))
    for author, reason in faults.items():
        notes.append(f"chain {printable(author)} is left out: two of its residues have one number")
        logging.warning("chain %s is left out: %s", printable(author), reason)
    chains = _indices([polymer.author for polymer in found])
    names = _names([polymer.author for polymer in found], chains)
    aatype, residue_index, chain_index, plddt, positions, atom_mask = ([] for _ in range(6))
    for chain, polymer, name in zip(chains, found, names, strict=True):
        where = f"{source}, chain {polymer.name}"
        own = sites(polymer.residues, where)
        numbers, rising = _numbers(own)
        notes += [] if rising else [f"chain {name}: numbers do not rise, so residues are numbered on"]
        notes += [] if polymer.author == name else [f"chain {polymer.name} is {name} here"]
        residue_index += numbers
        for site in own:
            aatype.append(code(site.residue.name))
            chain_index.append(chain)
            plddt.append(np.mean([atom.b_iso for atom in site.residue]))
            x, mask = atoms(site.residue, aatype[-1], where)
            positions.append(x)
            atom_mask.append(mask)
    if not np.any(atom_mask):
        raise InputError(f"{source}: no atom of its protein chains is known and observed (occupancy above 0)")
    if others := _others(structure, found):
        notes.append(f"left out, as no protein: {few(others, LISTED)}")
    stem = formats.plain(Path(path).name).rsplit(".", 1)[0]
    return Protein(
        aatype=np.array(aatype, np.int32),
        positions=np.reshape(positions, (-1, len(ATOM37), 3)).astype(np.float32),
        atom_mask=np.reshape(atom_mask, (-1, len(ATOM37))).astype(bool),
        residue_index=np.array(residue_index, np.int64),
        chain_index=np.array(chain_index, np.int32),
        plddt=np.nan_to_num(np.array(plddt, np.float32), posinf=0, neginf=0),
        name=printable(stem),
        notes=tuple(notes),
        predicted=predicted,
        chain_names=tuple(name for _, name in sorted(zip(chains, names, strict=True))),
    )


def _own(structure: gemmi.Structure) -> tuple[bool, list[str]]:
    """Whether a file is a prediction of our own, and its notes."""
    info = dict(structure.info)
    title = " ".join(info.get("_struct.title", "").split())
    if title.startswith(TITLE):
        return True, title.split("; ")[1:]
    if info.get("_struct_keywords.pdbx_keywords", "").strip() == KEYWORDS:
        lines = [line.removeprefix(REMARK).rstrip() for line in structure.raw_remarks if line.startswith(REMARK)]
        return True, "\n".join(lines).replace("\n ", " ").splitlines()  # a line that begins with a blank continues
    return False, []


def _indices(authors: list[str]) -> list[int]:
    """The index of each chain: that which the author's identifier has in `chain_name`, or the next free one."""
    index_of = {chain_name(i): i for i in range(62 * 63)}  # names of one and two letters
    indices: list[int] = []
    for author in authors:
        index = index_of.get(author, -1)
        if index < 0 or index in indices:
            kept = {index_of.get(other) for other in authors}
            index = next(i for i in range(len(authors) + len(kept) + 1) if i not in indices and i not in kept)
        indices.append(index)
    return indices


def _names(authors: list[str], indices: list[int]) -> list[str]:
    """The identifier of each chain: the author's own, or where that is taken or none that of the chain's index."""
    fits = [re.fullmatch(NAME, author) and author not in authors[:i] for i, author in enumerate(authors)]
    return [author if fit else chain_name(i) for author, fit, i in zip(authors, fits, indices, strict=True)]


def _numbers(found: list[Site]) -> tuple[list[int], bool]:
    """The numbers of the residues less one, and whether these are those of the file."""
    stated = [r.label_seq if r.seqid.num is None else r.seqid.num for r, _ in found]
    numbers = np.cumsum([stated[0] - 1, *(max(b - a, 1) for a, b in pairwise(stated))]).tolist()
    return numbers, numbers == [number - 1 for number in stated]


def _others(structure: gemmi.Structure, proteins: list) -> list[str]:
    """The names of residues that are neither in the proteins nor water."""
    kept = {(polymer.author, str(r.seqid), r.name) for polymer in proteins for r in polymer.residues}
    names = {
        printable(residue.name)
        for chain in structure[0]
        for residue in chain
        if not residue.is_water() and (chain.name, str(residue.seqid), residue.name) not in kept
    }
    return sorted(names)
