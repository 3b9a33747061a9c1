"""Protein chains of an mmCIF or PDB file as arrays over their full sequences.

What a file can hold, and what becomes of it:

- several models: the first;
- insertion codes: residues stay in the order of the file;
- residues that are missing: see `af2jax.data.placement`;
- two residue types in one place (microheterogeneity): the one of highest occupancy, atoms and type;
- alternate locations, modified residues, D-amino acids, UNK: see `af2jax.data.monomer`;
- nucleic acids, traces of CA alone and chains of D-amino acids: refused by name, as they have no frames to learn from.
"""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import gemmi
import numpy as np
from absl import logging

from af2jax.constants.atoms import ATOM37, CA, C, N
from af2jax.constants.residues import LETTERS, UNKNOWN
from af2jax.data.assembly import Ids, number
from af2jax.data.coordinates import fault, read_structure
from af2jax.data.cyclic import ring
from af2jax.data.monomer import atoms, code
from af2jax.data.parse import printable
from af2jax.data.placement import Missing, numbering, place, sites
from af2jax.errors import InputError

# What a polymer that is not a protein is called.
KINDS = {
    gemmi.PolymerType.PeptideD: "D-amino acids",
    gemmi.PolymerType.Dna: "DNA",
    gemmi.PolymerType.Rna: "RNA",
    gemmi.PolymerType.DnaRnaHybrid: "a DNA/RNA hybrid",
    gemmi.PolymerType.Pna: "peptide nucleic acid",
    gemmi.PolymerType.SaccharideD: "sugars",
    gemmi.PolymerType.SaccharideL: "sugars",
    gemmi.PolymerType.CyclicPseudoPeptide: "a cyclic pseudo-peptide",
}


METHOD, DEPOSITED = "_exptl.method", "_pdbx_database_status.recvd_initial_deposition_date"
BLANK = "(blank)"  # how a chain without identifier is called


@dataclass(frozen=True)
class Chain:
    """One protein chain, or several side by side (`joined`); positions in angstrom, 0 where absent.

    Attributes:
        source: the file, for messages.
        name: the author's chain identifier; of several chains theirs, joined by ",".
        aatype: int32 [N_res] codes 0 to 20, of the full sequence where the file has one.
        residue_index: int32 [N_res] counts the full sequence from 0. Without one the residues in the file are the
            sequence and gaps in their numbers are gaps here. Each chain counts for itself.
        positions: float32 [N_res 37 3].
        atom_mask: bool [N_res 37] the atom was observed.
        resolution: angstrom; 0: none stated.
        method: of the experiment, in the file's words; "" where not stated.
        lengths: residues of each of several chains; (): one chain.
        deposited: the date, in the file's words; "" where not stated.
        cyclic: names of the chains whose last residue is bound to the first; None: nobody asked.
    """

    source: str
    name: str
    aatype: np.ndarray
    residue_index: np.ndarray
    positions: np.ndarray
    atom_mask: np.ndarray
    resolution: float
    method: str
    lengths: tuple[int, ...] = ()
    deposited: str = ""
    cyclic: tuple[str, ...] | None = None

    @property
    def ring(self) -> np.ndarray | None:
        """int32 [N_res] of `Features.ring`; None where nobody asked which chains are cyclic.

        Raises:
            InputError: see `cyclic.ring`.
        """
        if self.cyclic is None:
            return None
        lengths = self.lengths or (len(self.aatype),)
        names = self.name.split(",") if self.lengths else [self.name]
        return ring(self.residue_index, names, lengths, self.cyclic, self.source)

    @property
    def sequence(self) -> str:
        """One letter for each residue."""
        return "".join(LETTERS[code] for code in self.aatype)

    @property
    def parts(self) -> list[slice]:
        """The residues of each chain."""
        ends = np.cumsum(self.lengths or (len(self.aatype),)).tolist()
        return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]

    @property
    def chains(self) -> tuple[str, ...]:
        """The sequence of each chain."""
        sequence = self.sequence
        return tuple(sequence[part] for part in self.parts)

    @property
    def ids(self) -> Ids:
        """What tells the residues of several chains apart; chains of one sequence are copies."""
        return number(self.chains)._replace(residue_index=self.residue_index)

    @property
    def observed(self) -> np.ndarray:
        """bool [N_res] the residue is in the file with at least one atom."""
        return self.atom_mask.any(axis=-1)


class _Polymer(NamedTuple):
    """The residues of one polymer as they stand in the file."""

    author: str
    label: str  # "": the format has none
    residues: list[gemmi.Residue]
    kind: gemmi.PolymerType
    sequence: list[str]  # three-letter names of the full sequence, variants joined by ","; empty: not stated

    @property
    def name(self) -> str:
        return printable(self.author) or BLANK

    @property
    def protein(self) -> bool:
        return self.kind == gemmi.PolymerType.PeptideL

    @property
    def what(self) -> str:
        return KINDS.get(self.kind, "an unknown polymer")


def read_chain(path: str | os.PathLike, chain: str | None = None) -> Chain:
    """One chain of an mmCIF or PDB file (.gz too).

    Args:
        path: of the file; the format is told by the content.
        chain: the author's identifier, as the PDB shows it, or an mmCIF label identifier where no polymer has it as
            its author's; "" or "(blank)": the one without identifier; None: the only protein chain.

    Raises:
        InputError: the file is missing, damaged or contradicts itself, has no such chain, or several and none is
            named; the chain is not a protein, or none of its residues has N, CA and C.
    """
    source = printable(str(path))
    structure = read_structure(path)
    return _chain(structure, _pick(polymers(structure), chain, source), source)


def read_complex(path: str | os.PathLike, chains: str | None = None) -> Chain:
    """One chain of a file or several, side by side.

    Args:
        path: as in `read_chain`.
        chains: as `chain` in `read_chain`; several joined by ",", such as "H,L"; "*": every protein chain.

    Raises:
        InputError: as in `read_chain`; or a chain is named twice.
    """
    if chains is not None and chains.strip() == "*":
        structure, source = read_structure(path), printable(str(path))
        found = [_chain(structure, polymer, source) for polymer in polymers(structure) if polymer.protein]
        return joined(found) if found else read_chain(path)
    names = (chains or "").split(",")
    if len(names) == 1:
        return read_chain(path, chains)
    if len(set(names)) < len(names):
        raise InputError(f'{printable(str(path))}: chains "{printable(chains)}" name a chain twice; name each once')
    return joined([read_chain(path, name) for name in names])


def joined(chains: Sequence[Chain]) -> Chain:
    """Chains of one structure side by side."""
    if len(chains) == 1:
        return chains[0]
    first, arrays = chains[0], ("aatype", "residue_index", "positions", "atom_mask")
    return Chain(
        source=first.source,
        name=",".join(chain.name for chain in chains),
        **{name: np.concatenate([getattr(chain, name) for chain in chains]) for name in arrays},
        resolution=first.resolution,
        method=first.method,
        lengths=tuple(len(chain.aatype) for chain in chains),
        deposited=first.deposited,
    )


def read_chains(path: str | os.PathLike, first: str | None = None) -> Iterator[Chain]:
    """Every protein chain of a file that can be read, those of the author's identifier `first` before the others; of
    one that has a `coordinates.fault` a warning says why it is left out.

    Raises:
        InputError: the file is missing, damaged or has no atoms.
    """
    source = printable(str(path))
    structure = read_structure(path)
    for polymer in sorted(polymers(structure), key=lambda polymer: polymer.author != first):
        if polymer.protein:
            try:
                yield _chain(structure, polymer, source)
            except InputError:
                if reason := fault(structure, polymer.author):
                    logging.warning("chain %s is left out: %s", polymer.name, reason)


def protein_chains(path: str | os.PathLike) -> dict[tuple[str, ...], list[str]]:
    """The names of the protein chains of a file, by sequence: three-letter names, of the observed residues if need be.

    Raises:
        InputError: the file is missing, damaged or has no atoms.
    """
    found: dict[tuple[str, ...], list[str]] = {}
    for polymer in polymers(read_structure(path)):
        if polymer.protein:
            key = tuple(polymer.sequence or (residue.name for residue in polymer.residues))
            found.setdefault(key, []).append(polymer.name)
    return found


def _chain(structure: gemmi.Structure, polymer: _Polymer, source: str) -> Chain:
    where = f"{source}, chain {polymer.name}"
    if reason := fault(structure, polymer.author):
        raise InputError(reason)
    found = sites(polymer.residues, where)
    if polymer.sequence:
        position = place(found, polymer.sequence, _missing(structure, polymer.author), where)
        residue_index = np.arange(len(polymer.sequence), dtype=np.int32)
        aatype = np.array([code(name.split(",")[0]) for name in polymer.sequence], np.int32)
    else:
        position = range(len(found))
        residue_index = numbering(found)
        aatype = np.full(len(found), UNKNOWN, np.int32)
    positions = np.zeros((len(aatype), len(ATOM37), 3), np.float32)
    atom_mask = np.zeros((len(aatype), len(ATOM37)), bool)
    for i, (residue, _) in zip(position, found, strict=True):
        observed = code(residue.name)
        aatype[i] = aatype[i] if observed == UNKNOWN else observed
        positions[i], atom_mask[i] = atoms(residue, int(aatype[i]), where)
    if not atom_mask[:, [N, CA, C]].all(axis=1).any():
        what = _lacking(atom_mask, polymer.residues)
        raise InputError(f"{where}: {what}, so there are no frames to learn from; give an all-atom model")
    method, deposited = (structure.info[key] if key in structure.info else "" for key in (METHOD, DEPOSITED))  # noqa: SIM401
    resolution = structure.resolution if math.isfinite(structure.resolution) else 0.0
    arrays = aatype, residue_index, positions, atom_mask
    return Chain(source, polymer.name, *arrays, resolution, method, deposited=deposited)


def _lacking(atom_mask: np.ndarray, residues: list[gemmi.Residue]) -> str:
    """Why no residue has a frame."""
    if all(atom.occ <= 0 for residue in residues for atom in residue):
        return "all its atoms have occupancy 0"
    if atom_mask.any() and atom_mask.sum() == atom_mask[:, CA].sum():
        return "it is a trace of CA atoms alone"
    return "no residue has N, CA and C observed"


def polymers(structure: gemmi.Structure) -> list[_Polymer]:
    """The polymers of the first model, in the order of the file."""
    entities = {sub: entity for entity in structure.entities for sub in entity.subchains}
    labelled = structure.input_format == gemmi.CoorFormat.Mmcif
    found = []
    for chain in structure[0]:
        for span in chain.subchains():
            if len(span) and span[0].entity_type == gemmi.EntityType.Polymer:
                entity = entities.get(span.subchain_id())
                sequence = list(entity.full_sequence) if entity else []
                kind = entity.polymer_type if entity else gemmi.PolymerType.Unknown
                kind = span.check_polymer_type() if kind == gemmi.PolymerType.Unknown else kind
                label = span.subchain_id() if labelled else ""
                found.append(_Polymer(chain.name, label, list(span), kind, sequence))
    return found


def _pick(polymers: list[_Polymer], chain: str | None, source: str) -> _Polymer:
    """The polymer that `chain` names."""
    proteins = [p for p in polymers if p.protein]
    names = ", ".join(dict.fromkeys(p.name for p in proteins))
    if not proteins:
        others = ", ".join(dict.fromkeys(f"{p.name} is {p.what}" for p in polymers))
        raise InputError(f"{source} has no protein chain{others and f': {others}'}; give a structure of a protein")
    if chain is None:
        if len(proteins) > 1:
            raise InputError(f"{source} has {len(proteins)} protein chains: {names}; name one of them")
        return proteins[0]
    chain = chain.strip()
    named = [p for p in polymers if chain in (p.author, p.name)] or [p for p in polymers if chain and p.label == chain]
    found = [p for p in named if p.protein]
    if len(found) == 1:
        return found[0]
    if found:
        labels = ", ".join(printable(p.label) for p in found)
        raise InputError(
            f"{source}: author chain {found[0].name} holds {len(found)} proteins; give a label id: {labels}"
        )
    for polymer in named:
        raise InputError(
            f"{source}: chain {polymer.name} is not a protein but {polymer.what}; the protein chains are: {names}"
        )
    raise InputError(f'{source} has no chain "{printable(chain)}"; its protein chains are: {names}')


def _missing(structure: gemmi.Structure, author: str) -> Missing:
    """The residues of a chain that a PDB file lists as missing (REMARK 465)."""
    found = {}
    for line in structure.raw_remarks:
        if line.startswith("REMARK 465") and line[19:20].strip() == author:
            try:
                found[int(line[21:26]), line[26:27]] = code(line[15:18].strip())
            except ValueError:  # a line of text
                continue
    return [(kind, key) for key, kind in found.items()]
