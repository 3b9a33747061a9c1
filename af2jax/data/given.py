"""A structure that is given of a query: what the network starts from (initial guess), or sees as template (AF2Rank)."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from af2jax import schema
from af2jax.config import Config
from af2jax.constants.atoms import ATOM14_LOCAL, ATOM14_TO_ATOM37, CA, CB, C, N, O
from af2jax.constants.residues import CODES, GAP, LETTERS, UNKNOWN, encode
from af2jax.data.structure import BLANK, Chain, read_complex
from af2jax.data.templates import PlacedTemplate, stack
from af2jax.errors import InputError, few
from af2jax.files import path_and_chain
from af2jax.protein.frames import backbone_frames
from af2jax.protein.record import chain_name
from af2jax.typing import Float
from af2jax.words import counted

LISTED = 6  # stretches that a note names
FAR = 1e5  # angstrom; so far from all others an unknown residue is in no bin of distance
_ALANINE = ATOM14_TO_ATOM37[CODES["A"]].tolist()


@dataclass(frozen=True)
class Given:
    """A structure over the residues of a query.

    Attributes:
        source: file and chains, for messages.
        aatype: int [N_res] of the query.
        positions: float32 [N_res 37 3] angstrom, 0 where absent.
        atom_mask: bool [N_res 37].
        chains: the name of each chain; A, B and so on where the file has none, or one twice.
        lengths: residues of each chain.
    """

    source: str
    aatype: np.ndarray
    positions: np.ndarray
    atom_mask: np.ndarray
    chains: tuple[str, ...]
    lengths: tuple[int, ...]

    @property
    def chain_index(self) -> np.ndarray:
        """int [N_res] the place of each residue's chain."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @property
    def sequences(self) -> tuple[str, ...]:
        """Of each chain, one letter for each residue."""
        ends = np.cumsum(self.lengths)[:-1]
        return tuple("".join(LETTERS[code] for code in codes) for codes in np.split(self.aatype, ends))

    @property
    def gaps(self) -> str:
        """Which residues of the query have no CA atom here, in words, by their places in the sequences; "": none."""
        chain, rows = self.chain_index, np.flatnonzero(~self.atom_mask[:, CA])
        if not len(rows):
            return ""
        place = np.concatenate([np.arange(1, length + 1) for length in self.lengths])
        runs = np.split(rows, np.flatnonzero((np.diff(rows) > 1) | (np.diff(chain[rows]) != 0)) + 1)
        name = lambda row: self.chains[chain[row]] if len(self.chains) > 1 else ""
        shown = [f"{name(r[0])}{place[r[0]]}" + (f"-{place[r[-1]]}" if len(r) > 1 else "") for r in runs]
        return (
            f"{len(rows)} of {counted(len(chain), 'residue')} of the sequence have no atoms in the given structure, "
            f"and the network places them: {few(shown, LISTED)}"
        )

    def with_beta(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions and mask with CB at its ideal place wherever it is absent and N, CA and C are there, in glycine
        too."""
        places, whole = _betas(self.positions, self.atom_mask)
        added = whole & ~self.atom_mask[:, CB]
        positions, mask = self.positions.copy(), self.atom_mask.copy()
        positions[added, CB], mask[added, CB] = places[added], True
        return positions, mask

    def guess(self) -> Float[np.ndarray, "N_res 37 3"]:
        """What recycling reads of it: CB, built where it is absent, of glycine CA. Where there is none all atoms of the
        residue are at one point so far away that they are in no bin of distance: the network is told nothing."""
        positions, mask = self.with_beta()
        known = mask[np.arange(len(mask)), np.where(self.aatype == CODES["G"], CA, CB)]
        elsewhere = np.where(known, 0, FAR).astype(np.float32)[:, None, None]
        return np.where((known[:, None] & mask)[..., None], positions, elsewhere)

    def template(self, config: Config) -> schema.Templates:
        """AF2Rank's (Roney and Ovchinnikov, Phys. Rev. Lett. 129, 238101, 2022): the backbone and CB, in glycine
        too, of residues whose type is a gap, so that neither sequence nor side chains show."""
        positions, mask = self.with_beta()
        mask = mask & np.isin(np.arange(mask.shape[1]), [N, CA, C, CB, O])
        mask &= mask[:, [N, CA, C]].all(axis=1, keepdims=True)
        gap = np.full(len(self.aatype), GAP, np.int32)
        template = PlacedTemplate(gap, np.where(mask[..., None], positions, np.float32(0)), mask)
        return stack([template], len(gap), config.data.max_templates)

    def letters(self, names: Sequence[str]) -> tuple[str, ...]:
        """What these chains of the structure are called in a query: "A" the first, and so on.

        Raises:
            InputError: there is no such chain.
        """
        if odd := [name for name in names if name not in self.chains]:
            raise InputError(f'{self.source}: no chain is called "{odd[0]}"; give one of {", ".join(self.chains)}')
        return tuple(chain_name(self.chains.index(name)) for name in names)

    def check_target(self, names: Sequence[str]) -> None:
        """Raises InputError where there is no such chain, or no other."""
        self.letters(names)
        if set(names) == set(self.chains):
            raise InputError(f"{self.source}: every chain is of the target, and none the binder; name the target alone")

    def target(self, names: Sequence[str], config: Config) -> schema.Templates:
        """The chains `names` with all their atoms, as Bennett et al. show the target of a binder; of others nothing."""
        self.check_target(names)
        rows = np.isin(np.array(self.chains)[self.chain_index], list(names))
        mask = rows[:, None] & self.atom_mask
        aatype = np.where(rows, self.aatype, GAP).astype(np.int32)
        template = PlacedTemplate(aatype, np.where(mask[..., None], self.positions, np.float32(0)), mask)
        return stack([template], len(rows), config.data.max_templates)


def _betas(positions: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ideal place of CB in the backbone of each residue, and where that is known."""
    frames, whole = backbone_frames(jnp.asarray(positions), jnp.asarray(mask))
    beta = ATOM14_LOCAL[CODES["A"]][_ALANINE.index(CB)]
    return np.einsum("nxy,y->nx", np.asarray(frames.rot), beta) + np.asarray(frames.trans), np.asarray(whole)


def read_given(item: str | os.PathLike, query: Sequence[str] | None = None) -> Given:
    """A structure "FILE" or "FILE:A,B" over the chains of a query, in their order.

    Args:
        item: mmCIF or PDB file (.gz too), with the chains that are meant; without, all protein chains.
        query: sequences; None: those of the structure. A chain of the structure is that of the query in full, or its
            observed residues are; without a full sequence in the file its numbers may leave gaps.

    Raises:
        InputError: see `structure.read_chain`; or the structure has another number of chains, or other sequences.
    """
    path, names = path_and_chain(item)
    known = read_complex(path, names or "*")
    sequences = known.chains if query is None else tuple(query)
    chains = known.name.split(",")
    if len(sequences) != len(chains):
        some = (
            f"name those that are meant in the order of the query, such as {path}:{','.join(chains[: len(sequences)])}"
        )
        cure = some if len(chains) > len(sequences) else "give a structure that has every chain of the query"
        shown = counted(len(chains), "chain is", "chains are")
        raise InputError(f"{known.source}: {shown} given ({known.name}), the query has {len(sequences)}; {cure}")
    rows = []
    for number, (part, name, sequence) in enumerate(zip(known.parts, chains, sequences, strict=True), 1):
        found = _rows(known, part, encode(sequence))
        if found is None:
            raise InputError(_difference(known, part, name, number, encode(sequence)))
        rows.append(np.where(found < 0, -1, found + part.start))
    row = np.concatenate(rows)
    mask = (row >= 0)[:, None] & known.atom_mask[row]
    return Given(
        source=f"{known.source}, chain {known.name}",
        aatype=encode("".join(sequences)).astype(np.int32),
        positions=np.where(mask[..., None], known.positions[row], np.float32(0)),
        atom_mask=mask,
        chains=_apart(chains),
        lengths=tuple(map(len, sequences)),
    )


def _apart(names: Sequence[str]) -> tuple[str, ...]:
    """The names, or A, B and so on where files cannot tell the chains apart by them."""
    fit = len({*names}) == len(names) and BLANK not in names
    return tuple(names) if fit else tuple(map(chain_name, range(len(names))))


def _rows(known: Chain, part: slice, query: np.ndarray) -> np.ndarray | None:
    """For each residue of the query its row in the chain, -1 where there is none; None: it is another sequence."""
    aatype, observed = known.aatype[part], np.flatnonzero(known.observed[part])
    for rows in (np.arange(len(aatype)), observed):
        if len(rows) == len(query) and not _differ(aatype[rows], query).any():
            return rows
    place = known.residue_index[part][observed]
    place = place - place[0]
    for start in range(len(query) - int(place[-1])):
        if not _differ(aatype[observed], query[place + start]).any():
            out = np.full(len(query), -1)
            out[place + start] = observed
            return out
    return None


def _difference(known: Chain, part: slice, name: str, number: int, query: np.ndarray) -> str:
    """Where the sequences differ first, in one line."""
    aatype, observed = known.aatype[part], np.flatnonzero(known.observed[part])
    rows = observed if len(observed) == len(query) else np.arange(len(aatype))
    common = min(len(rows), len(query))
    differ = _differ(aatype[rows[:common]], query[:common])
    place = int(np.argmax(differ)) if differ.any() else common
    there, wanted = (LETTERS[x[place]] if place < len(x) else "nothing" for x in (aatype[rows], query))
    return (
        f"{known.source}, chain {name} ({len(aatype)} residues, {len(observed)} observed) is not chain {number} of the "
        f"query ({len(query)}): at position {place + 1} it has {there}, the query {wanted}; give a structure of this "
        "sequence"
    )


def _differ(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a != b) & (a != UNKNOWN) & (b != UNKNOWN)
