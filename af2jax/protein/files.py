"""A structure in files: PDB and ModelCIF, written by gemmi."""

import textwrap
from dataclasses import dataclass

import numpy as np

from af2jax.constants.atoms import ATOM37
from af2jax.constants.residues import THREE
from af2jax.errors import InputError
from af2jax.protein.record import CHAINS, Atoms, plain

MAX_ATOMS, MAX_NUMBER, LOWEST, HIGHEST = 99999, 9999, -999.999, 9999.999  # what the columns of a PDB file hold


@dataclass(frozen=True)
class Protein(Atoms):
    __doc__ = Atoms.__doc__

    def structure(self):
        """The same as a `gemmi.Structure`; chains of one sequence are one entity.

        Raises:
            InputError: there are no atoms, or one has no finite position.
        """
        import gemmi

        self.check()
        out, model, entities = gemmi.Structure(), gemmi.Model(1), {}
        for chain, name in self.names.items():
            rows = np.flatnonzero(self.chain_index == chain)
            part = gemmi.Chain(name)
            for label, i in enumerate(map(int, rows), 1):
                if self.atom_mask[i].any():  # X has no atoms
                    part.add_residue(self._residue(gemmi, i, name, label))
            model.add_chain(part)
            sequence = tuple(THREE[a] for a in self.aatype[rows])
            entity = entities.setdefault(sequence, gemmi.Entity(str(len(entities) + 1)))
            entity.subchains = [*entity.subchains, name]
        for sequence, entity in entities.items():
            entity.entity_type, entity.polymer_type = gemmi.EntityType.Polymer, gemmi.PolymerType.PeptideL
            entity.full_sequence = list(sequence)
            out.entities.append(entity)
        out.add_model(model)
        return out

    def _residue(self, gemmi, i: int, chain: str, label: int):
        residue = gemmi.Residue()
        residue.subchain, residue.label_seq = chain, label
        residue.name, residue.seqid = THREE[self.aatype[i]], gemmi.SeqId(int(self.residue_index[i]) + 1, " ")
        residue.entity_type = gemmi.EntityType.Polymer
        for j in np.flatnonzero(self.atom_mask[i]):
            atom = gemmi.Atom()
            atom.name, atom.element = ATOM37[j], gemmi.Element(ATOM37[j][0])
            atom.pos = gemmi.Position(*np.round(self.positions[i, j].astype(float), 3))
            atom.b_iso = round(float(self.plddt[i]), 2)
            residue.add_atom(atom)
        return residue

    def beyond_pdb(self) -> str:
        """Why the PDB format cannot hold this structure, or nothing."""
        names, atoms, number = self.names.values(), int(self.atom_mask.sum()), self.residue_index.max() + 1
        if len(names) > len(CHAINS):
            return f"{len(names)} chains, more than the {len(CHAINS)} that the PDB format can name"
        if long := [name for name in names if len(name) > 1]:
            return f"chain {long[0]}, a longer name than the one character that the PDB format has for it"
        if atoms + len(names) > MAX_ATOMS:  # each chain has a TER record with a number too
            return f"{atoms} atoms, more than the PDB format can number"
        if number > MAX_NUMBER:
            return f"residue {number}, above the {MAX_NUMBER} that the PDB format can number"
        found = self.positions[self.atom_mask]
        if len(found) and (found.min() < LOWEST or found.max() > HIGHEST):
            return "positions farther from the origin than the columns of the PDB format"
        return ""

    def to_pdb(self) -> str:
        """PDB; pLDDT in the B factor column, the notes as remarks.

        Raises:
            InputError: the format cannot hold the structure (mmCIF can), or an atom has no finite position.
        """
        self.check()
        if reason := self.beyond_pdb():
            raise InputError(f"{self.name}: {reason}; use the mmCIF file")
        structure = self.structure()
        wrapped = textwrap.TextWrapper(69, subsequent_indent=" ", break_on_hyphens=False)  # which tells notes apart
        notes = (" ".join(plain(note).split()) for note in self.notes)
        structure.raw_remarks = [f"REMARK   1 {line}" for note in notes for line in wrapped.wrap(note)]
        body = structure.make_pdb_string()
        title = f"HEADER    {'PREDICTED' if self.predicted else 'PROTEIN'} STRUCTURE".ljust(80)
        return title + "\n" + "\n".join(line for line in body.splitlines() if not line.startswith("HEADER")) + "\n"

    def to_mmcif(self) -> str:
        """ModelCIF: the atoms, the whole sequence, and pLDDT as B factor and as local and global quality metrics.

        Raises:
            InputError: an atom has no finite position.
        """
        from af2jax.protein.modelcif import document

        return document(self, self.structure())
