"""The atoms of one structure as arrays, which `protein.files` writes."""

from dataclasses import dataclass

import numpy as np

from af2jax.constants.residues import RESTYPES
from af2jax.errors import InputError

CHAINS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def chain_name(index: int) -> str:
    """The identifier of a chain: "A" to "9", 62 of them, then "AA", "AB" and so on."""
    name = CHAINS[index % len(CHAINS)]
    return name if index < len(CHAINS) else chain_name(index // len(CHAINS) - 1) + name


def plain(text: str) -> str:
    """`text` with "?" for all but spaces and the printable characters of ASCII, which alone belong in these files."""
    return "".join(c if " " <= c <= "~" else " " if c.isspace() else "?" for c in text)


@dataclass(frozen=True)
class Atoms:
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
