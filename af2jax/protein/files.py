"""A structure in files: PDB and ModelCIF, written by gemmi."""

import textwrap
from dataclasses import dataclass

import numpy as np

from af2jax.constants.atoms import ATOM37
from af2jax.constants.residues import ONE_TO_THREE, RESTYPES
from af2jax.errors import InputError

THREE = list(ONE_TO_THREE.values())
CHAINS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
MAX_ATOMS, MAX_NUMBER, LOWEST, HIGHEST = 99999, 9999, -999.999, 9999.999  # what the columns of a PDB file hold


def chain_name(index: int) -> str:
    """The identifier of a chain: "A" to "9", 62 of them, then "AA", "AB" and so on."""
    name = CHAINS[index % len(CHAINS)]
    return name if index < len(CHAINS) else chain_name(index // len(CHAINS) - 1) + name


def plain(text: str) -> str:
    """`text` with "?" for all but spaces and the printable characters of ASCII, which alone belong in these files."""
    return "".join(c if " " <= c <= "~" else " " if c.isspace() else "?" for c in text)


@dataclass(frozen=True)
class Protein:
    """Atoms of one structure, as the network gives them or a file does (`af2jax.data.protein`).

    Attributes:
        aatype: int [N_res], 0 to 20.
        positions: float [N_res 37 3], angstrom.
        atom_mask: bool [N_res 37].
        residue_index: int [N_res], counted from 0; files count from 1.
        chain_index: int [N_res], counted from 0.
        plddt: float [N_res], 0 to 100, written as the B factor.
        name: of the query.
        notes: remarks that every file carries.
        predicted: by this package; else files do not say so, and call nothing pLDDT.
        chain_names: identifiers of the chains in files, in rising order of `chain_index`; (): A, B and so on.
    """

    aatype: np.ndarray
    positions: np.ndarray
    atom_mask: np.ndarray
    residue_index: np.ndarray
    chain_index: np.ndarray
    plddt: np.ndarray
    name: str = "query"
    notes: tuple[str, ...] = ()
    predicted: bool = True
    chain_names: tuple[str, ...] = ()

    @property
    def names(self) -> dict[int, str]:
        """The identifier of each chain by its `chain_index`, which rises."""
        chains = np.unique(self.chain_index).tolist()
        return dict(zip(chains, self.chain_names or map(chain_name, chains), strict=True))

    @property
    def sequence(self) -> str:
        """One letter for each residue, chains joined."""
        return "".join((*RESTYPES, "X")[a] for a in self.aatype)

    def check(self) -> None:
        """Passes if there are atoms, every number is finite, and each chain has a name of its own.

        Raises:
            InputError: there are none, one is not, or names are too few, too many or the same.
        """
        if (names := self.chain_names) and not len(names) == len({*names}) == len(np.unique(self.chain_index)):
            chains = len(np.unique(self.chain_index))
            raise InputError(f"{self.name}: {chains} chains cannot be called {', '.join(names)}; nothing is written")
        if not self.atom_mask.any():
            raise InputError(f"{self.name}: no residue is of a known type, so there are no atoms; nothing is written")
        if not np.isfinite(self.positions[self.atom_mask]).all() or not np.isfinite(self.plddt).all():
            raise InputError(
                f"{self.name}: the structure has positions or scores that are not finite; nothing is written"
            )

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
        notes = [line for note in self.notes for line in textwrap.wrap(plain(note), 69)]
        structure.raw_remarks = [f"REMARK   1 {line}" for line in notes]
        body = structure.make_pdb_string()
        title = f"HEADER    {'PREDICTED' if self.predicted else 'PROTEIN'} STRUCTURE".ljust(80)
        return title + "\n" + "\n".join(line for line in body.splitlines() if not line.startswith("HEADER")) + "\n"

    def to_mmcif(self) -> str:
        """ModelCIF: the atoms, the whole sequence, and pLDDT as B factor and as local and global quality metrics.

        Raises:
            InputError: an atom has no finite position.
        """
        from af2jax.protein.modelcif import document

        return document(self)
